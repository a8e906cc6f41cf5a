"""The rows of several databases as one history: each verdict once, in the order of time.

Law: a service's verdict is that which its run recorded; where a run was killed before it did, the one that `judge`
makes of the same verdicts on targets. There is no other rule. Of targets, which have a verdict for every measurement,
the rows of one are held at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from probe.classify import judge
from probe.history import Judged, Point
from probe.store import History, Unconcluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What several databases hold together."""

    points: tuple[Point, ...]
    """The vantage points that there are verdicts of."""
    newest: datetime | None
    """When the newest of all began; None where there are none."""
    rules_versions: tuple[str, ...]
    """The versions of the rules that they were made by."""
    series: Callable[[], Iterator[tuple[Judged, ...]]]
    """The verdicts on some subjects, oldest first; then those on the next ones, in the order of their names."""

    @property
    def rows(self) -> tuple[Judged, ...]:
        """All of them, oldest first."""
        return tuple(sorted(chain.from_iterable(self.series()), key=_by_time))


def gather(histories: Iterable[History], *, targets: bool = False, subject: str | None = None) -> Gathered:
    """Every verdict on services, or on targets; of one subject where it is named."""
    histories = tuple(histories)
    if targets:
        return _targets(histories, subject)
    same: dict[Point, Point] = {}
    rows = _once((row for history in histories for row in _services(history, subject)), same)
    return Gathered(
        points=tuple(dict.fromkeys(row.point for row in rows)),
        newest=max((row.started_at for row in rows), default=None),
        rules_versions=tuple(sorted({row.rules_version for row in rows})),
        series=lambda: iter((rows,)),
    )


def _targets(histories: Sequence[History], subject: str | None) -> Gathered:
    same = _same(histories) if len(histories) > 1 else {}
    found = [each for history in histories for each in history.summary(subject)]

    def series() -> Iterator[tuple[Judged, ...]]:
        for name in sorted({each.subject for each in found}):
            yield _once((row for history in histories for row in history.targets(name)), dict(same))

    return Gathered(
        points=tuple(dict.fromkeys(_first(same, each.point) for each in found)),
        newest=max((each.newest for each in found), default=None),
        rules_versions=tuple(sorted({each.rules_version for each in found})),
        series=series,
    )


def _same(histories: Iterable[History]) -> dict[Point, Point]:
    """Vantage points that are one, since two databases have the same of them."""
    seen: dict[str, Point] = {}
    same: dict[Point, Point] = {}
    for history in histories:
        for origin, point in history.origins():
            _unite(same, seen.setdefault(origin, point), point)
    return same


def _once(rows: Iterable[Judged], same: dict[Point, Point]) -> tuple[Judged, ...]:
    """Each verdict once, however many databases have it, oldest first."""
    kept: dict[tuple[str, str], Judged] = {}
    for row in rows:
        before = kept.setdefault(row.identity, row)
        if before is row:
            continue
        _unite(same, before.point, row.point)
        if row.made_at > before.made_at:
            kept[row.identity] = row
    united = (replace(row, point=_first(same, row.point)) if same else row for row in kept.values())
    return tuple(sorted(united, key=_by_time))


def _unite(same: dict[Point, Point], before: Point, point: Point) -> None:
    if _first(same, before) != _first(same, point):
        same[_first(same, point)] = _first(same, before)


def _services(history: History, subject: str | None) -> Iterator[Judged]:
    yield from history.services(subject)
    for each in history.unconcluded():
        if subject in (None, each.need.service):
            yield from _concluded(history.name, each)


def _concluded(source: str, each: Unconcluded) -> Iterator[Judged]:
    """What follows for a service that its run has not concluded itself: nothing, where not all of it was measured."""
    service = each.need.service
    own = [verdict for target, verdict in each.found if target.service == service and target.role is not None]
    version = max((verdict.rules_version for verdict in own), default="")
    verdict = judge(each.need, each.run.id, each.found, version)
    if verdict is not None:
        yield Judged(
            subject=service,
            point=Point(each.run.vantage, source),
            source=source,
            started_at=each.since,
            until=each.until,
            outcome=verdict.outcome,
            methods=verdict.methods,
            confidence=verdict.confidence,
            reason=verdict.text,
            rules_version=verdict.rules_version,
            run_id=each.run.id,
            measurements=len(own),
        )


def _first(same: dict[Point, Point], point: Point) -> Point:
    """The point that this one was found to be, in the database that was named first."""
    while point in same and same[point] != point:
        point = same[point]
    return point


def _by_time(row: Judged) -> tuple[object, ...]:
    return (row.started_at, row.run_id or "", row.measurement_id or "", row.subject)
