"""How a database of an older program becomes one of this program: numbered steps, each in one transaction.

Law: the number of steps taken is the file's `user_version`, written in the step's own transaction. A step, once
released, is never changed: a new column is a new step. Whoever comes second finds the work done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from probe.store.schema import create_schema

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x70726F62  # "prob"; in the file's header, by which the file is known as ours

MIGRATIONS: tuple[Callable[[Database], None], ...] = (create_schema,)
SCHEMA_VERSION = len(MIGRATIONS)


def migrate(db: Database) -> None:
    """Takes the steps that this file lacks. Several processes may do so at once."""
    while version_of(db) < SCHEMA_VERSION:
        with transaction(db):
            version = version_of(db)  # again: another process may have been faster
            if version < SCHEMA_VERSION:
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                MIGRATIONS[version](db)
                db.execute(f"PRAGMA user_version = {version + 1}")


def version_of(db: Database) -> int:
    """How many steps the file has taken."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """All of what is done inside, or nothing. Takes the write lock at once: a transaction that asks for it later, after
    reading, could not wait for another writer."""
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.conn.execute("COMMIT")
    except BaseException:
        if db.conn.in_transaction:  # SQLite itself may have rolled back, on a full disk for one
            db.conn.execute("ROLLBACK")
        raise
