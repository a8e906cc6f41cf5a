"""`kill -9` at random moments of real runs, new ones and resumed ones, one after the other on one database."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random

from tests.faults.village import TARGETS, state, told, words
from tests.lab.lab import Running, World

_SERIES = 10
"""Kills a database."""


@dataclass(slots=True)
class Killed:
    """What became of runs that were killed. All but the first two must stay nought."""

    kills: int = 0
    told: int = 0
    """Measurements that killed runs had told of."""
    lost: int = 0
    """Of those, not in the file as they were told."""
    torn: int = 0
    """Measurements in the file that lack something of theirs."""
    unsound: int = 0
    """Files in which SQLite found a fault."""
    gaps: int = 0
    """Targets of a resumed run not measured, or twice."""
    wrong: int = 0
    """Runs after a kill that did not end as they should."""

    def add(self, other: Killed) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def kill_runs(world: World, count: int, *, seed: int, at_once: int = 1) -> Killed:
    """So many kills, in series of ten, a database each; so many series side by side. Half of the runs are killed at any
    moment between their start and when one that nobody disturbs is over, the others while they record."""
    began = time.monotonic()
    world.run(words(world, world.home / "undisturbed.sqlite"))
    length = 1.1 * (time.monotonic() - began)
    sizes = [min(_SERIES, count - begin) for begin in range(0, count, _SERIES)]
    found = Killed()
    with ThreadPoolExecutor(at_once) as pool:
        for each in pool.map(lambda n: _series(world, n, sizes[n], length, Random(seed + n)), range(len(sizes))):
            found.add(each)
    return found


def _series(world: World, number: int, kills: int, length: float, chance: Random) -> Killed:
    database = world.home / f"killed-{number}.sqlite"
    found = Killed()
    while found.kills < kills:
        resumes = ("--resume",) if chance.random() < 0.5 else ()
        running = world.start(words(world, database, *resumes))
        _wait(running, length, chance)
        running.signal(signal.SIGKILL)
        done = running.wait(10)
        lines, after = told(done.stdout), state(database)
        if done.returncode == -signal.SIGKILL:
            found.kills += 1
            found.told += len(lines)
        elif done.returncode != 0:
            found.wrong += 1
        found.lost += after.lacks(lines)
        found.torn += after.torn
        found.unsound += not after.sound
    _put_right(world, database, found)
    return found


def _wait(running: Running, length: float, chance: Random) -> None:
    """Until any moment of a run's time, or one at which it is recording: shortly after it has told of a result."""
    if chance.random() < 0.5:
        running.has_ended(chance.uniform(0, length))
        return
    lines = chance.randint(1, len(TARGETS) - 1)
    while running.stdout().count("\n") < lines:
        if running.has_ended(0.01):
            return
    running.has_ended(chance.uniform(0, 0.03))


def _put_right(world: World, database: Path, found: Killed) -> None:
    """Resumes what can be resumed, measures once more, and counts what is not as it should be."""
    while (before := state(database)).unfinished:
        done = world.run(words(world, database, "--resume"))
        after = state(database)
        if done.returncode != 0 or after.unfinished != before.unfinished - 1 or after.lacks(told(done.stdout)):
            found.wrong += 1
            return
    done = world.run(words(world, database))
    last = state(database)
    if done.returncode != 0 or len(told(done.stdout)) != len(TARGETS) or last.lacks(told(done.stdout)):
        found.wrong += 1
    found.gaps += last.gaps() + len(TARGETS) * (last.runs - len({run for run, _ in last.measured}))
    found.torn += last.torn
    found.unsound += not last.sound
