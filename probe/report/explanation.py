"""The evidence behind one verdict, told for somebody who was not there and does not know the field.

Law: it shows rows and sentences that are recorded, in their order, and concludes nothing of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from probe.classify import Hop, Path, located, plain, what_would_change
from probe.form import time_text
from probe.model import (
    DnsDetail,
    Experiment,
    GreetingDetail,
    HttpDetail,
    Measurement,
    Observation,
    QuicDetail,
    Result,
    TcpDetail,
    TlsDetail,
)
from probe.report.safe import safe
from probe.report.terminal import how_sure, record_line, where

# What was done otherwise than in the check itself.
EXPERIMENTS: dict[Experiment, str] = {
    Experiment.NO_RESOLVER: "the question sent to an address where no resolver is",
    Experiment.OVER_TCP: "the question asked over TCP, where a forger of datagrams has no hand",
    Experiment.OVER_TLS: "the question asked over TLS, where nobody on the way can read it",
    Experiment.OVER_HTTPS: "another resolver asked, over HTTPS",
    Experiment.BELOW_THE_NAME: "the question for a made-up name below it",
    Experiment.CONTROL_ADDRESS: "to the address that the control was given",
    Experiment.NEUTRAL_GROUND: "the names sent to the control's own address, which answers under any name",
    Experiment.OTHER_NAME: "to the same address, under a name that nobody blocks",
    Experiment.OTHER_SERVER_NAME: "a name that nobody blocks in the handshake, the true one inside",
    Experiment.OTHER_PORT: "to another port of the same address",
    Experiment.SPLIT_SEGMENTS: "the name sent in two segments",
    Experiment.SPLIT_RECORDS: "the name sent in two TLS records",
    Experiment.TRANSFER: "the same page once more, for how fast it comes",
    Experiment.HOP_LIMIT: "in packets that go only so far",
    Experiment.REPEAT: "the same once more",
}
_LEAST_WIDTH = 10


def explain_lines(result: Result) -> Iterator[str]:
    """The evidence behind one verdict, step by step, with the controls' side beside it."""
    measurement, verdict = result.measurement, result.verdict
    yield f"{safe(measurement.target.name)} was found {verdict.outcome.value.upper()}{how_sure(verdict)}"
    yield f"measured {time_text(measurement.started_at)} from {where(measurement.vantage)}"
    yield f"judged by rules {verdict.rules_version}"
    yield ""
    yield "Why:"
    for reason in verdict.reasons:
        numbers = ", ".join(map(str, reason.observations))
        yield f"  {safe(reason.text)}" + (f"  [{reason.code}; steps {numbers}]" if numbers else f"  [{reason.code}]")
    if (place := located(measurement)) is not None:
        yield f"  {safe(place)}"
    yield ""
    yield "What would change it:"
    yield f"  {what_would_change(verdict)}"
    yield from _side_by_side(result)
    yield ""
    yield "What was done from here:"
    yield from _steps(measurement)
    for control in result.controls:
        yield ""
        yield f"What the control vantage point {where(control.vantage)} saw at {time_text(control.started_at)}:"
        yield from _steps(control)
    if not result.controls:
        yield ""
        yield "No control vantage point was compared."


def _side_by_side(result: Result) -> Iterator[str]:
    """How far each side came at the place where this measurement ended."""
    hop = Path(result.measurement).end
    sides = [("here", hop), *((safe(c.vantage.name, 40), Path(c).at(hop)) for c in result.controls)]
    if len(sides) == 1:
        return
    columns = [[name, *_how_far(side)] for name, side in sides]
    widths = [max(_LEAST_WIDTH, *map(len, column)) for column in columns]
    yield ""
    yield f"Side by side, at {safe(hop.host)}:"
    for label, *cells in zip(("", "name", "connect", "handshake", "page", "answer"), *columns, strict=True):
        if any(cell != "-" for cell in cells):
            line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            yield f"  {label:<9}  {line}".rstrip()


def _how_far(hop: Hop | None) -> Iterator[str]:
    if hop is None:
        yield from ("never came there", "-", "-", "-", "-")
        return
    yield ", ".join(sorted(hop.addresses)[:2]) or _ended(hop.dns)
    yield _first_good(hop.tcp, "open")
    yield _first_good(hop.tls, "good certificate")
    page = hop.page
    yield f"HTTP {page.status} {safe(page.title or '', 40)}".rstrip() if page is not None else _ended(hop.http)
    yield _how_it_spoke(hop)


def _how_it_spoke(hop: Hop) -> str:
    if hop.answered:
        return "in its protocol"
    otherwise = any(row.failure is None for row in hop.greeting)
    return "not in its protocol" if otherwise else _ended(hop.greeting)


def _first_good(rows: Sequence[Observation], word: str) -> str:
    return word if any(row.failure is None for row in rows) else _ended(rows)


def _ended(rows: Sequence[Observation]) -> str:
    return plain(rows[-1].failure) if rows else "-"


def _steps(measurement: Measurement) -> Iterator[str]:
    check = [row for row in measurement.observations if row.experiment is None]
    hop = 0
    for row in check:
        if row.hop != hop:
            hop = row.hop
            yield f"  redirected (hop {hop}):"
        yield _line(row)
    tried = [row for row in measurement.observations if row.experiment is not None]
    if tried:
        yield "  then, to find out what it is that fails:"
    yield from _experiments(tried)


def _experiments(tried: Iterable[Observation]) -> Iterator[str]:
    """Each by itself, also where several were made side by side."""
    by_experiment: dict[Experiment, list[Observation]] = {}
    for row in tried:
        if row.experiment is not None:
            by_experiment.setdefault(row.experiment, []).append(row)
    for experiment, rows in by_experiment.items():
        yield f"  - {EXPERIMENTS[experiment]}:"
        yield from map(_line, rows)


def _line(row: Observation) -> str:
    more = f", try {row.attempt}" if row.attempt > 1 else ""
    more += f", hop limit {row.hop_limit}" if row.hop_limit is not None else ""
    more += f", expired at {safe(row.router)}" if row.router is not None else ""
    return f"  {row.id:>3}  {row.started:7.3f} s  {_story(row)}  ({row.runtime * 1000:.0f} ms{more})"


def _story(row: Observation) -> str:
    """One operation in one line."""
    ended = f"{plain(row.failure)} [{row.failure}]"
    match row.detail:
        case DnsDetail() as dns:
            asked = f"asked {dns.resolver_address} for {dns.query_type} of {safe(dns.hostname)}"
            if dns.response > 1:
                asked += f", answer number {dns.response} to the same question"
            values = ", ".join(record_line(record) for record in dns.answers[:4])
            return f"{asked}: {ended if row.failure else values}"
        case TcpDetail() as tcp:
            return f"connected to {tcp.address} port {tcp.port}: {ended if row.failure else 'open'}"
        case TlsDetail() as tls:
            name = safe(tls.server_name or "no name")
            seen = f"{tls.tls_version}, certificate from {safe(tls.issuer or 'nobody', 80)}" if tls.tls_version else ""
            return f"TLS with {tls.address} as {name}: " + "; ".join(filter(None, (ended if row.failure else "", seen)))
        case QuicDetail() as quic:
            name = safe(quic.server_name or "no name")
            return f"QUIC with {quic.address} port {quic.port} as {name}: {ended if row.failure else 'answered'}"
        case HttpDetail() as http:
            seen = f"{http.status} {safe(http.title or '', 60)}".rstrip() if http.status else ""
            length = f"{http.body_length} bytes" + (" and more" if http.body_truncated else "")
            onward = f"leads to {safe(http.location, 80)}" if http.location is not None else ""
            told = "; ".join(filter(None, (ended if row.failure else "", seen, length if http.status else "", onward)))
            return f"asked {http.address} for {safe(http.url)}: {told}"
        case GreetingDetail() as greeting:
            return f"spoke {greeting.protocol} to {_place(greeting)}: {_answer(row, greeting)}"


def _place(greeting: GreetingDetail) -> str:
    return f"{safe(greeting.address, 60)} port {greeting.port} over {safe(greeting.transport, 10).upper()}"


def _answer(row: Observation, greeting: GreetingDetail) -> str:
    """What became of a greeting, with the beginning of an answer that is not the protocol's."""
    if row.failure is not None:
        came = f" after {greeting.bytes_received} bytes" if greeting.bytes_received else ""
        return f"{plain(row.failure)} [{row.failure}]{came}"
    if greeting.recognised:
        return f"answered ({greeting.bytes_received} bytes)"
    return f"answered otherwise: {safe(greeting.first_bytes or '', 128)}"
