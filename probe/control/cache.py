"""Measurements under way and those still fresh: however many ask for the same, it is measured once.

Law: the same is the same target with the same roots and the same additional public addresses. An answer is fresh for
`ttl` seconds after it came; a failure of this control's own is an answer for those who wait, and is never kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from probe.model import Measurement, Target
from probe.steps.errors import HostExhaustedError

MOST_KEPT = 10_000

Key = tuple[str, tuple[str, ...], tuple[str, ...]]
Measure = Callable[[Target, tuple[str, ...]], Awaitable[Measurement]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """Why this control could not measure a target: its own fault, never the target's."""

    reason: str


Answer = Measurement | Unmeasured


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Measurement
    stale_at: float
    """On the clock."""


@dataclass(slots=True, kw_only=True)
class Measurements:
    """Asks for measurements, shares those under way, keeps the fresh ones. At most `most_running` run at once."""

    measure: Measure
    ttl: float
    """Seconds."""
    deadline: float
    """Seconds from the asking to the answer, waiting for a place included."""
    most_running: int
    clock: Callable[[], float] = time.monotonic
    most_kept: int = MOST_KEPT
    hits: int = 0
    made: int = 0
    _under_way: dict[Key, asyncio.Future[Answer]] = field(default_factory=dict)
    _kept: OrderedDict[Key, _Kept] = field(default_factory=OrderedDict)
    """In the order in which they become stale."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _group: asyncio.TaskGroup | None = None
    _places: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._places = asyncio.Semaphore(self.most_running)

    @property
    def in_flight(self) -> int:
        """Measurements running or waiting for a place."""
        return len(self._tasks)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """As long as measurements may be asked for; at the end those under way are given up."""
        async with asyncio.TaskGroup() as self._group:
            try:
                yield
            finally:
                self.stop()

    def stop(self) -> None:
        """Gives up what is under way, telling all who wait, and takes nothing more."""
        self._group = None
        for future in self._under_way.values():
            _tell(future, _STOPPING)
        for task in self._tasks:
            task.cancel()

    def ask(self, target: Target, addresses: tuple[str, ...]) -> asyncio.Future[Answer]:
        """The answer, now or later. Shared with others: wait for it with `asyncio.wait`, never cancel it."""
        self._drop_stale()
        key = (target.name, tuple(sorted(addresses)), target.roots)
        shared = self._under_way.get(key)
        if shared is not None:
            self.hits += 1
            return shared
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        kept = self._kept.get(key)
        if kept is not None:
            self.hits += 1
            _tell(future, kept.answer)
        elif self._group is None:
            _tell(future, _STOPPING)
        else:
            self._under_way[key] = future
            task = self._group.create_task(self._answer(key, target, future))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return future

    async def _answer(self, key: Key, target: Target, future: asyncio.Future[Answer]) -> None:
        answer = await self._attempt(target, key[1])
        del self._under_way[key]
        if isinstance(answer, Measurement):
            self._kept[key] = _Kept(answer, self.clock() + self.ttl)
        _tell(future, answer)

    async def _attempt(self, target: Target, addresses: tuple[str, ...]) -> Answer:
        try:
            async with asyncio.timeout(self.deadline), self._places:
                self.made += 1
                measurement = await self.measure(target, addresses)
        except TimeoutError:
            return Unmeasured(reason=f"not finished within {self.deadline:.0f} s")
        except HostExhaustedError:
            return Unmeasured(reason="this control has no descriptors or memory left")
        except Exception:
            # A bug must not take the measurements of all the others with it; it is told to whoever runs the control.
            _log.exception("a measurement failed")
            return Unmeasured(reason="this control failed")
        # Bodies and certificates are not sent, and ten thousand of them are not for keeping.
        return replace(measurement, bodies={}, certificates={})

    def _drop_stale(self) -> None:
        now = self.clock()
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest].stale_at > now and len(self._kept) <= self.most_kept:
                break
            del self._kept[oldest]


_STOPPING = Unmeasured(reason="this control is stopping")


def _tell(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
