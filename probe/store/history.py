"""Databases and datasets read for their verdicts alone, our own or others': one narrow row each.

Law: each question is written once, whichever engine answers it; what stands in a row is made a record here and nowhere
else. Reads only, in one snapshot; what cannot be a verdict is a StoreError. Observations and bodies are not touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from probe.form import parse_time
from probe.history import Evidence, Judged, Point
from probe.model import Confidence, Method, Outcome, Target, Vantage, Verdict
from probe.service import Need
from probe.store.engines import Answers, Engine, open_sqlite
from probe.store.problem import StoreError, told_plainly
from probe.store.rows import Row, needs_from_text, target_from_row, vantage_from_row, verdict_from_row

T = TypeVar("T")

# What another program wrote into our tables may be of any type: text is taken as text. Engines know one another's words
# here: `ifnull`, CAST AS TEXT and AS BIGINT; a place for a value is `?`.
_PLACE = """CAST(vantage.name AS TEXT) AS name, CAST(vantage.country AS TEXT) AS country,
           CAST(vantage.asn AS BIGINT) AS asn, CAST(vantage.network AS TEXT) AS network"""
_VERDICT = """{0}.outcome, CAST({0}.methods AS TEXT) AS methods, {0}.confidence,
           CAST({0}.rules_version AS TEXT) AS rules_version, CAST({0}.made_at AS TEXT) AS made_at"""
_SERVICES = f"""
    SELECT CAST(judged.service AS TEXT) AS subject, CAST(judged.text AS TEXT) AS reason, judged.run_id,
           CAST(NULL AS TEXT) AS measurement_id, ifnull(counted.measurements, 0) AS measurements,
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
NEWEST = "verdict.id = (SELECT max(other.id) FROM verdict AS other WHERE other.measurement_id = verdict.measurement_id)"
"""Which verdict counts."""
_ON_TARGET = """
    JOIN target ON target.id = measurement.target_id
    JOIN vantage ON vantage.id = measurement.vantage_id
    JOIN verdict ON verdict.measurement_id = measurement.id
    LEFT JOIN reason ON reason.verdict_id = verdict.id AND reason.number = 1
"""
_TARGETS = f"""
    SELECT CAST(target.name AS TEXT) AS subject, CAST(ifnull(reason.code, '') AS TEXT) AS reason, measurement.run_id,
           measurement.id AS measurement_id, 1 AS measurements, measurement.started_at, measurement.started_at AS until,
           {_VERDICT.format("verdict")}, {_PLACE}
    FROM measurement {_ON_TARGET}
    WHERE {NEWEST}
"""  # noqa: S608 - literals only
_SUMMARY = f"""
    SELECT CAST(target.name AS TEXT) AS subject, found.newest, CAST(found.rules_version AS TEXT) AS rules_version,
           {_PLACE}
    FROM (
        SELECT measurement.target_id, measurement.vantage_id, verdict.rules_version,
               max(measurement.started_at) AS newest
        FROM measurement JOIN verdict ON verdict.measurement_id = measurement.id
        WHERE {NEWEST} {{condition}}
        GROUP BY measurement.target_id, measurement.vantage_id, verdict.rules_version
    ) AS found
    JOIN target ON target.id = found.target_id
    JOIN vantage ON vantage.id = found.vantage_id
    ORDER BY found.target_id, found.vantage_id, found.rules_version
"""  # noqa: S608 - literals only
_OF_TARGET = "AND measurement.target_id IN (SELECT id FROM target WHERE name = ?)"
_ORIGINS = f"""
    SELECT CAST(run.id AS TEXT) AS id, {_PLACE} FROM run JOIN vantage ON vantage.id = run.vantage_id
    UNION ALL
    SELECT CAST(measurement.id AS TEXT), {_PLACE} FROM measurement JOIN vantage ON vantage.id = measurement.vantage_id
    WHERE measurement.run_id IS NULL
    ORDER BY id
"""  # noqa: S608 - literals only
# `wanted` is read first, and the rest found by its rows: without CROSS, SQLite may do it the other way round. What is
# wanted is said once more as values: by those, DuckDB finds the few parts of the files that hold it.
_EVIDENCE = f"""
    WITH wanted(subject, origin) AS (VALUES {{values}})
    SELECT wanted.subject, wanted.origin, CAST(measurement.id AS TEXT) AS id, CAST(target.name AS TEXT) AS target,
           verdict.outcome, CAST(verdict.methods AS TEXT) AS methods, verdict.confidence,
           CAST(reason.code AS TEXT) AS code
    FROM wanted CROSS JOIN measurement {_ON_TARGET}
    WHERE {{condition}} AND {{column}} IN ({{origins}}) AND {NEWEST}
    ORDER BY target.name, measurement.started_at, measurement.id
"""  # noqa: S608 - literals only
_OF_RUN = (
    "measurement.run_id = wanted.origin AND target.service = wanted.subject AND target.role IS NOT NULL",
    "measurement.run_id",
)
_OF_ONE = ("measurement.id = wanted.origin", "measurement.id")
_OF_RUNS = f"""
    WITH wanted(id) AS (VALUES {{values}})
    SELECT measurement.run_id, measurement.id, measurement.started_at, target.scheme, target.host, target.port,
           target.path, target.speaks, target.service, target.role, target.certainty, target.retired, target.roots,
           verdict.measurement_id, verdict.outcome, verdict.methods, verdict.confidence, verdict.rules_version,
           verdict.controls
    FROM wanted CROSS JOIN measurement {_ON_TARGET}
    WHERE measurement.run_id = wanted.id AND target.role IS NOT NULL AND {NEWEST}
    ORDER BY measurement.started_at, measurement.id
"""  # noqa: S608 - literals only
_RUNS = f"""
    SELECT CAST(run.id AS TEXT) AS id, run.services, {_PLACE}
    FROM run JOIN vantage ON vantage.id = run.vantage_id ORDER BY run.started_at, run.id
"""  # noqa: S608 - literals only
_CONCLUDED = "SELECT run_id, service FROM service_verdict"
_AT_ONCE = 5000
"""Verdicts, or runs, in one question, with three values each at most; SQLite takes 32,766 (sqlite.org/limits.html)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconcluded:
    """A service that a run was to measure as a whole, and what it has measured of it."""

    run_id: str
    vantage: Vantage
    need: Need
    found: list[tuple[Target, Verdict]]
    """Without the verdicts' reasons."""
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
    """The verdicts of one database or dataset, as they are when it is opened."""

    def __init__(self, path: Path, name: str, answers: Answers) -> None:
        self.path = path
        self.name = name
        """By which it is told from others."""
        self.answers = answers

    def services(self, service: str | None = None) -> Iterator[Judged]:
        """The newest verdict on each service in each run that concluded one."""
        return self._judged(*question(targets=False, subject=service))

    def targets(self, target: str | None = None) -> Iterator[Judged]:
        """The newest verdict on each measurement, by the names of the targets."""
        sql, values = question(targets=True, subject=target)
        return self._judged(f"{sql} ORDER BY subject", values)

    def summary(self, target: str | None = None) -> Iterator[Summary]:
        """What there is on targets, by vantage point and version of the rules."""
        sql = _SUMMARY.format(condition=_OF_TARGET if target is not None else "")
        with told_plainly(self.path):
            for row in self.answers.ask(sql, () if target is None else (target,)):
                yield Summary(
                    subject=row["subject"],
                    point=point_from_row(row, self.name),
                    newest=parse_time(row["newest"]),
                    rules_version=row["rules_version"],
                )

    def origins(self) -> Iterator[tuple[str, Point]]:
        """Each run, and each measurement that is of none, by its id, with its vantage point."""
        with told_plainly(self.path):
            for row in self.answers.ask(_ORIGINS):
                yield row["id"], point_from_row(row, self.name)

    def concluded(self) -> set[tuple[str, str]]:
        """The identities of the verdicts that `services` brings."""
        with told_plainly(self.path):
            return {(row["service"], row["run_id"]) for row in self.answers.ask(_CONCLUDED)}

    def unconcluded(self, concluded: Collection[tuple[str, str]], service: str | None = None) -> Iterator[Unconcluded]:
        """The services that a run was to measure as a whole and has no verdict on, as one that was killed: it is not
        among the identities of those that were concluded."""
        with told_plainly(self.path):
            missing = []
            for row in self.answers.ask(_RUNS):
                needs = [
                    need
                    for need in needs_from_text(row["services"])
                    if service in (None, need.service) and (need.service, row["id"]) not in concluded
                ]
                if needs:
                    missing.append((row["id"], vantage_from_row(row), needs))
            for some in _some(missing):
                found = self._found([run_id for run_id, _, _ in some])
                for run_id, vantage, needs in some:
                    yield from _unconcluded(run_id, vantage, needs, found[run_id])

    def evidence(self, verdicts: Iterable[Judged]) -> dict[tuple[str, str], tuple[Evidence, ...]]:
        """The verdicts on targets that each of these verdicts, which are of this database, stands on; by its
        identity."""
        verdicts = list(verdicts)
        found: dict[tuple[str, str], list[Evidence]] = {each.identity: [] for each in verdicts}
        for of_one, (condition, column) in ((True, _OF_ONE), (False, _OF_RUN)):
            keys = [each.identity for each in verdicts if (each.measurement_id is not None) is of_one]
            for some in _some(list(dict.fromkeys(keys))):
                origins = list(dict.fromkeys(origin for _, origin in some))
                sql = _EVIDENCE.format(
                    values=", ".join(["(?, ?)"] * len(some)),
                    condition=condition,
                    column=column,
                    origins=", ".join("?" * len(origins)),
                )
                with told_plainly(self.path):
                    for row in self.answers.ask(sql, [*chain(*some), *origins]):
                        found[row["subject"], row["origin"]].append(_evidence_from_row(row))
        return {key: tuple(each) for key, each in found.items()}

    def _found(self, run_ids: Sequence[str]) -> dict[str, list[tuple[datetime, Target, Verdict]]]:
        """What these runs have measured of services, and when."""
        found: dict[str, list[tuple[datetime, Target, Verdict]]] = defaultdict(list)
        for row in self.answers.ask(_OF_RUNS.format(values=", ".join(["(?)"] * len(run_ids))), run_ids):
            one = (parse_time(row["started_at"]), target_from_row(row), verdict_from_row(row, ()))
            found[row["run_id"]].append(one)
        return found

    def _judged(self, sql: str, values: Sequence[str]) -> Iterator[Judged]:
        with told_plainly(self.path):
            for row in self.answers.ask(sql, values):
                yield judged_from_row(row, self.name)


class Histories:
    """Several databases and datasets at once, each under a name that tells it from the others."""

    def __init__(self, paths: Iterable[Path], engine: Engine = open_sqlite) -> None:
        self._paths = list({path.absolute().resolve(): path for path in paths}.values())
        self._engine = engine

    def __enter__(self) -> Self:
        """Raises StoreError with a line for each that cannot be read: what lacks one of them would look whole."""
        with ExitStack() as stack:
            self.all: tuple[History, ...] = ()
            wrong = []
            for path, name in zip(self._paths, _names(self._paths), strict=True):
                try:
                    self.all += (History(path, name, stack.enter_context(self._engine(path))),)
                except StoreError as error:
                    wrong.append(str(error))
            if wrong:
                raise StoreError("\n".join(wrong))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()  # what went wrong inside is not the databases' doing

    def evidence(self, verdicts: Iterable[Judged]) -> Callable[[Judged], tuple[Evidence, ...]]:
        """Asks at once for the verdicts on targets that these verdicts stand on; gives what tells those of one."""
        of = defaultdict(list)
        for each in verdicts:
            of[each.source].append(each)
        found = {history.name: history.evidence(of[history.name]) for history in self.all if history.name in of}
        return lambda judged: found[judged.source][judged.identity]


def question(*, targets: bool, subject: str | None) -> tuple[str, tuple[str, ...]]:
    """What brings the verdicts on targets, or on services, or on one of them, as rows for `judged_from_row`; and the
    values in it."""
    sql, column = (_TARGETS, "target.name") if targets else (_SERVICES, "judged.service")
    return (sql, ()) if subject is None else (f"{sql} AND {column} = ?", (subject,))


def judged_from_row(row: Row, source: str) -> Judged:
    """A narrow row of the database of this name."""
    return Judged(
        subject=row["subject"],
        point=point_from_row(row, source),
        source=source,
        started_at=parse_time(row["started_at"]),
        until=parse_time(row["until"]),
        outcome=_outcome(row["outcome"]),
        methods=_methods(row["methods"]),
        confidence=_confidence(row["confidence"]) if row["confidence"] else None,
        reason=row["reason"],
        rules_version=row["rules_version"],
        made_at=row["made_at"],
        run_id=row["run_id"],
        measurement_id=row["measurement_id"],
        measurements=row["measurements"],
    )


def point_from_row(row: Row, source: str) -> Point:
    """The vantage point of a row of the database of this name."""
    return _point(row["name"], row["country"], row["asn"], row["network"], source)


def _evidence_from_row(row: Row) -> Evidence:
    return Evidence(
        measurement_id=row["id"],
        target=row["target"],
        outcome=_outcome(row["outcome"]),
        methods=_methods(row["methods"]),
        confidence=_confidence(row["confidence"]) if row["confidence"] else None,
        code=row["code"],
    )


def _unconcluded(
    run_id: str, vantage: Vantage, needs: Iterable[Need], found: Sequence[tuple[datetime, Target, Verdict]]
) -> Iterator[Unconcluded]:
    for need in needs:
        own = [(at, target, verdict) for at, target, verdict in found if target.service == need.service]
        if own:
            yield Unconcluded(
                run_id=run_id,
                vantage=vantage,
                need=need,
                found=[(target, verdict) for _, target, verdict in own],
                since=min(at for at, _, _ in own),
                until=max(at for at, _, _ in own),
            )


def _some(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many as one question asks for, and then the next ones."""
    return (values[begin : begin + _AT_ONCE] for begin in range(0, len(values), _AT_ONCE))


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


_outcome, _confidence = cache(Outcome), cache(Confidence)


@cache
def _methods(text: str) -> tuple[Method, ...]:
    return msgspec.json.decode(text, type=tuple[Method, ...])


@cache
def _point(name: str, country: str, asn: int, network: str | None, source: str) -> Point:
    return Point(Vantage(name=name, country=country, asn=asn, network=network), source)
