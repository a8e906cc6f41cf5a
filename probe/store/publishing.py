"""A database for readers, made anew from rows, and the questions that are offered with it.

Law: the file is made from the rows alone, so that it holds nothing that was removed from another one, and the same
rows give the same file. A question concludes nothing: it shows verdicts as the rules gave them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probe.store.migrations import migrate, transaction
from probe.store.opening import over
from probe.store.problem import told_plainly
from probe.store.schema import TABLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to the database, under a name of its own. `:name` in it is asked of the reader."""

    title: str
    description: str
    sql: str


QUESTIONS: Mapping[str, Question] = {
    "blocked_now": Question(
        title="Blocked now, by network",
        description="For each network the services, and the targets of no service, that the newest verdict calls"
        " blocked: how many targets, seen from how many vantage points, for which reasons, and how recently.",
        sql="""
SELECT country, asn, network, ifnull(service, target) AS service,
       count(DISTINCT target) AS targets, count(DISTINCT vantage) AS vantage_points,
       group_concat(DISTINCT reason_code) AS reason_codes, max(started_at) AS last_seen
FROM v_latest
WHERE outcome = 'blocked'
GROUP BY country, asn, network, ifnull(service, target)
ORDER BY country, asn, network, 4
""",
    ),
    "history_of_service": Question(
        title="History of one service",
        description="What each run concluded of a service, newest first; of several verdicts in one run the last made."
        " :service is its id, as in the table target.",
        sql="""
SELECT run.started_at, vantage.name AS vantage, vantage.country, vantage.asn, vantage.network,
       judged.outcome, judged.methods, judged.confidence, judged.text, judged.run_id
FROM service_verdict AS judged
JOIN run ON run.id = judged.run_id
JOIN vantage ON vantage.id = judged.vantage_id
WHERE judged.service = :service
  AND judged.id IN (SELECT max(id) FROM service_verdict WHERE service = :service GROUP BY run_id)
ORDER BY run.started_at DESC, run.id DESC
""",
    ),
    "reasons_of_verdict": Question(
        title="Reasons of one verdict",
        description="Each reason, the one that decided first, with the observations that show it. :verdict_id is the"
        " number of the verdict.",
        sql="""
SELECT reason.number, reason.code, reason.text, verdict.measurement_id, observation.id AS observation,
       observation.step, observation.failure, observation.hostname, observation.address, observation.url
FROM reason
JOIN verdict ON verdict.id = reason.verdict_id
LEFT JOIN json_each(reason.observations) AS shown
LEFT JOIN observation ON observation.measurement_id = verdict.measurement_id AND observation.id = shown.value
WHERE reason.verdict_id = :verdict_id
ORDER BY reason.number, observation.id
""",
    ),
    "disagreeing_vantage_points": Question(
        title="Vantage points of one network that disagree",
        description="Targets whose newest verdicts differ between vantage points of one network (country and ASN, or"
        " the network's name where no ASN is known), with the verdict of each. One that is inconclusive contradicts"
        " none.",
        sql="""
SELECT country, asn, service, target, vantage, outcome, methods, reason_code, started_at, measurement_id
FROM (
    SELECT *, min(nullif(outcome, 'inconclusive')) OVER same AS one,
           max(nullif(outcome, 'inconclusive')) OVER same AS other
    FROM v_latest WHERE asn <> 0 OR network IS NOT NULL
    WINDOW same AS (PARTITION BY country, asn, iif(asn = 0, network, NULL), target)
)
WHERE one <> other
ORDER BY country, asn, network, target, vantage
""",
    ),
}
"""By the name that stands in an address."""


def write_copy(path: Path, tables: Iterable[tuple[str, Iterator[Mapping[str, Any]]]]) -> dict[str, int]:
    """Makes a database of the present schema, with its views, where no file is yet; gives the number of rows of each
    table. The tables come in an order in which each is after those it points at, a row with the values of all its
    columns as the file keeps them. Raises StoreError; what is there then is no database."""
    with told_plainly(path), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
        db = over(connection)
        migrate(db)
        counts: dict[str, int] = {}
        with transaction(db):
            for table, rows in tables:
                marks = ", ".join(f":{column}" for column in TABLES[table].columns)
                sql = f"INSERT INTO {table} VALUES ({marks})"  # noqa: S608 - names of our own
                counts[table] = max(connection.executemany(sql, rows).rowcount, 0)
        connection.execute("VACUUM")
    return counts
