"""Registers of blocked resources in the database: replaced as a whole, looked up by key.

Law: a register is read only while its `imported_at` is set, and one transaction sets it for the new and takes it from
the old. All else is done in many short transactions before and after, so that a run that records at the same time never
waits long; what an import that was cut off has left is removed by the next one.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from probe.form import parse_time, time_text
from probe.register import By, Entry, Keys, Kind, Register, Standing, Wanted, keys_listing, keys_near
from probe.store.migrations import transaction
from probe.store.opening import over, reading
from probe.store.problem import BUSY_SECONDS, StoreError, told_plainly
from probe.store.process import is_alive, process_token

_BATCH = 20_000
"""Rows a transaction."""
_GAP = 0.005
"""Seconds between two transactions: whoever waits for the lock looks for it now and then, and must find it free."""
_SORTED_IN_MEMORY = 65_536
"""KiB; more than that is sorted on the disk."""

_ADD_ENTRY = "INSERT INTO target.register_entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_KEEP_KEY = "INSERT INTO keys VALUES (?, ?, ?)"
_SORT = "CREATE TABLE sorted AS SELECT key, beside, line FROM keys ORDER BY key, beside, line"
_MOVE = """
    INSERT OR IGNORE INTO target.register_key (register_id, key, beside, line)
    SELECT ?, key, beside, line FROM sorted WHERE rowid > ? AND rowid <= ?
"""
_CURRENT = "SELECT * FROM register WHERE imported_at IS NOT NULL ORDER BY name, id"
# Both go through the keys that are wanted, and look for each once.
_LISTING = """
    SELECT wanted.value AS key, entry.*
    FROM json_each(:keys) AS wanted
    CROSS JOIN register_key AS found ON found.register_id = :id AND found.key = wanted.value AND found.beside = 0
    CROSS JOIN register_entry AS entry ON entry.register_id = :id AND entry.line = found.line
"""
_NEAR = """
    SELECT wanted.value AS key, entry.*
    FROM json_each(:keys) AS wanted
    CROSS JOIN register_entry AS entry ON entry.register_id = :id AND entry.line = (
        SELECT min(line) FROM register_key WHERE register_id = :id AND key = wanted.value AND beside = 1
    )
"""
_CLOSEST = {by: number for number, by in enumerate(By)}


def replace_register(
    path: Path, register: Register, entries: Iterable[tuple[Entry, Keys]], damaged: Callable[[], int]
) -> Register:
    """Puts a register in the place of that of the same name in the database at `path`; gives it as it is recorded.

    What `entries` raises, and every StoreError, leaves the old one as it was. `damaged` is asked when all were read.
    """
    with _Workshop(path) as workshop:
        register_id = workshop.begin(register)
        try:
            count = workshop.add(register_id, entries)
            workshop.move_keys(register_id)
            whole = replace(register, entries=count, damaged=damaged(), imported_at=datetime.now(UTC))
            workshop.put_in_place(register_id, whole)
        except BaseException:
            with suppress(StoreError):  # the first error is the one to tell
                workshop.give_up(register_id)
            raise
        finally:
            with suppress(StoreError):  # what is left takes room and is not read: the next import tries again
                workshop.sweep()
    return whole


class _Workshop:
    """A connection to the database, under the name `target`, that has a private file of SQLite's own beside it: there
    millions of keys wait to be sorted, so that each page of their table is written once. The file goes when it is
    closed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        with told_plainly(self._path), ExitStack() as stack:
            connection = stack.enter_context(closing(sqlite3.connect("", timeout=BUSY_SECONDS)))
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA cache_size = -{_SORTED_IN_MEMORY}")
            connection.execute("CREATE TABLE keys (key TEXT, beside INTEGER, line INTEGER)")
            connection.execute("ATTACH ? AS target", (str(self._path),))
            connection.execute("PRAGMA target.synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._db = over(connection)
            stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One short transaction."""
        with told_plainly(self._path), transaction(self._db):
            yield self._db.conn

    def begin(self, register: Register) -> int:
        """The number of a register that nobody reads yet."""
        row = {**register_row(register), "process": process_token()}
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        with self._writing() as connection:
            sql = f"INSERT INTO target.register ({columns}) VALUES ({marks})"  # noqa: S608 - names of our own
            number = connection.execute(sql, tuple(row.values())).lastrowid
        assert number is not None, "an insert that did not raise has a row"
        return number

    def add(self, register_id: int, entries: Iterable[tuple[Entry, Keys]]) -> int:
        """Records entries, keeps their keys for later, and counts them."""
        count, iterator = 0, iter(entries)
        while True:
            rows, keys = [], []
            for entry, (listed, beside) in islice(iterator, _BATCH):
                rows.append(_entry_row(register_id, entry))
                keys += [(key, 0, entry.line) for key in listed]
                keys += [(key, 1, entry.line) for key in beside]
            if not rows:
                return count
            count += len(rows)
            with self._writing() as connection:
                connection.executemany(_ADD_ENTRY, rows)
                connection.executemany(_KEEP_KEY, keys)
            time.sleep(_GAP)

    def move_keys(self, register_id: int) -> None:
        """Records the keys that were kept."""
        with told_plainly(self._path):
            self._db.conn.execute(_SORT)
            last = self._db.conn.execute("SELECT ifnull(max(rowid), 0) FROM sorted").fetchone()[0]
        for moved in range(0, last, _BATCH):
            with self._writing() as connection:
                connection.execute(_MOVE, (register_id, moved, moved + _BATCH))
            time.sleep(_GAP)

    def put_in_place(self, register_id: int, whole: Register) -> None:
        """From now on this register is read, and no other of its name."""
        row = {**register_row(whole), "process": ""}
        columns = ", ".join(f"{column} = ?" for column in row)
        others = "UPDATE target.register SET imported_at = NULL WHERE name = ? AND imported_at IS NOT NULL"
        with self._writing() as connection:
            connection.execute(others, (whole.name,))
            sql = f"UPDATE target.register SET {columns} WHERE id = ?"  # noqa: S608 - names of our own
            connection.execute(sql, (*row.values(), register_id))

    def give_up(self, register_id: int) -> None:
        """Nobody imports this register any more."""
        with self._writing() as connection:
            connection.execute("UPDATE target.register SET process = '' WHERE id = ?", (register_id,))

    def sweep(self) -> None:
        """Removes the registers that nobody reads and nobody is importing."""
        unread = "SELECT id, process FROM target.register WHERE imported_at IS NULL"
        with told_plainly(self._path):
            found = self._db.conn.execute(unread).fetchall()
        for register_id, process in found:
            if is_alive(process):
                continue
            for table, column in (("register_key", "key"), ("register_entry", "line")):
                while self._remove_some(table, column, register_id):
                    time.sleep(_GAP)
            with self._writing() as connection:
                connection.execute("DELETE FROM target.register WHERE id = ?", (register_id,))

    def _remove_some(self, table: str, column: str, register_id: int) -> bool:
        """Removes the first rows of a register from a table that is in the order of this column; True when any were."""
        of_it = f"FROM target.{table} WHERE register_id = ?"
        with self._writing() as connection:
            last = f"SELECT {column} {of_it} ORDER BY {column} LIMIT 1 OFFSET {_BATCH}"
            found = connection.execute(last, (register_id,)).fetchone()
            upto = f" AND {column} <= ?" if found is not None else ""
            removed = connection.execute(f"DELETE {of_it}{upto}", (register_id, *(found or ())))
            return bool(removed.rowcount)


class Registers:
    """The registers of a database as they were when it was entered, to look targets up in."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._connection = stack.enter_context(reading(self._path))
            self._registers = [(row["id"], register_from_row(row)) for row in self._connection.execute(_CURRENT)]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()  # what went wrong inside is not the database's doing

    @property
    def all(self) -> tuple[Register, ...]:
        return tuple(register for _, register in self._registers)

    def standings(self, target: Wanted, country: str | None = None) -> tuple[Standing, ...]:
        """How a target stands in each register, or in each that is in force in this country."""
        with told_plainly(self._path):
            return tuple(
                self._standing(register_id, register, target)
                for register_id, register in self._registers
                if country in (None, register.country)
            )

    def _standing(self, register_id: int, register: Register, target: Wanted) -> Standing:
        listing = self._found(_LISTING, register_id, register, keys_listing(target))
        listed = [standing for standing in listing if standing.listed]
        near = listing or self._found(_NEAR, register_id, register, keys_near(target))
        return min(listed, key=_earliest, default=None) or min(near, key=_closest, default=Standing(register))

    def _found(self, sql: str, register_id: int, register: Register, keys: Mapping[str, By]) -> list[Standing]:
        asked = {"id": register_id, "keys": msgspec.json.encode(list(keys)).decode()}
        return [
            Standing(register, keys[row["key"]], row["key"], entry_from_row(row))
            for row in self._connection.execute(sql, asked)
        ]


def _earliest(standing: Standing) -> tuple[date, int]:
    """By date, those without one last; of one day, the closest."""
    entry = standing.entry
    return (entry.date if entry and entry.date else date.max, _CLOSEST[standing.by or By.SHARED_ADDRESS])


def _closest(standing: Standing) -> tuple[int, date]:
    day, close = _earliest(standing)
    return close, day


def register_row(register: Register) -> dict[str, Any]:
    return {
        "name": register.name,
        "country": register.country,
        "form": register.form,
        "source": register.source,
        "updated_at": time_text(register.updated_at) if register.updated_at else None,
        "imported_at": time_text(register.imported_at) if register.imported_at else None,
        "entries": register.entries,
        "damaged": register.damaged,
    }


def register_from_row(row: sqlite3.Row) -> Register:
    return Register(
        name=row["name"],
        country=row["country"],
        form=row["form"],
        source=row["source"],
        updated_at=parse_time(row["updated_at"]) if row["updated_at"] else None,
        imported_at=parse_time(row["imported_at"]) if row["imported_at"] else None,
        entries=row["entries"],
        damaged=row["damaged"],
    )


def _entry_row(register_id: int, entry: Entry) -> tuple[Any, ...]:
    day = entry.date.isoformat() if entry.date else None
    return (
        register_id, entry.line, str(entry.kind), entry.domain, entry.url, entry.authority, entry.decision, day,
    )  # fmt: skip


def entry_from_row(row: sqlite3.Row) -> Entry:
    return Entry(
        line=row["line"],
        kind=Kind(row["kind"]),
        domain=row["domain"],
        url=row["url"],
        authority=row["authority"],
        decision=row["decision"],
        date=date.fromisoformat(row["date"]) if row["date"] else None,
    )
