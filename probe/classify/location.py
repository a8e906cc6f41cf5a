"""Where on the path the interference sits, read out of operations whose packets could go only so far.

Law: pure. It names a place, never an outcome, and no narrower one than the rows allow: a router that keeps silent and
a packet that was lost make the answer wider, never another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from probe.classify.conditions import CUT, UNREACHABLE
from probe.classify.path import TIMEOUTS, Path, is_impatient
from probe.failure import Failure
from probe.model import DnsDetail, Experiment, HttpDetail, Measurement, Observation, TcpDetail, TlsDetail
from probe.once import once

# With these somebody has answered; any other word is about silence, or about this host.
_ANSWERS: frozenset[Failure | None] = frozenset(
    {
        None,
        *CUT,
        Failure.CONNECTION_REFUSED,
        Failure.EOF,
        *(word for word in Failure if word.startswith(("dns_", "ssl_", "http_"))),
    }
)


class Manner(StrEnum):
    """How the interference gave its place away."""

    ANSWERED = "answered"
    """Something came back although the packet could not arrive."""
    LOST = "lost"
    """Nothing came back from where harmless packets are heard of, or from further on than any packet is heard of."""
    BEYOND = "beyond"
    """It did not show as far as packets could be followed."""
    UNKNOWN = "unknown"
    """Too little was heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place on the path: past hop `after`, and at hop `by` at the latest."""

    manner: Manner
    after: int = 0
    """The last hop at which a packet expired without any interference; 0 for this host."""
    by: int | None = None
    """The smallest hop limit at which there was interference."""
    end: int | None = None
    """The smallest hop limit that reached the other end."""
    heard: int = 0
    """The last hop that is known to lie before the other end."""
    routers: Mapping[int, str | None] = field(default_factory=dict)
    """What is recorded of the router at each hop."""
    shown: Observation | None = None
    """The operation that was interfered with at `by`, or one of those that were not."""


@dataclass(frozen=True)
class Sweep:
    """Operations that differ in their hop limit only, by it."""

    rows: Mapping[int, Observation]

    @classmethod
    def of(cls, rows: Iterable[Observation]) -> Sweep:
        """Of several tries with one limit that which tells most: what a lost packet makes is silence."""
        sweep: dict[int, Observation] = {}
        for row in rows:
            if row.hop_limit is not None:
                before = sweep.get(row.hop_limit)
                if before is None or _telling(row) > _telling(before):
                    sweep[row.hop_limit] = row
        return cls(sweep)

    @once
    def expired(self) -> Mapping[int, str | None]:
        """Where a packet was reported as expired and nothing else came; with the router."""
        return {n: row.router for n, row in self.rows.items() if _is_expired(row)}

    @once
    def answered(self) -> frozenset[int]:
        """Where something came back."""
        return frozenset(n for n, row in self.rows.items() if row.failure in _ANSWERS)

    @once
    def rejected(self) -> frozenset[int]:
        """Where ICMP rejected a connection. A host without a way out looks the same, so it counts only where a packet
        with a smaller limit got out."""
        nearest = min(self.expired, default=None)
        return frozenset(
            n
            for n, row in self.rows.items()
            if row.failure in UNREACHABLE and n not in self.expired and nearest is not None and nearest < n
        )

    @property
    def met(self) -> frozenset[int]:
        """Where somebody answered, in whatever way."""
        return self.answered | self.rejected

    @once
    def silent(self) -> frozenset[int]:
        """Where nothing at all came back, in time enough for it."""
        quiet = {n: row for n, row in self.rows.items() if row.failure in TIMEOUTS and n not in self.expired}
        return frozenset(n for n, row in quiet.items() if not is_impatient(row))

    @property
    def heard(self) -> int:
        """The farthest hop from which an expired packet was reported; 0 when there is none."""
        return max(self.expired, default=0)

    @property
    def edge(self) -> int:
        """The smallest hop limit that was met, or else the first from which nothing is heard any more."""
        return min(self.met, default=self.heard + 1)


def _telling(row: Observation) -> int:
    """How much it tells, beside another try with the same limit."""
    if row.failure in _ANSWERS:
        return 3
    if _is_expired(row):
        return 1
    return 2 if row.failure in UNREACHABLE else 0


def _is_expired(row: Observation) -> bool:
    """Of a connection that is open the kernel says only that something on the way reported the packet."""
    if row.router is not None:
        return row.failure not in _ANSWERS
    return row.failure is Failure.HOST_UNREACHABLE and isinstance(row.detail, TlsDetail | HttpDetail)


def _is_proven(row: Observation) -> bool:
    """The service itself has answered, with its certificate."""
    return isinstance(row.detail, TlsDetail) and row.failure is None


def sweeps(measurement: Measurement) -> tuple[Sweep, Sweep]:
    """Packets that carried nothing anybody blocks, and packets with the name. Connects carry none: they are the first
    kind, also where it is the address that is blocked."""
    rows = [row for row in measurement.observations if row.experiment is Experiment.HOP_LIMIT]
    questions = [row for row in rows if isinstance(row.detail, DnsDetail)]
    if questions:
        host = Path(measurement).end.host
        named = [row for row in questions if isinstance(row.detail, DnsDetail) and row.detail.hostname == host]
        return Sweep.of(row for row in questions if row not in named), Sweep.of(named)
    connects = [row for row in rows if isinstance(row.detail, TcpDetail)]
    return Sweep.of(connects), Sweep.of(row for row in rows if row not in connects)


def location_of(measurement: Measurement) -> Location | None:
    """Where on the path it is interfered with; None when nobody looked (`probe.checks.locate`)."""
    way, named = sweeps(measurement)
    if not way.rows:
        return None
    arrived = way.answered
    if any(isinstance(row.detail, TcpDetail) for row in way.rows.values()):
        arrived = frozenset(n for n in arrived if way.rows[n].failure is None)
        if not arrived:
            return _of_connects(way)
    return _of_names(way, named, min(arrived, default=None))


def _of_connects(way: Sweep) -> Location:
    """No connect arrives: it is the connects that are interfered with."""
    if way.met:
        by = min(way.met)
        after = max((n for n in way.expired if n < by), default=0)
        return Location(manner=Manner.ANSWERED, after=after, by=by, routers=way.expired, shown=way.rows[by])
    if way.heard and any(n > way.heard for n in way.silent):
        shown = way.rows[way.heard]
        return Location(manner=Manner.LOST, after=way.heard, heard=way.heard, routers=way.expired, shown=shown)
    return Location(manner=Manner.UNKNOWN, heard=way.heard)


def _of_names(way: Sweep, named: Sweep, end: int | None) -> Location:
    """What becomes of packets with the name, beside what becomes of those without."""
    routers = {**named.expired, **way.expired}
    # Nearer than the other end for certain, and not its own answer, as where this connection took a shorter way.
    met = {n for n in named.answered if n <= way.heard and not _is_proven(named.rows[n])}
    after = max((n for n in named.expired if not met or n < min(met)), default=0)
    lost = {n for n in named.silent if 0 < after < n and n in way.expired}
    manner = Manner.UNKNOWN
    if met:
        manner = Manner.ANSWERED
    elif lost:
        manner = Manner.LOST
    elif after and after >= way.heard:
        manner = Manner.BEYOND
    by = min(met or lost, default=None)
    shown = named.rows.get(by or after) or next(iter(way.rows.values()))
    return Location(manner=manner, after=after, by=by, end=end, heard=way.heard, routers=routers, shown=shown)


_WHAT: Mapping[Failure | None, str] = {
    Failure.CONNECTION_RESET: "The reset",
    Failure.CONNECTION_ABORTED: "The reset",
    Failure.CONNECTION_REFUSED: "The refusal",
    Failure.EOF: "The early end of the connection",
    **dict.fromkeys(UNREACHABLE, "The word that there is no way there"),
}


def located(measurement: Measurement) -> str | None:
    """The place in one sentence; None when nobody looked. It holds what routers said of themselves."""
    place = location_of(measurement)
    if place is None:
        return None
    asks = isinstance(place.shown.detail, DnsDetail) if place.shown else False
    end = _end(place, "the address that was asked" if asks else "the service")
    match place.manner:
        case Manner.ANSWERED:
            return f"{_what(place.shown)} comes from {_between(place)}; {end}."
        case Manner.LOST if place.by is None:
            heard = _hop(place, place.after)
            return f"Packets are heard of as far as {heard} of the path; nothing comes back of those that go further."
        case Manner.LOST:
            return f"What carries the name is lost at {_between(place)}; {end}."
        case Manner.BEYOND:
            past = _hop(place, place.after)
            return f"The interference could not be located more closely than past {past} of the path; {end}."
        case Manner.UNKNOWN:
            return f"Where on the path the interference sits could not be located; {end}."


def _what(row: Observation | None) -> str:
    if row is not None and isinstance(row.detail, DnsDetail) and row.detail.rcode is not None:
        return "The false answer"
    return _WHAT.get(row.failure if row else None, "What answers in the place of the service")


def _between(place: Location) -> str:
    """The hops among which it is, and the routers on both sides."""
    by = place.by or 0
    hops = f"hop {by}" if place.after + 1 == by else f"hop {place.after + 1} to {by}"
    sides = [f"past {_hop(place, place.after)}"] if place.after else []
    return f"{hops} of the path, {' and '.join([*sides, f'no further than {_hop(place, by)}'])}"


def _end(place: Location, what: str) -> str:
    if place.end is not None:
        return f"{what} is at hop {place.end}"
    return f"{what} is past hop {place.heard}" if place.heard else f"how far {what} is could not be seen"


def _hop(place: Location, number: int) -> str:
    router = place.routers.get(number)
    return f"hop {number} ({router})" if router else f"hop {number}"
