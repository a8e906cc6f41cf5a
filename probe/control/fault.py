"""Whether a name that could not be resolved is this control's own fault.

Law: a control without a working resolver says so, and never that a service is down. Only its resolvers are asked, and
for the root's name servers, a question that belongs to nobody.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import dns.rcode

from probe.failure import Failure
from probe.model import DnsDetail, Measurement
from probe.steps.dns import ask_for_rcode
from probe.steps.network import Network

_SECONDS = 3.0
"""How long a resolver may take to tell of the root: it has it at hand."""
_TRIES = 2
"""A datagram may be lost."""
_REMEMBERED_SECONDS = 10.0
_TOLD = frozenset({None, Failure.DNS_NXDOMAIN, Failure.DNS_NO_ANSWER})
"""What only a resolver that works says."""
_SAYS_NOTHING = frozenset({None, dns.rcode.SERVFAIL, dns.rcode.REFUSED})


class OwnFaultError(Exception):
    """This control could not look: the measurement says nothing of its target."""


@dataclass(slots=True, kw_only=True)
class OwnResolvers:
    """The resolvers that this control asks, and whether they worked when they were last looked at."""

    network: Network
    _worked: bool = True
    _until: float = 0.0
    """On the network's clock: what was found holds until then."""

    async def vouch_for(self, measurement: Measurement) -> None:
        """Raises OwnFaultError for a measurement whose name failed since no resolver of this control's works."""
        asked = [row for row in measurement.observations if row.hop == 0 and isinstance(row.detail, DnsDetail)]
        if not asked or any(row.failure in _TOLD for row in asked):
            return
        if self.network.clock() >= self._until:
            self._worked = await self._work()
            self._until = self.network.clock() + _REMEMBERED_SECONDS
        if not self._worked:
            raise OwnFaultError("this control has no resolver that works")

    async def _work(self) -> bool:
        for _ in range(_TRIES):
            asking = (ask_for_rcode(resolver, ".", "NS", _SECONDS) for resolver in self.network.resolvers)
            if any(rcode not in _SAYS_NOTHING for rcode in await asyncio.gather(*asking)):
                return True
        return False
