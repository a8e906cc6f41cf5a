"""Opens database files, and refuses those that are not ours.

Law: a file that is refused is left as it was: it is looked at by its bytes first, then read-only, and opened for
writing only when it is ours or empty.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from probe.store.migrations import APPLICATION_ID, SCHEMA_VERSION, migrate
from probe.store.problem import BUSY_SECONDS, refuse, refuse_writing, told_plainly

if TYPE_CHECKING:
    from sqlite_utils import Database

_MAGIC = b"SQLite format 3\x00"
_HEADER = 100  # bytes; sqlite.org/fileformat.html §1.3
_APPLICATION_ID = slice(68, 72)


def open_database(path: Path, *, create: bool) -> Database:
    """A connection that may write, to a file that is ours and up to date. Raises StoreError for any other file."""
    with told_plainly(path):
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        examine(path, create=create)
        if create and path.exists() and not os.access(path, os.W_OK):
            raise refuse_writing(path)  # SQLite would open it for reading, and fail with the first row
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")  # in WAL, less would lose the last commits with the power
            db = over(connection)
            migrate(db)
            _write_ahead(connection)
        except BaseException:
            connection.close()
            raise
    return db


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees the file as it is at its first question, whatever is written meanwhile."""
    with told_plainly(path), closing(_read_only(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        yield connection


def over(connection: sqlite3.Connection) -> Database:
    """The same connection, for what writes. `sqlite_utils` is loaded here and nowhere else, since it loads pandas where
    that is installed: what only reads does not wait for it."""
    from sqlite_utils import Database

    return Database(connection, execute_plugins=False)


def schema_of(path: Path) -> int:
    """The number of the schema of a file that is ours, 0 for an empty one; the file is left as it is."""
    with told_plainly(path):
        examine(path, create=False)
        with closing(_read_only(path)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])


def examine(path: Path, *, create: bool) -> None:
    """Raises StoreError unless the file is ours, of a schema this program knows, or may be made here."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if create:
            return
        raise refuse(path, "there is no such database", "measure something first, or name one with --db") from None
    if stat.S_ISDIR(mode):
        raise refuse(path, "is a directory")
    if not stat.S_ISREG(mode):
        raise refuse(path, "is not a regular file")
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if not header or _was_being_made(path, header):
        return
    if not header.startswith(_MAGIC):
        raise refuse(path, "is not an SQLite database")
    application = int.from_bytes(header[_APPLICATION_ID], "big")
    if application not in (0, APPLICATION_ID):
        raise refuse(path, "is the database of another program")
    _examine_inside(path, ours=application == APPLICATION_ID)


def _was_being_made(path: Path, header: bytes) -> bool:
    """Whether the making of a database was cut off before its first page was there: SQLite takes that back."""
    journal = path.with_name(f"{path.name}-journal")
    return not any(header) and journal.exists() and journal.stat().st_size > 0


def _examine_inside(path: Path, *, ours: bool) -> None:
    """Looks at the schema, without the right to write."""
    with closing(_read_only(path)) as connection:
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        except sqlite3.OperationalError as error:
            # our own making of the file was cut off; only a writer may take back what it had begun
            if ours and error.sqlite_errorcode == sqlite3.SQLITE_READONLY_ROLLBACK:
                return
            raise
    if not ours and (tables or version):
        raise refuse(path, "is the database of another program")
    if version > SCHEMA_VERSION:
        reason = f"was written by a newer version of this program (schema {version}, this one knows {SCHEMA_VERSION})"
        raise refuse(path, reason, "update the program, or name another file with --db")


@contextmanager
def looking(path: Path) -> Iterator[sqlite3.Connection]:
    """The same, for a file of anybody's: nothing that SQLite needs meanwhile is left beside it. A connection without
    the right to write cannot clear away, so this one has the right and never makes use of it, unless there is work of
    another's to be finished first."""
    with told_plainly(path):
        examine(path, create=False)
        begun = any(other.exists() and other.stat().st_size for other in _beside(path))
        clears = not begun and os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK)
        with closing(_connect(path, "mode=rw") if clears else _read_only(path)) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.row_factory = sqlite3.Row
            connection.execute("BEGIN")
            yield connection


def _read_only(path: Path) -> sqlite3.Connection:
    """Where nothing can be written beside the file, and nobody does, SQLite is told not to try."""
    fixed = not os.access(path.absolute().parent, os.W_OK) and not any(other.exists() for other in _beside(path))
    return _connect(path, "mode=ro&immutable=1" if fixed else "mode=ro")


def _beside(path: Path) -> tuple[Path, Path]:
    """Where SQLite keeps what is not in the file yet, or must be taken back."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal")


def _connect(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turns the write-ahead log on. SQLite does not wait for other connections here, so we do."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
