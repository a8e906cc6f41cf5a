"""Each fault in the middle of a run: what was told is there, the file is whole, the next run right, the end told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.alone import ask
from tests.faults.faults import FAULTS, disks, suffer
from tests.faults.village import TARGETS, told, village
from tests.lab.lab import World
from tests.lab.needs import need, without_clocks
from tests.lab.spec import Reset, Rule, Sni

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
