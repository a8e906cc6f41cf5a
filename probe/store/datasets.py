"""What of a database goes into a dataset: a choice of measurements, and everything that belongs to them.

Law: reads only, within the one snapshot that the connection sees, and holds nothing that grows with the file: what is
chosen stands in temporary tables. Every table has one order, by ids, so that the same file gives the same rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from probe.model import Result, Run
from probe.once import once
from probe.store import queries
from probe.store.migrations import SCHEMA_VERSION
from probe.store.opening import examine, reading
from probe.store.problem import refuse, told_plainly
from probe.store.queries import Filter
from probe.store.schema import TABLES

IN_PARTS = frozenset(
    {
        "measurement",
        "observation",
        "control_measurement",
        "control_observation",
        "comparison",
        "verdict",
        "reason",
    }
)
"""The tables that grow with every measurement."""
Part = tuple[str, str]
"""Day and country."""
_WHOLE: Part = ("", "")
BATCH = 500
"""Rows: so few that what is made of them fits into the processor's cache."""

_CACHE = 32 << 10
"""KiB of a file that are kept once something is chosen: every row is looked for in an index first, and what SQLite
keeps by itself is less than the way to the rows of millions. For reading a table from its begin to its end, that little
is the better."""

_CHOSEN = """
CREATE TEMP TABLE {name} (
    day TEXT NOT NULL, country TEXT NOT NULL, id TEXT NOT NULL,
    target_id INTEGER NOT NULL, vantage_id INTEGER NOT NULL, run_id TEXT,
    PRIMARY KEY (day, country, id)
) WITHOUT ROWID
"""
_DAY = "substr({measurement}.started_at, 1, 10), vantage.country"
_CHOOSE_CONTROLS = """
INSERT INTO chosen_control
SELECT DISTINCT {part}, control.id, control.target_id, control.vantage_id, NULL FROM chosen
JOIN comparison ON comparison.measurement_id = chosen.id
JOIN control_measurement AS control ON control.id = comparison.control_measurement_id
JOIN vantage ON vantage.id = control.vantage_id
"""
# Where every measurement is chosen, controls need not be looked up one comparison after the other.
_CHOOSE_ALL_CONTROLS = """
INSERT INTO chosen_control
SELECT {part}, control.id, control.target_id, control.vantage_id, NULL FROM control_measurement AS control
JOIN vantage ON vantage.id = control.vantage_id
WHERE EXISTS (SELECT 1 FROM comparison WHERE comparison.control_measurement_id = control.id)
"""
# A run without any measurement is of interest only where nothing was left out.
_CHOOSE_RUNS = """
INSERT INTO chosen_run
SELECT run_id FROM chosen WHERE run_id IS NOT NULL
UNION SELECT id FROM run WHERE :all
"""
_CHOOSE_LISTINGS = """
INSERT INTO chosen_listing SELECT id FROM listing
WHERE (run_id IN chosen_run OR run_id IS NULL AND :all) AND ifnull(service = :service, 1)
"""

# What follows FROM for each table: which rows, in which order. `part` is where its day and country come from. A `+` has
# a table read by its ids: found by another column it would be sorted, and held until its last row is there. `of_chosen`
# is where nothing stands if every measurement is chosen: looking for each by its id takes three times as long.
_OF_CHOSEN = "AND measurement_id IN (SELECT id FROM chosen)"
_OF_PART = "WHERE part.day = :day AND part.country = :country ORDER BY part.id"
_OF_MEASUREMENT = "chosen AS part JOIN {table} ON {table}.measurement_id = part.id"
_SOURCES: Mapping[str, str] = {
    "vantage": """vantage WHERE id IN (
        SELECT vantage_id FROM chosen
        UNION SELECT vantage_id FROM chosen_control
        UNION SELECT vantage_id FROM run WHERE id IN chosen_run
        UNION SELECT vantage_id FROM store_measurement WHERE id IN (
            SELECT store_measurement_id FROM listing_question WHERE listing_id IN chosen_listing)
        UNION SELECT vantage_id FROM service_verdict WHERE run_id IN chosen_run
    ) ORDER BY vantage.id""",
    "run": "run WHERE id IN chosen_run ORDER BY run.id",
    "target": """target WHERE id IN (
        SELECT target_id FROM chosen
        UNION SELECT target_id FROM chosen_control
        UNION SELECT target_id FROM store_measurement WHERE id IN (
            SELECT store_measurement_id FROM listing_question WHERE listing_id IN chosen_listing)
    ) ORDER BY target.id""",
    "measurement": f"chosen AS part JOIN measurement ON measurement.id = part.id {_OF_PART}",
    "observation": f"{_OF_MEASUREMENT.format(table='observation')} {_OF_PART}, observation.id",
    "control_measurement": f"""chosen_control AS part
        JOIN control_measurement ON control_measurement.id = part.id {_OF_PART}""",
    "control_observation": f"""chosen_control AS part
        JOIN control_observation ON control_observation.measurement_id = part.id {_OF_PART}, control_observation.id""",
    "comparison": f"{_OF_MEASUREMENT.format(table='comparison')} {_OF_PART}, comparison.number",
    "verdict": f"{_OF_MEASUREMENT.format(table='verdict')} {_OF_PART}, verdict.id",
    "reason": f"""{_OF_MEASUREMENT.format(table="verdict")} JOIN reason ON reason.verdict_id = verdict.id
        {_OF_PART}, reason.verdict_id, reason.number""",
    "service_verdict": """service_verdict WHERE +run_id IN chosen_run AND ifnull(service = :service, 1)
        ORDER BY service_verdict.id""",
    "listing": "listing WHERE id IN chosen_listing ORDER BY listing.id",
    "store_measurement": """store_measurement WHERE id IN (
        SELECT store_measurement_id FROM listing_question WHERE listing_id IN chosen_listing
    ) ORDER BY store_measurement.id""",
    "store_observation": """store_observation WHERE measurement_id IN (
        SELECT store_measurement_id FROM listing_question WHERE listing_id IN chosen_listing
    ) ORDER BY store_observation.measurement_id, store_observation.id""",
    "listing_question": """listing_question WHERE listing_id IN chosen_listing
        ORDER BY listing_question.listing_id, listing_question.number""",
    "certificate": """certificate WHERE sha256 IN (
        SELECT value FROM (
            SELECT certificates FROM observation WHERE certificates IS NOT NULL {of_chosen}
            UNION SELECT certificates FROM control_observation
                WHERE measurement_id IN (SELECT id FROM chosen_control)
            UNION SELECT certificates FROM store_observation WHERE measurement_id IN (
                SELECT store_measurement_id FROM listing_question WHERE listing_id IN chosen_listing)
        ), json_each(certificates)
    ) ORDER BY certificate.sha256""",
    "body": """body WHERE sha256 IN (
        SELECT body_sha256 FROM observation WHERE body_sha256 IS NOT NULL {of_chosen}
        UNION SELECT body_sha256 FROM control_observation WHERE measurement_id IN (SELECT id FROM chosen_control)
        UNION SELECT body_sha256 FROM store_observation WHERE measurement_id IN (
            SELECT store_measurement_id FROM listing_question WHERE listing_id IN chosen_listing)
    ) ORDER BY body.sha256""",
}
DATASET_TABLES: tuple[str, ...] = tuple(_SOURCES)
"""In an order in which each comes after those it points at."""
_RESOLVERS = """
SELECT DISTINCT resolver_address FROM {table} WHERE resolver_address IS NOT NULL
"""


class Dataset:
    """The rows of a dataset, as one connection sees them."""

    def __init__(self, connection: sqlite3.Connection, wanted: Filter, *, by_day: bool = False) -> None:
        """`by_day`: the tables IN_PARTS have a part for each day and country."""
        self._connection = connection
        self._wanted = wanted
        self._by_day = by_day
        self._run: Run | None = None
        self._everything = {"service": wanted.service, "all": wanted == Filter()}
        self._taken: dict[int, tuple[Any, ...]] = {}
        self._numbers = count()
        connection.create_function("take", -1, self._take)

    def _take(self, *row: Any) -> int:
        """Keeps a row, and gives SQLite a number in its place. Python's sqlite3 lets its lock go and takes it again for
        each column that it hands over, and not for the arguments of a function: a wide row comes in half of the time.
        The numbers come in the order that was asked for, also where the rows are made in another and sorted."""
        number = next(self._numbers)
        self._taken[number] = row
        return number

    @once
    def _chosen(self) -> sqlite3.Connection:
        """The connection, once what is chosen stands in its temporary tables: of millions that takes a while."""
        execute = self._connection.execute
        execute(f"PRAGMA cache_size = {-_CACHE}")
        execute(_CHOSEN.format(name="chosen"))
        execute(_CHOSEN.format(name="chosen_control"))
        execute("CREATE TEMP TABLE chosen_run (id TEXT PRIMARY KEY) WITHOUT ROWID")
        execute("CREATE TEMP TABLE chosen_listing (id INTEGER PRIMARY KEY)")
        sql, values = queries.choice(self._wanted, narrow=True)
        own = "substr(started_at, 1, 10), country" if self._by_day else "'', ''"
        execute(f"INSERT INTO chosen SELECT {own}, id, target_id, vantage_id, run_id FROM ({sql})", values)  # noqa: S608 - literals only
        controls = _DAY.format(measurement="control") if self._by_day else "'', ''"
        choose = _CHOOSE_ALL_CONTROLS if self._everything["all"] else _CHOOSE_CONTROLS
        execute(choose.format(part=controls))
        execute(_CHOOSE_RUNS, self._everything)
        execute(_CHOOSE_LISTINGS, self._everything)
        return self._connection

    @once
    def _is_whole(self) -> bool:
        """Whether every measurement is chosen."""
        sql = "SELECT (SELECT count(*) FROM chosen) = (SELECT count(*) FROM measurement)"
        return bool(self._chosen.execute(sql).fetchone()[0])

    def parts(self, table: str) -> list[Part]:
        """The parts of a table, in their order: of one that is not parted, or all in one, a single one of no name."""
        if table not in IN_PARTS:
            return [_WHOLE]
        return self._parts["chosen_control" if table.startswith("control_") else "chosen"]

    @once
    def _parts(self) -> Mapping[str, list[Part]]:
        sql = "SELECT DISTINCT day, country FROM {} ORDER BY day, country"
        tables = ("chosen", "chosen_control")
        return {name: [(row[0], row[1]) for row in self._chosen.execute(sql.format(name))] for name in tables}

    def batches(self, table: str, part: Part, size: int = BATCH) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a part, at most `size` at a time, each as the values of the table's columns."""
        asked = {**self._everything, "day": part[0], "country": part[1]}
        values = {name: value for name, value in asked.items() if f":{name}" in _SOURCES[table]}
        cursor = self._chosen.cursor()
        cursor.row_factory = None
        selected = ", ".join(f"{table}.{column}" for column in TABLES[table].columns)
        source = _SOURCES[table]
        if "{of_chosen}" in source:
            source = source.format(of_chosen="" if self._is_whole else _OF_CHOSEN)
        cursor.execute(f"SELECT take({selected}) FROM {source}", values)  # noqa: S608 - names of our own
        while numbers := cursor.fetchmany(size):
            yield [self._taken.pop(number) for (number,) in numbers]

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """The rows of one table, under the names of its columns."""
        columns = tuple(TABLES[table].columns)
        for part in self.parts(table):
            for batch in self.batches(table, part):
                for row in batch:
                    yield dict(zip(columns, row, strict=True))

    def results(self) -> Iterator[Result]:
        """The measurements with their newest verdicts, bodies and certificates, oldest first."""
        return queries.results(self._connection, self._wanted, with_bodies=True)

    def run(self, run_id: str) -> Run:
        """The run of this id."""
        if self._run is None or self._run.id != run_id:
            self._run = queries.run(self._connection, run_id)
        return self._run

    def labels(self) -> frozenset[str]:
        """The parts of the names of all hosts that were targets: `line` and `me` of `line.me`."""
        hosts = self._connection.execute("SELECT DISTINCT host FROM target")
        return frozenset(label for row in hosts for label in str(row[0]).split("."))

    def resolvers(self) -> frozenset[str]:
        """The address of every resolver that was asked, also where that was not chosen."""
        execute = self._connection.execute
        tables = ("observation", "store_observation")
        asked = {str(row[0]) for table in tables for row in execute(_RESOLVERS.format(table=table))}
        for row in execute("SELECT host FROM run"):
            host = msgspec.json.decode(row[0])
            while host:
                asked |= {str(each).rpartition(":")[0] for each in host.get("resolvers", ())}
                host = host.get("before")
        return frozenset(asked)


@contextmanager
def view(
    path: Path, wanted: Filter, *, by_day: bool = False, ready: Callable[[], None] = lambda: None
) -> Iterator[Dataset]:
    """The rows of every table that belong to the measurements that `wanted` names, as they are when `ready` is
    called."""
    with reading(path) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        ready()
        yield Dataset(connection, wanted, by_day=by_day)


@contextmanager
def other_database(path: Path) -> Iterator[Callable[[str], Iterator[dict[str, Any]]]]:
    """Everything in a database that somebody else may have written: gives the rows of a table by its name. Raises
    StoreError, which names the file, for one that is no whole database of this program and of its present schema."""
    with told_plainly(path):
        examine(path, create=False)
    with reading(path) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version < SCHEMA_VERSION:
            reason = f"is of schema {version}, and this program needs {SCHEMA_VERSION}"
            raise refuse(path, reason, f"bring a copy of it up to date with: probe db migrate --db {path.name}")
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise refuse(path, f"the file is damaged ({str(problem)[:100]})", "restore it from a copy")
        kinds = {row["name"]: row["type"] for row in connection.execute("SELECT name, type FROM sqlite_master")}
        strange = [name for name in DATASET_TABLES if kinds.get(name) != "table"]
        if strange:
            raise refuse(path, f"has no table {strange[0]}", "it was changed by another program")
        everything = Dataset(connection, Filter())
        yield lambda table: _told(path, everything.rows(table))


def _told(path: Path, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The same rows; what is wrong with the file is said of this file, wherever they are read."""
    with told_plainly(path):
        yield from rows
