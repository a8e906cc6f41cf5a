"""Cells and blocks for somebody at a terminal: a table of who can reach what, and a list of what began and ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich import box
from rich.table import Table
from rich.text import Text

from probe.history import Between, Block, Cell, Place, Point, Said
from probe.model import Method, Outcome
from probe.report.safe import safe
from probe.words import Confidence

MIXED = "mixed"
"""What stands in the place of an outcome where vantage points disagree."""
STYLE = {
    Outcome.OK: "green",
    Outcome.BLOCKED: "bold red",
    Outcome.DOWN: "yellow",
    Outcome.REFUSED: "magenta",
    Outcome.INCONCLUSIVE: "cyan",
    None: "bold yellow",
}


def comparison(cells: Sequence[Cell], kind: str) -> Table:
    """A row for each subject in each place; under one whose vantage points disagree, a row for each of them."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in (kind, "place", "outcome", "since", "blocked (95 %)"):
        table.add_column(head, overflow="fold")
    for head in ("measurements", "vantage points"):
        table.add_column(head, justify="right")
    for number, cell in enumerate(cells):
        if number and cells[number - 1].subject != cell.subject:
            table.add_section()
        table.add_row(
            safe(cell.subject),
            place_text(cell.place),
            _outcome(cell.outcome, cell.methods, cell.confidence),
            since_text(cell.since, cell.settled),
            share_text(cell),
            str(cell.measurements),
            str(len(cell.said)),
        )
        if cell.outcome is None:
            for said in cell.said:
                table.add_row(
                    "", f"- {point_text(said.point, cell.place)}", _said(said), since_text(said.since, said.settled)
                )
    return table


def block_lines(block: Block) -> Iterator[Text]:
    """A block: what and where, when it began and ended, and by which measurements that is known."""
    head = Text(f"{safe(block.subject)}  {place_text(block.place)}  ")
    head.append(how_text(block.methods, block.confidence), style="bold red")
    yield head
    for word, edge in (("began", block.begin), ("ended", block.end)):
        if edge is None:
            yield Text(f"  no end seen; last seen {moment_text(block.last_seen)}")
            continue
        yield Text(f"  {word} {between_text(edge.when)}")
    seen = ", ".join(dict.fromkeys(point_text(span.point, block.place) for span in block.spans))
    yield Text(f"  seen {counted(block.verdicts, 'time')} by {seen}", style="dim")
    if block.against:
        others = ", ".join(point_text(point, block.place) for point in block.against)
        yield Text(f"  open meanwhile to {others}", style="yellow")


def evidence_line(word: str, when: datetime, measurements: Sequence[str]) -> Text:
    """The measurements by which a begin or an end is known."""
    return Text(f"  {word} {moment_text(when)}: {', '.join(safe(each, 60) for each in measurements)}", style="dim")


def place_text(place: Place) -> str:
    """`RU AS12389 Rostelecom`; what is unknown is left out."""
    known = [place.country] if place.country != "ZZ" else []
    known += [f"AS{place.asn}"] if place.asn else []
    known += [place.network] if place.network else []
    known += ["(network unknown)"] if not place.known else []
    return safe(" ".join(known) or "unknown")


def point_text(point: Point, place: Place) -> str:
    """A vantage point within its place: its name, the database that knows it, and its network where the place is a
    whole country."""
    vantage = point.vantage
    network = f"AS{vantage.asn} {vantage.network or ''}" if vantage.asn else vantage.network or ""
    within = f", {network.strip()}" if network and place == Place(country=vantage.country) else ""
    return safe(f"{vantage.name} in {point.source}{within}")


def share_text(cell: Cell) -> str:
    """`3 of 4, 30–95 %`: of the verdicts that decide, those that say blocked, and Wilson's interval of their share."""
    if cell.share is None or cell.interval is None:
        return ""
    deciding = sum(cell.counts.values()) - cell.counts[Outcome.INCONCLUSIVE]
    low, high = cell.interval
    return f"{cell.counts[Outcome.BLOCKED]} of {deciding}, {low:.0%}–{high:.0%}".replace("%–", "–").replace("%", " %")


def measured_text(cell: Cell) -> str:
    """By how much it is known."""
    return f"{counted(cell.measurements, 'measurement')}, {counted(len(cell.said), 'vantage point')}"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def how_text(methods: Sequence[Method], confidence: Confidence | None) -> str:
    """`dns, tcp; confirmed`."""
    return "; ".join(
        filter(None, (", ".join(method.value for method in methods), confidence.value if confidence else ""))
    )


def since_text(since: Between | None, settled: bool) -> str:
    """When a state began to hold, as far as is known; one that was seen once only may pass."""
    if since is None:
        return ""
    if since.earliest is None:
        return f"{moment_text(since.latest)} or before{'' if settled else ', seen once'}"
    return moment_text(since.latest) + ("" if settled else ", seen once")


def between_text(when: Between) -> str:
    """Both ends of when something changed."""
    if when.earliest is None:
        return f"{moment_text(when.latest)} or before: nothing was seen earlier"
    return f"between {moment_text(when.earliest)} and {moment_text(when.latest)}"


def moment_text(moment: datetime) -> str:
    """UTC, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M}"


def _outcome(outcome: Outcome | None, methods: Sequence[Method], confidence: Confidence | None) -> Text:
    text = Text(outcome.value if outcome else MIXED, style=STYLE[outcome])
    how = how_text(methods, confidence)
    return text.append(f" ({how})", style="default not bold") if how else text


def _said(said: Said) -> Text:
    blocked = said.verdict.outcome is Outcome.BLOCKED
    return _outcome(said.verdict.outcome, said.verdict.methods if blocked else (), said.verdict.confidence)
