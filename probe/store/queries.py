"""Reading back: rows joined into the records they were.

Law: reads only, within the one snapshot that the connection sees. Nothing that grows with the file is held in memory.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from probe.form import parse_time, time_text
from probe.model import Result, Run, Target, Vantage, Verdict
from probe.service import ServiceVerdict
from probe.store import rows
from probe.store.problem import StoreError
from probe.store.process import is_alive
from probe.storefront import StoreCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which results are wanted; what is None does not narrow."""

    service: str | None = None
    """The id of a service."""
    target: str | None = None
    """The name of a target (`https://host/path`), or a host."""
    outcome: str | None = None
    """Of the newest verdict."""
    since: datetime | None = None
    """Begun at this moment or later."""
    until: datetime | None = None
    """Begun before this moment."""
    country: str | None = None
    """Of the vantage point, ISO 3166-1 alpha-2."""
    run_id: str | None = None
    limit: int | None = None
    """The newest so many; they still come oldest first."""


MEASUREMENT = """
    SELECT measurement.id, measurement.target_id, measurement.vantage_id, measurement.started_at,
           measurement.runtime, measurement.lag, {run_id} AS run_id,
           target.scheme, target.host, target.port, target.path, target.speaks, target.service, target.role,
           target.certainty, target.retired, target.roots,
           vantage.name, vantage.country, vantage.asn, vantage.network
           {more}
    FROM {table} AS measurement
    JOIN target ON target.id = measurement.target_id
    JOIN vantage ON vantage.id = measurement.vantage_id
    {join}
"""
"""One row a measurement: its own columns, and those of what it points at under other names."""
VERDICT = """, verdict.id AS verdict_id, verdict.measurement_id, verdict.outcome, verdict.methods,
           verdict.confidence, verdict.rules_version, verdict.controls"""
"""The columns of its newest verdict."""
_RESULT = MEASUREMENT.format(
    table="measurement",
    run_id="measurement.run_id",
    more=VERDICT,
    join="JOIN verdict ON verdict.id = (SELECT max(id) FROM verdict WHERE measurement_id = measurement.id)",
)
_CONTROLS = MEASUREMENT.format(
    table="control_measurement",
    run_id="NULL",
    more="",
    join="""JOIN comparison ON comparison.control_measurement_id = measurement.id
    WHERE comparison.measurement_id = ? ORDER BY comparison.number""",
)
_QUESTIONS = MEASUREMENT.format(
    table="store_measurement",
    run_id="measurement.run_id",
    more=""", question.country AS asked_country, question.app, question.said,
           question.code, question.text, question.observations""",
    join="""JOIN listing_question AS question ON question.store_measurement_id = measurement.id
    WHERE question.listing_id = ? ORDER BY question.number""",
)
_NARROW = """
    SELECT measurement.id, measurement.started_at, vantage.country,
        measurement.target_id, measurement.vantage_id, measurement.run_id FROM measurement
    JOIN vantage ON vantage.id = measurement.vantage_id {targets} {verdicts}
"""
_OF_TARGETS = "JOIN target ON target.id = measurement.target_id"
_OF_VERDICTS = {
    "verdict": """JOIN verdict ON verdict.id = (SELECT max(id) FROM verdict WHERE measurement_id = measurement.id)
    WHERE true""",
    "measurement": "WHERE EXISTS (SELECT 1 FROM verdict WHERE measurement_id = measurement.id)",
}
_CONDITIONS = {
    "service": "target.service = :service",
    "target": "(target.name = :target OR target.host = :target)",
    "outcome": "verdict.outcome = :outcome",
    "since": "measurement.started_at >= :since",
    "until": "measurement.started_at < :until",
    "country": "vantage.country = :country",
    "run_id": "measurement.run_id = :run_id",
}
_ORDER = "started_at, id"
# Of the verdicts on one service in one run the last that was made. Found for all of them at once: asked for each row,
# SQLite looks through every verdict there is on its service.
_NEWEST = "service_verdict.id IN (SELECT max(id) FROM service_verdict GROUP BY run_id, service)"


def results(connection: sqlite3.Connection, wanted: Filter, *, with_bodies: bool) -> Iterator[Result]:
    """What `wanted` names, oldest first."""
    sql, values = choice(wanted)
    if wanted.limit is None:
        sql = f"{sql} ORDER BY measurement.started_at, measurement.id"
    else:
        newest = f"{sql} ORDER BY measurement.started_at DESC, measurement.id DESC LIMIT :limit"
        sql = f"SELECT * FROM ({newest}) ORDER BY {_ORDER}"  # noqa: S608 - literals only
        values["limit"] = wanted.limit
    for row in connection.execute(sql, values):
        yield _result(connection, row, with_bodies=with_bodies)


def choice(wanted: Filter, *, narrow: bool = False) -> tuple[str, dict[str, Any]]:
    """The question for the measurements that `wanted` names, but for their number, in no order; and its values.
    `narrow`: only their id, beginning, country, and what they point at, which of millions is worth the while."""
    values = {name: getattr(wanted, name) for name in _CONDITIONS}
    conditions = [sql for name, sql in _CONDITIONS.items() if values[name] is not None]
    for name in ("since", "until"):
        if values[name] is not None:
            values[name] = time_text(values[name])
    if narrow:
        newest = "verdict" if wanted.outcome is not None else "measurement"
        of_target = wanted.service is not None or wanted.target is not None
        sql = _NARROW.format(targets=_OF_TARGETS if of_target else "", verdicts=_OF_VERDICTS[newest])
        return " AND ".join([sql, *conditions]), values
    return f"{_RESULT} WHERE {' AND '.join(conditions)}" if conditions else _RESULT, values


def result(connection: sqlite3.Connection, measurement_id: str, *, with_bodies: bool) -> Result:
    """The one measurement whose id this is, or begins with it."""
    sql = "SELECT id FROM measurement WHERE id >= :begin AND substr(id, 1, length(:begin)) = :begin ORDER BY id LIMIT 2"
    found = [row["id"] for row in connection.execute(sql, {"begin": measurement_id})] if measurement_id else []
    if not found:
        raise StoreError(f"there is no measurement {measurement_id!r}; `probe results` shows the ids")
    if len(found) > 1 and found[0] != measurement_id:
        raise StoreError(f"several measurements begin with {measurement_id}; give more of the id")
    row = connection.execute(f"{_RESULT} WHERE measurement.id = ?", found[:1]).fetchone()
    return _result(connection, row, with_bodies=with_bodies)


def results_of(connection: sqlite3.Connection, measurement_ids: Sequence[str]) -> Iterator[Result]:
    """Those measurements, in this order."""
    for measurement_id in measurement_ids:
        row = connection.execute(f"{_RESULT} WHERE measurement.id = ?", (measurement_id,)).fetchone()
        yield _result(connection, row, with_bodies=True)


def judged(connection: sqlite3.Connection, run_id: str) -> list[tuple[Target, Verdict]]:
    """Each target of a run that says something of its service, oldest first, with its newest verdict, without the
    observations."""
    of_run = f"{_RESULT} WHERE measurement.run_id = ? AND target.role IS NOT NULL"
    found = connection.execute(f"{of_run} ORDER BY measurement.started_at, measurement.id", (run_id,))
    return [
        (
            rows.target_from_row(row),
            rows.verdict_from_row(row, tuple(map(rows.reason_from_row, _reasons(connection, row)))),
        )
        for row in found
    ]


def service_verdicts(connection: sqlite3.Connection, wanted: Filter) -> Iterator[tuple[Run, ServiceVerdict]]:
    """The newest verdict on each service of each run that `wanted` names, oldest run first. It names no target."""
    conditions = {
        "service": "service_verdict.service = :service",
        "outcome": "service_verdict.outcome = :outcome",
        "since": "run.started_at >= :since",
        "run_id": "run.id = :run_id",
    }
    values = {name: getattr(wanted, name) for name in conditions}
    narrowed = " AND ".join([_NEWEST, *(sql for name, sql in conditions.items() if values[name] is not None)])
    if wanted.since is not None:
        values["since"] = time_text(wanted.since)
    sql = f"""
        SELECT service_verdict.* FROM service_verdict JOIN run ON run.id = service_verdict.run_id
        WHERE {narrowed} ORDER BY run.started_at, run.id, service_verdict.service
    """  # noqa: S608 - literals only
    runs: dict[str, Run] = {}
    for row in connection.execute(sql, values):
        if row["run_id"] not in runs:
            runs = {row["run_id"]: run(connection, row["run_id"])}
        yield runs[row["run_id"]], rows.service_verdict_from_row(row)


def last_success(connection: sqlite3.Connection) -> dict[str, datetime]:
    """When the newest run began in which each service was `ok`, by the newest verdict on it in that run."""
    sql = f"""
        SELECT service_verdict.service, max(run.started_at) AS at
        FROM service_verdict JOIN run ON run.id = service_verdict.run_id
        WHERE service_verdict.outcome = 'ok' AND {_NEWEST}
        GROUP BY service_verdict.service
    """  # noqa: S608 - literals only
    return {row["service"]: parse_time(row["at"]) for row in connection.execute(sql)}


def runs(connection: sqlite3.Connection) -> Iterator[Run]:
    """Every run, oldest first."""
    for row in connection.execute("SELECT * FROM run ORDER BY started_at, id"):
        yield rows.run_from_row(row, _vantage(connection, row["vantage_id"]))


def store_checks(connection: sqlite3.Connection, wanted: Filter) -> Iterator[StoreCheck]:
    """What was found of apps in stores, oldest first."""
    sql = """SELECT * FROM listing WHERE ifnull(service = :service, :service IS NULL)
             AND ifnull(run_id = :run_id, :run_id IS NULL) AND ifnull(made_at >= :since, :since IS NULL) ORDER BY id"""
    since = time_text(wanted.since) if wanted.since else None
    for row in connection.execute(sql, {"service": wanted.service, "run_id": wanted.run_id, "since": since}):
        questions = tuple(
            rows.question_from_row(
                each, rows.measurement_from_rows(each, _observed(connection, "store_observation", each["id"]), None)
            )
            for each in connection.execute(_QUESTIONS, (row["id"],)).fetchall()
        )
        yield rows.listing_from_row(row, questions)


def run(connection: sqlite3.Connection, run_id: str) -> Run:
    """The run of this id."""
    found = next(_runs(connection, "run.id = ?", run_id), None)
    if found is None:
        raise StoreError(f"there is no run {run_id!r}; `probe results --json` shows the ids")
    return found


def unfinished_run(connection: sqlite3.Connection) -> Run | None:
    """The newest unfinished run of the verb `run` whose process has ended. Those of others are theirs to finish."""
    mine = "run.command = ? AND run.finished_at IS NULL AND run.id NOT IN (SELECT run_id FROM run_source)"
    unfinished = _runs(connection, mine, "run")
    return next((found for found in unfinished if not is_alive(found.process)), None)


def scheduled_since(connection: sqlite3.Connection) -> datetime | None:
    """When the run began that a timer started and that goes on; None where there is none."""
    sql = "SELECT started_at, process FROM run WHERE finished_at IS NULL AND json_extract(settings, '$.scheduled')"
    return next((parse_time(since) for since, process in connection.execute(sql) if is_alive(process)), None)


def measured(connection: sqlite3.Connection, run_id: str) -> Iterator[tuple[str, str | None]]:
    """Name and service of each target with a measurement in the run."""
    sql = """SELECT target.name, target.service FROM measurement JOIN target ON target.id = measurement.target_id
             WHERE measurement.run_id = ?"""
    return ((row["name"], row["service"]) for row in connection.execute(sql, (run_id,)))


def has_body(connection: sqlite3.Connection, sha256: str) -> bool:
    """Whether this body is kept already."""
    return connection.execute("SELECT 1 FROM body WHERE sha256 = ?", (sha256,)).fetchone() is not None


def _runs(connection: sqlite3.Connection, condition: str, value: str) -> Iterator[Run]:
    """Newest first."""
    sql = f"SELECT * FROM run WHERE {condition} ORDER BY started_at DESC, id DESC"  # noqa: S608 - literals only
    for row in connection.execute(sql, (value,)):
        yield rows.run_from_row(row, _vantage(connection, row["vantage_id"]))


def _vantage(connection: sqlite3.Connection, vantage_id: int) -> Vantage:
    return rows.vantage_from_row(connection.execute("SELECT * FROM vantage WHERE id = ?", (vantage_id,)).fetchone())


def _result(connection: sqlite3.Connection, row: sqlite3.Row, *, with_bodies: bool) -> Result:
    controls = connection.execute(_CONTROLS, (row["id"],)).fetchall()
    return rows.result_from_rows(
        row,
        _observed(connection, "observation", row["id"]),
        [(each, _observed(connection, "control_observation", each["id"])) for each in controls],
        _reasons(connection, row),
        _kept(connection) if with_bodies else None,
    )


def _reasons(connection: sqlite3.Connection, row: sqlite3.Row) -> Iterator[sqlite3.Row]:
    return connection.execute("SELECT * FROM reason WHERE verdict_id = ? ORDER BY number", (row["verdict_id"],))


def _observed(connection: sqlite3.Connection, table: str, measurement_id: str) -> Iterator[sqlite3.Row]:
    sql = f"SELECT * FROM {table} WHERE measurement_id = ? ORDER BY id"  # noqa: S608 - a name of our own
    return connection.execute(sql, (measurement_id,))


def _kept(connection: sqlite3.Connection) -> rows.Kept:
    def body(sha256: str) -> bytes | None:
        row = connection.execute("SELECT compressed FROM body WHERE sha256 = ?", (sha256,)).fetchone()
        return zlib.decompress(row[0]) if row is not None else None

    def certificate(sha256: str) -> bytes | None:
        row = connection.execute("SELECT der FROM certificate WHERE sha256 = ?", (sha256,)).fetchone()
        return bytes(row[0]) if row is not None else None

    return rows.Kept(body=body, certificate=certificate)
