"""One golden case, at least, for every rule: who saw what, and the verdict that must follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probe.failure import Failure as F
from probe.model import Experiment as X
from probe.model import Host, Target
from tests.classify.stories import (
    CLOCK_WRONG,
    FORGED,
    HTTP,
    HTTPS,
    INTERCEPTS,
    NAME,
    NO_IPV6,
    OFFLINE,
    ON_VPN,
    ONLINE,
    PORTAL,
    REAL,
    REAL2,
    REAL6,
    RETIRED,
    REWRITES,
    STUB,
    STUB6,
    TCP,
    TLS,
    WITH_IPV6,
    YEAR_AHEAD,
    Saw,
    well,
    well_in_clear,
)

BLOCK_PAGE = {"title": "Доступ ограничен", "body": "stub", "length": 900, "headers": (("server", "nginx"),)}
HUMAN_TEST = {"title": "Just a moment...", "body": "waf", "length": 900, "headers": (("cf-mitigated", "challenge"),)}


@dataclass(frozen=True)
class Golden:
    code: str
    """The rule that decides."""
    target: Target
    mine: Saw
    controls: Sequence[Saw]
    methods: tuple[str, ...] = ()
    confidence: str | None = None
    host: Host = ONLINE
    notes: tuple[str, ...] = ()
    """What is said beside it, in order."""


def saw_first_false_then_true() -> Saw:
    return Saw().dns(FORGED).dns(REAL, nth=2).tcp(FORGED, F.GENERIC_TIMEOUT, tries=2)


def control_with_forged(failure: F | None = F.SSL_INVALID_HOSTNAME) -> Saw:
    """The control's side, asked for the address that only we were given as well."""
    return well().tcp(FORGED).tls(FORGED, failure, leaf="stub")


# Certificates by their time, as seen by a clock that is a year ahead, in November 2026: it is 2025.
THEN, SINCE_THEN, LONG_BEFORE = ("2025-10-01", "2026-01-01"), ("2026-10-01", "2027-01-01"), ("2024-01-01", "2024-04-01")


def late(valid: tuple[str, str] = THEN, leaf: str = "other") -> Saw:
    """A certificate that is past by this machine's clock."""
    return Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_INVALID_CERTIFICATE, tries=2, leaf=leaf, valid=valid)


def only_ipv6(failure: F = F.GENERIC_TIMEOUT) -> Saw:
    """IPv4 leads to a place that is dead for everybody, IPv6 nowhere."""
    return Saw().dns(REAL).dns(REAL6, kind="AAAA").tcp(REAL, failure, tries=2).tcp(REAL6, failure, tries=2)


def well_over_ipv6() -> Saw:
    return Saw().dns(REAL).dns(REAL6, kind="AAAA").tcp(REAL, F.GENERIC_TIMEOUT).tcp(REAL6).tls(REAL6).http(REAL6)


GOLDEN: tuple[Golden, ...] = (
    Golden("host.offline", HTTPS, Saw(), [], host=OFFLINE),
    Golden("host.captive_portal", HTTP, well_in_clear(STUB, **BLOCK_PAGE), [], host=PORTAL),
    Golden("host.captive_portal", TCP, Saw().dns(STUB).tcp(STUB, port=5222), [], host=PORTAL),
    Golden("host.clock_wrong", HTTPS, late(leaf="good"), [well()], host=YEAR_AHEAD, notes=("host.clock_off",)),
    Golden("host.clock_suspect", HTTPS, late(), [well()], host=YEAR_AHEAD, notes=("host.clock_off",)),
    Golden("host.clock_suspect", HTTPS, late(), [], host=CLOCK_WRONG, notes=("host.clock_off",)),
    Golden("tls.untrusted_certificate", HTTPS, late(LONG_BEFORE), [well()], ("tls",), "likely", host=YEAR_AHEAD),
    Golden("tls.untrusted_certificate", HTTPS, late(SINCE_THEN), [well()], ("tls",), "likely"),
    Golden("tls.fails_everywhere", HTTPS, late(), [late()], host=YEAR_AHEAD, notes=("host.clock_off",)),
    Golden("tls.reset_after_client_hello", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.CONNECTION_RESET, tries=2), [well()], ("tls",), "likely", host=YEAR_AHEAD),
    Golden("host.ipv6_unproven", HTTPS, only_ipv6(), [well_over_ipv6()]),
    Golden("host.ipv6_unproven", HTTPS, only_ipv6(), [well_over_ipv6()], host=NO_IPV6, notes=("host.ipv6_broken",)),
    Golden("tcp.timeout", HTTPS, only_ipv6(), [well_over_ipv6()], ("tcp",), "likely", host=WITH_IPV6),
    Golden("tcp.timeout", HTTPS, only_ipv6(), [well(), well_over_ipv6()], ("tcp",), "likely", host=NO_IPV6, notes=("host.ipv6_broken",)),
    Golden("host.resolver_intercepts", HTTPS, Saw().dns(STUB).tcp(STUB).tls(STUB, F.SSL_INVALID_HOSTNAME, tries=2, leaf="stub"), [well().tcp(STUB).tls(STUB, F.SSL_INVALID_HOSTNAME, leaf="stub")], host=INTERCEPTS, notes=("host.resolver_rewrites",)),
    Golden("tls.verified_page", HTTPS, well(STUB), [well()], host=INTERCEPTS, notes=("host.resolver_rewrites",)),
    Golden("dns.rewritten", HTTP, well_in_clear(STUB, title="Did you mean", body="adverts", length=900), [well_in_clear()], ("dns",), "likely", host=REWRITES, notes=("host.resolver_rewrites",)),
    Golden("dns.fails_everywhere", HTTP, well_in_clear(STUB), [Saw().dns(failure=F.DNS_NXDOMAIN)], host=REWRITES, notes=("host.resolver_rewrites",)),
    Golden("tls.verified_page", HTTPS, well(), [well()], host=REWRITES),
    Golden("tls.verified_page", HTTPS, well(), [well()], host=ON_VPN, notes=("host.vpn",)),
    Golden("tcp.reset", HTTPS, Saw().dns(REAL).tcp(REAL, F.CONNECTION_RESET, tries=2), [well()], ("tcp",), "likely", host=ON_VPN, notes=("host.vpn",)),
    Golden("service.retired", RETIRED, Saw().dns(failure=F.DNS_NXDOMAIN), [Saw().dns(failure=F.DNS_NXDOMAIN)]),
    Golden("service.retired", RETIRED, well(), [well()]),
    Golden("host.no_route", HTTPS, Saw().dns(REAL).tcp(REAL, F.NETWORK_UNREACHABLE, tries=2), [well()]),
    Golden("host.no_route", HTTPS, Saw().dns("2620:4f:8000::1", kind="AAAA"), [well()]),
    Golden("host.clock_wrong", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_INVALID_CERTIFICATE), [well()]),
    Golden("http.refused", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL).http(REAL, 403), [well()]),
    Golden("http.refused", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL).http(REAL, 451), []),
    Golden("tls.verified_page", HTTPS, well(), [well()]),
    Golden("tls.verified_page", HTTPS, well(), []),
    Golden("tls.verified_page", HTTPS, well(REAL2), [well(REAL)]),
    Golden("tls.verified_page", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL).http(REAL, 403), [Saw().dns(REAL).tcp(REAL).tls(REAL).http(REAL, 403)]),
    Golden("tls.verified_page", HTTP, well_in_clear(status=301, location="https://line.me/").redirected("line.me").dns(REAL).tcp(REAL).tls(REAL).http(REAL), []),
    Golden("tls.verified", TLS, Saw().dns(REAL).tcp(REAL).tls(REAL), []),
    Golden("tcp.connected", TCP, Saw().dns(REAL).tcp(REAL, port=5222), [Saw().dns(REAL).tcp(REAL, port=5222)]),
    Golden("tcp.connected", TCP, Saw().dns(REAL).tcp(REAL, port=5222), []),
    Golden("dns.resolved", NAME, Saw().dns(REAL, REAL2), [Saw().dns(REAL)]),
    Golden("http.same_page", HTTP, well_in_clear(), [well_in_clear(body="dynamic", length=4000)]),
    Golden("http.same_page", HTTP, well_in_clear(REAL2), [well_in_clear().http(REAL2)]),
    Golden("dns.fails_everywhere", HTTPS, Saw().dns(failure=F.DNS_NXDOMAIN), [Saw().dns(failure=F.DNS_NXDOMAIN)]),
    Golden("dns.fails_everywhere", HTTPS, Saw().dns("127.0.0.1"), [Saw().dns("127.0.0.1")]),
    Golden("dns.fails_everywhere", HTTP, well_in_clear(STUB), [Saw().dns(failure=F.DNS_NXDOMAIN)]),
    Golden("tcp.fails_everywhere", HTTPS, Saw().dns(REAL).tcp(REAL, F.CONNECTION_REFUSED), [Saw().dns(REAL).tcp(REAL, F.CONNECTION_REFUSED)]),
    Golden("tls.fails_everywhere", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_UNKNOWN_AUTHORITY), [Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_UNKNOWN_AUTHORITY)]),
    Golden("http.fails_everywhere", HTTPS, well_in_clear(status=302, location="/"), [well_in_clear(status=302, location="/")]),
    Golden("http.fails_everywhere", HTTP, Saw().dns(REAL).tcp(REAL, port=80).http(REAL, failure=F.EOF), [Saw().dns(REAL).tcp(REAL, port=80).http(REAL, failure=F.EOF)]),
    Golden("control.fails_too", HTTPS, Saw().dns(failure=F.DNS_NXDOMAIN), [Saw().dns(REAL).tcp(REAL, F.GENERIC_TIMEOUT), Saw().dns(failure=F.DNS_SERVFAIL)]),
    Golden("control.none", HTTPS, Saw().dns(failure=F.DNS_NXDOMAIN, tries=2), []),
    Golden("control.none", HTTP, well_in_clear(), []),
    Golden("control.disagrees", HTTPS, Saw().dns(REAL).tcp(REAL, F.CONNECTION_RESET, tries=2), [well(), Saw().dns(REAL).tcp(REAL, F.CONNECTION_RESET, tries=2)]),
    Golden("dns.injected", HTTPS, saw_first_false_then_true(), [well()], ("dns",), "confirmed"),
    Golden("dns.bogon", HTTPS, Saw().dns("10.10.34.35"), [well()], ("dns",), "possible"),
    Golden("dns.wrong_address", HTTPS, Saw().dns(FORGED).tcp(FORGED).tls(FORGED, F.SSL_INVALID_HOSTNAME, tries=2, leaf="stub"), [control_with_forged()], ("dns",), "likely"),
    Golden("dns.wrong_address", HTTPS, Saw().dns(FORGED).tcp(FORGED, F.CONNECTION_REFUSED, tries=2), [well().tcp(FORGED, F.CONNECTION_REFUSED)], ("dns",), "likely"),
    Golden("dns.wrong_address", HTTP, Saw().dns(FORGED).tcp(FORGED, port=80).http(FORGED, **BLOCK_PAGE), [well_in_clear().tcp(FORGED, port=80).http(FORGED, **BLOCK_PAGE)], ("dns",), "possible"),
    Golden("dns.wrong_address", HTTPS, Saw().dns(FORGED).tcp(FORGED).tls(FORGED, F.CONNECTION_RESET, tries=2), [control_with_forged()], ("dns", "tls"), "likely"),
    Golden("dns.nxdomain", HTTPS, Saw().dns(failure=F.DNS_NXDOMAIN, tries=2), [well()], ("dns",), "likely"),
    Golden("dns.no_answer", HTTPS, Saw().dns(failure=F.DNS_NO_ANSWER), [well()], ("dns",), "possible"),
    Golden("dns.refused", HTTPS, Saw().dns(failure=F.DNS_REFUSED, tries=3), [well()], ("dns",), "likely"),
    Golden("dns.servfail", HTTPS, Saw().dns(failure=F.DNS_SERVFAIL, tries=3).dns(failure=F.DNS_NO_ANSWER, kind="AAAA"), [well()], ("dns",), "likely"),
    Golden("dns.timeout", HTTPS, Saw().dns(failure=F.GENERIC_TIMEOUT, tries=3), [well()], ("dns",), "likely"),
    Golden("dns.garbled", HTTPS, Saw().dns(failure=F.DNS_SERVER_MISBEHAVING, tries=3), [well()], ("dns",), "likely"),
    Golden("tcp.timeout", HTTPS, Saw().dns(REAL).tcp(REAL, F.GENERIC_TIMEOUT, tries=2), [well()], ("tcp",), "likely"),
    Golden("tcp.reset", HTTPS, Saw().dns(REAL).tcp(REAL, F.CONNECTION_RESET, tries=2), [well()], ("tcp",), "likely"),
    Golden("tcp.refused", HTTPS, Saw().dns(REAL).tcp(REAL, F.CONNECTION_REFUSED), [well()], ("tcp",), "possible"),
    Golden("tcp.unreachable", HTTPS, Saw().dns(REAL).tcp(REAL, F.HOST_UNREACHABLE, tries=2), [well()], ("tcp",), "likely"),
    Golden("tls.reset_after_client_hello", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.CONNECTION_RESET, tries=2), [well()], ("tls",), "likely"),
    Golden("tls.timeout_after_client_hello", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.GENERIC_TIMEOUT, tries=2), [well()], ("tls",), "likely"),
    Golden("tls.eof_after_client_hello", TLS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.EOF, tries=2), [Saw().dns(REAL).tcp(REAL).tls(REAL)], ("tls",), "likely"),
    Golden("tls.untrusted_certificate", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_INVALID_HOSTNAME, tries=2, leaf="other"), [well()], ("tls",), "likely"),
    Golden("tls.broken_handshake", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_FAILED_HANDSHAKE, tries=2), [well()], ("tls",), "likely"),
    Golden("http.reset", HTTP, Saw().dns(REAL).tcp(REAL, port=80).http(REAL, failure=F.CONNECTION_RESET, tries=2), [well_in_clear()], ("http",), "likely"),
    Golden("http.timeout", HTTP, Saw().dns(REAL).tcp(REAL, port=80).http(REAL, failure=F.GENERIC_TIMEOUT, tries=2), [well_in_clear()], ("http",), "likely"),
    Golden("http.eof", HTTP, Saw().dns(REAL).tcp(REAL, port=80).http(REAL, failure=F.EOF, tries=2), [well_in_clear()], ("http",), "likely"),
    Golden("http.redirect_elsewhere", HTTP, well_in_clear(status=302, location="http://warning.example/").redirected("warning.example").dns(STUB).tcp(STUB).http(STUB, **BLOCK_PAGE), [well_in_clear()], ("http",), "possible"),
    Golden("http.unclear_page", HTTP, well_in_clear(title="News at nine", body="nine", length=900), [well_in_clear(title="News at eight", body="eight")]),
    Golden("http.unclear_page", HTTP, well_in_clear(title="News at nine", body="nine", length=900, headers=(("server", "nginx"),)), [well_in_clear(title="News at eight", body="eight", headers=(("server", "nginx"),))]),
    Golden("http.other_page", HTTP, well_in_clear(**{**BLOCK_PAGE, "title": "LINE"}), [well_in_clear()], ("http",), "possible"),
    Golden("http.other_page", HTTP, well_in_clear(**BLOCK_PAGE), [well_in_clear()], ("http",), "possible"),
    Golden("host.passing_fault", HTTPS, Saw().dns(REAL).tcp(REAL, F.GENERIC_TIMEOUT, tries=2).then(X.REPEAT).tcp(REAL).tls(REAL).http(REAL), [well()]),
    Golden("host.passing_fault", HTTPS, Saw().dns(failure=F.DNS_SERVFAIL, tries=3).then(X.REPEAT).dns(REAL), [well()]),
    Golden("dns.answered_by_nobody", HTTPS, Saw().dns(FORGED).tcp(FORGED).tls(FORGED, F.SSL_INVALID_HOSTNAME, tries=2).then(X.NO_RESOLVER).dns(FORGED), [control_with_forged()], ("dns",), "confirmed"),
    Golden("dns.true_over_tcp", HTTPS, Saw().dns(FORGED).tcp(FORGED, F.CONNECTION_REFUSED, tries=2).then(X.OVER_TCP).dns(REAL), [well().tcp(FORGED, F.CONNECTION_REFUSED)], ("dns",), "confirmed"),
    Golden("control.other_way", HTTPS, Saw().dns(FORGED).tcp(FORGED, F.CONNECTION_REFUSED, tries=2).then(X.OVER_TCP).dns(REAL), [well()]),
    Golden("dns.true_address_works", HTTPS, Saw().dns(failure=F.DNS_NXDOMAIN, tries=2).then(X.CONTROL_ADDRESS).tcp(REAL).tls(REAL).http(REAL), [well()], ("dns",), "confirmed"),
    Golden("dns.true_address_works", HTTPS, Saw().dns("10.10.34.35").then(X.CONTROL_ADDRESS).tcp(REAL).tls(REAL).http(REAL), [well()], ("dns",), "confirmed"),
    Golden("dns.nxdomain", HTTPS, Saw().dns(failure=F.DNS_NXDOMAIN, tries=2).then(X.CONTROL_ADDRESS).tcp(REAL).tls(REAL, F.CONNECTION_RESET), [well()], ("dns", "tls"), "likely"),
    Golden("dns.nxdomain", HTTPS, Saw().dns(failure=F.DNS_NXDOMAIN, tries=2).then(X.CONTROL_ADDRESS).tcp(REAL, F.GENERIC_TIMEOUT), [well()], ("dns", "tcp"), "likely"),
    Golden("dns.nxdomain", HTTP, Saw().dns(failure=F.DNS_NXDOMAIN, tries=2).then(X.CONTROL_ADDRESS).tcp(REAL, port=80).http(REAL, failure=F.EOF), [well_in_clear()], ("dns", "http"), "likely"),
    Golden("tls.name_is_the_trigger", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.CONNECTION_RESET, tries=2).then(X.OTHER_NAME).tcp(REAL).tls(REAL, F.SSL_INVALID_HOSTNAME), [well()], ("tls",), "confirmed"),
    Golden("tls.intercepted", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_UNKNOWN_AUTHORITY, tries=2, leaf="mitm"), [well()], ("tls",), "confirmed"),
    Golden("http.name_is_the_trigger", HTTP, Saw().dns(REAL).tcp(REAL, port=80).http(REAL, failure=F.CONNECTION_RESET, tries=2).then(X.OTHER_NAME).tcp(REAL, port=80).http(REAL, 404), [well_in_clear()], ("http",), "confirmed"),
    Golden("http.other_page", HTTP, well_in_clear(**BLOCK_PAGE).then(X.REPEAT).tcp(REAL, port=80).http(REAL, **BLOCK_PAGE), [well_in_clear()], ("http",), "likely"),
    Golden("host.impatient", HTTPS, Saw(waited=0.3).dns(REAL).tcp(REAL, F.GENERIC_TIMEOUT, tries=2), [well()]),
    Golden("dns.nxdomain", HTTPS, Saw(waited=0.3).dns(failure=F.DNS_NXDOMAIN, tries=2).then(X.CONTROL_ADDRESS).tcp(REAL, F.GENERIC_TIMEOUT), [well()], ("dns",), "likely"),
    Golden("dns.a_forged", HTTPS, Saw().dns("10.10.34.35").dns(REAL6, kind="AAAA").tcp(REAL6).tls(REAL6).http(REAL6), [well().dns(REAL6, kind="AAAA")], ("dns",), "likely"),
    Golden("dns.aaaa_forged", HTTPS, well().dns("::1", kind="AAAA"), [well().dns(REAL6, kind="AAAA")], ("dns",), "likely"),
    Golden("tls.verified_page", HTTPS, well().dns(STUB6, kind="AAAA").tcp(STUB6, F.GENERIC_TIMEOUT, tries=2), [well().dns(REAL6, kind="AAAA")]),
    Golden("dns.unconfirmed_address", TCP, Saw().dns(STUB).tcp(STUB, port=5222), [Saw().dns(REAL).tcp(REAL, port=5222)]),
    Golden("dns.unconfirmed_address", NAME, Saw().dns(STUB), [Saw().dns(REAL)]),
    Golden("http.asks_for_a_human", HTTP, well_in_clear(status=503, **HUMAN_TEST), [well_in_clear()]),
    Golden("http.unclear_page", HTTP, well_in_clear(title="ЛАЙН", body="ru", url="http://line.me/ru/"), [well_in_clear()]),
    Golden("http.no_page", HTTP, Saw().dns(REAL).tcp(REAL, port=80).http(REAL, failure=F.UNKNOWN, tries=2), [well_in_clear()]),
    Golden("control.other_way", HTTPS, Saw().dns(FORGED).tcp(FORGED).tls(FORGED, F.SSL_INVALID_HOSTNAME, leaf="stub"), [well()]),
)  # fmt: skip
