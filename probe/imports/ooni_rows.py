"""One operation of an OONI measurement as one of ours: each list of `test_keys` has its function here.

Law: pure; what is written is taken over, what is not written is absent. A row is no observation yet: it has no number
and no hop before `ooni_path` has found out where it belongs.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from probe.address import parse
from probe.certificate import read, sha256
from probe.failure import Failure
from probe.form import time_text
from probe.imports.ooni_form import (
    Answer,
    Binary,
    Connect,
    Exchange,
    Handshake,
    Keys,
    MaybeBinary,
    Operation,
    Query,
    Response,
)
from probe.model import DEFAULT_PORTS, DnsDetail, DnsRecord, HttpDetail, TcpDetail, TlsDetail
from probe.ooni.hop import Row, split
from probe.ooni.words import failure_of
from probe.page import describe
from probe.targets import TargetError, parse_one

_DEPTH = re.compile(r"depth=(\d{1,3})\Z")
_FAMILIES = ("A", "AAAA")
_SYSTEM = frozenset({None, "", "getaddrinfo", "golang_net_resolver", "netgo", "stdlib", "system"})
"""The engines that ask the resolver which this machine is told to ask."""
SYSTEM_RESOLVER = "system"
"""What stands for its address, where the file has none."""
_RCODES: Mapping[int, str] = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
_RCODE_OF: Mapping[Failure, str] = {
    Failure.DNS_NXDOMAIN: "NXDOMAIN",
    Failure.DNS_SERVFAIL: "SERVFAIL",
    Failure.DNS_REFUSED: "REFUSED",
    Failure.DNS_NO_ANSWER: "NOERROR",
}
_VERSIONS: Mapping[str, str] = {"h2": "HTTP/2", "http/1.1": "HTTP/1.1"}
_LONGEST_HEADER = 8192


class UnfitError(ValueError):
    """The measurement cannot be read as one of ours; the text says which part of it, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All operations of one measurement, each kind in the order of time."""

    dns: tuple[Row, ...]
    tcp: tuple[Row, ...]
    tls: tuple[Row, ...]
    http: tuple[Row, ...]
    bodies: Mapping[str, bytes] = field(default_factory=dict)
    certificates: Mapping[str, bytes] = field(default_factory=dict)


def rows_of(keys: Keys) -> Rows:
    """Every operation that `test_keys` records. Raises UnfitError, with the place of what cannot be read."""
    bodies: dict[str, bytes] = {}
    certificates: dict[str, bytes] = {}
    queries = [row for n, query in enumerate(keys.queries or ()) for row in _dns(query, f"queries[{n}]")]
    connects = [_tcp(each, f"tcp_connect[{n}]") for n, each in enumerate(keys.tcp_connect or ())]
    shakes = [
        _tls(each, f"tls_handshakes[{n}]", certificates)
        for n, each in enumerate(keys.tls_handshakes or ())
        if each.network != "udp"  # QUIC, which is no step of ours
    ]
    exchanges = [
        _http(each, f"requests[{n}]", bodies) for n, each in enumerate(keys.requests or ()) if each.network != "udp"
    ]
    exchanges.reverse()  # the file has the newest first
    return Rows(
        dns=_by_time(queries),
        tcp=_by_time(connects),
        tls=_by_time(shakes),
        http=_by_time(exchanges),
        bodies=bodies,
        certificates=certificates,
    )


def _by_time(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: row.started))


def _times(entry: Operation) -> tuple[float, float]:
    """Start and duration. Older clients wrote the end only."""
    end = entry.t or 0.0
    start = entry.t0 if entry.t0 is not None else end
    return start, max(0.0, end - start)


def _depth(entry: Operation) -> int | None:
    found = (match for tag in entry.tags or () if (match := _DEPTH.match(tag)))
    return next((int(match[1]) for match in found), None)


def _dns(query: Query, place: str) -> Iterator[Row]:
    """One row for each family that was asked for. `ANY` is one call for both: on success those that were answered."""
    if parse(query.hostname) is not None:
        return  # an address needs no resolver
    started, runtime = _times(query)
    failure, error = failure_of(query.failure)
    records = tuple(record for answer in query.answers or () if (record := _record(query, answer, place)))
    families = [query.query_type] if query.query_type in _FAMILIES else list(_FAMILIES)
    if query.query_type not in (*_FAMILIES, "ANY", ""):
        return  # HTTPS and other types, which lead to no address
    if len(families) > 1 and failure is None:
        families = [family for family in families if any(record.type == family for record in records)] or ["A"]
    for family in families:
        own = tuple(record for record in records if record.type in (family, "CNAME"))
        empty = failure is None and not any(record.type == family for record in own)
        word = Failure.DNS_NO_ANSWER if empty else failure
        detail = _question(query, family, own, word)
        yield Row(started=started, runtime=runtime, detail=detail, failure=word, error=error, depth=_depth(query))


def _question(query: Query, family: str, records: tuple[DnsRecord, ...], failure: Failure | None) -> DnsDetail:
    address, port = split(query.resolver_address or "")
    rcode = _RCODES.get(query.rcode) if query.rcode is not None else None
    if rcode is None and failure is not None:
        rcode = _RCODE_OF.get(failure)
    return DnsDetail(
        hostname=query.hostname.rstrip(".").lower(),
        query_type=family,
        resolver_address=SYSTEM_RESOLVER if is_system(query.engine) else (address or query.resolver_address or ""),
        resolver_port=port,
        transport=query.engine or SYSTEM_RESOLVER,
        rcode=rcode,
        answers=records,
    )


def is_system(engine: str | None) -> bool:
    """Whether an engine asks the resolver that all programs of the machine ask."""
    return engine in _SYSTEM


def _record(query: Query, answer: Answer, place: str) -> DnsRecord | None:
    values = {"A": answer.ipv4, "AAAA": answer.ipv6, "CNAME": answer.hostname}
    value = values.get(answer.answer_type)
    if not value:
        return None
    if answer.answer_type in _FAMILIES:
        value = address_of(value, f"{place}.answers")
    return DnsRecord(name=query.hostname, type=answer.answer_type, value=value, ttl=answer.ttl or 0)


def _tcp(connect: Connect, place: str) -> Row:
    started, runtime = _times(connect)
    failure, error = failure_of(connect.status.failure)
    if failure is None and connect.status.success is False:
        failure = Failure.UNKNOWN
    detail = TcpDetail(address=address_of(connect.ip, f"{place}.ip"), port=connect.port)
    return Row(started=started, runtime=runtime, detail=detail, failure=failure, error=error, depth=_depth(connect))


def _tls(shake: Handshake, place: str, kept: dict[str, bytes]) -> Row:
    if shake.no_tls_verify:
        raise UnfitError(f"{place}: the certificate was not verified, so its success would mean nothing")
    started, runtime = _times(shake)
    failure, error = failure_of(shake.failure)
    host, port = split(shake.address or "")
    chain = [_bytes(each, f"{place}.peer_certificates") for each in shake.peer_certificates or ()]
    kept.update({sha256(der): der for der in chain})
    leaf = read(chain[0]) if chain else None
    detail = TlsDetail(
        address=address_of(host, f"{place}.address"),
        port=port,
        server_name=shake.server_name or None,
        tls_version=shake.tls_version or None,
        cipher=shake.cipher_suite or None,
        alpn=shake.negotiated_protocol or None,
        certificates=tuple(sha256(der) for der in chain),
        subject=leaf.subject if leaf else None,
        issuer=leaf.issuer if leaf else None,
        not_before=time_text(leaf.not_before) if leaf else None,
        not_after=time_text(leaf.not_after) if leaf else None,
        alternative_names=leaf.alternative_names if leaf else (),
        public_key_sha256=leaf.public_key_sha256 if leaf else None,
    )
    return Row(started=started, runtime=runtime, detail=detail, failure=failure, error=error, depth=_depth(shake))


def _http(exchange: Exchange, place: str, kept: dict[str, bytes]) -> Row:
    started, runtime = _times(exchange)
    failure, error = failure_of(exchange.failure)
    try:
        target = parse_one(exchange.request.url)
    except TargetError as wrong:
        raise UnfitError(f"{place}.request.url: {wrong}") from None
    if target.scheme not in DEFAULT_PORTS:
        raise UnfitError(f"{place}.request.url: {target.name} has no pages")
    host, _ = split(exchange.address or "")
    address = address_of(host, f"{place}.address") if host else ""
    detail = HttpDetail(
        address=address,
        port=target.port or 0,
        url=target.name,
        method=exchange.request.method or "GET",
        http_version=_VERSIONS.get(exchange.alpn or ""),
    )
    if exchange.response is not None and (exchange.response.code or 0) > 0:
        detail = _answered(detail, exchange.response, place, kept)
    return Row(started=started, runtime=runtime, detail=detail, failure=failure, error=error, depth=_depth(exchange))


def _answered(detail: HttpDetail, response: Response, place: str, kept: dict[str, bytes]) -> HttpDetail:
    """The exchange with the columns of its response."""
    headers = _headers(response, place)
    body = _bytes(response.body, f"{place}.response.body")
    detail = replace(detail, status=response.code, headers=headers)
    detail = describe(detail, body, truncated=bool(response.body_is_truncated))
    kept[detail.body_sha256 or ""] = body
    return detail


def _headers(response: Response, place: str) -> tuple[tuple[str, str], ...]:
    listed = response.headers_list if response.headers_list is not None else list((response.headers or {}).items())
    return tuple(
        (name.lower(), _bytes(value, f"{place}.response.headers")[:_LONGEST_HEADER].decode("utf-8", "replace"))
        for name, value in listed
    )


def _bytes(value: MaybeBinary, place: str) -> bytes:
    if isinstance(value, Binary):
        try:
            return base64.b64decode(value.data, validate=True)
        except (binascii.Error, ValueError):
            raise UnfitError(f"{place}: not base64") from None
    return (value or "").encode()


def address_of(text: str, place: str) -> str:
    """An address in its shortest spelling. Raises UnfitError for what is none (a `[scrubbed]` one too)."""
    address = parse(text)
    if address is None:
        raise UnfitError(f"{place}: {text[:40]!r} is no address")
    return str(address)
