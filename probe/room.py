"""How much this machine can bear at once: a measurement begins when what it may need is there.

Law: what runs out here is waited for. It makes measurements late, and never makes them fail.
"""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from probe.steps.errors import HostExhaustedError

_EACH = 16
"""Descriptors that one measurement may need: two questions, four addresses of each family, and some in closing."""
_OURS = 64
"""Those of the database, the controls and the program itself."""
_YOUNG = 1.0
"""Seconds after which a measurement has opened what it opens: from then on, what is open is counted."""
_PAUSE = 0.02
_LONGEST_REST, _TRIES = 5.0, 30
"""Seconds that are waited for what has run out, at most at a time, and how often: a port that was used is free again
after a minute."""
_WITHOUT_LIMIT = 65_536

T = TypeVar("T")


@dataclass(slots=True)
class Room:
    """What is left of one process's descriptors, and whether anything else of its machine has run out."""

    descriptors: int = field(default_factory=lambda: raised_limit())
    _before: int = field(default_factory=lambda: in_use())
    """Those that were open when nobody was inside yet."""
    _inside: int = 0
    _young: dict[object, float] = field(default_factory=dict)
    """When those began that may not have opened yet what they need, on the loop's clock; the oldest first."""
    _closed_until: float = 0.0
    _door: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def measure(self, measuring: Callable[[], Awaitable[T]]) -> T:
        """Measures when there is room; where something has run out all the same, lets fewer in and measures again.
        Raises HostExhaustedError when that does not help for minutes."""
        for number in range(1, _TRIES):
            try:
                return await self._inside_it(measuring)
            except HostExhaustedError:
                rest = min(float(number), _LONGEST_REST)
                self._closed_until = max(self._closed_until, asyncio.get_running_loop().time() + rest)
        return await self._inside_it(measuring)

    async def _inside_it(self, measuring: Callable[[], Awaitable[T]]) -> T:
        async with self._door:  # one after the other, in the order of coming
            await self._wait()
            token = object()
            self._inside += 1
            self._young[token] = asyncio.get_running_loop().time()
        try:
            return await measuring()
        finally:
            self._inside -= 1
            self._young.pop(token, None)

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        while self._inside and not self._is_room(loop.time()):  # noqa: ASYNC110 - the kernel sets no event
            await asyncio.sleep(_PAUSE)
        if not self._inside:  # nobody is there who could give anything back
            await asyncio.sleep(max(0.0, self._closed_until - loop.time()))

    def _is_room(self, now: float) -> bool:
        while self._young and (oldest := next(iter(self._young.items())))[1] < now - _YOUNG:
            del self._young[oldest[0]]
        if now < self._closed_until:
            return False
        left = self.descriptors - _OURS
        if self._before + (self._inside + 1) * _EACH <= left:  # whatever they open: no need to look
            return True
        return in_use() + (len(self._young) + 1) * _EACH <= left


def in_use() -> int:
    """How many descriptors are open in this process, as the lowest free number says; all, where none is free."""
    try:
        descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return raised_limit()
    os.close(descriptor)
    return descriptor


def raised_limit() -> int:
    """How many descriptors this process may have open, raised as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, _WITHOUT_LIMIT)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    except (OSError, ValueError):  # a sandbox that does not let us
        return soft
    return wanted


def affordable() -> int:
    """How many measurements this process may have open at once whatever they need."""
    return max(1, (raised_limit() - _OURS) // _EACH)
