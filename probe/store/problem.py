"""What can be wrong with a database file, in one sentence: the path, the reason, the way out.

Law: no error of SQLite or of the file system leaves the store but as a StoreError.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

BUSY_SECONDS = 60
"""How long one writer waits for another."""

_ELSEWHERE = "name another file with --db"
_FULL = "the disk is full; free some space and start again, what was recorded before is safe"
_NO_ACCESS = f"the file or its directory cannot be written by this user; change the permissions, or {_ELSEWHERE}"

# SQLite's result codes (sqlite.org/rescode.html): the extended code is looked up first, then the primary one.
_PROBLEMS: dict[int, str] = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE: _FULL,
    sqlite3.SQLITE_READONLY: _NO_ACCESS,
    sqlite3.SQLITE_PERM: _NO_ACCESS,
    sqlite3.SQLITE_CANTOPEN: f"the file cannot be opened or made; check the path and the permissions, or {_ELSEWHERE}",
    sqlite3.SQLITE_BUSY: f"another program has kept it locked for {BUSY_SECONDS} s; stop that program, or {_ELSEWHERE}",
    sqlite3.SQLITE_CORRUPT: f"the file is damaged; restore it from a copy, or {_ELSEWHERE}",
    sqlite3.SQLITE_NOTADB: f"not an SQLite database; {_ELSEWHERE}",
    sqlite3.SQLITE_IOERR: f"the disk reports an error; check the disk, or {_ELSEWHERE}",
}


class StoreError(Exception):
    """The database cannot be used, or does not hold what was asked for. The text is one line for the user."""


def refuse(path: Path, reason: str, way_out: str = _ELSEWHERE) -> StoreError:
    """The error that names the path, the reason and the way out."""
    return StoreError(f"{path}: {reason}; {way_out}")


def refuse_writing(path: Path) -> StoreError:
    """The error for a file that may be read, where it is to be written."""
    return StoreError(f"{path}: {_NO_ACCESS}")


@contextmanager
def told_plainly(path: Path) -> Iterator[None]:
    """Turns what SQLite and the file system raise inside into a StoreError about `path`."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {_reason(error)}") from error
    except OSError as error:
        raise refuse(path, (error.strerror or str(error)).lower()) from error
    except (ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise StoreError(f"{path}: holds or was given what cannot be a value there: {error}") from error


def _reason(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0)
    return _PROBLEMS.get(code) or _PROBLEMS.get(code & 0xFF) or f"SQLite says: {error}"
