"""The same control in OONI's words: the test-helper request of web connectivity, and its answer.

Law: pure; a form over the measurements that every other client gets, never a measurement of its own.
Source: OONI specification ts-017, and the failure words its test helper uses, which are older than df-007.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from probe.address import is_global, parse
from probe.control.wire import WireError, decode
from probe.failure import Failure
from probe.model import DnsDetail, HttpDetail, Measurement, Observation, Scheme, Target, TcpDetail, TlsDetail

# Flags of `ip_info`.
_SEEN_BY_CLIENT, _RESOLVED_HERE, _BOGON, _VALID_FOR_NAME = 1, 2, 4, 8

_MOST_ENDPOINTS = 64
_UNKNOWN_ASN = 0

DNS_WORDS: Mapping[Failure, str | None] = {
    Failure.DNS_NXDOMAIN: "dns_name_error",
    Failure.DNS_SERVFAIL: "dns_server_failure",
    Failure.DNS_NO_ANSWER: None,  # an empty list of addresses says it
}
TCP_WORDS: Mapping[Failure, str | None] = {
    Failure.CONNECTION_REFUSED: "connection_refused_error",
    Failure.GENERIC_TIMEOUT: "generic_timeout_error",
    Failure.TIMED_OUT: "generic_timeout_error",
}
HTTP_WORDS: Mapping[Failure, str | None] = {
    Failure.CONNECTION_REFUSED: "connection_refused_error",
    Failure.GENERIC_TIMEOUT: "generic_timeout_error",
    Failure.TIMED_OUT: "generic_timeout_error",
}
_DNS_OTHER = "unknown_error"
_TCP_OTHER = "connect_error"
_HTTP_OTHER = "unknown_error"
_HTTP_NO_NAME = "dns_lookup_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class HelperRequest:
    """The part of a test-helper request that is used. Request headers are not: one measurement serves everybody."""

    http_request: str
    tcp_connect: list[str] | None = None
    http_request_headers: dict[str, list[str] | None] | None = field(default=None, repr=False)

    @property
    def addresses(self) -> list[str]:
        """The addresses of `tcp_connect`, each once. Their ports do not matter: the URL's port is what is checked."""
        return list(dict.fromkeys(_split(each) for each in self.tcp_connect or ()))


def read_request(body: bytes) -> HelperRequest:
    """A test-helper request. Raises WireError. What the form has besides is left out."""
    request = decode(body, HelperRequest)
    if len(request.tcp_connect or ()) > _MOST_ENDPOINTS:
        raise WireError(f"tcp_connect has over {_MOST_ENDPOINTS} endpoints")
    _ = request.addresses
    return request


def _split(endpoint: str) -> str:
    host, _, port = endpoint.rpartition(":")
    address = parse(host)
    if address is None or not (port.isascii() and port.isdigit()):
        raise WireError("tcp_connect must hold endpoints such as 192.0.2.1:443")
    return str(address)


def also(target: Target) -> tuple[Target, ...]:
    """What is measured besides the URL: TLS on port 443 for an `http://` URL, so that its addresses are vouched for."""
    if target.scheme is Scheme.HTTP and target.port == 80:
        return (Target(scheme=Scheme.TLS, host=target.host, port=443),)
    return ()


def response_json(request: HelperRequest, measurements: Sequence[Measurement]) -> dict[str, Any]:
    """The answer. The first measurement is the URL's, others are those of `also`."""
    page = measurements[0]
    rows = [row for each in measurements for row in each.observations if row.hop == 0]
    resolved, failure = _resolved(page)
    handshakes = _handshakes(rows)
    valid = {_address(endpoint) for endpoint, shaken in handshakes.items() if shaken["status"]}
    return {
        "tcp_connect": _connects(rows),
        "tls_handshake": handshakes,
        "quic_handshake": {},
        "http_request": _exchange(page, resolved),
        "http3_request": None,
        "dns": {"failure": failure, "addrs": resolved},
        "ip_info": {
            ip: {"asn": _UNKNOWN_ASN, "flags": _flags(ip, request.addresses, resolved, valid)}
            for ip in dict.fromkeys([*request.addresses, *resolved])
        },
    }


def _resolved(page: Measurement) -> tuple[list[str], str | None]:
    if parse(page.target.host) is not None:
        return [page.target.host], None
    answers = [row for row in page.observations if row.hop == 0 and isinstance(row.detail, DnsDetail)]
    found = [
        record.value
        for row in answers
        if isinstance(row.detail, DnsDetail) and row.detail.response == 1
        for record in row.detail.answers
        if record.type in ("A", "AAAA")
    ]
    if found:
        return list(dict.fromkeys(found)), None
    last = next((row.failure for row in reversed(answers) if row.failure is not None), None)
    return [], None if last is None else DNS_WORDS.get(last, _DNS_OTHER)


def _connects(rows: Iterable[Observation]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        if isinstance(row.detail, TcpDetail) and not _succeeded(found, endpoint := _endpoint(row.detail)):
            failure = None if row.failure is None else TCP_WORDS.get(row.failure, _TCP_OTHER)
            found[endpoint] = {"status": row.failure is None, "failure": failure}
    return found


def _handshakes(rows: Iterable[Observation]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        if isinstance(row.detail, TlsDetail) and not _succeeded(found, endpoint := _endpoint(row.detail)):
            found[endpoint] = {
                "server_name": row.detail.server_name or "",
                "status": row.failure is None,
                "failure": None if row.failure is None else row.failure.value,
            }
    return found


def _succeeded(found: Mapping[str, Any], endpoint: str) -> bool:
    """A later try counts as long as none before it has succeeded."""
    return endpoint in found and bool(found[endpoint]["status"])


def _exchange(page: Measurement, resolved: Sequence[str]) -> dict[str, Any]:
    last_hop = max((row.hop for row in page.observations), default=0)
    rows = [row for row in page.observations if row.hop == last_hop]
    answered = [row.detail for row in rows if isinstance(row.detail, HttpDetail) and row.failure is None]
    if not answered:
        return _no_exchange(rows)
    # What the name leads to here comes first; addresses that only the client saw are second best.
    detail = min(answered, key=lambda each: last_hop == 0 and each.address not in resolved)
    headers: dict[str, str] = {}
    for name, value in detail.headers:
        headers.setdefault(name.title(), value)
    return {
        "body_length": detail.body_length if detail.body_length is not None else -1,
        "discovered_h3_endpoint": "",
        "failure": None,
        "title": detail.title or "",
        "headers": headers,
        "status_code": detail.status if detail.status is not None else -1,
    }


def _no_exchange(rows: Sequence[Observation]) -> dict[str, Any]:
    deepest = next((row for row in reversed(rows) if not isinstance(row.detail, DnsDetail)), None)
    failure: str | None = _HTTP_OTHER
    if deepest is not None and deepest.failure is not None:
        failure = HTTP_WORDS.get(deepest.failure, _HTTP_OTHER)
    elif deepest is None and rows and all(row.failure is not None for row in rows):
        failure = _HTTP_NO_NAME
    return {
        "body_length": -1,
        "discovered_h3_endpoint": "",
        "failure": failure,
        "title": "",
        "headers": {},
        "status_code": -1,
    }


def _flags(ip: str, asked: Iterable[str], resolved: Iterable[str], valid: Iterable[str]) -> int:
    address = parse(ip)
    return (
        _SEEN_BY_CLIENT * (ip in asked)
        | _RESOLVED_HERE * (ip in resolved)
        | _BOGON * (address is None or not is_global(address))
        | _VALID_FOR_NAME * (ip in valid)
    )


def _endpoint(detail: TcpDetail | TlsDetail) -> str:
    return f"[{detail.address}]:{detail.port}" if ":" in detail.address else f"{detail.address}:{detail.port}"


def _address(endpoint: str) -> str:
    return endpoint.rpartition(":")[0].strip("[]")
