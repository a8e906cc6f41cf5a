"""A database of this program, asked by SQLite: in one snapshot, for reading only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from probe.store.migrations import SCHEMA_VERSION
from probe.store.opening import looking
from probe.store.problem import refuse, told_plainly


class Sqlite:
    """The tables of one file."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def ask(self, sql: str, values: Sequence[object] = ()) -> Iterator[sqlite3.Row]:
        """The rows that answer a question."""
        with told_plainly(self._path):
            yield from self._connection.execute(sql, tuple(values))


@contextmanager
def open_sqlite(path: Path) -> Iterator[Sqlite]:
    """The file as it is now; it is never migrated. Raises StoreError for one that is not ours, damaged, or of another
    schema."""
    with looked_at(path) as connection:
        yield Sqlite(path, connection)


@contextmanager
def looked_at(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file of the present schema."""
    with looking(path) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            raise refuse(path, "holds nothing yet", "measure something first, or name another file")
        if version != SCHEMA_VERSION:
            reason = f"was written by an older version of this program (schema {version}, this one's is"
            way_out = f"bring it up to date with `probe results --db {path}`, or name another file"
            raise refuse(path, f"{reason} {SCHEMA_VERSION})", way_out)
        yield connection
