"""A bound on what a file holds: pages go first, then the oldest measurements, and what is kept stays whole."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from probe.model import HttpDetail, Result
from probe.store import Filter, Store, StoreError, process_token
from tests.store.examples import BEGIN, a_control, a_result, a_run

DAY = timedelta(days=1)
_EACH = 60
"""Measurements a run."""
_PAGE = 4_000
"""Bytes that cannot be compressed."""


def with_page(result: Result) -> Result:
    """The same with a page of its own."""
    page = os.urandom(_PAGE)
    name = hashlib.sha256(page).hexdigest()
    rows = tuple(
        replace(row, detail=replace(row.detail, body_sha256=name)) if isinstance(row.detail, HttpDetail) else row
        for row in result.measurement.observations
    )
    measurement = replace(result.measurement, observations=rows, bodies={name: page})
    return replace(result, measurement=measurement)


def fill(store: Store, days: range) -> None:
    """A run on each of these days, each with its controls and pages."""
    for day in days:
        run = f"run-{day - days.start:02}"
        store.begin_run(a_run(run, started_at=BEGIN + day * DAY))
        store.add(
            [
                with_page(
                    a_result(
                        f"{run}-{number:03}",
                        run_id=run,
                        minutes=24 * 60 * day + 1,
                        controls=(replace(a_control(f"control-{run}-{number}"), started_at=BEGIN + day * DAY),),
                    )
                )
                for number in range(_EACH)
            ]
        )
        store.finish_run(run, BEGIN + day * DAY)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store.open(tmp_path / "probe.sqlite")
    fill(made, range(30))
    return made


def used(store: Store) -> int:
    """Bytes."""
    connection = sqlite3.connect(store.path)
    try:
        pages, free = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
        return int(pages - free) * 4096
    finally:
        connection.close()


def days(store: Store) -> list[str]:
    return sorted({str(result.measurement.run_id) for result in store.results(Filter())})


def assert_whole(store: Store) -> None:
    connection = sqlite3.connect(store.path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        connection.close()


def pages(store: Store) -> int:
    """Measurements that have their page."""
    return sum(bool(result.measurement.bodies) for result in store.results(Filter(), with_bodies=True))


def test_nothing_goes_while_there_is_room(store: Store) -> None:
    assert store.trim(used(store), BEGIN + 60 * DAY) is None
    assert len(days(store)) == 30


def test_old_pages_go_first_and_no_more_than_must(store: Store) -> None:
    size = used(store)
    most = size - 2_000_000
    trimmed = store.trim(most, BEGIN + 23 * DAY)
    assert trimmed is not None
    assert set(trimmed.rows) == {"body"}
    assert trimmed.until is None
    assert len(days(store)) == 30
    assert 30 * _EACH - pages(store) == trimmed.rows["body"] < 23 * _EACH
    oldest = [r for r in store.results(Filter(run_id="run-00"), with_bodies=True) if r.measurement.bodies]
    newest = [r for r in store.results(Filter(run_id="run-29"), with_bodies=True) if r.measurement.bodies]
    assert (len(oldest), len(newest)) == (0, _EACH)
    assert used(store) <= most
    assert_whole(store)


def test_then_the_oldest_measurements_go_whole(store: Store) -> None:
    store.mark_exported(BEGIN + DAY / 2)
    most = used(store) // 3
    trimmed = store.trim(most, BEGIN + 23 * DAY)
    assert trimmed is not None
    left = days(store)
    assert 2 < len(left) < 12
    assert left[-1] == "run-29"
    assert left == [f"run-{day:02}" for day in range(30 - len(left), 30)]
    gone = trimmed.rows["measurement"]
    assert gone + sum(1 for _ in store.results(Filter())) == 30 * _EACH
    assert trimmed.not_exported == gone - _EACH  # the first day is in an export
    assert used(store) <= most
    assert store.path.stat().st_size <= most * 1.2  # the room went back to the disk
    assert pages(store) == min(7, len(left)) * _EACH
    assert_whole(store)


def test_the_newest_run_stays_however_small_the_bound(store: Store) -> None:
    assert store.trim(1000, BEGIN + 23 * DAY) is not None
    assert "run-29" in days(store)
    assert sum(1 for _ in store.results(Filter(run_id="run-29"))) == _EACH
    assert_whole(store)


def test_what_was_imported_stays_and_does_not_count(store: Store) -> None:
    connection = sqlite3.connect(store.path)
    connection.execute("INSERT INTO source (name, kind, sha256, imported_at) VALUES ('x', 'database', 'x', 'x')")
    connection.execute("INSERT INTO run_source SELECT id, 1 FROM run WHERE id < 'run-15'")
    connection.commit()
    connection.close()
    assert store.trim(round(used(store) * 0.55), BEGIN + 23 * DAY) is None
    trimmed = store.trim(round(used(store) * 0.3), BEGIN + 23 * DAY)
    assert trimmed is not None
    left = days(store)
    assert left[:15] == [f"run-{day:02}" for day in range(15)]
    assert 15 < len(left) <= 30
    imported = [r for r in store.results(Filter(run_id="run-00"), with_bodies=True) if r.measurement.bodies]
    assert len(imported) == _EACH
    assert_whole(store)


def _token(pid: int) -> str:
    """As `process_token` gives it."""
    boot, _, start = process_token().replace(f":{os.getpid()}:", "::").partition("::")
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    assert start
    return f"{boot}:{pid}:{fields[19]}"


def test_a_run_of_this_process_is_over(store: Store) -> None:
    store.begin_run(a_run("run-now", started_at=BEGIN + 40 * DAY))
    assert store.trim(1000, BEGIN + 23 * DAY) is not None


def test_nothing_goes_while_a_run_goes_on(store: Store) -> None:
    store.begin_run(a_run("run-now", started_at=BEGIN + 40 * DAY, process=_token(os.getppid())))
    with pytest.raises(StoreError, match="a run is recording into it"):
        store.trim(1000, BEGIN + 60 * DAY)
    assert len(days(store)) == 30
