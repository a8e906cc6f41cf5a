"""One golden case, at least, for every rule: who saw what, and the verdict that must follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from probe.failure import Failure as F
from probe.model import Experiment as X
from probe.model import Host, Target, Vantage
from tests.classify.stories import (
    BOOTSTRAP,
    CALLS,
    CHAT,
    CLOCK_WRONG,
    CONTROL,
    FORGED,
    HERE,
    HTTP,
    HTTPS,
    INTERCEPTS,
    NAME,
    NEIGHBOUR,
    NO_IPV6,
    OFFLINE,
    ON_VPN,
    ONLINE,
    PORTAL,
    PUSH,
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
    calling,
    chatting,
    pushing,
    well,
    well_in_clear,
)

OWN, OTHER, CLOUD = 64500, 64501, 16509
DENIES = Host(online=True, resolver_rewrites_nxdomain=False)
BLOCK_PAGE = {"title": "Доступ ограничен", "body": "stub", "length": 900, "headers": (("server", "nginx"),)}
STUB_AT = "95.167.13.50"
"""A block address of a Russian provider that is shipped."""
RENTED = "95.217.66.240"
"""One that is shipped as a hint: it is rented to anybody."""
STUB_HOST = {"subject": "CN=warning.rt.ru", "alternative_names": ("warning.rt.ru",)}
FIREWALL = {"subject": "CN=line.me", "issuer": "CN=FortiGate CA,OU=Certificate Authority,O=Fortinet,C=US"}
LAW = "<html><body><h1>5651 sayılı Kanun uyarınca Erişim Sağlayıcıları Birliği</h1></body></html>".encode()
FRAME = b'<html><head><title>403</title></head><body><iframe src="http://10.10.34.35?type=Invalid Site"></iframe></body></html>'
COUNTED = b"<html><body>Blocked<script src=//mc.yandex.ru/watch/38740850></script></body></html>"
TOLD = b"<html><body><p>Its page holds &lt;img src=//mc.yandex.ru/watch/38740850> and <a href=http://warning.rt.ru/>more</a>"
LEADS_ON = b"<meta http-equiv=refresh content='0; url=http://warning.rt.ru/?id=1'>"
OWN_ROOT = replace(HTTPS, roots=("public", "own"))
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
    controls_at: Vantage = CONTROL


def reached_in_clear(address: str = REAL) -> Saw:
    """The way to a page in clear, up to the exchange."""
    return Saw().dns(address).tcp(address, port=80)


def saw_first_false_then_true() -> Saw:
    return Saw().dns(FORGED).dns(REAL, nth=2).tcp(FORGED, F.GENERIC_TIMEOUT, tries=2)


def reached() -> Saw:
    return Saw().dns(REAL).tcp(REAL).tls(REAL)


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
    Golden("tls.verified_page", HTTPS, well().quic(REAL, F.GENERIC_TIMEOUT, tries=2), [well().quic(REAL)], ("quic",), notes=("quic.blocked",)),
    Golden("tls.verified_page", HTTPS, well().quic(REAL, F.GENERIC_TIMEOUT, tries=2), [well().quic(REAL, F.GENERIC_TIMEOUT, tries=2)]),
    Golden("tls.verified_page", HTTPS, well(REAL2), [well(REAL)]),
    Golden("tls.verified_page", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL).http(REAL, 403), [Saw().dns(REAL).tcp(REAL).tls(REAL).http(REAL, 403)]),
    Golden("tls.verified_page", HTTP, well_in_clear(status=301, location="https://line.me/").redirected("line.me").dns(REAL).tcp(REAL).tls(REAL).http(REAL), []),
    Golden("tls.verified", TLS, Saw().dns(REAL).tcp(REAL).tls(REAL), []),
    Golden("dns.known_block_address", HTTPS, Saw().dns(STUB_AT).tcp(STUB_AT, F.GENERIC_TIMEOUT, tries=2), [], ("dns",), "confirmed"),
    Golden("dns.known_block_address", HTTPS, Saw().dns(STUB_AT).tcp(STUB_AT).tls(STUB_AT, F.SSL_INVALID_HOSTNAME, **STUB_HOST), [], ("dns",), "confirmed"),
    Golden("dns.known_block_address", HTTPS, Saw().dns(STUB_AT).tcp(STUB_AT, F.CONNECTION_REFUSED), [well()], ("dns",), "confirmed"),
    Golden("dns.known_block_address", HTTPS, Saw().dns(STUB_AT).tcp(STUB_AT, F.CONNECTION_REFUSED), [Saw().dns(failure=F.DNS_NXDOMAIN)], ("dns",), "confirmed"),
    Golden("dns.known_block_address", HTTP, reached_in_clear(STUB_AT).page(STUB_AT, COUNTED), [], ("dns",), "confirmed"),
    Golden("dns.known_block_address", HTTPS, Saw().dns("10.10.34.36"), [], ("dns",), "confirmed"),
    Golden("dns.known_block_address", HTTPS, Saw().dns("10.10.34.36"), [well(), Saw().dns(failure=F.DNS_SERVFAIL)], ("dns",), "confirmed"),
    Golden("dns.known_block_address", NAME, Saw().dns("2001::1234", kind="AAAA"), [], ("dns",), "confirmed"),
    Golden("dns.known_block_address", NAME, Saw().dns(FORGED, alias="trustpositif.kominfo.go.id."), [], ("dns",), "confirmed"),
    Golden("dns.known_block_address", TCP, Saw().dns(STUB_AT).tcp(STUB_AT, port=5222), [], ("dns",), "confirmed"),
    Golden("dns.known_block_address", HTTP, well_in_clear(status=302, location="http://www.line.me/").redirected("www.line.me").dns("10.10.34.36"), [], ("dns",), "confirmed"),
    Golden("dns.known_block_address", HTTPS, Saw().dns(RENTED).tcp(RENTED, F.CONNECTION_REFUSED, tries=2), [well().tcp(RENTED, F.CONNECTION_REFUSED)], ("dns",), "confirmed"),
    Golden("control.none", HTTPS, Saw().dns(RENTED).tcp(RENTED, F.CONNECTION_REFUSED, tries=2), []),
    Golden("control.other_way", HTTPS, Saw().dns(RENTED).tcp(RENTED, F.CONNECTION_REFUSED, tries=2), [well()]),
    Golden("dns.fails_everywhere", HTTPS, Saw().dns("10.10.34.36"), [Saw().dns("10.10.34.36")]),
    Golden("dns.fails_everywhere", HTTPS, Saw().dns("10.10.34.36"), [Saw().dns("10.10.34.34")]),
    Golden("tcp.fails_everywhere", HTTPS, Saw().dns(STUB_AT).tcp(STUB_AT, F.CONNECTION_REFUSED), [Saw().dns(STUB_AT).tcp(STUB_AT, F.CONNECTION_REFUSED)]),
    Golden("tls.verified_page", HTTPS, well(STUB_AT), []),
    Golden("tls.verified_page", HTTPS, well(STUB_AT), [well()]),
    Golden("http.same_page", HTTP, reached_in_clear(STUB_AT).http(STUB_AT), [well_in_clear()]),
    Golden("tcp.connected", TCP, Saw().dns(STUB_AT).tcp(STUB_AT, port=5222), [Saw().dns(STUB_AT).tcp(STUB_AT, port=5222)]),
    Golden("control.none", HTTPS, Saw().dns("10.0.0.1"), []),
    Golden("dns.leads_to_known_blocker", HTTP, reached_in_clear(FORGED).page(FORGED, COUNTED), [well_in_clear().tcp(FORGED, port=80).page(FORGED, b"No such site here")], ("dns",), "confirmed"),
    Golden("dns.leads_to_known_blocker", HTTP, reached_in_clear(FORGED).page(FORGED, COUNTED), [Saw().dns(failure=F.DNS_NXDOMAIN).tcp(FORGED, port=80).page(FORGED, b"No such site here")], ("dns",), "confirmed"),
    Golden("dns.leads_to_known_blocker", HTTPS, Saw().dns(FORGED).tcp(FORGED).tls(FORGED, F.SSL_INVALID_HOSTNAME, leaf="stub", **STUB_HOST), [control_with_forged(F.CONNECTION_RESET)], ("dns",), "confirmed"),
    Golden("dns.wrong_address", HTTPS, Saw().dns(FORGED).tcp(FORGED).tls(FORGED, F.SSL_INVALID_HOSTNAME, tries=2, leaf="stub"), [control_with_forged()], ("dns",), "likely"),
    Golden("tls.known_filter_certificate", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_INVALID_HOSTNAME, leaf="stub", **STUB_HOST), [], ("tls",), "confirmed"),
    Golden("tls.known_filter_certificate", TLS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_UNKNOWN_AUTHORITY, leaf="kz", issuer="C=KZ,CN=Qaznet Trust Network"), [], ("tls",), "confirmed"),
    Golden("tls.known_filter_certificate", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_UNKNOWN_AUTHORITY, leaf="firewall", **FIREWALL), [well()], ("tls",), "confirmed"),
    Golden("control.none", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_UNKNOWN_AUTHORITY, leaf="firewall", **FIREWALL), []),
    Golden("tls.fails_everywhere", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_UNKNOWN_AUTHORITY, leaf="firewall", **FIREWALL), [Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_UNKNOWN_AUTHORITY, leaf="another", **FIREWALL)]),
    Golden("tls.fails_everywhere", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_INVALID_HOSTNAME, leaf="stub", **STUB_HOST), [Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_INVALID_HOSTNAME, leaf="stub", **STUB_HOST)]),
    Golden("http.known_block_page", HTTP, well_in_clear(status=302, location="http://warning.rt.ru/?id=1").redirected("warning.rt.ru").dns(STUB).tcp(STUB, F.GENERIC_TIMEOUT, port=80), [], ("http",), "confirmed"),
    Golden("http.known_block_page", HTTP, well_in_clear(status=302, location="https://warning.rt.ru/").redirected("warning.rt.ru").dns(STUB).tcp(STUB).tls(STUB).http(STUB, url="https://warning.rt.ru/"), [], ("http",), "confirmed"),
    Golden("http.known_block_page", HTTP, well_in_clear(status=302, location="http://a1.by/mininfo/?u=line.me").redirected("a1.by").dns(STUB).tcp(STUB, port=80).http(STUB, url="http://a1.by/mininfo/"), [well_in_clear()], ("http",), "confirmed"),
    Golden("http.known_block_page", HTTP, well_in_clear(title="Block-System", body="stub"), [], ("http",), "confirmed"),
    Golden("http.known_block_page", HTTP, well_in_clear(status=403, headers=(("server", "Protected by WireFilter 8000"),)), [], ("http",), "confirmed"),
    Golden("http.known_block_page", HTTP, reached_in_clear().page(REAL, FRAME, 403), [], ("http",), "confirmed"),
    Golden("http.known_block_page", HTTP, reached_in_clear().page(REAL, COUNTED), [Saw().dns(failure=F.DNS_SERVFAIL)], ("http",), "confirmed"),
    Golden("http.known_block_page", HTTP, reached_in_clear().page(REAL, COUNTED, failure=F.CONNECTION_RESET), [], ("http",), "confirmed"),
    Golden("http.same_page", HTTP, reached_in_clear().page(REAL, COUNTED, failure=F.CONNECTION_RESET).http(REAL), [well_in_clear()]),
    Golden("http.known_block_page", HTTP, reached_in_clear().page(REAL, LEADS_ON), [], ("http",), "confirmed"),
    Golden("http.known_block_page", HTTP, reached_in_clear().page(REAL, b"<frame src=http://lighthouse.du.ae/>"), [], ("http",), "confirmed"),
    Golden("http.known_block_page", HTTP, reached_in_clear().page(REAL, LAW), [well_in_clear(excerpt="Life on LINE: free messaging")], ("http",), "confirmed"),
    Golden("control.none", HTTP, reached_in_clear().page(REAL, LAW), []),
    Golden("control.none", HTTP, reached_in_clear().page(REAL, TOLD), []),
    Golden("control.none", HTTP, well_in_clear(status=302, location="http://warning.rt.ru.example/"), []),
    Golden("http.same_page", HTTP, reached_in_clear().page(REAL, TOLD), [reached_in_clear().page(REAL, TOLD)]),
    Golden("http.same_page", HTTP, reached_in_clear().page(REAL, COUNTED), [reached_in_clear().page(REAL, COUNTED)]),
    Golden("http.same_page", HTTP, well_in_clear(title="block-system", body="1"), [well_in_clear(title="block-system", body="2")]),
    Golden("http.unclear_page", HTTP, well_in_clear(title="block-system", body="1"), [well_in_clear(status=404, title="block-system", body="2")]),
    Golden("http.unclear_page", HTTP, reached_in_clear().page(REAL, LEADS_ON), [reached_in_clear().page(REAL, LEADS_ON + b" ").redirected("warning.rt.ru").dns(STUB).tcp(STUB, port=80).http(STUB, url="http://warning.rt.ru/")]),
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
    Golden("control.nearby_fails_too", HTTPS, Saw().dns(REAL).tcp(REAL, F.GENERIC_TIMEOUT, tries=2), [Saw().dns(REAL).tcp(REAL, F.GENERIC_TIMEOUT, tries=2)], controls_at=NEIGHBOUR),
    Golden("control.none", HTTPS, Saw().dns(failure=F.DNS_NXDOMAIN, tries=2), []),
    Golden("control.none", HTTP, well_in_clear(), []),
    Golden("control.disagrees", HTTPS, Saw().dns(REAL).tcp(REAL, F.CONNECTION_RESET, tries=2), [well(), Saw().dns(REAL).tcp(REAL, F.CONNECTION_RESET, tries=2)]),
    Golden("dns.injected", HTTPS, saw_first_false_then_true(), [well()], ("dns",), "confirmed"),
    Golden("dns.bogon", HTTPS, Saw().dns("10.0.0.1"), [well()], ("dns",), "possible"),
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
    Golden("http.same_page", HTTP, well_in_clear(title="News at nine", body="nine", length=900), [well_in_clear(title="News at eight", body="eight")]),
    Golden("http.unclear_page", HTTP, well_in_clear(title="Closed for repair", body="nine", length=900), [well_in_clear()]),
    Golden("http.unclear_page", HTTP, well_in_clear(title="News at nine", body="nine", length=900, headers=(("server", "nginx"),)), [well_in_clear(title="News at eight", body="eight", headers=(("server", "nginx"),))]),
    Golden("http.unclear_page", HTTP, well_in_clear(**{**BLOCK_PAGE, "title": "LINE"}), [well_in_clear()]),
    Golden("http.other_page", HTTP, well_in_clear(**{**BLOCK_PAGE, "title": "LINE"}), [well_in_clear(excerpt="Life on LINE: free messaging, whenever, wherever.")], ("http",), "possible"),
    Golden("http.other_page", HTTP, well_in_clear(**BLOCK_PAGE), [well_in_clear()], ("http",), "possible"),
    Golden("host.passing_fault", HTTPS, Saw().dns(REAL).tcp(REAL, F.GENERIC_TIMEOUT, tries=2).then(X.REPEAT).tcp(REAL).tls(REAL).http(REAL), [well()]),
    Golden("host.passing_fault", HTTPS, Saw().dns(failure=F.DNS_SERVFAIL, tries=3).then(X.REPEAT).dns(REAL), [well()]),
    Golden("dns.answered_by_nobody", HTTPS, Saw().dns(FORGED).tcp(FORGED).tls(FORGED, F.SSL_INVALID_HOSTNAME, tries=2).then(X.NO_RESOLVER).dns(FORGED), [control_with_forged()], ("dns",), "confirmed"),
    Golden("dns.true_over_tcp", HTTPS, Saw().dns(FORGED).tcp(FORGED, F.CONNECTION_REFUSED, tries=2).then(X.OVER_TCP).dns(REAL), [well().tcp(FORGED, F.CONNECTION_REFUSED)], ("dns",), "confirmed"),
    Golden("control.other_way", HTTPS, Saw().dns(FORGED).tcp(FORGED, F.CONNECTION_REFUSED, tries=2).then(X.OVER_TCP).dns(REAL), [well()]),
    Golden("dns.true_address_works", HTTPS, Saw().dns(failure=F.DNS_NXDOMAIN, tries=2).then(X.CONTROL_ADDRESS).tcp(REAL).tls(REAL).http(REAL), [well()], ("dns",), "confirmed"),
    Golden("dns.true_address_works", HTTPS, Saw().dns("10.0.0.1").then(X.CONTROL_ADDRESS).tcp(REAL).tls(REAL).http(REAL), [well()], ("dns",), "confirmed"),
    Golden("dns.nxdomain", HTTPS, Saw().dns(failure=F.DNS_NXDOMAIN, tries=2).then(X.CONTROL_ADDRESS).tcp(REAL).tls(REAL, F.CONNECTION_RESET), [well()], ("dns", "tls"), "likely"),
    Golden("dns.nxdomain", HTTPS, Saw().dns(failure=F.DNS_NXDOMAIN, tries=2).then(X.CONTROL_ADDRESS).tcp(REAL, F.GENERIC_TIMEOUT), [well()], ("dns", "tcp"), "likely"),
    Golden("dns.nxdomain", HTTP, Saw().dns(failure=F.DNS_NXDOMAIN, tries=2).then(X.CONTROL_ADDRESS).tcp(REAL, port=80).http(REAL, failure=F.EOF), [well_in_clear()], ("dns", "http"), "likely"),
    Golden("tls.name_is_the_trigger", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.CONNECTION_RESET, tries=2).then(X.OTHER_NAME).tcp(REAL).tls(REAL, F.SSL_INVALID_HOSTNAME), [well()], ("tls",), "confirmed"),
    Golden("tls.intercepted", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.SSL_UNKNOWN_AUTHORITY, tries=2, leaf="mitm"), [well()], ("tls",), "confirmed"),
    Golden("http.name_is_the_trigger", HTTP, Saw().dns(REAL).tcp(REAL, port=80).http(REAL, failure=F.CONNECTION_RESET, tries=2).then(X.OTHER_NAME).tcp(REAL, port=80).http(REAL, 404), [well_in_clear()], ("http",), "confirmed"),
    Golden("http.other_page", HTTP, well_in_clear(**BLOCK_PAGE).then(X.REPEAT).tcp(REAL, port=80).http(REAL, **BLOCK_PAGE), [well_in_clear()], ("http",), "likely"),
    Golden("dns.true_over_tls", HTTPS, Saw().dns(FORGED).tcp(FORGED, F.CONNECTION_REFUSED, tries=2).then(X.OVER_TLS).dns(REAL), [well().tcp(FORGED, F.CONNECTION_REFUSED)], ("dns",), "confirmed"),
    Golden("dns.true_elsewhere", HTTPS, Saw().dns("10.99.34.35").then(X.OVER_HTTPS).dns(REAL), [well()], ("dns",), "confirmed"),
    Golden("dns.timeout", HTTPS, Saw().dns(failure=F.GENERIC_TIMEOUT, tries=3).then(X.OVER_HTTPS).dns(REAL), [well()], ("dns",), "likely"),
    Golden("tcp.port_is_the_trigger", HTTPS, Saw().dns(REAL).tcp(REAL, F.GENERIC_TIMEOUT, tries=2).then(X.OTHER_PORT).tcp(REAL, port=80), [well()], ("tcp",), "likely"),
    Golden("tls.split_name_passes", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.CONNECTION_RESET, tries=2).then(X.SPLIT_RECORDS).tcp(REAL).tls(REAL), [well()], ("tls",), "confirmed"),
    Golden("http.split_name_passes", HTTP, Saw().dns(REAL).tcp(REAL, port=80).http(REAL, failure=F.EOF, tries=2).then(X.SPLIT_SEGMENTS).tcp(REAL, port=80).http(REAL), [well_in_clear()], ("http",), "confirmed"),
    Golden("tls.name_cut_elsewhere", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.CONNECTION_RESET).tcp(REAL, F.GENERIC_TIMEOUT).then(X.NEUTRAL_GROUND).tcp(STUB).tls(STUB, F.SSL_INVALID_HOSTNAME, name="example.org").tcp(STUB).tls(STUB, F.CONNECTION_RESET), [well()], ("tls",), "confirmed"),
    Golden("tls.reset_after_client_hello", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, F.CONNECTION_RESET, tries=2).then(X.NEUTRAL_GROUND).tcp(STUB).tls(STUB, F.CONNECTION_RESET, name="example.org").tcp(STUB).tls(STUB, F.CONNECTION_RESET), [well()], ("tls",), "likely"),
    Golden("http.name_cut_elsewhere", HTTP, Saw().dns(REAL).tcp(REAL, port=80).http(REAL, failure=F.CONNECTION_RESET, tries=2).then(X.NEUTRAL_GROUND).tcp(STUB, port=80).http(STUB, url="http://example.org/").tcp(STUB, port=80).http(STUB, failure=F.CONNECTION_RESET), [well_in_clear()], ("http",), "confirmed"),
    Golden("tls.trusted_interception", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, leaf="state", public=False).http(REAL), [well()], ("tls",), "likely"),
    Golden("tls.verified_page", HTTPS, Saw().dns(REAL).tcp(REAL).tls(REAL, leaf="another").http(REAL), [well()]),
    # a root of the service's own is nobody's in between, though the machine may trust one of those as well
    Golden("tls.verified_page", OWN_ROOT, Saw().dns(REAL).tcp(REAL).tls(REAL, leaf="another", public=False, root_sha256="own").http(REAL), [well()]),
    Golden("tls.trusted_interception", OWN_ROOT, Saw().dns(REAL).tcp(REAL).tls(REAL, leaf="state", public=False, root_sha256="state").http(REAL), [well()], ("tls",), "likely"),
    Golden("tls.verified_page", HTTPS, Saw().dns(REAL2).tcp(REAL2).tls(REAL2, leaf="another", public=False).http(REAL2), [well()]),
    Golden("throttling.slow_by_name", HTTPS, reached().transfer(REAL, 90_000, 6.0).then(X.TRANSFER).tcp(REAL).tls(REAL).transfer(REAL, 90_000, 6.1).then(X.SPLIT_SEGMENTS).tcp(REAL).tls(REAL).transfer(REAL, 90_000, 0.1), [reached().transfer(REAL, 90_000, 0.1)], ("throttling",), "confirmed"),
    Golden("throttling.slow_by_name", HTTPS, reached().transfer(REAL, 16_384, 0.1, frozen=True, tries=2).then(X.TRANSFER).tcp(REAL).tls(REAL).transfer(REAL, 16_384, 0.1, frozen=True).then(X.OTHER_SERVER_NAME).tcp(REAL).tls(REAL, F.SSL_INVALID_HOSTNAME).transfer(REAL, 90_000, 0.1), [reached().transfer(REAL, 90_000, 0.1)], ("throttling",), "confirmed"),
    Golden("throttling.freezes", HTTPS, reached().transfer(REAL, 16_384, 0.1, frozen=True, tries=2), [reached().transfer(REAL, 90_000, 0.1)], ("throttling",), "likely"),
    # a slow line is slow whatever the name is
    Golden("tls.verified_page", HTTPS, reached().transfer(REAL, 90_000, 6.0).then(X.TRANSFER).tcp(REAL).tls(REAL).transfer(REAL, 90_000, 6.1).then(X.SPLIT_SEGMENTS).tcp(REAL).tls(REAL).transfer(REAL, 90_000, 5.9), [reached().transfer(REAL, 90_000, 0.1)]),
    Golden("http.no_page", HTTPS, reached().transfer(REAL, 16_384, 0.1, frozen=True), [reached().transfer(REAL, 90_000, 0.1)]),
    Golden("dns.ghost", HTTP, well_in_clear(STUB).then(X.BELOW_THE_NAME).dns(STUB), [Saw().dns(failure=F.DNS_NXDOMAIN, tries=2)], ("dns",), "likely", host=DENIES),
    Golden("dns.ghost", HTTP, well_in_clear(STUB).then(X.BELOW_THE_NAME).dns(STUB), [Saw().dns(failure=F.DNS_NXDOMAIN, tries=2).tcp(STUB, port=80).http(STUB)], ("dns",), "likely", host=DENIES),
    # a cache may still hold a name that has just died, but none that nobody has asked for
    Golden("dns.fails_everywhere", HTTP, well_in_clear(STUB).then(X.BELOW_THE_NAME).dns(failure=F.DNS_NXDOMAIN), [Saw().dns(failure=F.DNS_NXDOMAIN, tries=2)], host=DENIES),
    Golden("dns.fails_everywhere", HTTP, well_in_clear(STUB).then(X.BELOW_THE_NAME).dns(STUB), [Saw().dns(failure=F.DNS_NXDOMAIN, tries=2)]),
    Golden("tls.verified_page", HTTPS, Saw().dns(STUB, asn=HERE.asn).tcp(STUB).tls(STUB).http(STUB), [Saw().dns(REAL, asn=OWN).tcp(REAL).tls(REAL).http(REAL)], notes=("dns.interception",)),
    Golden("tls.verified_page", HTTPS, Saw().dns(STUB, asn=OTHER).tcp(STUB).tls(STUB).http(STUB), [Saw().dns(REAL, asn=OWN).tcp(REAL).tls(REAL).http(REAL)]),
    Golden("http.known_block_page", HTTP, well_in_clear(title="Block-System", body="stub"), [], ("http",), "confirmed", host=PORTAL),
    Golden("host.impatient", HTTPS, Saw(waited=0.3).dns(REAL).tcp(REAL, F.GENERIC_TIMEOUT, tries=2), [well()]),
    Golden("dns.nxdomain", HTTPS, Saw(waited=0.3).dns(failure=F.DNS_NXDOMAIN, tries=2).then(X.CONTROL_ADDRESS).tcp(REAL, F.GENERIC_TIMEOUT), [well()], ("dns",), "likely"),
    Golden("dns.a_forged", HTTPS, Saw().dns("10.0.0.1").dns(REAL6, kind="AAAA").tcp(REAL6).tls(REAL6).http(REAL6), [well().dns(REAL6, kind="AAAA")], ("dns",), "likely"),
    Golden("dns.aaaa_forged", HTTPS, well().dns("::1", kind="AAAA"), [well().dns(REAL6, kind="AAAA")], ("dns",), "likely"),
    Golden("tls.verified_page", HTTPS, well().dns(STUB6, kind="AAAA").tcp(STUB6, F.GENERIC_TIMEOUT, tries=2), [well().dns(REAL6, kind="AAAA")]),
    Golden("dns.unconfirmed_address", TCP, Saw().dns(STUB).tcp(STUB, port=5222), [Saw().dns(REAL).tcp(REAL, port=5222)]),
    Golden("dns.unconfirmed_address", NAME, Saw().dns(STUB), [Saw().dns(REAL)]),
    # whose network the addresses are in: OWN is the service's, CLOUD is anybody's
    Golden("dns.same_network", TCP, Saw().dns(REAL2, asn=OWN).tcp(REAL2, port=5222), [Saw().dns(REAL, asn=OWN).tcp(REAL, port=5222)]),
    Golden("dns.same_network", TCP, Saw().dns(REAL2, asn=OWN).dns(REAL6, kind="AAAA").tcp(REAL2, port=5222), [Saw().dns(REAL, asn=OWN).tcp(REAL, port=5222)]),
    Golden("dns.same_network", NAME, Saw().dns(REAL2, asn=OWN), [Saw().dns(REAL, asn=OWN)]),
    Golden("dns.same_shared_network", TCP, Saw().dns(REAL2, asn=CLOUD).tcp(REAL2, port=5222), [Saw().dns(REAL, asn=CLOUD).tcp(REAL, port=5222)]),
    Golden("tcp.connected", TCP, Saw().dns(REAL, asn=OWN).tcp(REAL, port=5222), [Saw().dns(REAL, asn=OWN).tcp(REAL, port=5222)]),
    Golden("dns.unconfirmed_address", NAME, Saw().dns(REAL2, asn=CLOUD), [Saw().dns(REAL, asn=CLOUD)]),
    Golden("dns.unconfirmed_address", NAME, Saw().dns(REAL2, asn=OWN).dns(STUB), [Saw().dns(REAL, asn=OWN)]),
    Golden("dns.unconfirmed_address", NAME, Saw().dns(REAL2, asn=OWN).dns(STUB, nth=2), [Saw().dns(REAL, asn=OWN)]),
    Golden("dns.unconfirmed_address", TCP, Saw().dns(REAL2, asn=OTHER).tcp(REAL2, port=5222), [Saw().dns(REAL, asn=OWN).tcp(REAL, port=5222)]),
    Golden("dns.unconfirmed_address", TCP, Saw().dns(REAL2).tcp(REAL2, port=5222), [Saw().dns(REAL).tcp(REAL, port=5222)]),
    Golden("dns.unconfirmed_address", TCP, Saw().dns(REAL2, asn=OWN).tcp(REAL2, port=5222), [Saw().dns(REAL).tcp(REAL, port=5222)]),
    # another network never makes a block, and the service's own never a forgery
    Golden("tls.verified_page", HTTPS, Saw().dns(REAL2, asn=OTHER).tcp(REAL2).tls(REAL2).http(REAL2), [Saw().dns(REAL, asn=OWN).tcp(REAL).tls(REAL).http(REAL)]),
    Golden("control.other_way", HTTPS, Saw().dns(FORGED, asn=OWN).tcp(FORGED, F.CONNECTION_REFUSED, tries=2), [Saw().dns(REAL, asn=OWN).tcp(REAL).tls(REAL).http(REAL).tcp(FORGED, F.CONNECTION_REFUSED)]),
    Golden("dns.wrong_address", HTTPS, Saw().dns(FORGED, asn=CLOUD).tcp(FORGED, F.CONNECTION_REFUSED, tries=2), [Saw().dns(REAL, asn=CLOUD).tcp(REAL).tls(REAL).http(REAL).tcp(FORGED, F.CONNECTION_REFUSED)], ("dns",), "likely"),
    Golden("dns.wrong_address", HTTPS, Saw().dns(FORGED, asn=OTHER).tcp(FORGED, F.CONNECTION_REFUSED, tries=2), [Saw().dns(REAL, asn=OWN).tcp(REAL).tls(REAL).http(REAL).tcp(FORGED, F.CONNECTION_REFUSED)], ("dns",), "likely"),
    Golden("http.asks_for_a_human", HTTP, well_in_clear(status=503, **HUMAN_TEST), [well_in_clear()]),
    Golden("http.unclear_page", HTTP, well_in_clear(title="ЛАЙН", body="ru", url="http://line.me/ru/"), [well_in_clear()]),
    Golden("http.no_page", HTTP, Saw().dns(REAL).tcp(REAL, port=80).http(REAL, failure=F.UNKNOWN, tries=2), [well_in_clear()]),
    Golden("control.other_way", HTTPS, Saw().dns(FORGED).tcp(FORGED).tls(FORGED, F.SSL_INVALID_HOSTNAME, leaf="stub"), [well()]),
    # the first exchange in the target's own protocol
    Golden("app.answered", CHAT, chatting(), [chatting()]),
    Golden("app.answered", CHAT, chatting(), []),
    Golden("app.answered", CHAT, chatting(REAL2), [chatting()]),
    Golden("app.answered", CHAT, Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.CONNECTION_RESET).said(REAL), [chatting()]),
    Golden("app.answered", CHAT, Saw().dns(REAL, REAL2).tcp(REAL, port=5222).tcp(REAL2, port=5222).said(REAL, F.CONNECTION_RESET, tries=2).said(REAL2), [chatting()]),
    Golden("app.answered", CHAT, chatting(), [Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.EOF, tries=2)]),
    Golden("app.answered", PUSH, pushing(), [pushing()]),
    Golden("app.answered", CALLS, calling(), [calling()]),
    Golden("app.answered", CALLS, Saw().dns(REAL).said(REAL, F.GENERIC_TIMEOUT, over="udp", tries=2).said(REAL, over="udp"), []),
    Golden("app.answered", BOOTSTRAP, well_in_clear(title=None, body="mine", length=700, headers=(), recognised=True), [well_in_clear(title=None, body="theirs", length=2000, headers=(), recognised=True)]),
    Golden("http.other_page", BOOTSTRAP, well_in_clear(**BLOCK_PAGE, recognised=False), [well_in_clear(title=None, body="theirs", length=2000, recognised=True)], ("http",), "possible"),
    Golden("app.fails_everywhere", CHAT, Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.CONNECTION_RESET, tries=2), [Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.EOF, tries=2)]),
    Golden("app.fails_everywhere", CHAT, Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, other=True, tries=2), [Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, other=True, tries=2)]),
    Golden("app.fails_everywhere", CALLS, Saw().dns(REAL).said(REAL, F.GENERIC_TIMEOUT, over="udp", tries=3), [Saw().dns(REAL).said(REAL, F.GENERIC_TIMEOUT, over="udp", tries=3)]),
    Golden("app.refused", PUSH, Saw().dns(REAL).tcp(REAL).tls(REAL).said(REAL, over="tls", other=True, tries=2), [pushing()]),
    Golden("control.none", CHAT, Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.CONNECTION_RESET, tries=2), []),
    Golden("control.disagrees", CHAT, Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.CONNECTION_RESET, tries=2), [chatting(), Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.CONNECTION_RESET, tries=2)]),
    Golden("host.impatient", CALLS, Saw(waited=0.3).dns(REAL).said(REAL, F.GENERIC_TIMEOUT, over="udp", tries=3), [calling()]),
    Golden("host.no_route", CALLS, Saw().dns(REAL).said(REAL, F.NETWORK_UNREACHABLE, over="udp", tries=3), [calling()]),
    Golden("host.passing_fault", CHAT, Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.CONNECTION_RESET, tries=2).then(X.REPEAT).tcp(REAL, port=5222).said(REAL), [chatting()]),
    Golden("app.reset", CHAT, Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.CONNECTION_RESET, tries=2).then(X.REPEAT).tcp(REAL, port=5222).said(REAL, F.CONNECTION_RESET), [chatting()], ("tcp",), "likely"),
    Golden("app.reset", CHAT, Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.CONNECTION_RESET), [chatting()], ("tcp",), "possible"),
    Golden("app.reset", CHAT, Saw().dns(REAL2).tcp(REAL2, port=5222).said(REAL2, F.CONNECTION_RESET, tries=2), [chatting().tcp(REAL2, port=5222).said(REAL2)], ("tcp",), "likely"),
    Golden("app.timeout", CHAT, Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.GENERIC_TIMEOUT, tries=2), [chatting()], ("tcp",), "likely"),
    Golden("app.timeout", CALLS, Saw().dns(REAL).said(REAL, F.GENERIC_TIMEOUT, over="udp", tries=3), [calling()], ("tcp",), "likely"),
    Golden("app.eof", CHAT, Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.EOF, tries=2), [chatting()], ("tcp",), "likely"),
    Golden("app.rejected", CALLS, Saw().dns(REAL).said(REAL, F.CONNECTION_REFUSED, over="udp", tries=3), [calling()], ("tcp",), "likely"),
    Golden("control.other_way", CALLS, Saw().dns(REAL).said(REAL, F.PERMISSION_DENIED, over="udp", tries=3), [calling()]),
    Golden("app.other_answer", CHAT, Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, other=True, tries=2), [chatting()], ("tcp",), "possible"),
    Golden("app.reset_inside_tls", PUSH, Saw().dns(REAL).tcp(REAL).tls(REAL).said(REAL, F.CONNECTION_RESET, over="tls", tries=2), [pushing()], ("tls",), "likely"),
    Golden("app.timeout_inside_tls", PUSH, Saw().dns(REAL).tcp(REAL).tls(REAL).said(REAL, F.GENERIC_TIMEOUT, over="tls", tries=2), [pushing()], ("tls",), "likely"),
    Golden("app.eof_inside_tls", PUSH, Saw().dns(REAL).tcp(REAL).tls(REAL).said(REAL, F.EOF, over="tls", tries=2), [pushing()], ("tls",), "possible"),
    # at another address the control's good answer proves nothing; nor does a control that did not ask
    Golden("control.other_way", CHAT, Saw().dns(REAL2).tcp(REAL2, port=5222).said(REAL2, F.CONNECTION_RESET, tries=2), [chatting()]),
    Golden("control.other_way", CHAT, Saw().dns(REAL2).tcp(REAL2, port=5222).said(REAL2, F.CONNECTION_RESET, tries=2), [chatting().dns(REAL2).tcp(REAL2, port=5222).said(REAL2, F.CONNECTION_RESET, tries=2)]),
    Golden("control.other_way", CHAT, Saw().dns(REAL).tcp(REAL, port=5222).said(REAL, F.CONNECTION_RESET, tries=2), [Saw().dns(REAL).tcp(REAL, port=5222)]),
    # what comes before it is judged as for any port
    Golden("tcp.timeout", CHAT, Saw().dns(REAL).tcp(REAL, F.GENERIC_TIMEOUT, tries=2, port=5222), [chatting()], ("tcp",), "likely"),
    Golden("tls.reset_after_client_hello", PUSH, Saw().dns(REAL).tcp(REAL).tls(REAL, F.CONNECTION_RESET, tries=2), [pushing()], ("tls",), "likely"),
    Golden("dns.wrong_address", CHAT, Saw().dns(FORGED).tcp(FORGED, port=5222).said(FORGED, other=True, tries=2), [chatting().tcp(FORGED, port=5222).said(FORGED, other=True, tries=2)], ("dns",), "likely"),
    Golden("dns.wrong_address", CALLS, Saw().dns(FORGED).said(FORGED, F.GENERIC_TIMEOUT, over="udp", tries=3), [calling().said(FORGED, F.GENERIC_TIMEOUT, over="udp", tries=3)], ("dns",), "likely"),
    Golden("dns.nxdomain", CALLS, Saw().dns(failure=F.DNS_NXDOMAIN, tries=2), [calling()], ("dns",), "likely"),
    Golden("dns.a_forged", CHAT, Saw().dns(FORGED).dns(REAL6, kind="AAAA").tcp(FORGED, port=5222).said(FORGED, other=True, tries=2).tcp(REAL6, port=5222).said(REAL6), [chatting().dns(REAL6, kind="AAAA").tcp(FORGED, port=5222).said(FORGED, F.EOF, tries=2)], ("dns",), "likely"),
)  # fmt: skip
