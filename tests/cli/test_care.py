"""`probe db`: what it prints, and what it refuses."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from probe.store import Store
from probe.store.migrations import SCHEMA_VERSION
from tests.cli import alone
from tests.store.examples import BEGIN, a_control, a_result, a_run

NOW = datetime.now(UTC)
AGES = {"m-old": 100, "m-middle": 40, "m-new": 1}
"""Days."""


@pytest.fixture
def database(home: Path) -> Path:
    """Three measurements of different ages, in a finished run."""
    path = home / "state" / "probe.sqlite"
    with Store.open(path) as store:
        store.begin_run(a_run(started_at=NOW - timedelta(days=100)))
        for name, days in AGES.items():
            minutes = round((NOW - BEGIN - timedelta(days=days)).total_seconds() / 60)
            store.add([a_result(name, minutes=minutes, controls=(a_control(f"control of {name}"),))])
        store.finish_run("run-1", NOW)
    return path


def left(home: Path) -> set[str]:
    return {row["measurement_id"] for row in alone.read(alone.run(home, "results", "--json"))}


def test_a_database_is_kept_small(home: Path, database: Path) -> None:
    (stats,) = alone.read(alone.run(home, "db", "stats", "--json"))
    assert stats["rows"]["measurement"] == 3
    assert (stats["schema"], stats["bodies"]["count"], stats["exported_until"]) == (SCHEMA_VERSION, 1, None)
    shown = alone.run(home, "db", "stats")
    assert "           3  measurement\n" in shown.stdout

    refused = alone.run(home, "db", "prune")
    assert (refused.returncode, refused.stdout) == (1, "")
    (sentence,) = refused.stderr.splitlines()
    assert sentence.startswith(f"probe: {database}: nothing in it was exported")
    assert left(home) == set(AGES)

    with Store.open(database) as store:
        store.mark_exported(NOW - timedelta(days=50))
    done = alone.run(home, "db", "prune", "--older-than", "5w")
    assert done.returncode == 0
    assert "           1  measurement\n" in done.stdout
    assert "not exported, and so kept: 1 measurements" in done.stderr
    assert left(home) == {"m-middle", "m-new"}

    (told,) = alone.read(alone.run(home, "db", "prune", "--older-than", "36h", "--unexported", "--json"))
    assert (told["removed"]["measurement"], told["not_exported"]) == (1, 0)
    assert left(home) == {"m-new"}
    (sizes,) = alone.read(alone.run(home, "db", "vacuum", "--json"))
    assert sizes["bytes_after"] == database.stat().st_size


@pytest.mark.parametrize("age", ["90", "d", "-1d", "1.5d", "40000d", "90 days", "٣d"])
def test_an_age_is_a_number_of_hours_days_or_weeks(home: Path, database: Path, age: str) -> None:
    done = alone.run(home, "db", "prune", f"--older-than={age}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "hours, days or weeks" in done.stderr


def test_migration(home: Path, database: Path) -> None:
    done = alone.run(home, "db", "migrate")
    assert (done.returncode, done.stdout) == (0, f"{database}: schema {SCHEMA_VERSION}, nothing to do\n")
    empty = home / "empty.sqlite"
    empty.touch()
    (told,) = alone.read(alone.run(home, "db", "migrate", "--db", empty, "--json"))
    assert told == {"from": 0, "to": SCHEMA_VERSION}
    connection = sqlite3.connect(database)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    for verb in ("migrate", "stats", "prune", "vacuum"):
        newer = alone.run(home, "db", verb)
        assert (newer.returncode, newer.stdout) == (5, "")
        assert "was written by a newer version of this program" in newer.stderr
    assert alone.run(home, "db", "migrate", "--db", home / "none.sqlite").returncode == 5
