"""In which order targets are measured, and how their starts are spread.

Law: pure and seeded: the same targets and seed give the same plan. Targets of one host are kept far apart, so that no
service meets a burst, and nobody who watches the line sees the same order twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from probe.model import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One target to be measured."""

    target: Target
    delay: float
    """Seconds to wait before its start, besides what rate and concurrency ask for."""


def plan(targets: Sequence[Target], *, seed: int, jitter: float = 0.0) -> tuple[Task, ...]:
    """Each distinct target once, shuffled, hosts taken in turn; each start delayed by up to `jitter` seconds."""
    random = Random(seed)  # noqa: S311 - an order, not a secret
    by_host: dict[str, list[Target]] = {}
    for target in dict.fromkeys(targets):
        by_host.setdefault(target.host, []).append(target)
    queues = list(by_host.values())
    for queue in queues:
        random.shuffle(queue)
    random.shuffle(queues)
    ordered: list[Target] = []
    while queues:
        ordered += [queue.pop() for queue in queues]
        queues = [queue for queue in queues if queue]
    return tuple(Task(target=target, delay=random.uniform(0, jitter)) for target in ordered)
