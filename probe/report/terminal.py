"""Verdicts in plain words, for somebody at a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from rich.text import Text

from probe.classify import plain
from probe.form import time_text
from probe.model import (
    DnsDetail,
    HttpDetail,
    Measurement,
    Observation,
    Outcome,
    Result,
    Run,
    TcpDetail,
    TlsDetail,
    Vantage,
    Verdict,
)
from probe.report.safe import safe
from probe.service import ServiceVerdict

_STYLE = {
    Outcome.OK: "green",
    Outcome.BLOCKED: "bold red",
    Outcome.DOWN: "yellow",
    Outcome.REFUSED: "magenta",
    Outcome.INCONCLUSIVE: "cyan",
}
_WIDTH = max(len(outcome) for outcome in Outcome)


def verdict_lines(result: Result) -> Iterator[Text]:
    """The verdict on one target: what, how sure, and why."""
    verdict = result.verdict
    head = Text(verdict.outcome.value.upper().ljust(_WIDTH), style=_STYLE[verdict.outcome])
    head.append(f"  {safe(result.measurement.target.name)}{how_sure(verdict)}", style="default not bold")
    yield head
    for reason in verdict.reasons:
        yield Text(f"{'':{_WIDTH}}  {safe(reason.text)}", style="dim")


def service_line(verdict: ServiceVerdict) -> Text:
    """The verdict on one service in one line."""
    line = Text(verdict.outcome.value.upper().ljust(_WIDTH), style=_STYLE[verdict.outcome])
    line.append(f"  {safe(verdict.service)}{how_sure(verdict)}: {safe(verdict.text)}", style="default not bold")
    return line


def past_service_line(run: Run, verdict: ServiceVerdict) -> Text:
    """The same of a past run."""
    return Text(f"{run.started_at:%Y-%m-%d %H:%M:%S}  ").append_text(service_line(verdict))


def result_line(result: Result) -> Text:
    """A past verdict in one line, with the id that `probe explain` takes."""
    measurement, verdict = result.measurement, result.verdict
    line = Text(f"{measurement.started_at:%Y-%m-%d %H:%M:%S}  ")
    line.append(verdict.outcome.value.upper().ljust(_WIDTH), style=_STYLE[verdict.outcome])
    line.append(f"  {safe(measurement.target.name)}{how_sure(verdict)}  {measurement.id}")
    return line


def moved_line(before: Result, after: Result) -> str:
    """A verdict that other rules change."""
    old, new = before.verdict, after.verdict
    name = safe(after.measurement.target.name)
    return f"{name}: {old.outcome}{how_sure(old)} -> {new.outcome}{how_sure(new)}  {after.measurement.id}"


def how_sure(verdict: Verdict | ServiceVerdict) -> str:
    """` (tls, confirmed)` after a blocked target's name; nothing after any other."""
    words = [method.value for method in verdict.methods] + ([verdict.confidence.value] if verdict.confidence else [])
    return f" ({', '.join(words)})" if words else ""


def summary(outcomes: Iterable[Outcome]) -> str:
    """`12 targets: 10 ok, 2 blocked`."""
    counts = Counter(outcomes)
    parts = [f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome]]
    total = sum(counts.values())
    return f"{total} target{'' if total == 1 else 's'}: {', '.join(parts)}" if parts else "0 targets"


def explain_lines(result: Result) -> Iterator[str]:
    """The evidence behind one verdict, step by step, with the controls' side after it."""
    measurement, verdict = result.measurement, result.verdict
    yield f"{safe(measurement.target.name)} was found {verdict.outcome.value.upper()}{how_sure(verdict)}"
    yield f"measured {time_text(measurement.started_at)} from {where(measurement.vantage)}"
    yield f"judged by rules {verdict.rules_version}"
    yield ""
    yield "Why:"
    for reason in verdict.reasons:
        numbers = ", ".join(map(str, reason.observations))
        yield f"  {safe(reason.text)}" + (f"  [{reason.code}; steps {numbers}]" if numbers else f"  [{reason.code}]")
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


def where(vantage: Vantage) -> str:
    """`name (RU, AS12389 Rostelecom)`."""
    network = " ".join(part for part in (f"AS{vantage.asn}" if vantage.asn else "", vantage.network or "") if part)
    place = ", ".join(part for part in (vantage.country if vantage.country != "ZZ" else "", network) if part)
    return safe(f"{vantage.name} ({place})" if place else vantage.name)


def _steps(measurement: Measurement) -> Iterator[str]:
    hop = 0
    for row in measurement.observations:
        if row.hop != hop:
            hop = row.hop
            yield f"  redirected (hop {hop}):"
        again = f", try {row.attempt}" if row.attempt > 1 else ""
        yield f"  {row.id:>3}  {row.started:7.3f} s  {_story(row)}  ({row.runtime * 1000:.0f} ms{again})"


def _story(row: Observation) -> str:
    """One operation in one line."""
    ended = f"{plain(row.failure)} [{row.failure}]"
    match row.detail:
        case DnsDetail() as dns:
            asked = f"asked {dns.resolver_address} for {dns.query_type} of {safe(dns.hostname)}"
            if dns.response > 1:
                asked += f", answer number {dns.response} to the same question"
            values = ", ".join(safe(record.value, 60) for record in dns.answers[:4])
            return f"{asked}: {ended if row.failure else values}"
        case TcpDetail() as tcp:
            return f"connected to {tcp.address} port {tcp.port}: {ended if row.failure else 'open'}"
        case TlsDetail() as tls:
            name = safe(tls.server_name or "no name")
            seen = f"{tls.tls_version}, certificate from {safe(tls.issuer or 'nobody', 80)}" if tls.tls_version else ""
            return f"TLS with {tls.address} as {name}: " + "; ".join(filter(None, (ended if row.failure else "", seen)))
        case HttpDetail() as http:
            seen = f"{http.status} {safe(http.title or '', 60)}".rstrip() if http.status else ""
            length = f"{http.body_length} bytes" + (" and more" if http.body_truncated else "")
            told = "; ".join(filter(None, (ended if row.failure else "", seen, length if http.status else "")))
            return f"asked {http.address} for {safe(http.url)}: {told}"
