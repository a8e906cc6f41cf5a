"""What one vantage point has seen of one subject, from its first verdict to its last, with hysteresis.

Law: pure. One verdict that is not proven is no event: a block begins with the first of CONSECUTIVE verdicts that say
`blocked`, or with one that is `confirmed`, and ends with the first of CONSECUTIVE that say otherwise. A verdict that
decides nothing (`inconclusive`) neither makes nor breaks such a series.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from probe.history import Between, Edge, Judged, Point, Span
from probe.words import Confidence, Method, Outcome

CONSECUTIVE = 2

_SURER = tuple(Confidence).index


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How it went."""

    spans: tuple[Span, ...]
    newest: Judged | None
    """The newest verdict that decides."""
    since: Between | None
    """What it says has lasted since."""
    settled: bool
    """False where it is a change that was seen too few times to count."""


def course(rows: Iterable[Judged]) -> Course:
    """The course of these verdicts, which are of one subject at one vantage point, oldest first."""
    going = _Going()
    for row in rows:
        if row.outcome is not Outcome.INCONCLUSIVE:
            going.add(row)
    return going.course()


def surest(confidences: Iterable[Confidence | None]) -> Confidence | None:
    """The highest of them."""
    return max((each for each in confidences if each is not None), key=_SURER, default=None)


def in_order(methods: Iterable[Method]) -> tuple[Method, ...]:
    """Each once, in the order of the closed list."""
    met = frozenset(methods)
    return tuple(method for method in Method if method in met)


class _Going:
    """The state after so many verdicts."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._newest: Judged | None = None
        self._waiting: list[Judged] = []
        """Verdicts against what holds so far, too few yet to change it."""
        self._block: list[Judged] = []
        """The blocked verdicts of a block that goes on."""
        self._begin: Edge | None = None
        self._open: Judged | None = None
        """The newest verdict before the block, or the waiting ones, that is not blocked."""
        self._since: Between | None = None
        """The outcome that holds while nothing is blocked, has lasted since."""

    def add(self, row: Judged) -> None:
        """One more verdict that decides."""
        self._newest = row
        if (row.outcome is Outcome.BLOCKED) != bool(self._block):
            self._waiting.append(row)
            if len(self._waiting) >= CONSECUTIVE or row.confidence is Confidence.CONFIRMED:
                self._turn()
            return
        self._waiting.clear()
        if self._block:
            self._block.append(row)
        else:
            self._stay_open(row)

    def course(self) -> Course:
        spans = (*self._spans, self._span(None)) if self._block else tuple(self._spans)
        since = self._begin.when if self._begin else self._since
        if self._waiting:
            before = self._block[-1] if self._block else self._open
            since = _between(before, self._waiting[0])
        return Course(spans=spans, newest=self._newest, since=since, settled=not self._waiting)

    def _turn(self) -> None:
        """What was waited for has come: a block begins, or ends."""
        waited, self._waiting = self._waiting, []
        if not self._block:
            self._begin = Edge(when=_between(self._open, waited[0]), verdicts=tuple(waited))
            self._block = waited
            return
        last = self._block[-1]
        end = Edge(when=_between(last, waited[0]), verdicts=tuple(waited))
        self._spans.append(self._span(end))
        self._block, self._begin = [], None
        self._open, self._since = None, end.when
        for row in waited:
            self._stay_open(row)

    def _stay_open(self, row: Judged) -> None:
        """A verdict other than blocked, while nothing is."""
        if self._since is None or (self._open is not None and self._open.outcome is not row.outcome):
            self._since = _between(self._open, row)
        self._open = row

    def _span(self, end: Edge | None) -> Span:
        assert self._begin is not None, "a block that goes on has begun"
        return Span(
            point=self._block[0].point,
            begin=self._begin,
            end=end,
            last_seen=self._block[-1].started_at,
            methods=in_order(method for row in self._block for method in row.methods),
            confidence=surest(row.confidence for row in self._block) or Confidence.POSSIBLE,
            verdicts=len(self._block),
        )


def _between(before: Judged | None, row: Judged) -> Between:
    return Between(earliest=before.started_at if before is not None else None, latest=row.until)


def points(spans: Iterable[Span]) -> tuple[Point, ...]:
    """The vantage points that saw them, each once."""
    return tuple(dict.fromkeys(span.point for span in spans))
