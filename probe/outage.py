"""Whether this host still has a network: asked in the middle of a run, before what did not work is put down to anybody.

Law: only the host's own resolvers are asked, as at the start of a run. What was seen while none of them answered says
nothing about a target; where none comes to answer again, the run cannot go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from probe.address import parse
from probe.failure import Failure
from probe.model import Measurement
from probe.steps.dns import ask_for_rcode
from probe.steps.host import look
from probe.steps.network import Resolver, has_route

PAUSES = (1.0, 5.0, 15.0, 60.0)
"""Seconds to wait, time after time, for a network that is away: a minute and a half for a router to start anew."""
_ROUNDS = (2.0, 3.0)
"""Seconds to wait for the resolvers, first and second time."""
_MOST_NAMES = 3

_AS_IF_AWAY = frozenset(
    {
        Failure.GENERIC_TIMEOUT,
        Failure.TIMED_OUT,
        Failure.HOST_UNREACHABLE,
        Failure.NETWORK_DOWN,
        Failure.NETWORK_UNREACHABLE,
        Failure.ADDRESS_NOT_AVAILABLE,
    }
)
"""How operations fail on a host without a network."""


class OutageError(Exception):
    """The network went away in the middle of a run and did not come back. The text says how, in a few words."""


@dataclass(slots=True, kw_only=True)
class Outage:
    """What is known of this host's network while a run goes on. Times are the event loop's."""

    resolvers: Sequence[Resolver]
    names: Sequence[str]
    """Names that are asked for anyway."""
    _there: float = 0.0
    """There was a network at this moment."""
    _over: float = 0.0
    """The end of the last time that it was away."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def spoilt(self, measurement: Measurement) -> bool:
        """Whether a measurement that just ended was taken while the network was away; returns when it is back. Raises
        OutageError where it does not come back."""
        if not any(row.failure in _AS_IF_AWAY for row in measurement.observations):
            return False
        loop = asyncio.get_running_loop()
        ended = loop.time()
        async with self._lock:  # one asks, for all that wait
            if ended <= self._over:
                return True
            if ended <= self._there:
                return False
            now = loop.time()
            if await self._is_there():
                self._there = now
                return False
            await self._wait()
            self._there = self._over = loop.time()
            return True

    async def _wait(self) -> None:
        for pause in PAUSES:
            await asyncio.sleep(pause)
            if await self._is_there():
                return
        host, _ = await look(self.resolvers, self.names)
        if not host.online:
            raise OutageError(host.why_offline)

    async def _is_there(self) -> bool:
        """Whether a resolver answers: a question that belongs to nobody, then also such as are asked anyway."""
        questions = [(".", "NS")]
        for seconds in _ROUNDS:
            asking = [
                ask_for_rcode(resolver, name, kind, seconds)
                for resolver in self.resolvers
                if (address := parse(resolver.address)) is not None and has_route(address)
                for name, kind in questions
            ]
            if any(rcode is not None for rcode in await asyncio.gather(*asking)):
                return True
            questions += [(name, "A") for name in self.names[:_MOST_NAMES]]
        return False
