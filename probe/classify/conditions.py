"""The conditions of the rules: each answers with the observations that show it, or with None.

Law: pure. A condition about interference holds only where the control got past the same place, by the same way.
"""

from __future__ import annotations

from probe.classify.addresses import addresses_of
from probe.classify.facts import Case
from probe.classify.host import ipv6_counts, is_of_ipv6, is_out_of_time
from probe.classify.pages import Likeness, asks_for_a_human, compare
from probe.classify.path import CERTIFICATE_FAILURES, TIMEOUTS, Evidence, Hop, Layer, ids, is_impatient
from probe.classify.speed import is_slowed
from probe.failure import Failure
from probe.model import HttpDetail, Observation, QuicDetail, Scheme, TlsDetail

_REFUSALS = frozenset({401, 403, 429, 451, 503})
UNREACHABLE = frozenset({Failure.HOST_UNREACHABLE, Failure.PERMISSION_DENIED, Failure.NETWORK_RESET})
CUT = frozenset({Failure.CONNECTION_RESET, Failure.CONNECTION_ABORTED})


def when(holds: bool, rows: tuple[Observation, ...] = ()) -> Evidence | None:
    return ids(rows) if holds else None


def always(case: Case) -> Evidence | None:
    return ids(case.end.failures)


# Neither the network nor the service


def is_impatient_host(case: Case) -> Evidence | None:
    hop = case.end
    silent = tuple(row for row in hop.failures if row.failure in TIMEOUTS)
    return when(hop.failure in TIMEOUTS and all(is_impatient(row) for row in silent), silent)


def is_retired(case: Case) -> Evidence | None:
    return when(case.mine.measurement.target.retired is not None)


# It answered


def is_refused(case: Case) -> Evidence | None:
    page = case.end.page
    if page is None or page.status not in _REFUSALS or not _is_authentic(case):
        return None
    pages = [path.end.page for path in case.controls if path.reached and path.end.page is not None]
    alone = bool(pages) and all((theirs.status or 0) < 400 for theirs in pages)
    return when(alone or page.status == 451, case.end.http)


def is_verified_page(case: Case) -> Evidence | None:
    return when(case.end.page is not None and _is_authentic(case), case.end.http)


def _is_authentic(case: Case) -> bool:
    """The end is proven by TLS to be a host that the service, or a control's visit, led to."""
    if case.mine.is_authenticated:
        return True
    return case.mine.reached and bool(case.end.secured) and bool(case.peers)


def is_verified_handshake(case: Case) -> Evidence | None:
    return when(scheme_of(case) is Scheme.TLS and case.mine.reached, case.end.tls)


def is_connected(case: Case) -> Evidence | None:
    """Over plain TCP anybody's server accepts a connection: where there is a control, it must know the address."""
    if scheme_of(case) is not Scheme.TCP or not case.mine.reached:
        return None
    known = not case.peers or bool(case.end.connected & case.confirmed_addresses)
    return when(known or case.control_reached is False, case.end.tcp)


def is_resolved(case: Case) -> Evidence | None:
    """An address that everybody is given is the name's own, also where it is one of no public service."""
    theirs = frozenset().union(*(peer.addresses for peer in case.peers))
    return when(scheme_of(case) is Scheme.DNS and bool(case.end.addresses & theirs), case.end.dns)


def is_same_page(case: Case) -> Evidence | None:
    return when(_likeness(case) is Likeness.SAME, case.end.http)


# It works nowhere


def dns_fails_everywhere(case: Case) -> Evidence | None:
    return fails_everywhere(case, Layer.DNS)


def tcp_fails_everywhere(case: Case) -> Evidence | None:
    return fails_everywhere(case, Layer.TCP)


def tls_fails_everywhere(case: Case) -> Evidence | None:
    return fails_everywhere(case, Layer.TLS)


def http_fails_everywhere(case: Case) -> Evidence | None:
    loops = all(path.has_unfollowed_redirect for path in case.controls)
    if case.control_reached is False and loops and not case.mine.reached:
        return when(True, case.end.http)
    return fails_everywhere(case, Layer.HTTP)


def fails_everywhere(case: Case, layer: Layer) -> Evidence | None:
    ends = {path.end.failed for path in case.controls}
    return when(case.control_reached is False and ends == {layer}, case.end.failures)


# The name


def dns_injected(case: Case) -> Evidence | None:
    hop = case.end
    if hop.failed is None or not hop.second_answers or not case.their_addresses:
        return None
    true_later = [row for row in hop.second_answers if _answers(row) & case.their_addresses]
    questions = {(getattr(row.detail, "query_type", ""), row.attempt) for row in true_later}
    false_first = [
        row
        for row in hop.dns
        if (getattr(row.detail, "query_type", ""), row.attempt) in questions
        and not _answers(row) & case.their_addresses
    ]
    return when(bool(false_first), (*false_first, *true_later))


def dns_bogon(case: Case) -> Evidence | None:
    hop = case.end
    answered = tuple(row for row in hop.dns if _answers(row))
    return when(
        hop.failed is Layer.DNS and bool(hop.addresses) and not hop.public and bool(case.their_addresses), answered
    )


def dns_a_forged(case: Case) -> Evidence | None:
    return _one_type_forged(case, "A", "AAAA")


def dns_aaaa_forged(case: Case) -> Evidence | None:
    return _one_type_forged(case, "AAAA", "A")


def _one_type_forged(case: Case, forged: str, other: str) -> Evidence | None:
    """One record type is false. Where both are, or the other is not there, the whole name is: other rules' work."""
    false = case.forged_of(forged)
    true_ones = case.end.addresses - false - case.forged_of(other)
    return when(bool(false and true_ones), tuple(row for row in case.end.dns if _answers(row) & false))


def dns_wrong_address(case: Case) -> Evidence | None:
    hop = case.end
    failed = hop.failed not in (None, Layer.DNS) or _likeness(case) is Likeness.OTHER
    if not failed or not case.their_addresses or not case.forged_addresses:
        return None
    return (*ids(row for row in hop.dns if _answers(row)), *ids(hop.failures or hop.http))


def dns_nxdomain(case: Case) -> Evidence | None:
    return _dns_fails(case, Failure.DNS_NXDOMAIN)


def dns_no_answer(case: Case) -> Evidence | None:
    return _dns_fails(case, Failure.DNS_NO_ANSWER)


def dns_refused(case: Case) -> Evidence | None:
    return _dns_fails(case, Failure.DNS_REFUSED)


def dns_servfail(case: Case) -> Evidence | None:
    return _dns_fails(case, Failure.DNS_SERVFAIL)


def dns_timeout(case: Case) -> Evidence | None:
    return _dns_fails(case, *TIMEOUTS)


def dns_garbled(case: Case) -> Evidence | None:
    return _dns_fails(case, Failure.DNS_SERVER_MISBEHAVING)


def _dns_fails(case: Case, *words: Failure) -> Evidence | None:
    hop = case.end
    failing = hop.failed is Layer.DNS and not hop.addresses and hop.failure in words
    return when(failing and bool(case.their_addresses), hop.failures)


# The connection


def tcp_timeout(case: Case) -> Evidence | None:
    return _tcp_fails(case, *TIMEOUTS)


def tcp_reset(case: Case) -> Evidence | None:
    return _tcp_fails(case, *CUT)


def tcp_refused(case: Case) -> Evidence | None:
    return _tcp_fails(case, Failure.CONNECTION_REFUSED)


def tcp_unreachable(case: Case) -> Evidence | None:
    return _tcp_fails(case, *UNREACHABLE)


def _tcp_fails(case: Case, *words: Failure) -> Evidence | None:
    hop = case.end
    if hop.failed is not Layer.TCP:
        return None
    rows = tuple(r for r in hop.tcp if r.failure in words and getattr(r.detail, "address", "") in case.reachable)
    if not ipv6_counts(case):
        rows = tuple(row for row in rows if not is_of_ipv6(row))
    return when(bool(rows), rows)


# The handshake


def tls_reset(case: Case) -> Evidence | None:
    return _tls_fails(case, *CUT)


def tls_timeout(case: Case) -> Evidence | None:
    return _tls_fails(case, *TIMEOUTS)


def tls_eof(case: Case) -> Evidence | None:
    return _tls_fails(case, Failure.EOF)


def tls_broken(case: Case) -> Evidence | None:
    return _tls_fails(case, Failure.SSL_FAILED_HANDSHAKE, Failure.UNKNOWN)


def tls_untrusted(case: Case) -> Evidence | None:
    hop = case.end
    rows = tuple(row for row in hop.tls if row.failure in CERTIFICATE_FAILURES and not is_out_of_time(case, row))
    at_service = tuple(row for row in rows if getattr(row.detail, "address", "") in case.confirmed_addresses)
    return when(hop.failed is Layer.TLS and bool(at_service) and any(p.secured for p in case.peers), at_service)


def _tls_fails(case: Case, *words: Failure) -> Evidence | None:
    """The handshake was broken off here, while the control completed one with the same address or service."""
    hop = case.end
    if hop.failed is not Layer.TLS:
        return None
    completed = {
        row.detail.address
        for peer in case.peers
        for row in peer.tls
        if isinstance(row.detail, TlsDetail) and row.detail.tls_version is not None
    }
    places = completed | case.confirmed_addresses
    rows = tuple(row for row in hop.tls if row.failure in words and getattr(row.detail, "address", "") in places)
    return when(bool(rows) and any(peer.secured for peer in case.peers), rows)


# The page


def http_reset(case: Case) -> Evidence | None:
    return _http_fails(case, *CUT)


def http_timeout(case: Case) -> Evidence | None:
    """Nothing came: where the page had begun to come, it is a matter of speed."""
    return None if is_slowed(case) else _http_fails(case, *TIMEOUTS)


def http_eof(case: Case) -> Evidence | None:
    return _http_fails(case, Failure.EOF, Failure.HTTP_REQUEST_FAILED)


def _http_fails(case: Case, *words: Failure) -> Evidence | None:
    hop = case.end
    failing = hop.failed is Layer.HTTP and hop.failure in words
    answered = any(peer.page is not None for peer in case.peers)
    return when(failing and answered, hop.failures)


def quic_is_cut(case: Case) -> Evidence | None:
    """QUIC fails here every time at an address where a control's handshake was completed."""
    completed = [row for peer in case.peers for row in peer.quic if row.failure is None]
    theirs = {row.detail.address for row in completed if isinstance(row.detail, QuicDetail)}
    mine = tuple(row for row in case.end.quic if isinstance(row.detail, QuicDetail) and row.detail.address in theirs)
    return when(len(mine) > 1 and all(row.failure is not None for row in mine), mine)


def http_redirected_elsewhere(case: Case) -> Evidence | None:
    return ids(case.led_astray.http) if case.led_astray is not None else None


def http_other_page(case: Case) -> Evidence | None:
    page = case.end.page
    if page is None or asks_for_a_human(page) or case.forged_addresses:
        return None
    return when(_likeness(case) is Likeness.OTHER, case.end.http)


# What is left


def has_unconfirmed_address(case: Case) -> Evidence | None:
    doubtful = scheme_of(case) in (Scheme.TCP, Scheme.DNS) and case.mine.reached and bool(case.peers)
    return when(doubtful, case.end.dns)


def http_asks_for_a_human(case: Case) -> Evidence | None:
    page = case.end.page
    return when(page is not None and asks_for_a_human(page), case.end.http)


def http_is_unclear(case: Case) -> Evidence | None:
    return when(case.end.page is not None, case.end.http)


def http_failed(case: Case) -> Evidence | None:
    return when(case.end.failed is Layer.HTTP, case.end.failures)


# Shared


def scheme_of(case: Case) -> Scheme:
    return case.mine.measurement.target.scheme


def _likeness(case: Case) -> Likeness | None:
    """How the last page here, got in clear, compares with the controls'; None where there is nothing to compare."""
    page = case.end.page
    if page is None or case.end.tls:
        return None
    theirs = [answer for path in case.controls for answer in (_page_at(path.at(case.end)), path.end.page) if answer]
    found = [compare(page, other) for other in theirs]
    if case.mine.reached and Likeness.SAME in found:
        return Likeness.SAME
    return Likeness.OTHER if found and set(found) == {Likeness.OTHER} else Likeness.UNCLEAR


def _page_at(hop: Hop | None) -> HttpDetail | None:
    return hop.page if hop is not None else None


def _answers(row: Observation) -> frozenset[str]:
    return addresses_of([row])
