"""Subjects × places: a cell for each, which opens what its vantage points say and by which measurements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from probe.history import Cell, Judged, Place, Said
from probe.model import Confidence, Outcome
from probe.report.comparison import (
    MIXED,
    counted,
    how_text,
    moment_text,
    place_text,
    point_text,
    share_text,
    since_text,
)
from probe.report.page.evidence import Ask, items
from probe.report.page.markup import Markup, joined, tag

SIGNS: Mapping[Outcome | None, str] = {
    Outcome.BLOCKED: "✕",
    Outcome.OK: "✓",
    Outcome.DOWN: "▽",
    Outcome.REFUSED: "⊘",
    Outcome.INCONCLUSIVE: "?",
    None: "≠",
}
MEANINGS: Mapping[Outcome | None, str] = {
    Outcome.BLOCKED: "the network between the vantage point and the service interferes",
    Outcome.OK: "the service answered, as itself",
    Outcome.DOWN: "the service does not work from elsewhere either",
    Outcome.REFUSED: "the service itself turns the vantage point away",
    Outcome.INCONCLUSIVE: "the evidence allows none of these",
    None: "vantage points of one network disagree; the cell says who says what",
}


def word(outcome: Outcome | None) -> str:
    return outcome.value if outcome is not None else MIXED


def legend() -> Markup:
    """Each sign with its word, that of a block as sure as it can be, and less."""
    blocked, *rest = SIGNS.items()
    shades = [
        tag("li", f"{blocked[1]} {word(blocked[0])}, {sure}", class_=f"{word(blocked[0])} {sure}")
        for sure in reversed([each.value for each in Confidence])
    ]
    others = [tag("li", f"{sign} {word(each)}", class_=word(each)) for each, sign in rest]
    return tag("ul", *shades, *others, class_="legend")


def heat_map(cells: Sequence[Cell], places: Sequence[Place], ask: Ask) -> Markup:
    """A row for each subject, with a column for each place."""
    found: dict[str, dict[Place, Cell]] = {}
    for cell in cells:
        found.setdefault(cell.subject, {})[cell.place] = cell
    heads = tag("div", tag("div"), *map(_head, places), class_="row heads", aria_hidden="true")
    return tag("div", heads, *(_row(each, found[each], places, ask) for each in found), class_="map")


def _head(place: Place) -> Markup:
    """The network first, then what it is by number and where."""
    bare = replace(place, network="")
    return tag("div", tag("b", place.network) if place.network else None, f" {place_text(bare)}")


def _row(subject: str, known: Mapping[Place, Cell], places: Sequence[Place], ask: Ask) -> Markup:
    counts = Counter(word(cell.outcome) for cell in known.values())
    sums = ", ".join(f"{each} in {count}" for each in map(word, SIGNS) if (count := counts[each]))
    title = tag("div", subject, tag("small", f"{sums} of {counted(len(known), 'network')}"), class_="subject")
    return tag("div", title, *_cells(known, places, ask), class_="row")


def _cells(known: Mapping[Place, Cell], places: Sequence[Place], ask: Ask) -> Iterator[Markup]:
    for number, place in enumerate(places, start=1):
        if place in known:
            yield _cell(known[place], number, ask)
        else:
            where = tag("span", place_text(place), class_="where")
            yield tag("div", where, " – not measured", class_=f"cell none c{number}")


def _cell(cell: Cell, number: int, ask: Ask) -> Markup:
    how = how_text(cell.methods, cell.confidence) if cell.outcome in (Outcome.BLOCKED, None) else ""
    since = since_text(cell.since, cell.settled)
    summary = tag(
        "summary",
        tag("span", f"{cell.subject}: ", class_="hidden"),
        tag("span", place_text(cell.place), class_="where"),
        tag("span", f"{SIGNS[cell.outcome]} {word(cell.outcome)}", class_="word"),
        tag("span", how) if how else None,
        tag("span", _votes(cell)) if cell.outcome is None else None,
        tag("span", f"since {since}") if since else None,
    )
    share = f"Blocked in {share_text(cell)} (95 % interval). " if cell.share is not None else ""
    measured = f"{counted(cell.measurements, 'measurement')} at {counted(len(cell.said), 'vantage point')}."
    inside = tag("div", tag("p", share + measured), *(_said(said, cell, ask) for said in cell.said), class_="inside")
    sure = cell.confidence.value if cell.outcome is Outcome.BLOCKED and cell.confidence else ""
    return tag(
        "details", summary, inside, class_=" ".join(filter(None, ("cell", word(cell.outcome), sure, f"c{number}")))
    )


def _votes(cell: Cell) -> str:
    """How many vantage points say what."""
    counts = Counter(said.verdict.outcome for said in cell.said)
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome])


def _said(said: Said, cell: Cell, ask: Ask) -> Markup:
    verdict = said.verdict
    blocked = verdict.outcome is Outcome.BLOCKED
    how = how_text(verdict.methods, verdict.confidence) if blocked else ""
    head = (
        f"{point_text(said.point, cell.place)}: {SIGNS[verdict.outcome]} {verdict.outcome}{f' ({how})' if how else ''}"
    )
    return joined(tag("h4", head), tag("p", _when(verdict), class_="faint"), items(ask(verdict)))


def _when(verdict: Judged) -> str:
    run = f"; run {verdict.run_id}" if verdict.run_id else ""
    return f"{verdict.reason} — {moment_text(verdict.started_at)} UTC, rules {verdict.rules_version}{run}"
