"""How late this process is: what a measurement must not put down to the network.

Law: a tick is due every few hundredths of a second, and what it comes late by is this process's own doing, or that of
the machine under it. Nothing here waits for the network, and nothing is decided about it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

TICK = 0.02
"""Seconds between two ticks."""
_ON_TIME = 0.005
"""Seconds: late by less is not late; timers are no finer."""
_MOST_BUSY = 0.7
"""Of the time: a loop that is at work for more of it begins nothing new, or it would soon time itself."""
_TICKS_LOOKED_AT = 5
_MOST_PATIENCE = 5
"""Ticks for which a new measurement is held back at most."""
_MOST_REMEMBERED = 4_096


@dataclass(slots=True)
class Lag:
    """Of one event loop, as long as it is `watched`; before and after that it is on time."""

    total: float = 0.0
    """Seconds behind, summed over all ticks: what happened meanwhile may look later by as much as this has grown."""
    busy: float = 0.0
    """The share of the last tenth of a second, or so, for which the loop was at work. What other processes use is not
    in it: holding back would not help."""
    _due: float = 0.0
    _handle: asyncio.TimerHandle | None = None
    _late: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_MOST_REMEMBERED))
    """When on the loop's clock a tick was late, and by how much."""
    _used: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_TICKS_LOOKED_AT))
    """The loop's clock at the last ticks, and the CPU seconds that its thread had used by then."""

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Ticks until the block ends."""
        self._wind(asyncio.get_running_loop())
        try:
            yield
        finally:
            if self._handle is not None:
                self._handle.cancel()
            self._handle, self.busy = None, 0.0
            self._used.clear()

    def _wind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + TICK
        self._handle = loop.call_at(self._due, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now, used = loop.time(), time.thread_time()
        late = now - self._due
        if late > _ON_TIME:
            self.total += late
            self._late.append((now, late))
        if self._used:
            since, before = self._used[0]
            self.busy = (used - before) / (now - since)
        self._used.append((now, used))
        self._wind(loop)

    def worst(self, seconds: float) -> float:
        """Seconds by which the latest tick was late within the last so many seconds."""
        if not self._late:
            return 0.0
        since = asyncio.get_running_loop().time() - seconds
        return max((late for when, late in self._late if when >= since), default=0.0)

    async def calm(self) -> None:
        """Waits, for a moment at most, until this process keeps up: for whoever is about to give it more to do."""
        for _ in range(_MOST_PATIENCE):
            if self.busy <= _MOST_BUSY:
                return
            await asyncio.sleep(TICK)


@dataclass(slots=True)
class Deadline:
    """The end of an operation: what this process was late by meanwhile is not counted, up to `timeout` once more.

    A process that was held up finds what the network has sent and its own deadline at the same moment; the deadline
    is put off, so that what has come is read first.
    """

    lag: Lag
    scope: asyncio.Timeout
    """Without an end of its own."""
    timeout: float
    """Seconds."""
    _counted: float = field(init=False)
    _granted: float = 0.0
    _handle: asyncio.TimerHandle = field(init=False)

    def __post_init__(self) -> None:
        self._counted = self.lag.total
        self._handle = asyncio.get_running_loop().call_later(self.timeout, self._passed)

    def _passed(self) -> None:
        more = min(self.lag.total - self._counted, self.timeout - self._granted)
        self._counted = self.lag.total
        if more > 0:
            self._granted += more
            self._handle = asyncio.get_running_loop().call_later(max(more, TICK), self._passed)
        else:
            self.scope.reschedule(0)

    def close(self) -> None:
        self._handle.cancel()
