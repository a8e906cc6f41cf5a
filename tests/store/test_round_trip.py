"""What is read back is equal to what was written, and rows that come often are kept once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.model import DETAILS, Observation, Outcome, Result, Scheme, Target, Vantage
from probe.store import Filter, Store, StoreError
from tests.store.examples import BEGIN, BODY, BODY_SHA256, DER, DER_SHA256, a_control, a_result, a_run, a_verdict


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "new" / "probe.sqlite") as store:
        store.begin_run(a_run())
        yield store


def ids(store: Store, **wanted: Any) -> list[str]:
    return [result.measurement.id for result in store.results(Filter(**wanted))]


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(store.path) as connection:
        return connection.execute(sql).fetchall()


def test_a_result_comes_back_equal(store: Store) -> None:
    written = a_result("m-1")
    store.add([written])
    (read,) = store.results(Filter())
    assert read == written
    assert store.result("m-1") == written
    assert (read.measurement.bodies, read.measurement.certificates) == ({}, {})


def test_bodies_and_certificates_come_back_where_asked(store: Store) -> None:
    store.add([a_result("m-1")])
    read = store.result("m-1", with_bodies=True).measurement
    assert read.bodies == {BODY_SHA256: BODY}
    assert read.certificates == {DER_SHA256: DER}


def test_a_run_comes_back_equal(store: Store) -> None:
    assert store.run("run-1") == a_run()
    store.finish_run("run-1", BEGIN + timedelta(hours=1))
    assert store.run("run-1") == a_run(finished_at=BEGIN + timedelta(hours=1))


def any_value(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type that the model allows."""
    if get_origin(hint) is UnionType:
        return st.one_of(*(any_value(part) for part in get_args(hint)))
    if get_origin(hint) is tuple:
        parts = get_args(hint)
        if parts[-1] is Ellipsis:
            return st.lists(any_value(parts[0]), max_size=3).map(tuple)
        return st.tuples(*map(any_value, parts))
    if hint in DETAILS.values() or hasattr(hint, "__dataclass_fields__"):
        return st.builds(hint, **{name: any_value(each) for name, each in get_type_hints(hint).items()})
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    return {
        str: st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
        int: st.integers(0, 2**63 - 1),
        float: st.floats(0, 1e9),
        bool: st.booleans(),
        type(None): st.none(),
    }[hint]


OBSERVATIONS = st.lists(any_value(Observation), max_size=6).map(
    lambda found: tuple(replace(each, id=number) for number, each in enumerate(found, start=1))
)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seen=OBSERVATIONS, controlled=OBSERVATIONS, begun=MOMENTS, vantage=any_value(Vantage))
def test_any_result_comes_back_equal(
    store: Store,
    seen: tuple[Observation, ...],
    controlled: tuple[Observation, ...],
    begun: datetime,
    vantage: Vantage,
) -> None:
    number = str(uuid4())
    plain = a_result(number, observations=seen, controls=[])
    control = replace(a_control(f"c-{number}"), observations=controlled, vantage=vantage)
    written = Result(
        measurement=replace(plain.measurement, started_at=begun, vantage=vantage),
        controls=(control, a_control()),
        verdict=plain.verdict,
    )
    store.add([written])
    assert store.result(number) == written


def test_absent_and_empty_are_not_the_same(store: Store) -> None:
    names = [Vantage(name="v", network=None), Vantage(name="v", network=""), Vantage(name="v", network=None)]
    for number, vantage in enumerate(names):
        result = a_result(f"m-{number}")
        store.add([replace(result, measurement=replace(result.measurement, vantage=vantage))])
    assert [store.result(f"m-{number}").measurement.vantage for number in range(3)] == names
    assert rows(store, "SELECT count(*) FROM vantage WHERE name = 'v'") == [(2,)]


def test_what_comes_often_is_kept_once(store: Store) -> None:
    shared = a_control()
    store.add([a_result("m-1", controls=[shared, shared]), a_result("m-2", controls=[shared])])
    store.add([a_result("m-3", controls=[a_control("control-2"), shared])])
    counts = {
        table: rows(store, f"SELECT count(*) FROM {table}")[0][0]
        for table in ("control_measurement", "control_observation", "body", "certificate", "target", "comparison")
    }
    assert counts == {
        "control_measurement": 2,
        "control_observation": 2 * len(shared.observations),
        "body": 1,
        "certificate": 1,
        "target": 1,
        "comparison": 5,
    }
    assert store.result("m-1").controls == (shared, shared)
    assert store.result("m-3").controls == (a_control("control-2"), shared)


def test_a_control_measurement_is_never_mixed_with_another_of_its_id(store: Store) -> None:
    first = a_control()
    more = replace(first, observations=a_result("x").measurement.observations)
    store.add([a_result("m-1", controls=[first]), a_result("m-2", controls=[more])])
    assert store.result("m-2").controls == (first,)


def test_a_batch_is_recorded_whole_or_not_at_all(store: Store) -> None:
    store.add([a_result("m-1")])
    with pytest.raises(StoreError, match="UNIQUE"):
        store.add([a_result("m-2"), a_result("m-1")])
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        store.add([a_result("m-3"), a_result("m-4", run_id="no such run")])
    surrogate = replace(a_result("m-5").measurement.observations[0], error="\ud800")
    with pytest.raises(StoreError, match="surrogates"):
        store.add([a_result("m-6"), a_result("m-5", observations=[surrogate])])
    assert ids(store) == ["m-1"]
    assert rows(store, "SELECT DISTINCT measurement_id FROM observation") == [("m-1",)]
    store.add([a_result("m-7")])
    assert ids(store) == ["m-1", "m-7"]


def test_results_are_narrowed(store: Store) -> None:
    store.begin_run(a_run("run-2"))
    other = Target(scheme=Scheme.TCP, host="line.example", port=5222, service="line")
    alone = Target(scheme=Scheme.HTTP, host="line.example", port=80)
    store.add(
        [
            a_result("m-3", minutes=3, outcome=Outcome.OK),
            a_result("m-1", minutes=1, target=other, run_id="run-2"),
            a_result("m-2", minutes=2, target=alone, outcome=Outcome.OK),
        ]
    )
    assert ids(store) == ["m-1", "m-2", "m-3"]
    assert ids(store, service="line") == ["m-1"]
    assert ids(store, target="line.example") == ["m-1", "m-2"]
    assert ids(store, target="http://line.example/") == ["m-2"]
    assert ids(store, outcome="ok") == ["m-2", "m-3"]
    assert ids(store, since=BEGIN + timedelta(minutes=2)) == ["m-2", "m-3"]
    assert ids(store, run_id="run-2") == ["m-1"]
    assert ids(store, limit=2) == ["m-2", "m-3"]
    assert ids(store, outcome="ok", limit=1) == ["m-3"]
    assert ids(store, service="line", outcome="ok") == []


def test_reading_goes_on_while_more_is_written(store: Store) -> None:
    store.add([a_result(f"m-{number}") for number in range(5)])
    reading = store.results(Filter())
    first = next(reading).measurement.id
    store.add([a_result("m-9")])
    assert [first, *(each.measurement.id for each in reading)] == [f"m-{number}" for number in range(5)]


def test_a_measurement_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    store.add([a_result("abc-1"), a_result("abc-12"), a_result("b%_")])
    assert store.result("b").measurement.id == "b%_"
    assert store.result("abc-1").measurement.id == "abc-1"
    with pytest.raises(StoreError, match="several measurements begin with abc"):
        store.result("abc")
    for nothing in ("abd", "", "%", "ABC-1"):
        with pytest.raises(StoreError, match="there is no measurement"):
            store.result(nothing)


def test_the_newest_verdict_counts(store: Store) -> None:
    store.add([a_result("m-1"), a_result("m-2")])
    changed = a_verdict("m-1", Outcome.DOWN, rules_version="2")
    store.add_verdicts([changed])
    assert store.result("m-1").verdict == changed
    assert ids(store, outcome="blocked") == ["m-2"]
    again = a_verdict("m-1", Outcome.REFUSED, rules_version="1")
    store.add_verdicts([again])
    assert store.result("m-1").verdict == again
    assert rows(store, "SELECT count(*) FROM verdict WHERE measurement_id = 'm-1'") == [(2,)]
    assert rows(store, "SELECT count(*) FROM reason WHERE verdict_id NOT IN (SELECT id FROM verdict)") == [(0,)]
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        store.add_verdicts([a_verdict("nothing")])


def test_words_outside_the_vocabulary_are_not_kept(store: Store) -> None:
    store.add([a_result("m-1")])
    for table, column in (("verdict", "outcome"), ("verdict", "confidence"), ("observation", "step")):
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            rows(store, f"UPDATE {table} SET {column} = 'perhaps'")


def test_a_file_changed_by_hand_is_one_clear_error(store: Store) -> None:
    store.add([a_result("m-1")])
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE observation SET flags = 'not json' WHERE id = 1")
    with pytest.raises(StoreError, match="measurement m-1 cannot be read"):
        store.result("m-1")


def test_every_column_of_the_model_has_one_of_the_same_name(store: Store) -> None:
    columns = {row[1] for row in rows(store, "PRAGMA table_info(observation)")}
    model = {field.name for detail in DETAILS.values() for field in fields(detail)}
    common = {field.name for field in fields(Observation)} - {"detail"} | {"step", "measurement_id"}
    assert columns == model | common
    assert not model & common
    assert {row[1] for row in rows(store, "PRAGMA table_info(control_observation)")} == columns
