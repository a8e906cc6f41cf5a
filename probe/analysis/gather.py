"""The rows of several databases as one history: each verdict once, in the order of time.

Law: a service's verdict is that which its run recorded; where a run was killed before it did, the one that `judge`
makes of the same verdicts on targets. There is no other rule. Of targets, which have a verdict for every measurement,
the rows of one are held at a time. What is concluded from the rows is a pure function, which runs where they are: here,
or in the workers of a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from heapq import merge
from itertools import chain, groupby
from typing import Any, Protocol, TypeVar

import msgspec

from probe.classify import judge
from probe.history import Judged, Place, Point
from probe.store import History, Unconcluded

T = TypeVar("T")
Series = Iterable[Sequence[Judged]]
"""The verdicts on some subjects, oldest first; then those on the next ones."""
Places = Mapping[Point, Place]
_ANYWHERE = Place(country="ZZ")
Work = Callable[[Series, Places], Iterator[T]]
"""A pure function of rows, which may be given those of one subject in one place by themselves."""


class Each(Protocol):
    """Runs a function over all rows, where they are."""

    def __call__(self, work: Work[T], places: Places, kind: type[T]) -> Iterator[T]:
        """What `work` makes of them, which are records of that kind: by subject, then by place."""
        ...


class Spread(Protocol):
    """Rows that stay where they are, in the workers of a cluster."""

    def summary(self) -> Iterator[tuple[Point, datetime, str]]:
        """Each vantage point with the newest of its verdicts by each version of the rules."""
        ...

    def each(
        self, numbers: Mapping[Point, int], work: Callable[[Iterator[Judged]], Iterator[bytes]]
    ) -> Iterator[bytes]:
        """What `work` makes of the rows of each subject at the points of one number: by subject, then by number."""
        ...


class Cluster(Protocol):
    """Workers that can run our functions."""

    def spread(
        self, histories: Sequence[History], beside: Sequence[Judged], *, targets: bool, subject: str | None
    ) -> Spread:
        """The verdicts on services, or targets, or on one of them, of databases that are open there, and some more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What several databases hold together."""

    points: tuple[Point, ...]
    """The vantage points that there are verdicts of."""
    newest: datetime | None
    """When the newest of all began; None where there are none."""
    rules_versions: tuple[str, ...]
    """The versions of the rules that they were made by."""
    each: Each

    @property
    def rows(self) -> tuple[Judged, ...]:
        """All of them, oldest first."""
        return tuple(sorted(self.each(_as_they_are, dict.fromkeys(self.points, _ANYWHERE), Judged), key=_by_time))


def gather(
    histories: Iterable[History], *, targets: bool = False, subject: str | None = None, cluster: Cluster | None = None
) -> Gathered:
    """Every verdict on services, or on targets; of one subject where it is named. With a cluster, the histories are
    open in it."""
    histories = tuple(histories)
    same = _same(histories) if len(histories) > 1 else {}
    if cluster is not None:
        beside = () if targets else tuple(chain(*(_concluded(each, each.concluded(), subject) for each in histories)))
        return _spread(cluster.spread(histories, beside, targets=targets, subject=subject), same)
    return _targets(histories, subject, same) if targets else _services(histories, subject, same)


def _services(histories: Sequence[History], subject: str | None, same: Mapping[Point, Point]) -> Gathered:
    found: list[Judged] = []
    for history in histories:
        recorded = list(history.services(subject))
        found += recorded
        found += _concluded(history, {row.identity for row in recorded}, subject)
    rows = _once(found, same)
    return Gathered(
        points=tuple(dict.fromkeys(row.point for row in rows)),
        newest=max((row.started_at for row in rows), default=None),
        rules_versions=tuple(sorted({row.rules_version for row in rows})),
        each=_here(lambda: [rows]),
    )


def _targets(histories: Sequence[History], subject: str | None, same: Mapping[Point, Point]) -> Gathered:
    found = [each for history in histories for each in history.summary(subject)]

    def series() -> Series:
        rows = merge(*(history.targets(subject) for history in histories), key=_subject)
        for _, of_one in groupby(rows, key=_subject):
            yield _once(of_one, same)

    return Gathered(
        points=tuple(dict.fromkeys(_first(same, each.point) for each in found)),
        newest=max((each.newest for each in found), default=None),
        rules_versions=tuple(sorted({each.rules_version for each in found})),
        each=_here(series),
    )


def _here(series: Callable[[], Series]) -> Each:
    def each(work: Work[T], places: Places, kind: type[T]) -> Iterator[T]:
        return work(series(), places)

    return each


def _spread(spread: Spread, same: Mapping[Point, Point]) -> Gathered:
    found = list(spread.summary())

    def each(work: Work[T], places: Places, kind: type[T]) -> Iterator[T]:
        numbers = {place: number for number, place in enumerate(sorted(set(places.values())))}
        of = {point: numbers[places[_first(same, point)]] for point, _, _ in found}
        for content in spread.each(of, partial(_part, work, places, same)):
            yield msgspec.json.decode(content, type=kind)

    return Gathered(
        points=tuple(dict.fromkeys(_first(same, point) for point, _, _ in found)),
        newest=max((newest for _, newest, _ in found), default=None),
        rules_versions=tuple(sorted({version for _, _, version in found})),
        each=each,
    )


def _part(work: Work[Any], places: Places, same: Mapping[Point, Point], rows: Iterator[Judged]) -> Iterator[bytes]:
    """What is done in a worker: the work, on the verdicts of one subject in one place."""
    return map(msgspec.json.encode, work([_once(rows, same)], places))


def _as_they_are(series: Series, places: Places) -> Iterator[Judged]:
    return chain.from_iterable(series)


def _same(histories: Iterable[History]) -> dict[Point, Point]:
    """Vantage points that are one, since two databases have the same of them."""
    seen: dict[str, Point] = {}
    same: dict[Point, Point] = {}
    for history in histories:
        for origin, point in history.origins():
            before = seen.setdefault(origin, point)
            if _first(same, before) != _first(same, point):
                same[_first(same, point)] = _first(same, before)
    return same


def _once(rows: Iterable[Judged], same: Mapping[Point, Point]) -> tuple[Judged, ...]:
    """Each verdict once, however many databases have it, oldest first."""
    kept: dict[tuple[str, str], Judged] = {}
    for row in rows:
        before = kept.setdefault(row.identity, row)
        if row.made_at > before.made_at:
            kept[row.identity] = row
    united = (msgspec.structs.replace(row, point=_first(same, row.point)) if same else row for row in kept.values())
    return tuple(sorted(united, key=_by_time))


def _concluded(history: History, recorded: Collection[tuple[str, str]], subject: str | None) -> Iterator[Judged]:
    """What follows for services that their runs have not concluded themselves: those are `recorded`."""
    for each in history.unconcluded(recorded, subject):
        yield from _judged(history.name, each)


def _judged(source: str, each: Unconcluded) -> Iterator[Judged]:
    """Nothing, where not all of the service was measured."""
    version = max((verdict.rules_version for _, verdict in each.found), default="")
    verdict = judge(each.need, each.run_id, each.found, version)
    if verdict is not None:
        yield Judged(
            subject=each.need.service,
            point=Point(each.vantage, source),
            source=source,
            started_at=each.since,
            until=each.until,
            outcome=verdict.outcome,
            methods=verdict.methods,
            confidence=verdict.confidence,
            reason=verdict.text,
            rules_version=verdict.rules_version,
            run_id=each.run_id,
            measurements=len(each.found),
        )


def _first(same: Mapping[Point, Point], point: Point) -> Point:
    """The point that this one was found to be, in the database that was named first."""
    while point in same and same[point] != point:
        point = same[point]
    return point


def _subject(row: Judged) -> str:
    return row.subject


def _by_time(row: Judged) -> tuple[object, ...]:
    return (row.started_at, row.run_id or "", row.measurement_id or "", row.subject)
