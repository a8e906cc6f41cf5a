"""When each block began and ended, drawn: a track for each subject in each place that has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from probe.history import Block, Edge, Judged, Place
from probe.model import Outcome
from probe.report.comparison import between_text, counted, how_text, moment_text, place_text, point_text
from probe.report.page.evidence import Ask, items
from probe.report.page.markup import Markup, joined, tag
from probe.report.page.scale import Scale

_MOST_MARKS = 400
"""Verdicts that are marked one by one on a track; with more there would be nothing to see."""

Seen = Mapping[tuple[str, Place], Sequence[Judged]]
"""The verdicts on each subject in each place, oldest first."""


def tracks(blocks: Sequence[Block], seen: Seen, scale: Scale, ask: Ask) -> Markup:
    """Under each subject its places with their blocks."""
    return joined(
        *(
            joined(tag("h3", subject), tag("div", _axis(scale), *_of(list(its), seen, scale, ask), class_="tracks"))
            for subject, its in groupby(blocks, key=lambda block: block.subject)
        )
    )


def _axis(scale: Scale) -> Markup:
    texts = [
        tag("text", text, x=scale.percent(at), y="12", text_anchor=_anchor(scale, at)) for at, text in _thin(scale)
    ]
    return tag("svg", *texts, class_="axis", height="18", aria_hidden="true")


def _thin(scale: Scale) -> list[tuple[datetime, str]]:
    """At most three ticks: more do not fit on a phone."""
    ticks = list(scale.ticks())
    return ticks[:: -(-len(ticks) // 3)]


def _of(blocks: Sequence[Block], seen: Seen, scale: Scale, ask: Ask) -> Iterator[Markup]:
    for place, its in groupby(blocks, key=lambda block: block.place):
        together = list(its)
        yield tag(
            "div",
            tag("div", place_text(place), class_="where"),
            _track(together, seen[together[0].subject, place], scale),
            *(_event(block, ask) for block in together),
            class_="track",
        )


def _track(blocks: Sequence[Block], rows: Sequence[Judged], scale: Scale) -> Markup:
    told = "; ".join(_told(block) for block in blocks)
    first, last = rows[0].started_at, rows[-1].until
    drawn = [
        tag("line", class_="grid", x1=scale.percent(at), x2=scale.percent(at), y1="0", y2="30")
        for at, _ in scale.ticks()
    ]
    drawn.append(
        tag("rect", class_="measured", x=scale.percent(first), width=scale.length(first, last), y="8", height="2")
    )
    for block in blocks:
        drawn += _bar(block, scale)
    if len(rows) <= _MOST_MARKS:
        drawn += [_mark(row, scale) for row in rows if row.outcome is not Outcome.INCONCLUSIVE]
    return tag("svg", tag("title", told), *drawn, height="30", role="img")


def _mark(row: Judged, scale: Scale) -> Markup:
    """A verdict: a long stroke where it says blocked, a short one where it does not."""
    at, hit = scale.percent(row.started_at), row.outcome is Outcome.BLOCKED
    return tag("line", class_="mark hit" if hit else "mark", x1=at, x2=at, y1="19" if hit else "23", y2="29")


def _bar(block: Block, scale: Scale) -> Iterator[Markup]:
    """Full where the block was surely there, pale where it may have begun or ended, with a dot for each end."""
    begin, end = block.begin.when, block.end.when if block.end else None
    until = end.earliest if end is not None and end.earliest is not None else block.last_seen
    for kind, first, last in (("unsure", begin.earliest, begin.latest), ("sure", begin.latest, until)):
        if first is not None:
            yield tag("rect", class_=kind, x=scale.percent(first), width=scale.length(first, last), y="4", height="10")
    if end is not None:
        width = scale.length(until, end.latest)
        yield tag("rect", class_="unsure", x=scale.percent(until), width=width, y="4", height="10")
        yield tag("circle", class_="end", cx=scale.percent(end.latest), cy="9", r="5")
    else:
        yield tag("text", "▸", class_="going", x=scale.percent(until), y="14")
    yield tag("circle", class_="begin", cx=scale.percent(begin.latest), cy="9", r="5")


def _told(block: Block) -> str:
    how = how_text(block.methods, block.confidence)
    seen = f"first seen {moment_text(block.begin.when.latest)}, last {moment_text(block.last_seen)}"
    over = f"over by {moment_text(block.end.when.latest)}" if block.end else "no end seen"
    return f"blocked ({how}), {seen}, {over}"


def _event(block: Block, ask: Ask) -> Markup:
    summary = tag("summary", _told(block))
    seen = ", ".join(dict.fromkeys(point_text(span.point, block.place) for span in block.spans))
    parts = [
        tag("p", f"Seen {counted(block.verdicts, 'time')} by {seen}."),
        *_edge("Began", block.begin, ask),
        *(_edge("Ended", block.end, ask) if block.end else ()),
    ]
    if block.against:
        others = ", ".join(point_text(point, block.place) for point in block.against)
        parts.insert(1, tag("p", f"Open meanwhile to {others}."))
    return tag("details", summary, tag("div", *parts, class_="inside"), class_="event")


def _edge(verb: str, edge: Edge, ask: Ask) -> Iterator[Markup]:
    yield tag("h4", f"{verb} {between_text(edge.when)} UTC")
    for verdict in edge.verdicts:
        yield tag("p", f"{verdict.outcome}, {moment_text(verdict.started_at)} UTC: {verdict.reason}", class_="faint")
        yield items(verdict.told_by(ask(verdict)))


def _anchor(scale: Scale, at: datetime) -> str:
    """Text at the edges stays within them."""
    share = float(scale.percent(at)[:-1])
    return "start" if share < 10 else "end" if share > 90 else "middle"
