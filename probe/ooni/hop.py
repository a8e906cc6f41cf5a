"""Rows that are no observations yet, and the places to which they belong.

Law: pure. A row has no number before all of them are there, and all rows of a place are numbered in the order of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from probe.address import parse
from probe.failure import Failure
from probe.model import (
    STEP_OF,
    Detail,
    DnsDetail,
    DnsRecord,
    Experiment,
    GreetingDetail,
    HttpDetail,
    Measurement,
    Observation,
    QuicDetail,
    Scheme,
    StepName,
    Target,
    TcpDetail,
    TlsDetail,
)
from probe.targets import TargetError, parse_one, redirect

_SECURE = frozenset({Scheme.HTTPS, Scheme.TLS})
_LAYERS = tuple(StepName)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An observation that has no number yet, and whose hop is not known yet."""

    started: float
    runtime: float
    detail: Detail
    failure: Failure | None = None
    error: str | None = None
    depth: int | None = None
    """The hop, where the file itself says which one."""
    experiment: Experiment | None = None

    @property
    def address(self) -> str:
        """The address it went to; empty for a question."""
        return "" if isinstance(self.detail, DnsDetail) else self.detail.address


@dataclass(slots=True)
class Hop:
    """One place that was visited, while its rows are being gathered."""

    target: Target
    depth: int | None
    dns: list[Row] = field(default_factory=list)
    tcp: list[Row] = field(default_factory=list)
    tls: list[Row] = field(default_factory=list)
    http: list[Row] = field(default_factory=list)

    @property
    def is_secure(self) -> bool:
        return self.target.scheme in _SECURE

    @property
    def onward(self) -> Target | None:
        """Where its last response leads, if that is a redirect to a place."""
        detail = self.http[-1].detail if self.http else None
        if not isinstance(detail, HttpDetail) or detail.location is None:
            return None
        try:
            return redirect(parse_one(detail.url), detail.location)
        except TargetError:
            return None

    def rows(self) -> list[Row]:
        return [*self.dns, *self.tcp, *self.tls, *self.http]


def way_of(measurement: Measurement) -> tuple[Hop, ...]:
    """The places that a measurement of ours visited, each with the exchanges there."""
    hops = [Hop(measurement.target, None)]
    rows = [row for row in measurement.observations if row.experiment is None]
    for index in range(max((row.hop for row in rows), default=0) + 1):
        hop = hops[-1]
        hop.http = [
            Row(started=row.started, runtime=row.runtime, detail=row.detail, failure=row.failure)
            for row in rows
            if row.hop == index and isinstance(row.detail, HttpDetail)
        ]
        onward = hop.onward
        if onward is None or not any(row.hop == index + 1 for row in rows):
            break
        hops.append(Hop(onward, None))
    return tuple(hops)


def observations(hops: Iterable[Hop]) -> tuple[Observation, ...]:
    """The rows as observations: numbered in the order of time, each try of the same operation counted."""
    rows = [(number, row) for number, hop in enumerate(hops) for row in hop.rows()]
    rows.sort(key=lambda each: (each[1].started, each[0], _LAYERS.index(STEP_OF[type(each[1].detail)])))
    tries: Counter[object] = Counter()
    found = []
    for number, (hop_number, row) in enumerate(rows, start=1):
        key = (hop_number, row.experiment, _operation(row))
        tries[key] += 1
        found.append(
            Observation(
                id=number,
                started=row.started,
                runtime=row.runtime,
                attempt=tries[key],
                hop=hop_number,
                experiment=row.experiment,
                failure=row.failure,
                error=row.error,
                detail=row.detail,
            )
        )
    return tuple(found)


def _operation(row: Row) -> tuple[object, ...]:
    """What makes two rows two tries of one operation."""
    match row.detail:
        case DnsDetail() as dns:
            return (dns.hostname, dns.query_type, dns.transport, dns.resolver_address)
        case TcpDetail() as tcp:
            return ("tcp", tcp.address, tcp.port)
        case TlsDetail() as tls:
            return ("tls", tls.address, tls.port, tls.server_name)
        case HttpDetail() as http:
            return (http.address, http.url, http.method)
        case QuicDetail() as quic:
            return ("quic", quic.address, quic.port, quic.server_name)
        case GreetingDetail() as greeting:
            return ("greeting", greeting.address, greeting.port, greeting.transport)


def answered(resolver: str, host: str, family: str, values: Iterable[str]) -> DnsDetail:
    """A question about a host's addresses, of which the file tells only what was answered."""
    return DnsDetail(
        hostname=host,
        query_type=family,
        resolver_address=resolver,
        resolver_port=0,
        transport=resolver,
        answers=tuple(DnsRecord(name=host, type=family, value=value, ttl=0) for value in values),
    )


def split(endpoint: str) -> tuple[str, int]:
    """Address and port of `192.0.2.1:443` or `[2001:db8::1]:443`; port 0 where there is none."""
    if parse(endpoint) is not None:
        return endpoint, 0
    host, _, port = endpoint.rpartition(":")
    digits = port.isascii() and port.isdigit() and len(port) < 6
    return host.strip("[]"), int(port) if digits and int(port) < 65536 else 0
