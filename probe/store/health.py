"""Which targets nobody reaches any more, from nowhere: stale ones, that a list should lose.

Law: reads only, and concludes nothing of blocking. A target was reached when a verdict here says that its service
answered, or when a control completed the target's own last step. One success anywhere ends what went before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from probe.form import parse_time
from probe.model import Outcome, Scheme, StepName

_REACHED = (Outcome.OK, Outcome.REFUSED)
LAST_STEP: Mapping[Scheme, StepName] = {
    Scheme.DNS: StepName.DNS,
    Scheme.TCP: StepName.TCP,
    Scheme.TLS: StepName.TLS,
    Scheme.HTTP: StepName.HTTP,
    Scheme.HTTPS: StepName.HTTP,
    Scheme.UDP: StepName.GREETING,
}
"""The step by which a target of each scheme is reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreached:
    """A target that neither we nor any control have reached, over some days."""

    target: str
    service: str | None
    retired: str | None
    """The day its service was closed by its owner: then it is kept on purpose."""
    since: datetime
    """The first failure after the last success, if there ever was one."""
    until: datetime
    """The last failure."""
    measurements: int
    vantages: int
    """Vantage points it was measured from."""
    controls: int
    """Control vantage points that failed as well."""
    failures: tuple[str, ...]
    """What it failed with here, the most frequent first."""


def _words(words: tuple[Outcome, ...]) -> str:
    return ", ".join(f"'{word.value}'" for word in words)


_CASES = " ".join(f"WHEN '{scheme.value}' THEN '{step.value}'" for scheme, step in LAST_STEP.items())
# Ours and the controls' in one shape: name, where, when, and whether the target was reached.
_SEEN = f"""
    SELECT target.name, measurement.vantage_id, measurement.started_at, 0 AS control,
           verdict.outcome IN ({_words(_REACHED)}) AS reached
    FROM measurement
    JOIN target ON target.id = measurement.target_id
    JOIN verdict ON verdict.id = (SELECT max(id) FROM verdict WHERE measurement_id = measurement.id)
    UNION ALL
    SELECT target.name, control_measurement.vantage_id, control_measurement.started_at, 1,
           EXISTS (SELECT 1 FROM control_observation AS seen
                   WHERE seen.measurement_id = control_measurement.id AND seen.failure IS NULL
                   AND seen.step = CASE target.scheme {_CASES} END)
    FROM control_measurement
    JOIN target ON target.id = control_measurement.target_id
"""  # noqa: S608 - words of our own
_UNREACHED = f"""
    WITH seen AS ({_SEEN}),
    success AS (SELECT name, max(started_at) AS at FROM seen WHERE reached GROUP BY name),
    failed AS (
        SELECT seen.* FROM seen LEFT JOIN success ON success.name = seen.name
        WHERE success.at IS NULL OR seen.started_at > success.at
    ),
    side AS (
        SELECT name, control, min(started_at) AS since, max(started_at) AS until,
               count(*) AS measurements, count(DISTINCT vantage_id) AS places
        FROM failed GROUP BY name, control
        HAVING julianday(max(started_at)) - julianday(min(started_at)) >= :days
    )
    SELECT here.name, here.since, here.until, here.measurements, here.places AS vantages, there.places AS controls,
           (SELECT max(service) FROM target WHERE target.name = here.name) AS service,
           (SELECT max(retired) FROM target WHERE target.name = here.name) AS retired
    FROM side AS here JOIN side AS there ON there.name = here.name
    WHERE here.control = 0 AND there.control = 1
    ORDER BY retired IS NOT NULL, service IS NULL, service, here.name
"""  # noqa: S608 - words of our own
_FAILURES = """
    SELECT observation.failure FROM observation
    JOIN measurement ON measurement.id = observation.measurement_id
    JOIN target ON target.id = measurement.target_id
    WHERE target.name = :name AND measurement.started_at >= :since AND observation.failure IS NOT NULL
    AND observation.experiment IS NULL
    GROUP BY observation.failure ORDER BY count(*) DESC, observation.failure
"""


def unreached(connection: sqlite3.Connection, days: float) -> Iterator[Unreached]:
    """The targets that failed in every measurement, here and at every control, over at least so many days on both
    sides; those of closed services last."""
    for row in connection.execute(_UNREACHED, {"days": days}).fetchall():
        failures = connection.execute(_FAILURES, {"name": row["name"], "since": row["since"]})
        yield Unreached(
            target=row["name"],
            service=row["service"],
            retired=row["retired"],
            since=parse_time(row["since"]),
            until=parse_time(row["until"]),
            measurements=row["measurements"],
            vantages=row["vantages"],
            controls=row["controls"],
            failures=tuple(each["failure"] for each in failures),
        )
