"""What is said beside a verdict, of this machine, and decides nothing.

Law: pure. A note holds or does not; where it holds it is the last of a verdict's reasons. `docs/rules.md` lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from probe.classify import host as h
from probe.classify.facts import Case, Evidence, Layer, ids


@dataclass(frozen=True, slots=True)
class Note:
    """One row of the table."""

    code: str
    when: Callable[[Case], Evidence | None]
    """The ids of the observations that it is about; None when it does not hold."""
    text: str
    """One plain sentence; the names in braces are those of `sentence.words`."""


def is_on_vpn(case: Case) -> Evidence | None:
    return () if case.host.vpn is not None else None


def is_out_of_time(case: Case) -> Evidence | None:
    """A certificate was refused, and the clock is wrong."""
    return ids(row for row in case.end.tls if h.is_out_of_time(case, row)) or None


def is_without_ipv6(case: Case) -> Evidence | None:
    """Connections failed, some of them over an IPv6 that leads nowhere."""
    if case.host.ipv6_works is not False or case.end.failed is not Layer.TCP:
        return None
    return ids(row for row in case.end.tcp if h.is_of_ipv6(row)) or None


def is_rewritten(case: Case) -> Evidence | None:
    return ids(case.end.dns) if h.is_rewritten(case) and not case.host.captive_portal else None


NOTES: tuple[Note, ...] = (
    Note(
        "host.vpn",
        is_on_vpn,
        "The way from here leads through a VPN ({vpn}): what was seen is the VPN's network, not your provider's.",
    ),
    Note("host.clock_off", is_out_of_time, "This machine's clock is {clock}. Set it, and measure again."),
    Note(
        "host.ipv6_broken",
        is_without_ipv6,
        "IPv6 leads nowhere from this machine, whatever is asked for: what failed over IPv6 counts for nothing.",
    ),
    Note(
        "host.resolver_rewrites",
        is_rewritten,
        "The resolver does not say of a name that it does not exist: it gives the same address for one that cannot.",
    ),
)
