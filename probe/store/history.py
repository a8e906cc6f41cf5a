"""Databases read for their verdicts alone, our own or others': one narrow row each.

Law: reads only, in one snapshot; a file is never migrated, and one that is not ours, damaged, or of another schema is a
StoreError. Observations and bodies are not touched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from probe.form import parse_time
from probe.history import Evidence, Judged, Point
from probe.model import Confidence, Method, Outcome, Run, Target, Vantage, Verdict
from probe.service import Need
from probe.store import queries
from probe.store.migrations import SCHEMA_VERSION
from probe.store.opening import looking
from probe.store.problem import StoreError, refuse, told_plainly

# What another program wrote into our tables may be of any type: text is taken as text.
_PLACE = """CAST(vantage.name AS TEXT) AS name, CAST(vantage.country AS TEXT) AS country,
           CAST(vantage.asn AS INTEGER) AS asn, CAST(vantage.network AS TEXT) AS network"""
_VERDICT = """{0}.outcome, CAST({0}.methods AS TEXT) AS methods, {0}.confidence,
           CAST({0}.rules_version AS TEXT) AS rules_version, CAST({0}.made_at AS TEXT) AS made_at"""
_SERVICES = f"""
    SELECT CAST(judged.service AS TEXT) AS subject, CAST(judged.text AS TEXT) AS reason, judged.run_id,
           NULL AS measurement_id, ifnull(counted.measurements, 0) AS measurements,
           ifnull(counted.since, run.started_at) AS started_at, ifnull(counted.until, run.started_at) AS until,
           {_VERDICT.format("judged")}, {_PLACE}
    FROM service_verdict AS judged
    JOIN run ON run.id = judged.run_id
    JOIN vantage ON vantage.id = judged.vantage_id
    LEFT JOIN (
        SELECT measurement.run_id, target.service, count(*) AS measurements,
               min(measurement.started_at) AS since, max(measurement.started_at) AS until
        FROM measurement JOIN target ON target.id = measurement.target_id
        WHERE target.role IS NOT NULL
        GROUP BY measurement.run_id, target.service
    ) AS counted ON counted.run_id = judged.run_id AND counted.service = judged.service
    WHERE judged.id IN (SELECT max(id) FROM service_verdict GROUP BY run_id, service)
"""  # noqa: S608 - literals only
_ON_TARGET = """
    FROM measurement
    JOIN target ON target.id = measurement.target_id
    JOIN vantage ON vantage.id = measurement.vantage_id
    JOIN verdict ON verdict.id = (SELECT max(id) FROM verdict WHERE measurement_id = measurement.id)
    LEFT JOIN reason ON reason.verdict_id = verdict.id AND reason.number = 1
"""
_TARGETS = f"""
    SELECT CAST(target.name AS TEXT) AS subject, CAST(ifnull(reason.code, '') AS TEXT) AS reason, measurement.run_id,
           measurement.id AS measurement_id, 1 AS measurements, measurement.started_at, measurement.started_at AS until,
           {_VERDICT.format("verdict")}, {_PLACE}
    {_ON_TARGET}
"""
_SUMMARY = f"""
    SELECT CAST(target.name AS TEXT) AS subject, max(measurement.started_at) AS newest,
           CAST(verdict.rules_version AS TEXT) AS rules_version, {_PLACE}
    FROM measurement
    JOIN target ON target.id = measurement.target_id
    JOIN vantage ON vantage.id = measurement.vantage_id
    JOIN verdict ON verdict.id = (SELECT max(id) FROM verdict WHERE measurement_id = measurement.id)
    {{condition}} GROUP BY measurement.target_id, measurement.vantage_id, verdict.rules_version
    ORDER BY min(measurement.id)
"""  # noqa: S608 - literals only
_ORIGINS = f"""
    SELECT CAST(run.id AS TEXT) AS id, {_PLACE} FROM run JOIN vantage ON vantage.id = run.vantage_id
    UNION ALL
    SELECT CAST(measurement.id AS TEXT), {_PLACE} FROM measurement JOIN vantage ON vantage.id = measurement.vantage_id
    WHERE measurement.run_id IS NULL
"""  # noqa: S608 - literals only
_EVIDENCE = f"""
    SELECT CAST(measurement.id AS TEXT) AS id, CAST(target.name AS TEXT) AS target, verdict.outcome,
           CAST(verdict.methods AS TEXT) AS methods, verdict.confidence, CAST(reason.code AS TEXT) AS code
    {_ON_TARGET}
    WHERE {{condition}} ORDER BY target.name, measurement.started_at, measurement.id
"""
_OF_RUN = _EVIDENCE.format(condition="measurement.run_id = ? AND target.service = ? AND target.role IS NOT NULL")
_OF_ONE = _EVIDENCE.format(condition="measurement.id = ?")
_SPAN = """
    SELECT min(measurement.started_at) AS since, max(measurement.started_at) AS until
    FROM measurement JOIN target ON target.id = measurement.target_id
    WHERE measurement.run_id = ? AND target.service = ? AND target.role IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconcluded:
    """A service that a run was to measure as a whole, and what it has measured, of that and of others."""

    run: Run
    need: Need
    found: list[tuple[Target, Verdict]]
    since: datetime
    """The first measurement of the service began then."""
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one vantage point has on one target, by one version of the rules."""

    subject: str
    point: Point
    newest: datetime
    """Its newest measurement began then."""
    rules_version: str


class History:
    """The verdicts of one database, as they are when it is entered."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        """By which it is told from other databases."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._connection = stack.enter_context(looking(self.path))
            self._check_schema()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()  # what went wrong inside is not the database's doing

    def services(self, service: str | None = None) -> Iterator[Judged]:
        """The newest verdict on each service in each run that concluded one."""
        yield from self._judged(_SERVICES, "judged.service", service)

    def targets(self, target: str | None = None) -> Iterator[Judged]:
        """The newest verdict on each measurement."""
        yield from self._judged(_TARGETS, "target.name", target)

    def summary(self, target: str | None = None) -> Iterator[Summary]:
        """What there is on targets, by vantage point and version of the rules."""
        sql = _SUMMARY.format(condition="WHERE target.name = ?" if target is not None else "")
        with told_plainly(self.path):
            for row in self._connection.execute(sql, () if target is None else (target,)):
                yield Summary(
                    subject=row["subject"],
                    point=_point(row["name"], row["country"], row["asn"], row["network"], self.name),
                    newest=parse_time(row["newest"]),
                    rules_version=row["rules_version"],
                )

    def origins(self) -> Iterator[tuple[str, Point]]:
        """Each run, and each measurement that is of none, by its id, with its vantage point."""
        with told_plainly(self.path):
            for row in self._connection.execute(_ORIGINS):
                yield row["id"], _point(row["name"], row["country"], row["asn"], row["network"], self.name)

    def unconcluded(self) -> Iterator[Unconcluded]:
        """The services that a run was to measure as a whole and has no verdict on, as one that was killed."""
        with told_plainly(self.path):
            concluded = {tuple(row) for row in self._connection.execute("SELECT run_id, service FROM service_verdict")}
            wanted = self._connection.execute("SELECT id, services FROM run ORDER BY started_at, id").fetchall()
            for run_id, services in wanted:
                needs = msgspec.json.decode(services, type=tuple[Need, ...])
                missing = [need for need in needs if (run_id, need.service) not in concluded]
                if missing:
                    run, found = queries.run(self._connection, run_id), queries.judged(self._connection, run_id)
                    for need in missing:
                        span = self._connection.execute(_SPAN, (run_id, need.service)).fetchone()
                        if span["since"] is not None:
                            since, until = parse_time(span["since"]), parse_time(span["until"])
                            yield Unconcluded(run=run, need=need, found=found, since=since, until=until)

    def evidence(self, judged: Judged) -> tuple[Evidence, ...]:
        """The verdicts on targets that a verdict of this database stands on."""
        of_one = judged.measurement_id is not None
        key = (judged.measurement_id,) if of_one else (judged.run_id, judged.subject)
        with told_plainly(self.path):
            return tuple(
                Evidence(
                    measurement_id=row["id"],
                    target=row["target"],
                    outcome=Outcome(row["outcome"]),
                    methods=_methods(row["methods"]),
                    confidence=Confidence(row["confidence"]) if row["confidence"] else None,
                    code=row["code"],
                )
                for row in self._connection.execute(_OF_ONE if of_one else _OF_RUN, key)
            )

    def _judged(self, sql: str, column: str, subject: str | None) -> Iterator[Judged]:
        if subject is not None:
            sql += f" {'AND' if sql is _SERVICES else 'WHERE'} {column} = ?"
        with told_plainly(self.path):
            for row in self._connection.execute(sql, () if subject is None else (subject,)):
                yield self._judged_from_row(row)

    def _judged_from_row(self, row: sqlite3.Row) -> Judged:
        return Judged(
            subject=row["subject"],
            point=_point(row["name"], row["country"], row["asn"], row["network"], self.name),
            source=self.name,
            started_at=parse_time(row["started_at"]),
            until=parse_time(row["until"]),
            outcome=Outcome(row["outcome"]),
            methods=_methods(row["methods"]),
            confidence=Confidence(row["confidence"]) if row["confidence"] else None,
            reason=row["reason"],
            rules_version=row["rules_version"],
            made_at=row["made_at"],
            run_id=row["run_id"],
            measurement_id=row["measurement_id"],
            measurements=row["measurements"],
        )

    def _check_schema(self) -> None:
        """Raises StoreError where the tables are not those of this program: a reader cannot bring them up to date."""
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            raise refuse(self.path, "holds nothing yet", "measure something first, or name another file")
        if version != SCHEMA_VERSION:
            reason = f"was written by an older version of this program (schema {version}, this one's is"
            way_out = f"bring it up to date with `probe results --db {self.path}`, or name another file"
            raise refuse(self.path, f"{reason} {SCHEMA_VERSION})", way_out)


class Histories:
    """Several databases at once, each under a name that tells it from the others."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = list({path.absolute().resolve(): path for path in paths}.values())

    def __enter__(self) -> Self:
        """Raises StoreError with a line for each file that cannot be read: what lacks one of them would look whole."""
        with ExitStack() as stack:
            self.all: tuple[History, ...] = ()
            wrong = []
            for path, name in zip(self._paths, _names(self._paths), strict=True):
                try:
                    self.all += (stack.enter_context(History(path, name)),)
                except StoreError as error:
                    wrong.append(str(error))
            if wrong:
                raise StoreError("\n".join(wrong))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def evidence(self, judged: Judged) -> tuple[Evidence, ...]:
        """The verdicts on targets that a verdict stands on."""
        return next(history for history in self.all if history.name == judged.source).evidence(judged)


def _names(paths: list[Path]) -> list[str]:
    """The names of the files; where several have one name, with their folders', as many as it takes."""
    whole = [path.absolute().resolve() for path in paths]

    def name(path: Path) -> str:
        for depth in range(1, len(path.parts)):
            end = path.parts[-depth:]
            if sum(other.parts[-depth:] == end for other in whole) == 1:
                return "/".join(end)
        return str(path)

    return [name(path) for path in whole]


@cache
def _methods(text: str) -> tuple[Method, ...]:
    return msgspec.json.decode(text, type=tuple[Method, ...])


@cache
def _point(name: str, country: str, asn: int, network: str | None, source: str) -> Point:
    return Point(Vantage(name=name, country=country, asn=asn, network=network), source)
