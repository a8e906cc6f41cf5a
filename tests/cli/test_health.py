"""`probe targets health`: as a table, as JSON, and of some lists only."""

from __future__ import annotations

from pathlib import Path

from probe.store import Store
from tests.cli import alone
from tests.store.examples import a_run
from tests.store.test_health import DEAD, WEEK, Diary


def test_stale_targets_are_shown(home: Path) -> None:
    database = home / "state" / "probe.sqlite"
    with Store.open(database) as store:
        store.begin_run(a_run())
        diary = Diary(store)
        diary.note(DEAD, WEEK)
        diary.note("https://gone.example/", range(15))
    done = alone.run(home, "targets", "health")
    assert done.returncode == 0
    head, *rows = done.stdout.splitlines()
    assert head.split()[:1] == ["service"]
    assert [row.split()[1] for row in rows] == [DEAD, "https://gone.example/"]
    assert rows[0].split()[2:] == ["2026-11-24", "2026-12-01", "8", "1", "1", "dns_nxdomain_error"]
    told = alone.read(alone.run(home, "targets", "health", "--json"))
    assert told[0] == {
        "target": DEAD,
        "service": None,
        "retired": None,
        "since": "2026-11-24T00:00:00.123456Z",
        "until": "2026-12-01T00:00:00.123456Z",
        "measurements": 8,
        "vantages": 1,
        "controls": 1,
        "failures": ["dns_nxdomain_error"],
    }
    longer = alone.run(home, "targets", "health", "--days", "14", "--json")
    assert [row["target"] for row in alone.read(longer)] == ["https://gone.example/"]
    (home / "mine.txt").write_text(f"{DEAD}\nhttps://other.example/\n")
    mine = alone.run(home, "targets", "health", "--targets", home / "mine.txt", "--json")
    assert [row["target"] for row in alone.read(mine)] == [DEAD]


def test_nothing_stale_and_nothing_measured(home: Path) -> None:
    none = alone.run(home, "targets", "health")
    assert (none.returncode, none.stdout) == (5, "")
    Store.open(home / "state" / "probe.sqlite").close()
    done = alone.run(home, "targets", "health")
    assert (done.returncode, done.stdout) == (0, "")
    assert alone.run(home, "targets", "health", "--days", "0").returncode == 2
