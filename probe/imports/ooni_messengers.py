"""`telegram`, `whatsapp`, `signal` and `facebook_messenger`: one measurement each of many endpoints, taken apart.

Law: pure. An URL that was asked for is a target with all that led to it; any other connection is a `tcp://` target, and
so is a Telegram data centre; a name that was only resolved is a `dns://` target. OONI compares these with nothing, so
there is no control.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from probe.address import parse
from probe.imports.ooni_form import Keys, Report
from probe.imports.ooni_path import addresses_of, follow
from probe.imports.ooni_record import Header, Pair, measured
from probe.imports.ooni_rows import Rows, UnfitError, rows_of
from probe.model import DnsDetail, HttpDetail, Scheme, Target, TcpDetail, TlsDetail
from probe.ooni.hop import Row, observations
from probe.targets import TargetError, parse_one, redirect

SERVICES: Mapping[str, str] = {
    "facebook_messenger": "messenger",
    "signal": "signal",
    "telegram": "telegram",
    "whatsapp": "whatsapp",
}
"""Test name to service."""


@dataclass(slots=True)
class _Part:
    """One target and the rows that are its own."""

    target: Target
    dns: list[Row] = field(default_factory=list)
    tcp: list[Row] = field(default_factory=list)
    tls: list[Row] = field(default_factory=list)
    http: list[Row] = field(default_factory=list)

    def rows(self, whole: Rows) -> Rows:
        return Rows(
            dns=tuple(self.dns),
            tcp=tuple(self.tcp),
            tls=tuple(self.tls),
            http=tuple(self.http),
            bodies=whole.bodies,
            certificates=whole.certificates,
        )


def read_messenger(report: Report, keys: Keys, header: Header) -> Iterator[Pair]:
    """One measurement for each endpoint that was tried. Raises UnfitError where none was."""
    rows = rows_of(keys)
    parts = _parts(rows)
    if not parts:
        raise UnfitError("test_keys: no operation is recorded")
    for part in parts:
        target = header.belonging(part.target, SERVICES[report.test_name])
        observed = observations(follow(target, part.rows(rows)))
        if observed:
            yield Pair(measurement=measured(header, target, observed, rows), controls=())


def _parts(rows: Rows) -> list[_Part]:
    parts = _asked(rows.http)
    taken: set[int] = set()
    for part in parts:
        _take(part, rows, taken)
    parts += _connected(rows, [row for row in rows.tcp if id(row) not in taken])
    seen = {_name(row) for part in parts for row in part.dns}
    for host in dict.fromkeys(_name(row) for row in rows.dns):
        target = _target(f"dns://{host}")
        if host not in seen and target is not None:
            parts.append(_Part(target, dns=[row for row in rows.dns if _name(row) == host]))
    return parts


def _asked(exchanges: Iterable[Row]) -> list[_Part]:
    """The URLs that were asked for, each with the exchanges that its redirects led to."""
    parts: list[_Part] = []
    for row in exchanges:
        assert isinstance(row.detail, HttpDetail), "the rows of `requests` are exchanges"
        before = next((part for part in parts if _leads_to(part.http[-1], row.detail.url)), None)
        if before is not None:
            before.http.append(row)
            continue
        target = parse_one(row.detail.url)
        if parse(target.host) is not None:  # a data centre: it speaks no HTTP, an answer of any kind is one
            target = Target(scheme=Scheme.TCP, host=target.host, port=target.port)
        parts.append(_Part(target, http=[row]))
    return parts


def _leads_to(row: Row, url: str) -> bool:
    assert isinstance(row.detail, HttpDetail), "the rows of `requests` are exchanges"
    location = next((value for name, value in row.detail.headers if name == "location"), None)
    if location is None:
        return False
    try:
        return redirect(parse_one(row.detail.url), location).name == url
    except TargetError:
        return False


def _take(part: _Part, rows: Rows, taken: set[int]) -> None:
    """Gives a part the questions for its hosts, and those connections to them that no part has yet."""
    places = [(each.host, each.port) for each in (part.target, *(parse_one(_url(row)) for row in part.http))]
    for host, port in dict.fromkeys(places):
        names = [row for row in rows.dns if _name(row) == host]
        part.dns += [row for row in names if row not in part.dns]
        own = set(addresses_of(names)) | {host}
        for kind, mine in ((rows.tcp, part.tcp), (rows.tls, part.tls)):
            for row in kind:
                if id(row) not in taken and _is_at(row, host, own, port):
                    taken.add(id(row))
                    mine.append(row)


def _is_at(row: Row, host: str, own: set[str], port: int | None) -> bool:
    detail = row.detail
    if isinstance(detail, TlsDetail) and detail.server_name not in (None, host):
        return False
    return isinstance(detail, TcpDetail | TlsDetail) and detail.port == port and detail.address in own


def _connected(rows: Rows, connects: Sequence[Row]) -> Iterator[_Part]:
    """Connections without a page, by the name that had led to their address."""
    parts: dict[str, _Part] = {}
    for row in connects:
        assert isinstance(row.detail, TcpDetail), "the rows of `tcp_connect` are connects"
        address, port = row.detail.address, row.detail.port
        host = next((_name(name) for name in rows.dns if address in addresses_of([name])), address)
        target = _target(f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}")
        if target is None:
            continue
        part = parts.setdefault(target.name, _Part(target, dns=[name for name in rows.dns if _name(name) == host]))
        part.tcp.append(row)
    yield from parts.values()


def _target(text: str) -> Target | None:
    try:
        return replace(parse_one(text))
    except TargetError:
        return None


def _name(row: Row) -> str:
    assert isinstance(row.detail, DnsDetail), "the rows of `queries` are questions"
    return row.detail.hostname


def _url(row: Row) -> str:
    assert isinstance(row.detail, HttpDetail), "the rows of `requests` are exchanges"
    return row.detail.url
