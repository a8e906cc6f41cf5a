"""New rows, in one transaction: what belongs together is there as a whole or not at all.

Law: rows to which others point are added at once, since their numbers are wanted; all the others are gathered and go
together, a statement for each table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from probe.form import time_text
from probe.model import Measurement, Target, Vantage, Verdict
from probe.store import rows
from probe.store.schema import TABLES, unique_key

if TYPE_CHECKING:
    from sqlite_utils import Database


@dataclass(slots=True)
class Adding:
    """What one transaction adds: rows that nothing else needs the number of are gathered, and go together."""

    db: Database
    _ids: dict[Target | Vantage, int] = field(default_factory=dict)
    """Numbers of vantage points and targets, looked up once."""
    _rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    """By statement."""

    def measurement(self, table: str, measurement: Measurement) -> None:
        """One of ours: of a target, or of a question to an app store."""
        row = rows.measurement_row(measurement, self.of(measurement.target), self.of(measurement.vantage))
        insert(self.db, table, {**row, "run_id": measurement.run_id})
        self._observed(table.replace("measurement", "observation"), measurement)

    def control(self, control: Measurement) -> None:
        """A control that answers many of our measurements from one of its own sends the same rows each time."""
        row = rows.measurement_row(control, self.of(control.target), self.of(control.vantage))
        if insert(self.db, "control_measurement", row, unless_there=True).rowcount:
            self._observed("control_observation", control)

    def verdicts(self, verdicts: Iterable[Verdict]) -> None:
        made_at = time_text(datetime.now(UTC))
        for verdict in verdicts:
            verdict_id = insert(self.db, "verdict", rows.verdict_row(verdict, made_at)).lastrowid
            assert verdict_id is not None, "an insert that did not raise has a row"
            for number, reason in enumerate(verdict.reasons, start=1):
                self.later("reason", rows.reason_row(verdict_id, number, reason))

    def later(self, table: str, row: Mapping[str, Any], *, unless_there: bool = False) -> None:
        """Gathers a row; all the rows of a table are added by `finish`."""
        statement = _insertion(table, tuple(row), unless_there)
        self._rows.setdefault(statement, []).append(tuple(row.values()))

    def finish(self) -> None:
        for statement, gathered in self._rows.items():
            self.db.conn.executemany(statement, gathered)
        self._rows.clear()

    def of(self, thing: Target | Vantage) -> int:
        if thing not in self._ids:
            if isinstance(thing, Target):
                self._ids[thing] = id_of(self.db, "target", rows.target_row(thing))
            else:
                self._ids[thing] = id_of(self.db, "vantage", rows.vantage_row(thing))
        return self._ids[thing]

    def _observed(self, table: str, measurement: Measurement) -> None:
        for observation in measurement.observations:
            self.later(table, rows.observation_row(measurement.id, observation))
        for sha256, der in measurement.certificates.items():
            self.later("certificate", {"sha256": sha256, "der": der}, unless_there=True)


def insert(db: Database, table: str, row: Mapping[str, Any], *, unless_there: bool = False) -> sqlite3.Cursor:
    return db.conn.execute(_insertion(table, tuple(row), unless_there), tuple(row.values()))


@cache
def _insertion(table: str, columns: tuple[str, ...], unless_there: bool) -> str:
    """The statement. sqlite-utils would look at the table, and at every value, anew for each."""
    conflict = " ON CONFLICT DO NOTHING" if unless_there else ""
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}){conflict}"  # noqa: S608 - names of our own


def id_of(db: Database, table: str, row: Mapping[str, Any]) -> int:
    """The number of the row that is the same in all unique columns, inserted where there is none."""
    columns = TABLES[table].unique
    same = " AND ".join(
        f"{key} = {key.replace(column, '?')}" for key, column in zip(unique_key(TABLES[table]), columns, strict=True)
    )
    sql = f"SELECT id FROM {table} WHERE {same}"  # noqa: S608 - names of our own
    found = db.conn.execute(sql, tuple(row[column] for column in columns)).fetchone()
    if found is not None:
        return int(found[0])
    number = insert(db, table, row).lastrowid
    assert number is not None, "an insert that did not raise has a row"
    return number
