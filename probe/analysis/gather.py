"""The rows of several databases as one history: each verdict once, in the order of time.

Law: a service's verdict is that which its run recorded; where a run was killed before it did, the one that `judge`
makes of the same verdicts on targets. There is no other rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from probe.classify import judge
from probe.history import Judged, Point
from probe.store import History, Unconcluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What several databases hold together."""

    rows: tuple[Judged, ...]
    """Oldest first."""

    @property
    def rules_versions(self) -> tuple[str, ...]:
        """The versions of the rules that the verdicts were made by."""
        return tuple(sorted({row.rules_version for row in self.rows}))


def gather(histories: Iterable[History], *, targets: bool = False, subject: str | None = None) -> Gathered:
    """Every verdict on services, or on targets; of one subject where it is named."""
    kept: dict[tuple[str, str], Judged] = {}
    same: dict[Point, Point] = {}
    for history in histories:
        for row in _rows(history, targets=targets, subject=subject):
            before = kept.setdefault(row.identity, row)
            if before is row:
                continue
            if before.point != row.point:
                same[_first(same, row.point)] = _first(same, before.point)
            if row.made_at > before.made_at:
                kept[row.identity] = row
    rows = (replace(row, point=_first(same, row.point)) if same else row for row in kept.values())
    return Gathered(rows=tuple(sorted(rows, key=_by_time)))


def _rows(history: History, *, targets: bool, subject: str | None) -> Iterator[Judged]:
    if targets:
        yield from history.targets(subject)
        return
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
