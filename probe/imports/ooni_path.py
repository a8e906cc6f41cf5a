"""The way that an OONI measurement took, hop after hop: which of its rows belong to which.

Law: pure. The file's `depth=` tags decide; without them the chain of redirects does. A row that belongs to no hop (a
connection to another port, a question to another resolver) is left out. Where the file has an exchange but not how it
was reached, rows that the exchange proves are put before it, and say so in `error`; they never have a failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from probe.address import parse
from probe.failure import Failure
from probe.imports.ooni_rows import SYSTEM_RESOLVER, Row, Rows, answered, is_system
from probe.model import (
    STEP_OF,
    DnsDetail,
    Experiment,
    GreetingDetail,
    HttpDetail,
    Observation,
    Scheme,
    StepName,
    Target,
    TcpDetail,
    TlsDetail,
)
from probe.targets import TargetError, parse_one, redirect

IMPLIED = "not in the file: shown by the rows that follow"
"""The `error` of a row that is a consequence of others."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SECURE = frozenset({Scheme.HTTPS, Scheme.TLS})
_LAYERS = tuple(StepName)
# Failures of an exchange that name the layer below which it never came.
_LAYER_OF = {
    **{word: StepName.DNS for word in Failure if word.startswith("dns_")},
    **{word: StepName.TLS for word in Failure if word.startswith("ssl_")},
    **dict.fromkeys((Failure.CONNECTION_REFUSED, Failure.HOST_UNREACHABLE, Failure.NETWORK_UNREACHABLE), StepName.TCP),
}


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
        if not isinstance(detail, HttpDetail) or detail.status not in _REDIRECTS:
            return None
        location = next((value for name, value in detail.headers if name == "location"), None)
        try:
            return redirect(parse_one(detail.url), location) if location is not None else None
        except TargetError:
            return None

    def rows(self) -> list[Row]:
        return [*self.dns, *self.tcp, *self.tls, *self.http]


def follow(target: Target, rows: Rows, helper_addresses: frozenset[str] = frozenset()) -> tuple[Hop, ...]:
    """The hops of one measurement of `target`, each with its rows.

    `helper_addresses` are what a test helper's resolver gave: a connection to one that this machine's resolver did
    not give is an experiment, as it is when this program makes it.
    """
    hops = _chain(target, rows.http)
    deepest = max((row.depth or 0 for row in (*rows.dns, *rows.tcp, *rows.tls)), default=0)
    onward = hops[-1].onward
    if onward is not None and hops[-1].depth is not None and deepest > hops[-1].depth:
        hops.append(Hop(onward, hops[-1].depth + 1))  # it failed before anything could be asked there
    _place(hops, rows)
    hops = _merged(hops)
    known: dict[str, list[Row]] = {}
    for hop in hops:
        known.setdefault(hop.target.host, []).extend(hop.dns)
        _set_apart(hop, known[hop.target.host], helper_addresses)
        _complete(hop, known[hop.target.host])
    return tuple(_only_experiments_after_one(hops))


def _chain(target: Target, exchanges: Iterable[Row]) -> list[Hop]:
    """The places that were asked for a page, in order; the target's own is the first, asked or not."""
    hops = [Hop(target, None)]
    for row in exchanges:
        assert isinstance(row.detail, HttpDetail), "the rows of `requests` are exchanges"
        here, asked = hops[-1], parse_one(row.detail.url)
        deeper = row.depth is not None and here.depth is not None and row.depth > here.depth
        elsewhere = asked.name != here.target.name and bool(here.http)
        if deeper or (elsewhere and row.depth is None) or (elsewhere and here.depth is None):
            hops.append(here := Hop(replace(asked, service=target.service), None))
        here.depth = row.depth if here.depth is None else here.depth
        here.http.append(row)
    return hops


def _place(hops: Sequence[Hop], rows: Rows) -> None:
    system = {row.detail.hostname for row in rows.dns if isinstance(row.detail, DnsDetail) and _asks_system(row)}
    for row in rows.dns:
        assert isinstance(row.detail, DnsDetail), "the rows of `queries` are questions"
        name = row.detail.hostname
        hop = next((h for h in hops if h.target.host == name and _fits_depth(row, h)), None)
        if hop is not None and (_asks_system(row) or name not in system):
            hop.dns.append(row)
    for row in (*rows.tcp, *rows.tls):
        hop = next((hop for hop in hops if _belongs(row, hop, hops[0], rows.dns)), None)
        if hop is not None:
            (hop.tls if isinstance(row.detail, TlsDetail) else hop.tcp).append(row)


def _asks_system(row: Row) -> bool:
    return isinstance(row.detail, DnsDetail) and is_system(row.detail.transport)


def _fits_depth(row: Row, hop: Hop) -> bool:
    return row.depth is None or hop.depth is None or row.depth == hop.depth


def _belongs(row: Row, hop: Hop, first: Hop, names: Sequence[Row]) -> bool:
    """A connection or handshake belongs to the first hop with its port, name, and depth or address."""
    assert isinstance(row.detail, TcpDetail | TlsDetail), "only connections have a port"
    if row.detail.port != hop.target.port or not _fits_depth(row, hop):
        return False
    if isinstance(row.detail, TlsDetail):
        if not hop.is_secure:
            return False
        if row.detail.server_name and row.detail.server_name.rstrip(".").lower() != hop.target.host:
            return False
    if row.depth is not None and hop.depth is not None:
        return True
    host = hop.target.host
    own = addresses_of(each for each in names if isinstance(each.detail, DnsDetail) and each.detail.hostname == host)
    return row.detail.address in own if own else (row.detail.address == host or hop is first)


def addresses_of(rows: Iterable[Row]) -> list[str]:
    """The addresses in DNS rows, each once."""
    details = [row.detail for row in rows if isinstance(row.detail, DnsDetail)]
    return list(dict.fromkeys(r.value for detail in details for r in detail.answers if r.type == detail.query_type))


def _merged(hops: Sequence[Hop]) -> list[Hop]:
    """A redirect within one origin, asked over the connection that was there, is no hop of its own."""
    merged = [hops[0]]
    for hop in hops[1:]:
        before = merged[-1]
        same = (hop.target.scheme, hop.target.host, hop.target.port) == (
            before.target.scheme,
            before.target.host,
            before.target.port,
        )
        if same and not hop.tcp and hop.http:
            before.http += hop.http
        else:
            merged.append(hop)
    return merged


def _set_apart(hop: Hop, names: Sequence[Row], helper_addresses: frozenset[str]) -> None:
    """Marks what went to an address that only the helper was given; leaves out what went to nobody's."""
    asked = [row for row in names if _asks_system(row)]
    if not asked:
        return
    own = set(addresses_of(asked)) | {""}
    for kind in (hop.tcp, hop.tls, hop.http):
        kind[:] = [
            row if row.address in own else replace(row, experiment=Experiment.CONTROL_ADDRESS)
            for row in kind
            if row.address in own | helper_addresses
        ]


def _complete(hop: Hop, names: Sequence[Row]) -> None:
    """Gives each exchange its address, and puts the rows before it that it proves and the file lacks."""
    for row in [row for row in hop.http if row.experiment is None]:
        hop.http.remove(row)
        _settle(hop, row)
    mine = [row for row in hop.rows() if row.experiment is None]
    if not mine:
        return
    first = min(mine, key=lambda row: row.started)
    if hop.http and not hop.tcp:
        page = hop.http[0].detail
        hop.tcp.append(_implied(first, TcpDetail(address=hop.http[0].address, port=getattr(page, "port", 0))))
    if hop.is_secure and not hop.tls and any(_is_answered(row) for row in hop.http):
        at = next(row for row in hop.http if _is_answered(row)).detail
        detail = TlsDetail(address=getattr(at, "address", ""), port=getattr(at, "port", 0), server_name=hop.target.host)
        hop.tls.append(_implied(first, detail))
    if parse(hop.target.host) is None and not hop.dns:
        hop.dns += [_implied(first, detail) for detail in _answers(hop, names)]


def _settle(hop: Hop, row: Row) -> None:
    """Puts an exchange where it belongs: a failure of the name, connection or handshake is a row of that layer."""
    detail = row.detail
    assert isinstance(detail, HttpDetail), "only exchanges are settled"
    good = [at for at in (hop.tls if hop.is_secure and hop.tls else hop.tcp) if at.failure is None]
    if not _is_answered(row) and (hop.tcp and not good):
        return  # the rows below say already why there was no page
    layer = None if _is_answered(row) or row.failure is None else _LAYER_OF.get(row.failure)
    address = detail.address or next((at.address for at in good if at.experiment is None), "")
    literal = parse(hop.target.host)
    address = address or (str(literal) if literal else next(iter(addresses_of(hop.dns)), ""))
    if layer is StepName.DNS:
        if not hop.dns:
            hop.dns.append(replace(row, detail=answered(SYSTEM_RESOLVER, hop.target.host, "A", ())))
    elif layer is StepName.TCP and not hop.tcp:
        hop.tcp.append(replace(row, detail=TcpDetail(address=address, port=detail.port)))
    elif layer is StepName.TLS and not hop.tls:
        detail_of_tls = TlsDetail(address=address, port=detail.port, server_name=hop.target.host)
        hop.tls.append(replace(row, detail=detail_of_tls))
    else:
        hop.http.append(replace(row, detail=replace(detail, address=address)))


def _is_answered(row: Row) -> bool:
    return isinstance(row.detail, HttpDetail) and row.detail.status is not None


def _implied(before: Row, detail: DnsDetail | TcpDetail | TlsDetail) -> Row:
    return Row(started=before.started, runtime=0.0, detail=detail, error=IMPLIED, experiment=None)


def _answers(hop: Hop, names: Sequence[Row]) -> list[DnsDetail]:
    """What the resolver must have said of a hop's name: what it said before, or where the connections went."""
    went = dict.fromkeys(row.address for row in (*hop.tcp, *hop.tls, *hop.http) if row.experiment is None)
    values = addresses_of(names) or list(went)
    by_family: dict[str, list[str]] = {}
    for value in values:
        by_family.setdefault("AAAA" if ":" in value else "A", []).append(value)
    return [answered(SYSTEM_RESOLVER, hop.target.host, family, found) for family, found in by_family.items()]


def _only_experiments_after_one(hops: Sequence[Hop]) -> Iterable[Hop]:
    """What was asked for after an experiment's redirect is a part of the experiment."""
    went_on = True
    for hop in hops:
        if not went_on:
            for kind in (hop.dns, hop.tcp, hop.tls, hop.http):
                kind[:] = [replace(row, experiment=Experiment.CONTROL_ADDRESS) for row in kind]
        yield hop
        went_on = went_on and any(row.experiment is None for row in hop.http)


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
        case GreetingDetail() as greeting:
            return ("greeting", greeting.address, greeting.port, greeting.transport)
