"""What may go from a database goes whole, and nothing else: kept rows read back as they were written."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from operator import attrgetter
from pathlib import Path

import pytest

from probe.model import HttpDetail, Observation, Result, TlsDetail
from probe.store import Filter, Store, StoreError, care
from probe.store.migrations import SCHEMA_VERSION
from probe.store.schema import TABLES
from tests.store.examples import BEGIN, BODY_SHA256, DER_SHA256, a_control, a_result, a_run

MINUTE = timedelta(minutes=1)
_ID = attrgetter("id")
NEVER = BEGIN - timedelta(days=1)


def own(number: int, minutes: int) -> Result:
    """A result with a body, a certificate and a control of its own, besides those that all share."""
    text = f"page {number}".encode()
    name = sha256(text).hexdigest()
    rows: list[Observation] = []
    for row in a_result("x").measurement.observations:
        detail = row.detail
        if isinstance(detail, HttpDetail):
            rows.append(replace(row, id=6, detail=replace(detail, body_sha256=name)))
        if isinstance(detail, TlsDetail):
            rows.append(replace(row, id=7, detail=replace(detail, certificates=(name,))))
        rows.append(row)
    control = replace(a_control(f"control-{number}"), started_at=BEGIN + minutes * MINUTE)
    made = a_result(
        f"m-{number}", run_id=f"run-{number}", minutes=minutes, observations=sorted(rows, key=_ID), controls=(control,)
    )
    held = {**made.measurement.bodies, name: text}
    certificates = {**made.measurement.certificates, name: text}
    return replace(made, measurement=replace(made.measurement, bodies=held, certificates=certificates))


@pytest.fixture
def kept(tmp_path: Path) -> Sequence[Result]:
    """Five runs of one measurement each, ten minutes apart, all of them finished."""
    results = [own(number, 10 * number) for number in range(5)]
    with Store.open(tmp_path / "probe.sqlite") as store:
        for number, result in enumerate(results):
            at = BEGIN + 10 * number * MINUTE
            store.begin_run(a_run(f"run-{number}", started_at=at))
            store.add([result])
            store.finish_run(f"run-{number}", at + MINUTE)
    return results


def ask(store: Store, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(store.path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def read(store: Store) -> list[Result]:
    return list(store.results(Filter(), with_bodies=True))


def test_old_measurements_go_with_what_is_theirs_alone(kept: Sequence[Result], tmp_path: Path) -> None:
    with Store.open(tmp_path / "probe.sqlite") as store:
        before = store.stats().rows
        done = store.prune(BEGIN + 20 * MINUTE, NEVER, unexported=True)
        assert read(store) == list(kept[2:])
        assert done.rows["measurement"] == 2
        assert done.rows["control_measurement"] == 2
        assert done.rows["run"] == 2
        assert done.rows["certificate"] == 2
        assert done.rows["body"] == 2  # nothing names them any more
        after = store.stats().rows
        assert {table: before[table] - after[table] for table in before if before[table] != after[table]} == done.rows
        assert ask(store, "PRAGMA foreign_key_check") == []
        assert ask(store, "PRAGMA integrity_check") == [("ok",)]
        assert {row[0] for row in ask(store, "SELECT sha256 FROM certificate")} >= {DER_SHA256}
        again = store.prune(BEGIN + 20 * MINUTE, NEVER, unexported=True)
        assert dict(again.rows) == {}


def test_bodies_go_first(kept: Sequence[Result], tmp_path: Path) -> None:
    with Store.open(tmp_path / "probe.sqlite") as store:
        done = store.prune(NEVER, BEGIN + 30 * MINUTE, unexported=True)
        assert dict(done.rows) == {"body": 3}
        assert done.body_bytes > 0
        assert len(read(store)) == len(kept)
        bodies = [set(result.measurement.bodies) for result in read(store)]
        assert [len(each) for each in bodies] == [1, 1, 1, 2, 2]
        assert all(BODY_SHA256 in each for each in bodies)  # newer measurements have it, too
        store.prune(NEVER, BEGIN + 50 * MINUTE, unexported=True)
        assert store.stats().rows["body"] == 0


def test_what_was_not_exported_stays(kept: Sequence[Result], tmp_path: Path) -> None:
    with Store.open(tmp_path / "probe.sqlite") as store:
        late = BEGIN + 60 * MINUTE
        with pytest.raises(StoreError, match=r"nothing in it was exported.*--unexported"):
            store.prune(late, late)
        assert read(store) == list(kept)
        assert dict(store.prune(NEVER, NEVER).rows) == {}  # where nothing is old enough there is nothing to refuse
        store.mark_exported(BEGIN + 15 * MINUTE)
        store.mark_exported(BEGIN + 5 * MINUTE)  # an older export does not take back a newer one
        assert store.exported_until() == BEGIN + 15 * MINUTE
        done = store.prune(late, late)
        assert (done.rows["measurement"], done.rows["body"], done.not_exported) == (2, 2, 3)
        assert read(store) == list(kept[2:])


def test_what_is_imported_after_an_export_was_not_exported(kept: Sequence[Result], tmp_path: Path) -> None:
    with Store.open(tmp_path / "probe.sqlite") as store:
        store.mark_exported(BEGIN + 60 * MINUTE)
        store.add([a_result("later", run_id="run-0", minutes=70)])
        assert store.exported_until() == BEGIN + 60 * MINUTE
        store.add([a_result("late", run_id="run-0", minutes=25)])
        assert store.exported_until() == BEGIN + 25 * MINUTE
        store.prune(BEGIN + 60 * MINUTE, NEVER)
        assert [result.measurement.id for result in read(store)] == ["late", "m-3", "m-4", "later"]


def test_nothing_goes_while_a_run_goes_on(kept: Sequence[Result], tmp_path: Path) -> None:
    with Store.open(tmp_path / "probe.sqlite") as store:
        store.begin_run(a_run("run-now"))
        with pytest.raises(StoreError, match="a run is recording into it; wait for its end"):
            store.prune(BEGIN + 60 * MINUTE, NEVER, unexported=True)
        assert read(store) == list(kept)


def test_more_than_one_transaction(kept: Sequence[Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(care, "_BATCH", 2)
    with Store.open(tmp_path / "probe.sqlite") as store:
        done = store.prune(BEGIN + 60 * MINUTE, BEGIN + 60 * MINUTE, unexported=True)
        left = {table: rows for table, rows in store.stats().rows.items() if rows}
    assert done.rows["measurement"] == len(kept)
    assert set(left) == {"vantage", "target"}


def test_a_control_that_newer_measurements_were_compared_with_stays(tmp_path: Path) -> None:
    with Store.open(tmp_path / "probe.sqlite") as store:
        store.begin_run(a_run())
        newer = a_result("m-2", minutes=10)
        store.add([a_result("m-1"), newer])
        store.finish_run("run-1", BEGIN)
        done = store.prune(BEGIN + 5 * MINUTE, NEVER, unexported=True)
        assert read(store) == [newer]
        assert done.rows["measurement"] == 1
        assert not {"control_measurement", "run", "certificate"} & set(done.rows)


def test_room_is_given_back(kept: Sequence[Result], tmp_path: Path) -> None:
    with Store.open(tmp_path / "probe.sqlite") as store:
        store.add([a_result(f"more-{number}", run_id="run-0") for number in range(300)])
        store.vacuum()
        full = store.stats()
        store.prune(BEGIN + 60 * MINUTE, BEGIN + 60 * MINUTE, unexported=True)
        pruned = store.stats()
        assert pruned.free > 100_000
        store.vacuum()
        empty = store.stats()
    assert (full.free, empty.free, empty.log) == (0, 0, 0)
    assert empty.file < full.file - 100_000


def test_stats(kept: Sequence[Result], tmp_path: Path) -> None:
    with Store.open(tmp_path / "probe.sqlite") as store:
        found = store.stats()
        assert found.rows == {table: ask(store, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}
        assert (found.schema, found.oldest, found.newest) == (SCHEMA_VERSION, BEGIN, BEGIN + 40 * MINUTE)
        lengths = ask(store, "SELECT sum(length(compressed)), sum(length) FROM body")
        assert [(found.body_bytes, found.body_bytes_unpacked)] == lengths
        assert found.file == store.path.stat().st_size
        assert found.exported_until is None
