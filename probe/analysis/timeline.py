"""When each block began and ended, in each place.

Law: pure. What one vantage point sees is never taken for what another one sees: each has its own course, and a place
has a block as long as one of its vantage points is in it. One that fell silent does not hold a block open against those
that saw it end later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from probe.analysis.course import course, in_order, points, surest
from probe.analysis.places import By, by_place, places_of
from probe.history import Between, Block, Edge, Judged, Place, Point, Span
from probe.words import Confidence, Outcome


def timeline(rows: Iterable[Judged], by: By = By.NETWORK) -> list[Block]:
    """Every block, by subject and place, then the earliest first. `rows` are oldest first."""
    rows = list(rows)
    return list(timeline_each([rows], places_of(dict.fromkeys(row.point for row in rows), by)))


def timeline_each(series: Iterable[Sequence[Judged]], places: Mapping[Point, Place]) -> Iterator[Block]:
    """The same of rows that come series after series, each with all there is on its subjects: one at a time is held."""
    for rows in series:
        for (subject, place), heard in by_place(rows, places=places).items():
            spans = [span for each in heard.values() for span in course(each).spans]
            yield from (_block(subject, place, together, heard) for together in _together(spans))


def _together(spans: Iterable[Span]) -> list[list[Span]]:
    """The spans that make one block: each begins before the others are over."""
    found: list[list[Span]] = []
    for span in sorted(spans, key=lambda each: (each.begin.when.latest, each.point.vantage.name, each.point.source)):
        end = _end(found[-1]) if found else None
        if not found or (end is not None and end.when.latest <= span.begin.when.latest):
            found.append([])
        found[-1].append(span)
    return found


def _end(spans: Sequence[Span]) -> Edge | None:
    """When the last of them was over; None while one goes on."""
    ended = [span.end for span in spans if span.end is not None]
    if not ended:
        return None
    last = max(ended, key=lambda end: end.when.latest)
    seen = max(span.last_seen for span in spans)
    if seen >= last.when.latest:
        return None
    return Edge(when=Between(earliest=seen, latest=last.when.latest), verdicts=last.verdicts)


def _block(subject: str, place: Place, spans: Sequence[Span], heard: Mapping[Point, Sequence[Judged]]) -> Block:
    begin, end = spans[0].begin, _end(spans)
    return Block(
        subject=subject,
        place=place,
        begin=begin,
        end=end,
        last_seen=max(span.last_seen for span in spans),
        methods=in_order(method for span in spans for method in span.methods),
        confidence=surest(span.confidence for span in spans) or Confidence.POSSIBLE,
        verdicts=sum(span.verdicts for span in spans),
        spans=tuple(spans),
        against=tuple(
            point
            for point, rows in heard.items()
            if point not in points(spans) and any(_is_against(row, begin, end) for row in rows)
        ),
    )


def _is_against(row: Judged, begin: Edge, end: Edge | None) -> bool:
    """Whether a verdict says that the subject was open while it was blocked for others."""
    if row.outcome in (Outcome.BLOCKED, Outcome.INCONCLUSIVE) or row.started_at < begin.when.latest:
        return False
    return end is None or row.started_at < end.when.latest
