"""What is told after the reasons of a verdict, whatever decided it.

Law: pure. A note never decides, and one that holds is always told beside the outcomes it is for.
"""

from __future__ import annotations

from probe.classify import conditions as c
from probe.classify import controls as k
from probe.classify import host as h
from probe.classify.facts import Case
from probe.classify.networks import asns_of
from probe.classify.path import Evidence, Layer, ids
from probe.classify.rule import Note
from probe.model import Method, Outcome

_ANY = frozenset(Outcome)


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


def is_led_through_own_network(case: Case) -> Evidence | None:
    """The service answers as itself at an address of the very network that the vantage point is in, where none of the
    controls' addresses is."""
    own = case.mine.measurement.vantage.asn
    rows = tuple(row for row in case.end.dns if own and own in asns_of([row], case.end.addresses))
    theirs = frozenset().union(*(asns_of(peer.dns, peer.addresses) for peer in case.peers))
    apart = bool(theirs) and own not in theirs and not case.end.addresses & case.their_addresses
    return ids(rows) if rows and apart else None


NOTES: tuple[Note, ...] = (
    Note(
        "dns.interception",
        frozenset({Outcome.OK}),
        is_led_through_own_network,
        "The resolver sends {host} to {addresses}, in the network that this machine is in itself and no control's"
        " address is in. It answers there as itself: a cache of the service's own, or a proxy that passes it all on.",
    ),
    Note(
        "control.nearby",
        frozenset({Outcome.BLOCKED}),
        k.control_is_nearby,
        "The control is in the same country or network, and may be behind a censor as well: this is likely at most.",
    ),
    Note(
        "quic.blocked",
        frozenset({Outcome.OK}),
        c.quic_is_cut,
        "{host} offers HTTP/3 and answers the control over it; from here it answers over TCP alone. Whoever is on the"
        " way lets no QUIC through, to this address at least.",
        Method.QUIC,
    ),
    Note(
        "control.minority_disagrees",
        _ANY,
        k.some_are_overruled,
        "{overruled} saw it otherwise than most control vantage points, which agree with each other.",
    ),
    Note(
        "host.vpn",
        _ANY,
        is_on_vpn,
        "The way from here leads through a VPN ({vpn}): what was seen is the VPN's network, not your provider's.",
    ),
    Note("host.clock_off", _ANY, is_out_of_time, "This machine's clock is {clock}. Set it, and measure again."),
    Note(
        "host.ipv6_broken",
        _ANY,
        is_without_ipv6,
        "IPv6 leads nowhere from this machine, whatever is asked for: what failed over IPv6 counts for nothing.",
    ),
    Note(
        "host.resolver_rewrites",
        _ANY,
        is_rewritten,
        "The resolver does not say of a name that it does not exist: it gives the same address for one that cannot.",
    ),
)
