"""Care of the file: how large it is and with what, what may go, and what was exported.

Law: what was not exported stays, unless somebody says otherwise. Rows go in small transactions, children before what
they point at, so that no other writer waits long and an end at any moment leaves a whole file.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from probe.form import parse_time, time_text
from probe.store.opening import reading
from probe.store.problem import refuse
from probe.store.process import is_alive
from probe.store.schema import TABLES

if TYPE_CHECKING:
    from sqlite_utils import Database

Writing = Callable[[], AbstractContextManager["Database"]]
"""One transaction."""

_BATCH = 200
"""Measurements, or bodies, a transaction."""
_EXPORTED_UNTIL = "exported_until"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What is in a database file. Sizes are bytes."""

    schema: int
    file: int
    log: int
    """Written ahead, and not yet in the file itself."""
    free: int
    """Of the file, what was removed and will be used again; `vacuum` gives it back."""
    oldest: datetime | None
    """The first measurement that is kept, and the last."""
    newest: datetime | None
    exported_until: datetime | None
    """What began before is in an export; absent when nothing is."""
    body_bytes: int
    """Of the bodies as they are kept, compressed."""
    body_bytes_unpacked: int
    rows: Mapping[str, int]
    """By table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed, and what was old enough and stays."""

    rows: Mapping[str, int]
    """By table; a table of which nothing was removed is not in it."""
    body_bytes: int
    not_exported: int
    """Measurements that are old enough for something of them to go, and stay since they were not exported."""


def stats(path: Path) -> Stats:
    """What is in the file now."""
    with reading(path) as connection:
        value = _value(connection)
        oldest, newest = connection.execute("SELECT min(started_at), max(started_at) FROM measurement").fetchone()
        kept, unpacked = connection.execute(
            "SELECT ifnull(sum(length(compressed)), 0), ifnull(sum(length), 0) FROM body"
        ).fetchone()
        return Stats(
            schema=value("PRAGMA user_version"),
            file=path.stat().st_size,
            log=log_size(path),
            free=value("PRAGMA freelist_count") * value("PRAGMA page_size"),
            oldest=parse_time(oldest) if oldest else None,
            newest=parse_time(newest) if newest else None,
            exported_until=exported_until(connection),
            body_bytes=kept,
            body_bytes_unpacked=unpacked,
            rows={table: value(f"SELECT count(*) FROM {table}") for table in TABLES},  # noqa: S608 - names of our own
        )


def damage(path: Path) -> str | None:
    """What SQLite finds wrong in the file, in its first words; None where it is whole. Reads all of it."""
    with reading(path) as connection:
        found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        return None if found == "ok" else found


def log_size(path: Path) -> int:
    """Bytes of the write-ahead log beside a file."""
    log = path.with_name(f"{path.name}-wal")
    return log.stat().st_size if log.exists() else 0


def exported_until(connection: sqlite3.Connection) -> datetime | None:
    """Up to which moment measurements are exported."""
    row = connection.execute("SELECT value FROM mark WHERE name = ?", (_EXPORTED_UNTIL,)).fetchone()
    return parse_time(row[0]) if row else None


def mark_exported(db: Database, until: datetime) -> None:
    """Records that everything begun before this moment is exported. An earlier moment than before changes nothing."""
    sql = """INSERT INTO mark (name, value) VALUES (?, ?)
             ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"""
    db.conn.execute(sql, (_EXPORTED_UNTIL, time_text(until)))


def note_older(db: Database, started_at: datetime) -> None:
    """Something that began then was just added: where it is older than what is exported, as an import may be, the
    moment up to which all is exported goes back to it."""
    value = time_text(started_at)
    db.conn.execute("UPDATE mark SET value = ? WHERE name = ? AND value > ?", (value, _EXPORTED_UNTIL, value))


def prune(path: Path, writing: Writing, before: datetime, bodies_before: datetime, *, unexported: bool) -> Pruned:
    """Removes measurements begun before a moment, with all that belongs to them alone, and earlier the bodies of those
    begun before another one. Raises StoreError, having removed nothing, while a run goes on, and where nothing was
    ever exported."""
    with reading(path) as connection:
        refuse_while_running(path, connection)
        waiting = 0
        if not unexported:
            until = exported_until(connection)
            waiting = _count_between(connection, until, max(before, bodies_before))
            if until is None and waiting:
                reason = "nothing in it was exported, so what is removed would be lost"
                raise refuse(path, reason, "export it first (`probe export`), or say --unexported")
            before, bodies_before = (min(moment, until or _NEVER) for moment in (before, bodies_before))
    removed: Counter[str] = Counter()
    remove_old(writing, SWEEPS, before, removed)
    body_bytes = remove_named(path, writing, _UNUSED_BODIES, (time_text(bodies_before),) * 3, "body", removed)
    remove_named(path, writing, UNUSED_CERTIFICATES, (), "certificate", removed)
    return Pruned(rows=dict(removed), body_bytes=body_bytes, not_exported=waiting)


def vacuum(db: Database) -> None:
    """Writes the file anew without its free pages, and the log into it."""
    db.conn.execute("VACUUM")
    db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Rows of one table that may go, and the rows of others that go with them."""

    table: str
    which: str
    """Their ids, given a moment."""
    children: Sequence[tuple[str, str]]
    """Tables, in this order, each with the condition by which its rows belong to the ids `:ids`."""


_OURS = "IN (SELECT value FROM json_each(:ids))"
_OLD = "SELECT id FROM {0} WHERE started_at < :before"
_UNLESS = " AND NOT EXISTS (SELECT 1 FROM {1} WHERE {1}.{2} = {0}.id)"
# In this order: what points at something goes before it.
SWEEPS: Sequence[Sweep] = (
    Sweep(
        table="measurement",
        which=_OLD.format("measurement"),
        children=(
            ("reason", f"verdict_id IN (SELECT id FROM verdict WHERE measurement_id {_OURS})"),  # noqa: S608 - literals
            ("verdict", f"measurement_id {_OURS}"),
            ("comparison", f"measurement_id {_OURS}"),
            ("observation", f"measurement_id {_OURS}"),
        ),
    ),
    Sweep(
        table="control_measurement",
        which=(_OLD + _UNLESS).format("control_measurement", "comparison", "control_measurement_id"),
        children=(("control_observation", f"measurement_id {_OURS}"),),
    ),
    Sweep(
        table="listing",
        which="SELECT id FROM listing WHERE made_at < :before",
        children=(("listing_question", f"listing_id {_OURS}"),),
    ),
    Sweep(
        table="store_measurement",
        which=(_OLD + _UNLESS).format("store_measurement", "listing_question", "store_measurement_id"),
        children=(("store_observation", f"measurement_id {_OURS}"),),
    ),
    Sweep(
        table="run",
        which=_OLD.format("run")
        + "".join(_UNLESS.format("run", each, "run_id") for each in ("measurement", "store_measurement", "listing")),
        children=(("service_verdict", f"run_id {_OURS}"), ("run_source", f"run_id {_OURS}")),
    ),
)


def _used(names: str, condition: str = "") -> str:
    """What the observations of all tables name, as one subquery."""
    more = ", json_each(seen.certificates)" if names == "value" else ""
    sql = f"""SELECT {names} FROM {{0}}observation AS seen
              JOIN {{0}}measurement AS made ON made.id = seen.measurement_id{more}
              WHERE {names} IS NOT NULL{condition}"""  # noqa: S608 - literals only
    return " UNION ALL ".join(sql.format(kind) for kind in ("", "control_", "store_"))


_UNUSED_BODIES = f"""SELECT sha256, length(compressed) FROM body
    WHERE sha256 NOT IN ({_used("body_sha256", " AND made.started_at >= ?")})"""  # noqa: S608 - literals only
UNUSED_CERTIFICATES = f"SELECT sha256, length(der) FROM certificate WHERE sha256 NOT IN ({_used('value')})"  # noqa: S608


def remove_old(writing: Writing, sweeps: Sequence[Sweep], before: datetime, removed: Counter[str]) -> None:
    """Removes the rows that are older than a moment, with what belongs to them, and counts them."""
    for sweep in sweeps:
        while _sweep(writing, sweep, time_text(before), removed):
            pass


def _sweep(writing: Writing, sweep: Sweep, before: str, removed: Counter[str]) -> bool:
    """One transaction; False when nothing was left to remove."""
    with writing() as db:
        found = db.conn.execute(f"{sweep.which} LIMIT {_BATCH}", {"before": before}).fetchall()
        ids = {"ids": msgspec.json.encode([row[0] for row in found]).decode()}
        for table, condition in (*sweep.children, (sweep.table, f"id {_OURS}")):
            gone = db.conn.execute(f"DELETE FROM {table} WHERE {condition}", ids).rowcount  # noqa: S608 - literals only
            if gone:
                removed[table] += gone
    return bool(found)


def remove_named(
    path: Path, writing: Writing, unused: str, values: tuple[str, ...], table: str, removed: Counter[str]
) -> int:
    """Removes what `unused` finds, by its SHA-256; returns how many bytes that was. All of it is found first: who reads
    while others write makes the log grow."""
    with reading(path) as connection:
        found = [(row[0], row[1]) for row in connection.execute(unused, values)]
    for begin in range(0, len(found), _BATCH):
        names = msgspec.json.encode([name for name, _ in found[begin : begin + _BATCH]]).decode()
        with writing() as db:
            sql = f"DELETE FROM {table} WHERE sha256 IN (SELECT value FROM json_each(?))"  # noqa: S608
            removed[table] += db.conn.execute(sql, (names,)).rowcount
    return sum(size for _, size in found)


def refuse_while_running(path: Path, connection: sqlite3.Connection, own: str | None = None) -> None:
    """A run that goes on may just be recording what names a body that is there; that of process `own` does not."""
    for row in connection.execute("SELECT process FROM run WHERE finished_at IS NULL"):
        if row[0] != own and is_alive(row[0]):
            raise refuse(path, "a run is recording into it", "wait for its end")


def _count_between(connection: sqlite3.Connection, since: datetime | None, before: datetime) -> int:
    sql = "SELECT count(*) FROM measurement WHERE started_at >= ? AND started_at < ?"
    return int(connection.execute(sql, (time_text(since) if since else "", time_text(before))).fetchone()[0])


def _value(connection: sqlite3.Connection) -> Callable[[str], int]:
    return lambda sql: int(connection.execute(sql).fetchone()[0])
