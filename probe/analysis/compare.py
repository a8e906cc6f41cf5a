"""Who can reach what now: subjects × places, each with what its vantage points say.

Law: pure. What vantage points of one place say is never averaged: where they disagree there is no outcome, and each is
heard. A share is one of verdicts, with its interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from probe.analysis.course import course, in_order, surest
from probe.analysis.places import By, by_place, places_of
from probe.analysis.share import wilson
from probe.history import Between, Cell, Judged, Place, Point, Said
from probe.words import Outcome


def compare(rows: Sequence[Judged], window: timedelta, by: By = By.NETWORK) -> list[Cell]:
    """Every subject in every place with a verdict in the window, which ends with the newest verdict of all. `rows` are
    oldest first; those before the window tell since when."""
    if not rows:
        return []
    newest = max(row.started_at for row in rows)
    return list(compare_each([rows], places_of(dict.fromkeys(row.point for row in rows), by), newest - window))


def compare_each(series: Iterable[Sequence[Judged]], places: Mapping[Point, Place], begin: datetime) -> Iterator[Cell]:
    """The same of rows that come series after series, each with all there is on its subjects: no more than one is held.
    The window begins at `begin`."""
    for rows in series:
        for (subject, place), heard in by_place(rows, places=places).items():
            cell = _cell(subject, place, heard, begin)
            if cell is not None:
                yield cell


def _cell(subject: str, place: Place, heard: Mapping[Point, Sequence[Judged]], begin: datetime) -> Cell | None:
    said = tuple(each for point, rows in heard.items() if (each := _said(point, rows, begin)) is not None)
    if not said:
        return None
    recent = [row for rows in heard.values() for row in rows if row.started_at >= begin]
    counts = Counter(row.outcome for row in recent)
    deciding = len(recent) - counts[Outcome.INCONCLUSIVE]
    outcome = _together(said)
    agreeing = [each for each in said if each.verdict.outcome is outcome]
    blocked = [each.verdict for each in said if each.verdict.outcome is Outcome.BLOCKED]
    return Cell(
        subject=subject,
        place=place,
        outcome=outcome,
        methods=in_order(method for verdict in blocked for method in verdict.methods),
        confidence=surest(verdict.confidence for verdict in blocked),
        since=_since(outcome, agreeing),
        settled=any(each.settled for each in agreeing),
        measurements=sum(row.measurements for row in recent),
        counts={each: counts[each] for each in Outcome},
        share=counts[Outcome.BLOCKED] / deciding if deciding else None,
        interval=wilson(counts[Outcome.BLOCKED], deciding),
        said=tuple(sorted(said, key=lambda each: (each.point.vantage.name, each.point.source))),
    )


def _said(point: Point, rows: Sequence[Judged], begin: datetime) -> Said | None:
    """None of a vantage point that has said nothing in the window."""
    if rows[-1].started_at < begin:
        return None
    went = course(rows)
    if went.newest is None or went.newest.started_at < begin:
        return Said(point=point, verdict=rows[-1], since=None, settled=False)
    return Said(point=point, verdict=went.newest, since=went.since, settled=went.settled)


def _together(said: Sequence[Said]) -> Outcome | None:
    """What those agree on that know; None where they do not."""
    outcomes = {each.verdict.outcome for each in said} - {Outcome.INCONCLUSIVE}
    return outcomes.pop() if len(outcomes) == 1 else None if outcomes else Outcome.INCONCLUSIVE


def _since(outcome: Outcome | None, agreeing: Sequence[Said]) -> Between | None:
    """A place is blocked from the first of its vantage points on, and anything else once the last of them is."""
    known = sorted((each.since for each in agreeing if each.since is not None), key=lambda since: since.latest)
    if not known:
        return None
    return known[0 if outcome is Outcome.BLOCKED else -1]
