"""Measurements under way and those still fresh: however many ask for the same, it is measured once.

Law: a target, spoken to in one protocol and with one choice of roots, is measured once for all who ask for it, and once
more at each additional address that anybody asks for. What was measured is fresh for `ttl` seconds, and where something
did not answer in time for a few at most: the next attempt may find it well. A failure of this control's own is an
answer for those who wait, and is never kept.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from probe.control.fault import OwnFaultError
from probe.control.keeping import Newest, size_of
from probe.control.merging import merged, tried
from probe.failure import Failure
from probe.model import Measurement, ProtocolName, Target
from probe.steps.errors import HostExhaustedError

MOST_KEPT = 10_000
DOUBTFUL_SECONDS = 10.0
"""For which a measurement in which something did not answer in time is fresh."""
MOST_KEPT_BYTES = 128 << 20
MOST_RECENT = 2_000
MOST_RECENT_BYTES = 64 << 20
"""What was made out of measurements, and will be wanted again."""

Key = tuple[str, ProtocolName | None, tuple[str, ...], str | None]
"""The name of a target, the protocol that is spoken, its roots, and the address at which it was measured where it is
not the target's own."""
Measure = Callable[[Target, str | None], Awaitable[Measurement]]

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
    most_kept_bytes: int = MOST_KEPT_BYTES
    hits: int = 0
    """Asks for a target that was fresh or under way."""
    made: int = 0
    """Measurements of targets that were begun."""
    addresses: int = 0
    """Additional addresses at which a target was looked at."""
    _under_way: dict[Key, asyncio.Future[Answer]] = field(default_factory=dict)
    _kept: Newest[Key, _Kept] = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _whole: Newest[tuple[str, ...], Measurement] = field(
        default_factory=lambda: Newest(most=MOST_RECENT, most_bytes=MOST_RECENT_BYTES, size=size_of)
    )
    """What was put together, by the ids of the parts."""
    _merging: dict[asyncio.Task[None], asyncio.Future[Answer]] = field(default_factory=dict)
    _group: asyncio.TaskGroup | None = None
    _places: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._places = asyncio.Semaphore(self.most_running)
        self._kept = Newest(
            most=self.most_kept, most_bytes=self.most_kept_bytes, size=lambda kept: size_of(kept.answer)
        )

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
        for future in (*self._under_way.values(), *self._merging.values()):
            _tell(future, _STOPPING)
        for task in (*self._tasks, *self._merging):
            task.cancel()

    def ask(self, target: Target, addresses: Sequence[str]) -> asyncio.Future[Answer]:
        """The answer, now or later. Shared with others: wait for it with `asyncio.wait`, never cancel it."""
        self._drop_stale()
        main = self._part(target, None)
        if not addresses or target.port is None or self._group is None:
            return main
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        task = self._group.create_task(self._merge(target, addresses, main, future))
        self._merging[task] = future
        task.add_done_callback(self._merging.pop)
        return future

    async def _merge(
        self, target: Target, addresses: Sequence[str], main: asyncio.Future[Answer], future: asyncio.Future[Answer]
    ) -> None:
        """The target's own measurement with what was seen at the addresses that it has not tried. Where one of them
        cannot be had in time, it is left out."""
        ends = asyncio.get_running_loop().time() + self.deadline
        await asyncio.wait((main,))
        answer = main.result()
        if isinstance(answer, Measurement):
            known = tried(answer)
            parts = [self._part(target, address) for address in addresses if address not in known]
            if parts:
                await asyncio.wait(parts, timeout=ends - asyncio.get_running_loop().time())
            found = [part.result() for part in parts if part.done()]
            others = [each for each in found if isinstance(each, Measurement)]
            key = (answer.id, *sorted(each.id for each in others))
            answer = self._whole.made(key, functools.partial(merged, answer, others))
        _tell(future, answer)

    def _part(self, target: Target, address: str | None) -> asyncio.Future[Answer]:
        """One measurement: fresh, under way, or begun now."""
        key = (target.name, target.speaks, target.roots, address)
        shared, kept = self._under_way.get(key), self._fresh(key)
        if shared is not None or kept is not None:
            self.hits += address is None
        if shared is not None:
            return shared
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if kept is not None:
            _tell(future, kept.answer)
        elif self._group is None:
            _tell(future, _STOPPING)
        else:
            self._under_way[key] = future
            task = self._group.create_task(self._answer(key, target, future))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return future

    def _fresh(self, key: Key) -> _Kept | None:
        kept = self._kept.get(key)
        return kept if kept is not None and kept.stale_at > self.clock() else None

    async def _answer(self, key: Key, target: Target, future: asyncio.Future[Answer]) -> None:
        answer = await self._attempt(target, key[-1])
        del self._under_way[key]
        if isinstance(answer, Measurement):
            self._kept.put(key, _Kept(answer, self.clock() + self._lasts(answer)))
        _tell(future, answer)

    def _lasts(self, answer: Measurement) -> float:
        """Seconds for which it is fresh."""
        in_doubt = any(row.failure is Failure.GENERIC_TIMEOUT for row in answer.observations)
        return min(self.ttl, DOUBTFUL_SECONDS) if in_doubt else self.ttl

    async def _attempt(self, target: Target, address: str | None) -> Answer:
        try:
            async with asyncio.timeout(self.deadline), self._places:
                self.made += address is None
                self.addresses += address is not None
                measurement = await self.measure(target, address)
        except TimeoutError:
            return Unmeasured(reason=f"not finished within {self.deadline:.0f} s")
        except OwnFaultError as error:
            return Unmeasured(reason=str(error))
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
        self._kept.drop_oldest_while(lambda kept: kept.stale_at <= now)


_STOPPING = Unmeasured(reason="this control is stopping")


def _tell(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
