"""Rows from real files: services as their runs concluded them or as `judge` does, each once whoever else holds it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from probe.analysis import compare, gather
from probe.history import Judged
from probe.model import Outcome
from probe.store import Histories, StoreError
from tests.analysis.databases import NEED, record
from tests.analysis.rows import BEGIN, HOUR, at, hour


@contextmanager
def gathered(*paths: Path, targets: bool = False, subject: str | None = None) -> Iterator[tuple[Judged, ...]]:
    with Histories(paths) as histories:
        yield gather(histories.all, targets=targets, subject=subject).rows


def test_a_verdict_on_a_service_in_one_row(tmp_path: Path) -> None:
    with gathered(record(tmp_path / "a.sqlite", "oB")) as (_, row):
        assert (row.subject, row.outcome, row.methods, row.confidence) == ("line", "blocked", ("tcp",), "confirmed")
        assert (row.point.vantage, row.point.source, row.source) == (at("home"), "a.sqlite", "a.sqlite")
        assert (row.started_at, row.until) == (BEGIN + HOUR, BEGIN + HOUR)
        assert (row.run_id, row.measurements, row.reason) == ("home-1", 2, "web works, app endpoints blocked (tcp)")


def test_its_evidence(tmp_path: Path) -> None:
    with Histories([record(tmp_path / "a.sqlite", "oB")]) as histories:
        rows = gather(histories.all).rows
        ask = histories.evidence(rows)
        told = [[(each.measurement_id, each.outcome, each.code) for each in ask(row)] for row in rows]
        assert told[1] == [
            ("home-1-web", Outcome.OK, "tcp.connected"),
            ("home-1-long_link", Outcome.BLOCKED, "tcp.timeout"),
        ]
        assert [each.measurement_id for each in rows[1].told_by(ask(rows[1]))] == ["home-1-long_link"]


def test_a_run_that_concluded_nothing_is_judged_by_the_same_rule(tmp_path: Path) -> None:
    whole = record(tmp_path / "a.sqlite", "oB?d")
    killed = record(tmp_path / "b.sqlite", "oB?d", concluded=False)
    with gathered(whole) as expected, gathered(killed) as found:
        assert [(r.outcome, r.methods, r.confidence, r.reason, r.started_at, r.measurements) for r in found] == [
            (r.outcome, r.methods, r.confidence, r.reason, r.started_at, r.measurements) for r in expected
        ]


def test_a_service_that_was_measured_in_part_has_no_row(tmp_path: Path) -> None:
    """Two targets are its all, three are needed."""
    with gathered(record(tmp_path / "a.sqlite", "BB", need=replace(NEED, targets=3))) as rows:
        assert rows == ()


def test_targets_for_themselves(tmp_path: Path) -> None:
    path = record(tmp_path / "a.sqlite", "oB")
    with gathered(path, targets=True) as rows:
        assert [(row.subject, row.outcome, row.measurement_id) for row in rows] == [
            ("tcp://link.line.example:995", "ok", "home-0-long_link"),
            ("https://line.example/", "ok", "home-0-web"),
            ("tcp://link.line.example:995", "blocked", "home-1-long_link"),
            ("https://line.example/", "ok", "home-1-web"),
        ]
    with gathered(path, targets=True, subject="https://line.example/") as rows:
        assert len(rows) == 2


def test_only_one_service(tmp_path: Path) -> None:
    path = record(tmp_path / "a.sqlite", "oB")
    record(path, "ooo", need=replace(NEED, service="bbm"), prefix="bbm-")
    for subject, count in (("line", 2), ("bbm", 3), (None, 5), ("wechat", 0)):
        with gathered(path, subject=subject) as rows:
            assert len(rows) == count


def test_a_copy_adds_nothing_and_is_no_second_vantage_point(tmp_path: Path) -> None:
    old = record(tmp_path / "old.sqlite", "BBB")
    new = Path(shutil.copy(old, tmp_path / "new.sqlite"))
    record(new, "oooo", prefix="later-", begin=BEGIN + 10 * HOUR)
    for order in ((old, new), (new, old)):
        with gathered(*order) as rows:
            assert [row.outcome for row in rows] == ["blocked"] * 3 + ["ok"] * 4
            (cell,) = compare(rows, timedelta(days=7))
            assert (cell.outcome, len(cell.said), hour(cell.since and cell.since.latest)) == (Outcome.OK, 1, 10)


def test_of_two_conclusions_of_one_run_the_later_counts(tmp_path: Path) -> None:
    old = record(tmp_path / "old.sqlite", "B")
    new = Path(shutil.copy(old, tmp_path / "new.sqlite"))
    with sqlite3.connect(new) as connection:
        connection.execute(
            "UPDATE service_verdict SET outcome = 'down', methods = '[]', confidence = NULL, made_at = '2099'"
        )
    connection.close()
    for order in ((old, new), (new, old)):
        with gathered(*order) as (row,):
            assert (row.outcome, row.source) == ("down", "new.sqlite")


def test_people_who_are_called_the_same_stay_two(tmp_path: Path) -> None:
    paths = [tmp_path / name / "probe.sqlite" for name in ("anna", "boris")]
    record(paths[0], "BBB", prefix="a-")
    record(paths[1], "ooo", prefix="b-")
    with gathered(*paths) as rows:
        (cell,) = compare(rows, timedelta(days=7))
        assert cell.outcome is None
        assert [(said.point.source, said.verdict.outcome) for said in cell.said] == [
            ("anna/probe.sqlite", "blocked"),
            ("boris/probe.sqlite", "ok"),
        ]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path = record(tmp_path / "a.sqlite", "oo")
    (tmp_path / "link.sqlite").symlink_to(path)
    with gathered(path, path, tmp_path / "link.sqlite") as rows:
        assert len(rows) == 2


def test_nothing_is_written_and_nothing_left_beside_the_file(tmp_path: Path) -> None:
    path = record(tmp_path / "a.sqlite", "oB")
    before = path.read_bytes()
    with gathered(path) as rows:
        assert rows
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.sqlite"]


def test_a_database_that_is_being_written_is_read_as_it_is(tmp_path: Path) -> None:
    path = record(tmp_path / "a.sqlite", "o")
    writer = sqlite3.connect(path)
    writer.execute("UPDATE service_verdict SET text = 'changed'")
    writer.commit()  # it is in the write-ahead log, not yet in the file
    assert (tmp_path / "a.sqlite-wal").stat().st_size
    with gathered(path) as (row,):
        assert row.reason == "changed"
    assert (tmp_path / "a.sqlite-wal").stat().st_size
    writer.close()


HOSTILE = {
    "an outcome that is none": (
        "PRAGMA ignore_check_constraints = ON; UPDATE service_verdict SET outcome = 'good'",
        "good",
    ),
    "methods that are none": ("UPDATE service_verdict SET methods = '[\"magic\"]'", "magic"),
    "methods that are no list": ("UPDATE service_verdict SET methods = 5", "cannot be a value"),
    "a name that is no text": ("UPDATE vantage SET name = x'ff'", "UTF-8"),
    "a time that is none": ("UPDATE measurement SET started_at = 'soon'", "soon"),
    "no such table": ("DROP TABLE service_verdict", "no such table"),
}


@pytest.mark.parametrize(("sql", "said"), HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_is_told_with_the_file(tmp_path: Path, sql: str, said: str) -> None:
    path = record(tmp_path / "a.sqlite", "B")
    connection = sqlite3.connect(path)
    connection.executescript(f"PRAGMA foreign_keys = OFF; {sql};")
    connection.close()
    with pytest.raises(StoreError, match=said) as raised, gathered(path):
        pass
    assert str(path) in str(raised.value)
