"""The conditions that this machine's own state makes: what is known of the host decides what a failure can mean.

Law: pure. Where the host itself explains a failure, nothing is claimed of the network.
"""

from __future__ import annotations

from datetime import timedelta

from probe.classify.addresses import addresses_in, addresses_of
from probe.classify.facts import Case
from probe.classify.path import Evidence, Hop, Layer, ids, leaf_of
from probe.classify.weighing import NO_WAY_OUT
from probe.failure import Failure
from probe.form import parse_time
from probe.model import Experiment, Observation, Scheme, TlsDetail


def is_offline(case: Case) -> Evidence | None:
    return () if not case.host.online else None


def is_behind_portal(case: Case) -> Evidence | None:
    return ids(case.end.failures or case.end.rows) if case.host.captive_portal else None


def has_no_route(case: Case) -> Evidence | None:
    """No way out of this host: an address family it has no Internet for, or a network that went away."""
    hop = case.end
    if hop.is_untried and case.mine.measurement.target.scheme is not Scheme.DNS:
        return ids(hop.dns)
    rows = hop.tcp if hop.failed is Layer.TCP else hop.greeting
    gone = hop.failed in (Layer.TCP, Layer.GREETING) and all(row.failure in NO_WAY_OUT for row in rows)
    return ids(rows) if gone else None


# The clock


def clock_is_wrong(case: Case) -> Evidence | None:
    """The very certificate that a control accepts is not valid now: then it is not the certificate."""
    hop = case.end
    if hop.failed is not Layer.TLS or hop.failure is not Failure.SSL_INVALID_CERTIFICATE:
        return None
    theirs = {leaf_of(row) for peer in case.peers for row in peer.tls if row.failure is None}
    mine = {leaf_of(row) for row in hop.tls if row.failure is Failure.SSL_INVALID_CERTIFICATE}
    return ids(hop.tls) if mine & theirs - {None} else None


def clock_may_explain(case: Case) -> Evidence | None:
    """The certificate is not valid by a clock that is wrong. A certificate is judged by its time first, so whose it is
    was not learned."""
    hop = case.end
    rows = tuple(row for row in hop.tls if row.failure is not None)
    explained = hop.failed is Layer.TLS and bool(rows) and all(is_out_of_time(case, row) for row in rows)
    return ids(rows) if explained else None


def is_out_of_time(case: Case, row: Observation) -> bool:
    """Whether this certificate was refused for a reason that a wrong clock of this machine explains."""
    if not case.host.clock_wrong or row.failure is not Failure.SSL_INVALID_CERTIFICATE:
        return False
    if case.host.clock_offset is None:
        return True
    moment = case.mine.measurement.started_at - timedelta(seconds=case.host.clock_offset)
    leaf = row.detail if isinstance(row.detail, TlsDetail) else None
    if leaf is None or leaf.not_before is None or leaf.not_after is None:
        return True
    return parse_time(leaf.not_before) <= moment <= parse_time(leaf.not_after)


# IPv6


def ipv6_counts(case: Case) -> bool:
    """Whether a failure over IPv6 says anything: only where IPv6 was seen to work, in this measurement or the run."""
    made = any(":" in a for a in addresses_in(r for r in case.mine.measurement.observations if r.failure is None))
    return made or bool(case.host.ipv6_works)


def is_of_ipv6(row: Observation) -> bool:
    """Whether an operation went to an IPv6 address."""
    return ":" in getattr(row.detail, "address", "")


def ipv6_alone_could_tell(case: Case) -> Evidence | None:
    """All that a control could reach, and we could not, was IPv6, which has not been seen to work from here."""
    hop = case.end
    if hop.failed is not Layer.TCP or ipv6_counts(case):
        return None
    reachable = tuple(row for row in hop.tcp if getattr(row.detail, "address", "") in case.reachable)
    return ids(reachable) if reachable and all(map(is_of_ipv6, reachable)) else None


# The resolver


def is_rewritten(case: Case) -> bool:
    """Whether the name was given only such addresses as the resolver gives for a name that cannot exist."""
    given = v4_addresses(case.end.dns)
    return bool(given) and given <= frozenset(case.host.rewritten_to)


def resolver_intercepts(case: Case) -> Evidence | None:
    return ids(case.end.dns) if case.host.resolver_intercepts and is_rewritten(case) else None


def dns_rewritten(case: Case) -> Evidence | None:
    """This name is treated as one that cannot exist, others are not; the controls know it."""
    apart = case.host.resolver_intercepts is False and is_rewritten(case)
    denied = bool(case.their_addresses) and not v4_addresses(case.end.dns) & case.their_addresses
    return ids(case.end.dns) if apart and denied else None


def is_ghost(case: Case) -> bool:
    """Whether the name does not exist for any control, and has an address here, from a resolver that denies other names
    that do not exist."""
    dead = bool(case.peers) and all(_is_denied(peer) for peer in case.peers)
    return dead and bool(case.end.addresses) and case.host.resolver_rewrites_nxdomain is False


def _is_denied(peer: Hop) -> bool:
    """A control's resolver says that the name does not exist, whatever the control met where others say it is."""
    return not peer.addresses and any(row.failure is Failure.DNS_NXDOMAIN for row in peer.dns)


def dns_ghost(case: Case) -> Evidence | None:
    """A dead name has an address here, and so has any name below it: no cache holds those, somebody makes them up."""
    below = tuple(row for row in case.tried(Experiment.BELOW_THE_NAME).dns if addresses_of([row]))
    made_up = is_ghost(case) and bool(below) and addresses_of(below) <= case.end.addresses
    return (*ids(row for row in case.end.dns if addresses_of([row])), *ids(below)) if made_up else None


def v4_addresses(rows: tuple[Observation, ...]) -> frozenset[str]:
    """The IPv4 addresses in DNS answers."""
    return frozenset(address for address in addresses_of(rows) if ":" not in address)
