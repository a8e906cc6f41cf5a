"""What was found out about this machine, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from probe.classify import clock
from probe.model import Host


def trouble(host: Host) -> Iterator[str]:
    """A sentence for each thing that stands between this machine and good measurements."""
    if host.vpn is not None:
        yield f"The way from here leads through a VPN ({host.vpn}): what was seen is its network, not your provider's."
    if host.metered is not None:
        yield f"The way from here leads over {host.metered}: what is measured costs its owner."
    if host.captive_portal:
        yield "This network seems to want a login first (a captive portal): log in with a browser, and measure again."
    if host.clock_wrong:
        yield f"This machine's clock is {clock(host)}: set it, and measure again."
    if host.ipv6_works is False:
        yield "IPv6 leads nowhere from this machine, although it has a route for it: only IPv4 was judged."
    if host.resolver_rewrites_nxdomain:
        yield f"The resolver gives {' and '.join(host.rewritten_to[:3])} for names that do not exist."
