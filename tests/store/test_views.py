"""The views give what comes out when every measurement is looked at, one after the other."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from probe.form import time_text
from probe.model import Certainty, Outcome, Result, Scheme, Target
from probe.store import Filter, Store
from tests.store.examples import BEGIN, HOME, a_result, a_run, a_verdict
from tests.store.test_services import BLOCKED

VANTAGES = (HOME, replace(HOME, name="other"), replace(HOME, country="DE", network=None))
WEB = Target(scheme=Scheme.HTTPS, host="wechat.example", port=443, service="wechat")
TARGETS = (
    WEB,
    replace(WEB, certainty=Certainty.REPORTED),  # the same in a newer list: another row, the same target
    replace(WEB, service=None),
    replace(WEB, service="line"),
    replace(WEB, host="wx.example"),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Measurements in no order of time, many begun in one moment, some judged again by newer rules."""
    store = Store.open(tmp_path_factory.mktemp("views") / "probe.sqlite")
    outcomes = tuple(Outcome)
    for number in range(60):
        run_id, vantage = f"run-{number:02}", VANTAGES[number % 3]
        store.begin_run(a_run(run_id, vantage=vantage, started_at=BEGIN + timedelta(minutes=7 * number % 10)))
        made = [
            a_result(
                f"m-{7 * number % 60:02}-{place}",
                run_id=run_id,
                target=target,
                outcome=outcomes[(number + place) % len(outcomes)],
                minutes=7 * number % 10,
                controls=(),
            )
            for place, target in enumerate(TARGETS)
            if (number + place) % 4
        ]
        store.add([replace(each, measurement=replace(each.measurement, vantage=vantage)) for each in made])
        judged_again = [each.measurement.id for each in made if number % 3 == 0]
        store.add_verdicts([a_verdict(each, outcomes[number % 5], rules_version="2") for each in judged_again])
        if number % 2:
            store.add_service_verdicts([replace(BLOCKED, run_id=run_id, text=f"{run_id}")])
    return store


def _newest(store: Store, *, by_service: bool) -> list[Result]:
    """Of each target, or of each one of each service, and each vantage point, what was begun last."""
    found: dict[tuple[Any, ...], Result] = {}
    for each in store.results(Filter()):
        seen = each.measurement
        key = (seen.target.name, seen.target.service if by_service else None, seen.vantage)
        at = (seen.started_at, seen.id)
        if key not in found or at > (found[key].measurement.started_at, found[key].measurement.id):
            found[key] = each
    return list(found.values())


def _shown(store: Store, view: str, columns: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(store.path)) as connection:
        return sorted(connection.execute(f"SELECT {columns} FROM {view}"), key=repr)


def test_the_newest_verdicts(store: Store) -> None:
    expected = [
        (
            each.measurement.target.name,
            each.measurement.target.service,
            each.measurement.vantage.name,
            each.measurement.vantage.country,
            each.verdict.outcome.value,
            time_text(each.measurement.started_at),
            each.verdict.reasons[0].code,
            each.measurement.id,
        )
        for each in _newest(store, by_service=False)
    ]
    columns = "target, service, vantage, country, outcome, started_at, reason_code, measurement_id"
    assert len(expected) == 2 * len(VANTAGES)
    assert _shown(store, "v_latest", columns) == sorted(expected, key=repr)


def test_the_counts_of_services(store: Store) -> None:
    counts: dict[tuple[str, ...], Counter[str]] = {}
    last: dict[tuple[str, ...], str] = {}
    for each in _newest(store, by_service=True):
        seen = each.measurement
        if seen.target.service is not None:
            key = (seen.target.service, seen.vantage.name, seen.vantage.country)
            counts.setdefault(key, Counter())[each.verdict.outcome.value] += 1
            last[key] = max(last.get(key, ""), time_text(seen.started_at))
    concluded = {
        (verdict.service, run.vantage.name, run.vantage.country): verdict.text
        for run, verdict in store.service_verdicts(Filter())
    }
    expected = [
        (*key, count.total(), *(count[outcome.value] for outcome in Outcome), last[key], concluded.get(key))
        for key, count in counts.items()
    ]
    columns = f"service, vantage, country, targets, {', '.join(Outcome)}, started_at, text"
    assert len(expected) == 2 * len(VANTAGES)
    assert _shown(store, "v_service", columns) == sorted(expected, key=repr)
