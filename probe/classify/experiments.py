"""The conditions of the rules that rest on follow-up experiments (`probe.checks.follow_up`).

Law: pure. An experiment counts for what it changed: what still fails, and what works again, says which part it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from probe.classify import conditions as c
from probe.classify.addresses import addresses_in, addresses_of
from probe.classify.facts import Case
from probe.classify.host import ipv6_counts, is_of_ipv6
from probe.classify.path import TIMEOUTS, Evidence, Hop, Layer, ids, is_impatient, leaf_of
from probe.failure import Failure
from probe.model import Experiment, Observation, TlsDetail

_BROKEN_OFF = c.CUT | TIMEOUTS | {Failure.EOF}
_DENIALS = (Failure.DNS_NXDOMAIN, Failure.DNS_NO_ANSWER, Failure.DNS_REFUSED)


def works_again(case: Case) -> Evidence | None:
    """What failed every time worked when it was repeated after a longer pause: a fault that passed."""
    again, failed = case.tried(Experiment.REPEAT), case.end.failed
    if failed is None or not again.rows:
        return None
    if failed is Layer.DNS:
        works = bool(addresses_of(again.dns) & case.their_addresses)
    elif again.greeting:
        works = bool(again.answered)
    elif case.end.http or any(peer.http for peer in case.peers):
        works = bool(again.pages)
    else:
        works = bool(again.secured if case.end.tls else again.connected)
    return c.when(works, again.rows)


def dns_answered_by_nobody(case: Case) -> Evidence | None:
    """An answer came from an address where no resolver is. Only a failure of this name makes it matter."""
    rows = tuple(row for row in case.tried(Experiment.NO_RESOLVER).dns if getattr(row.detail, "rcode", None))
    return c.when(bool(rows) and case.name_is_suspect, rows)


def dns_true_over_tcp(case: Case) -> Evidence | None:
    """The resolver tells the truth over TCP, and datagrams in its name do not: they are not its own."""
    return _told_otherwise(case, Experiment.OVER_TCP)


def dns_true_over_tls(case: Case) -> Evidence | None:
    """The resolver tells the truth over TLS, and datagrams in its name do not: they are not its own."""
    return _told_otherwise(case, Experiment.OVER_TLS)


def dns_true_elsewhere(case: Case) -> Evidence | None:
    """Another resolver tells the truth over a way that nobody can forge: this network's does not."""
    return _told_otherwise(case, Experiment.OVER_HTTPS)


def _told_otherwise(case: Case, experiment: Experiment) -> Evidence | None:
    """The truth came by another way, where the usual one brought a false answer, and not just none."""
    true_ones = tuple(row for row in case.tried(experiment).dns if addresses_of([row]) & case.their_addresses)
    answered = tuple(row for row in case.end.dns if getattr(row.detail, "rcode", None))
    return c.when(bool(true_ones) and bool(answered) and case.name_is_suspect, (*answered, *true_ones))


def dns_true_address_works(case: Case) -> Evidence | None:
    """The resolver denies or misplaces a name whose service answers, proven by its certificate, at its true address."""
    there = case.tried(Experiment.CONTROL_ADDRESS)
    denied = case.end.failed is Layer.DNS and case.end.failure in (*_DENIALS, None)
    proven = tuple(row for row in there.tls if row.failure is None)
    return c.when(bool(proven) and (denied or case.forged_addresses), (*case.end.dns, *proven))


def _at_true_address(case: Case) -> Hop:
    """What was seen there. It counts only against a name that is suspect."""
    there = case.tried(Experiment.CONTROL_ADDRESS)
    return there if case.name_is_suspect else Hop(there.index, there.host, ())


def tcp_fails_at_true_address(case: Case) -> Evidence | None:
    there = _at_true_address(case)
    waited = not any(is_impatient(row) for row in there.tcp)
    telling = [row for row in there.tcp if ipv6_counts(case) or not is_of_ipv6(row)]
    elsewhere = bool(addresses_in(telling) & case.reachable)
    return c.when(waited and elsewhere and not there.connected, there.tcp)


def tls_fails_at_true_address(case: Case) -> Evidence | None:
    there = _at_true_address(case)
    broken = tuple(row for row in there.tls if row.failure in _BROKEN_OFF and not is_impatient(row))
    return c.when(bool(broken) and not there.secured and any(peer.secured for peer in case.peers), broken)


def http_fails_at_true_address(case: Case) -> Evidence | None:
    there = _at_true_address(case)
    broken = tuple(row for row in there.http if row.failure in _BROKEN_OFF and not is_impatient(row))
    return c.when(bool(broken) and not there.pages and any(peer.page for peer in case.peers), broken)


def tcp_port_is_the_trigger(case: Case) -> Evidence | None:
    """The address answers at another port, and not at this one."""
    shown = c.tcp_timeout(case) or c.tcp_reset(case) or c.tcp_refused(case) or c.tcp_unreachable(case)
    other = tuple(row for row in case.tried(Experiment.OTHER_PORT).tcp if row.failure is None)
    failing = addresses_in(row for row in case.end.tcp if row.id in (shown or ()))
    return (*shown, *ids(other)) if shown and addresses_in(other) & failing else None


def tls_split_name_passes(case: Case) -> Evidence | None:
    """The handshake is broken off where the name can be read in one piece, and completed where it cannot."""
    shown = c.tls_reset(case) or c.tls_timeout(case) or c.tls_eof(case)
    passed = tuple(
        row
        for experiment in (Experiment.SPLIT_SEGMENTS, Experiment.SPLIT_RECORDS)
        for row in case.tried(experiment).tls
        if row.failure is None
    )
    return (*shown, *ids(passed)) if shown and passed else None


def http_split_name_passes(case: Case) -> Evidence | None:
    """The exchange is broken off where the name can be read in one piece, and completed where it cannot."""
    shown = c.http_reset(case) or c.http_timeout(case) or c.http_eof(case)
    passed = tuple(row for row in case.tried(Experiment.SPLIT_SEGMENTS).http if row.failure is None)
    return (*shown, *ids(passed)) if shown and passed and not case.end.tls else None


def tls_trusted_interception(case: Case) -> Evidence | None:
    """At an address where a control completed a good handshake, another certificate of another authority with another
    key is shown, which only an authority vouches for that is neither public nor the service's own."""
    shown = [row.detail for peer in case.peers for row in peer.tls if row.failure is None]
    theirs = [detail for detail in shown if isinstance(detail, TlsDetail) and detail.certificates]
    there = {detail.address for detail in theirs}
    strange = tuple(
        row
        for row in case.end.privately_vouched
        if isinstance(row.detail, TlsDetail) and row.detail.address in there and _differs(row.detail, theirs)
    )
    return c.when(bool(strange), strange)


def _differs(mine: TlsDetail, theirs: Iterable[TlsDetail]) -> bool:
    """No certificate of theirs shares its issuer or its key with mine."""
    return all(mine.issuer != other.issuer and mine.public_key_sha256 != other.public_key_sha256 for other in theirs)


def tls_name_is_the_trigger(case: Case) -> Evidence | None:
    """The handshake is broken off under the service's name, and answered under another at the same address."""
    shown = c.tls_reset(case) or c.tls_timeout(case) or c.tls_eof(case)
    other = case.tried(Experiment.OTHER_NAME).tls
    answered = tuple(row for row in other if isinstance(row.detail, TlsDetail) and row.detail.tls_version)
    return (*shown, *ids(answered)) if shown and answered else None


def tls_name_cut_elsewhere(case: Case) -> Evidence | None:
    """On neutral ground, too, the handshake is broken off under the service's name and under no other."""
    if case.end.failed is not Layer.TLS:
        return None
    rows = case.tried(Experiment.NEUTRAL_GROUND).tls
    own = [row for row in rows if getattr(row.detail, "server_name", None) == case.end.host]
    usual = [row for row in rows if row not in own and getattr(row.detail, "tls_version", None)]
    return _only_one_is_cut(own, usual)


def http_name_cut_elsewhere(case: Case) -> Evidence | None:
    """On neutral ground, too, the exchange is broken off under the service's name and under no other."""
    if case.end.failed is not Layer.HTTP or case.end.tls:
        return None
    rows = case.tried(Experiment.NEUTRAL_GROUND).http
    own = [row for row in rows if f"//{case.end.host}" in getattr(row.detail, "url", "")]
    usual = [row for row in rows if row not in own and getattr(row.detail, "status", None)]
    return _only_one_is_cut(own, usual)


def _only_one_is_cut(own: Sequence[Observation], usual: Sequence[Observation]) -> Evidence | None:
    """At one place, the name's own rows ended badly, and those under another name did not."""
    cut = [row for row in own if row.failure in _BROKEN_OFF and not is_impatient(row)]
    there = {getattr(row.detail, "address", None) for row in usual}
    shown = tuple(row for row in cut if getattr(row.detail, "address", None) in there)
    return c.when(bool(shown), (*usual, *shown))


def http_name_is_the_trigger(case: Case) -> Evidence | None:
    """The exchange is broken off under the service's name, and answered under another at the same address."""
    shown = c.http_reset(case) or c.http_timeout(case) or c.http_eof(case)
    other = tuple(row for row in case.tried(Experiment.OTHER_NAME).http if getattr(row.detail, "status", None))
    return (*shown, *ids(other)) if shown and other and not case.end.tls else None


def tls_intercepted(case: Case) -> Evidence | None:
    """At an address that the control was given too, another certificate from an unknown authority, again and again."""
    shown = c.tls_untrusted(case)
    if shown is None or not case.repeated or not case.end.addresses & case.their_addresses:
        return None
    theirs = {leaf_of(row) for peer in case.peers for row in peer.tls if row.failure is None}
    strange = [r for r in case.end.tls if r.id in shown and r.failure is Failure.SSL_UNKNOWN_AUTHORITY]
    return shown if theirs and strange and not {leaf_of(row) for row in strange} & theirs else None
