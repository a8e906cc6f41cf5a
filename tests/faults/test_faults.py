"""Each fault in the middle of a run: what was told is there, the file is whole, the next run right, the end told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from probe.store import Store
from tests.cli.alone import ask
from tests.faults.faults import FAULTS, disks, suffer
from tests.faults.village import TARGETS, state, told, village, words
from tests.lab.lab import World
from tests.lab.needs import need, without_clocks
from tests.lab.spec import Reset, Rule, Sni
from tests.store.examples import BEGIN
from tests.store.test_keeping import fill, used

_SLOW = 0.15


@pytest.fixture(autouse=True)
def _own_disks(world: World) -> Iterator[None]:
    with disks(world):
        yield


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_loses_nothing(world: World, name: str) -> None:
    need(FAULTS[name].needs())
    suffered = suffer(world, FAULTS[name], world.home / name / "probe.sqlite")
    assert list(suffered.wrong()) == []


def test_a_clock_that_is_set_in_the_middle_changes_no_order(world: World) -> None:
    """The follow-ups of a blocked target come after what called for them, by the same clock."""
    need(without_clocks())
    folder = world.home / "order"
    folder.mkdir()
    world.become(village(_SLOW, rules=(Rule(when=Sni(name="house15.example"), do=Reset()),)))
    try:
        done = FAULTS["clock"].happens(world, folder / "probe.sqlite")
    finally:
        world.become(village())
    found = told(done.stdout)
    assert (done.returncode, len(found)) == (3, len(TARGETS)), done.stderr
    (blocked,) = (line for line in found if line["outcome"] == "blocked")
    assert len(blocked["observations"]) > 6
    assert all(0 <= row["started"] < 120 for line in found for row in line["observations"])
    assert all(0 <= line["runtime"] < 120 for line in found)
    (run,) = ask(folder / "probe.sqlite", "SELECT started_at, finished_at FROM run")
    assert run["started_at"] < min(line["started_at"] for line in found)
    assert max(line["started_at"] for line in found) < run["finished_at"]


def test_a_scheduled_run_keeps_the_database_small(world: World) -> None:
    """Beyond its bound the oldest goes, in one line; a run that a person starts takes nothing away."""
    database = world.home / "full.sqlite"
    with Store.open(database) as store:
        today = (datetime.now(UTC) - BEGIN).days
        fill(store, range(today - 31, today - 1))
        before = used(store)
    consent = world.run(["probe", "consent", "--agree"])
    assert consent.returncode == 0, consent.stderr
    by_hand = world.run(words(world, database, "--keep", "3"))
    assert (by_hand.returncode, by_hand.stderr.count("keep")) == (0, 0)
    done = world.run(words(world, database, "--keep", "3", "--scheduled"))
    assert done.returncode == 0, done.stderr
    assert "the database is kept at 3 MB (`keep`): " in done.stderr
    assert "are in no export" in done.stderr
    with Store.open(database) as store:
        assert used(store) < 3_000_000 < before
    after = state(database)
    assert after.sound
    assert after.lacks([*told(by_hand.stdout), *told(done.stdout)]) == 0
    with_room = world.run(words(world, database, "--keep", "6", "--scheduled"))
    assert (with_room.returncode, with_room.stderr.count("keep")) == (0, 0)
