"""Verdicts written as letters, one an hour: `o` ok, `d` down, `r` refused, `?` inconclusive, `b` blocked and likely,
`B` blocked and confirmed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from probe.history import Judged, Point
from probe.model import Confidence, Method, Outcome, Vantage

BEGIN = datetime(2017, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOME = Vantage(name="home", country="RU", asn=64496, network="Stub Telecom")
_OUTCOMES = {
    "o": Outcome.OK,
    "d": Outcome.DOWN,
    "r": Outcome.REFUSED,
    "?": Outcome.INCONCLUSIVE,
    "b": Outcome.BLOCKED,
    "B": Outcome.BLOCKED,
}
_CONFIDENCES = {"b": Confidence.LIKELY, "B": Confidence.CONFIRMED}


def judged(letters: str, vantage: Vantage = HOME, subject: str = "line", source: str = "a.sqlite") -> list[Judged]:
    """A verdict for each letter, an hour apart; a blank is an hour without one."""
    return [
        Judged(
            subject=subject,
            point=Point(vantage, source),
            source=source,
            started_at=BEGIN + number * HOUR,
            until=BEGIN + number * HOUR + timedelta(seconds=30),
            outcome=_OUTCOMES[letter],
            methods=(Method.DNS,) if letter in _CONFIDENCES else (),
            confidence=_CONFIDENCES.get(letter),
            reason="web works",
            rules_version="1",
            run_id=f"{vantage.name}-{source}-{number}",
            measurements=2,
        )
        for number, letter in enumerate(letters)
        if letter != " "
    ]


def together(*rows: Iterable[Judged]) -> list[Judged]:
    """Those of several, in the order of time."""
    return sorted((row for each in rows for row in each), key=lambda row: (row.started_at, row.run_id or ""))


def at(name: str, **changes: object) -> Vantage:
    """Another vantage point of the same network, but for the changes."""
    return replace(HOME, name=name, **changes)  # type: ignore[arg-type]


def hour(moment: datetime | None) -> int | None:
    """Which hour it is in."""
    return None if moment is None else (moment - BEGIN) // HOUR
