"""Verdicts in plain words, for somebody at a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from rich.text import Text

from probe.classify import located
from probe.model import (
    DnsRecord,
    Outcome,
    Result,
    Run,
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
    if (place := located(result.measurement)) is not None:
        yield Text(f"{'':{_WIDTH}}  {safe(place)}", style="dim")


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


def summary(outcomes: Iterable[Outcome] | Mapping[Outcome, int]) -> str:
    """`12 targets: 10 ok, 2 blocked`."""
    counts = Counter(outcomes)
    parts = [f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome]]
    total = sum(counts.values())
    return f"{total} target{'' if total == 1 else 's'}: {', '.join(parts)}" if parts else "0 targets"


def where(vantage: Vantage) -> str:
    """`name (RU, AS12389 Rostelecom)`."""
    return _placed(vantage.name, vantage.country if vantage.country != "ZZ" else None, vantage.asn, vantage.network)


def record_line(record: DnsRecord) -> str:
    """`192.0.2.1 (RU, AS12389 Rostelecom)`."""
    return _placed(safe(record.value, 60), record.country, record.asn, record.network)


def _placed(what: str, country: str | None, asn: int | None, name: str | None) -> str:
    """With what is known of its network."""
    network = " ".join(part for part in (f"AS{asn}" if asn else "", name or "") if part)
    place = ", ".join(part for part in (country or "", network) if part)
    return safe(f"{what} ({place})" if place else what)
