"""In which order targets are measured, and how their starts are spread.

Law: pure and seeded: the same targets and seed give the same plan. Targets of one host are kept far apart, so that no
service meets a burst, and nobody who watches the line sees the same order twice. A plan is made in some bytes a target,
and each of its tasks when it is asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from probe.model import Target
from probe.roster import Roster


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One target to be measured."""

    target: Target
    delay: float
    """Seconds to wait before its start, besides what rate and concurrency ask for."""


def plan(targets: Sequence[Target], *, seed: int, jitter: float = 0.0) -> Iterator[Task]:
    """Each target once, shuffled, hosts taken in turn; each start delayed by up to `jitter` seconds."""
    random = Random(seed)  # noqa: S311 - an order, not a secret
    for number in _in_turn(targets, random):
        yield Task(target=targets[number], delay=random.uniform(0, jitter))


def _in_turn(targets: Sequence[Target], random: Random) -> Iterator[int]:
    """The numbers of the targets: the first of every host, then the second, until there is none left."""
    order = array("I", range(len(targets)))
    random.shuffle(order)
    hosts = Roster()
    first, following = array("I"), array("I", bytes(4 * len(targets)))  # numbers counted from one; 0 is none
    for number in order:
        host = hosts.add(targets[number].host)
        if host == len(first):
            first.append(0)
        following[number], first[host] = first[host], number + 1
    while first:
        for head in first:
            yield head - 1
        first = array("I", (onward for head in first if (onward := following[head - 1])))
