"""Verdicts over time and places: what `compare` and `timeline` read, and what they say.

Law: frozen records and nothing else. A *subject* is what the verdicts are on: a service, or a target measured for
itself. A *place* is where vantage points are grouped: a network in a country, or a country.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from probe.model import Vantage
from probe.words import Confidence, Method, Outcome


@dataclass(frozen=True, slots=True)
class Point:
    """A vantage point. Of one name in two databases, it is two, unless they hold measurements in common."""

    vantage: Vantage
    source: str
    """The database."""


class Judged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One verdict on one subject, in one narrow row. There are millions: a struct is made in a fifth of the time of a
    dataclass, and the search for cycles passes it by."""

    subject: str
    """The id of a service, or the name of a target."""
    point: Point
    source: str
    """The database that it is read from."""
    started_at: datetime
    """Its first measurement began then."""
    until: datetime
    """Its last one did."""
    outcome: Outcome
    methods: tuple[Method, ...] = ()
    confidence: Confidence | None = None
    """For `blocked` only."""
    reason: str = ""
    """Of a service its sentence, of a target the code of the reason that decided."""
    rules_version: str
    made_at: str = ""
    """When the rules were applied, as it is recorded."""
    run_id: str | None = None
    measurement_id: str | None = None
    """Of a target; a service's verdict stands on many measurements of its run."""
    measurements: int = 1
    """How many it stands on."""

    @property
    def identity(self) -> tuple[str, str]:
        """Two databases that both hold it hold it under this."""
        return (self.subject, self.measurement_id or self.run_id or "")

    def told_by(self, evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
        """Of the evidence, that which says what this verdict says; all of it, where it says so only together."""
        evidence = tuple(evidence)
        return tuple(each for each in evidence if each.outcome is self.outcome) or evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One target's verdict, of those that a subject's verdict stands on."""

    measurement_id: str
    target: str
    outcome: Outcome
    methods: tuple[Method, ...]
    confidence: Confidence | None
    code: str | None
    """Of the reason that decided."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Where vantage points are grouped."""

    country: str
    """ISO 3166-1 alpha-2; `ZZ` when unknown."""
    asn: int = 0
    """0 when unknown, and for a whole country."""
    network: str = ""
    """Name of the network; of a vantage point whose network is not known, its own name."""
    known: bool = True
    """Whether `network` is one. Vantage points of unknown networks are never taken for neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """When something changed: it was so at `latest`, and not yet at `earliest`."""

    earliest: datetime | None
    """None where nothing was seen before."""
    latest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a vantage point says now."""

    point: Point
    verdict: Judged
    """Its newest one that decides; where none does, its newest."""
    since: Between | None
    """The state that it names has lasted since; None where none is named."""
    settled: bool
    """False for a change that was seen once, and may be a passing one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What is known now of one subject in one place."""

    subject: str
    place: Place
    outcome: Outcome | None
    """What its vantage points agree on; None where they do not."""
    methods: tuple[Method, ...]
    """Met by any of them."""
    confidence: Confidence | None
    """Of the surest of those that say `blocked`."""
    since: Between | None
    """Blocked for the first of them since then, or anything else for all of them; None where they disagree or nothing
    is known."""
    settled: bool
    measurements: int
    counts: Mapping[Outcome, int]
    """Verdicts within the window."""
    share: float | None
    """Of the verdicts that decide, those that say `blocked`; None where none decides."""
    interval: tuple[float, float] | None
    """Wilson's interval of the share, 95 %."""
    said: tuple[Said, ...]
    """By each vantage point."""

    @property
    def shown(self) -> tuple[Judged, ...]:
        """The verdicts that are shown with it."""
        return tuple(said.verdict for said in self.said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The begin or the end of a block, with the verdicts that show it."""

    when: Between
    verdicts: tuple[Judged, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A block as one vantage point saw it."""

    point: Point
    begin: Edge
    end: Edge | None
    """None where no end was seen."""
    last_seen: datetime
    """Its last blocked verdict began then."""
    methods: tuple[Method, ...]
    confidence: Confidence
    """Of the surest verdict in it; `possible` at least."""
    verdicts: int
    """How many say `blocked`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block in one place, from its begin to its end."""

    subject: str
    place: Place
    begin: Edge
    end: Edge | None
    last_seen: datetime
    methods: tuple[Method, ...]
    confidence: Confidence
    verdicts: int
    spans: tuple[Span, ...]
    """As each vantage point saw it that did."""
    against: tuple[Point, ...] = field(default=())
    """Vantage points of the same place to which the subject was open meanwhile."""

    @property
    def shown(self) -> tuple[Judged, ...]:
        """The verdicts that are shown with it: those of its begin and its end."""
        return (*self.begin.verdicts, *(self.end.verdicts if self.end else ()))
