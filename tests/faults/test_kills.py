"""Runs killed at random moments; `make reliability JOB=kills` kills two hundred."""

from __future__ import annotations

from tests.faults.kills import Killed, kill_runs
from tests.lab.lab import World


def test_what_a_killed_run_has_told_is_there(world: World) -> None:
    found = kill_runs(world, 6, seed=20261124)
    assert found == Killed(kills=6, told=found.told)
    assert found.told > 0
