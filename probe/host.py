"""The machine that measures, as a noun of the model: what is known of its network, its clock and its resolver.

Law: a frozen record, as those of `probe.model`, by whose name it is known elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What this machine's own network was like during a run: the ground every verdict of the run stands on. Some of it
    is seen before, the rest by what the run observes (`probe.classify.ground`); None was not found out."""

    online: bool
    """There is a route, and a resolver answers."""
    why_offline: str | None = None
    """In a few words."""
    ipv4: bool = True
    """There is a route to the IPv4 Internet."""
    ipv6: bool = True
    """There is a route to the IPv6 Internet; whether anything comes back is another question."""
    ipv6_works: bool | None = None
    """Whether any IPv6 connection was made; false where none was, though IPv4 reached the same hosts."""
    vpn: str | None = None
    """The kind of tunnel (`wireguard`, `tun`, …) that the way to the Internet leads into; absent where none is seen."""
    metered: str | None = None
    """Over what that way leads, where it is paid for by the byte; absent where it is not, or nobody knows."""
    resolvers: tuple[str, ...] = ()
    """The resolvers asked, as `address:port`."""
    resolver_rewrites_nxdomain: bool | None = None
    """Whether the resolver gives an address for a name that cannot exist."""
    rewritten_to: tuple[str, ...] = ()
    """The addresses that it gives for such a name."""
    resolver_intercepts: bool | None = None
    """Whether it gave these for every name of the run, also for such as the controls know to exist."""
    captive_portal: bool | None = None
    """Whether all that was met was one and the same stranger, as where a network wants a login first; false once a
    control answered, or a service proved by its certificate who it is."""
    clock_offset: float | None = None
    """Seconds by which this machine's clock is ahead of the first control's that answered; negative: behind."""
    clock_wrong: bool | None = None
    """Whether the clock is wrong: by a control's, or since the certificates of several sites are all past, or all still
    to come."""
    since: datetime | None = None
    """From this moment on, UTC; absent: since the run began."""
    before: Host | None = None
    """How it was until then, where the run was cut short and resumed."""

    def at(self, moment: datetime) -> Host:
        """How it was at a moment of the run."""
        if self.before is None or self.since is None or moment >= self.since:
            return self
        return self.before.at(moment)
