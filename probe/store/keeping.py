"""Keeps a file within a bound, where nobody looks after it: pages go first, then the oldest measurements.

Law: nothing goes while there is room. What was imported, and registers, are not touched and not counted: they are
somebody's own doing. The newest run stays whole, and pages stay for a week, whatever else has to go.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from probe.form import parse_time, time_text
from probe.store.care import (
    SWEEPS,
    UNUSED_CERTIFICATES,
    Sweep,
    Writing,
    exported_until,
    refuse_while_running,
    remove_named,
    remove_old,
)
from probe.store.opening import reading
from probe.store.process import process_token

_ROOM = 0.9
"""Of the bound is what a file has afterwards: room for some runs, so that not every one has to make some."""
_STEP = 500
"""Measurements after which it is looked whether there is room now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimmed:
    """What had to go."""

    rows: Mapping[str, int]
    """By table."""
    until: datetime | None
    """Of what began before, no measurement is left; absent where pages were enough."""
    not_exported: int
    """Of the measurements that went, those that are in no export."""


_IMPORTED = "SELECT run_id FROM run_source"
_OURS = f" AND ifnull(run_id NOT IN ({_IMPORTED}), 1)"
_SWEEPS: Sequence[Sweep] = tuple(
    replace(sweep, which=sweep.which + _OURS) if sweep.table in ("measurement", "listing") else sweep
    for sweep in SWEEPS
)

# Every page with the newest measurement that shows it and whether an imported one does; of the old ones that none
# does, the oldest, as many as give the room that is wanted.
_NAMED = """
SELECT seen.body_sha256 AS sha256, made.started_at, {imported} AS imported
FROM {kind}observation AS seen JOIN {kind}measurement AS made ON made.id = seen.measurement_id
WHERE seen.body_sha256 IS NOT NULL
"""
_BY_RUN = f"made.run_id IN ({_IMPORTED})"
_ALL_NAMED = " UNION ALL ".join(
    _NAMED.format(kind=kind, imported="0" if kind == "control_" else _BY_RUN) for kind in ("", "control_", "store_")
)
_OLD_PAGES = f"""
SELECT sha256, size FROM (
    SELECT body.sha256, length(compressed) AS size,
           sum(length(compressed)) OVER (ORDER BY newest, body.sha256) - length(compressed) AS before
    FROM body JOIN (
        SELECT sha256, max(started_at) AS newest FROM ({_ALL_NAMED}) GROUP BY sha256 HAVING ifnull(max(imported), 0) = 0
    ) AS named ON named.sha256 = body.sha256
    WHERE newest < ?
) WHERE before < CAST(? AS INTEGER)
"""  # noqa: S608 - literals only
_UNNAMED = f"SELECT sha256, length(compressed) FROM body WHERE sha256 NOT IN (SELECT sha256 FROM ({_ALL_NAMED}))"  # noqa: S608
_NEXT = f"""
SELECT started_at FROM measurement
WHERE started_at < (SELECT max(started_at) FROM run WHERE id NOT IN ({_IMPORTED})){_OURS}
ORDER BY started_at LIMIT 1 OFFSET {_STEP}
"""  # noqa: S608 - literals only


def trim(path: Path, writing: Writing, most: int, pages_before: datetime) -> Trimmed | None:
    """Makes room where what is in the file is more than `most` bytes: pages shown before a moment only, then
    measurements, oldest first. None where there was room. Raises StoreError, having removed nothing, while a run of
    another process goes on."""
    with reading(path) as connection:
        size, exported = _size(connection), exported_until(connection)
        if size <= most:
            return None
        refuse_while_running(path, connection, own=process_token())
    goal, removed, until, lost = round(most * _ROOM), Counter[str](), None, 0
    remove_named(path, writing, _OLD_PAGES, (time_text(pages_before), str(size - goal)), "body", removed)
    while (before := _next(path, goal)) is not None:
        until = before
        lost += _count_unexported(path, before, exported)
        remove_old(writing, _SWEEPS, before, removed)
    if until is not None:
        remove_named(path, writing, _UNNAMED, (), "body", removed)
        remove_named(path, writing, UNUSED_CERTIFICATES, (), "certificate", removed)
    return Trimmed(rows=dict(removed), until=until, not_exported=lost)


def _next(path: Path, goal: int) -> datetime | None:
    """Before which moment the next measurements have to go; None where there is room, or nothing more may go."""
    with reading(path) as connection:
        if _size(connection) <= goal:
            return None
        row = connection.execute(_NEXT).fetchone()
        return parse_time(row[0]) if row else None


def _count_unexported(path: Path, before: datetime, exported: datetime | None) -> int:
    sql = f"SELECT count(*) FROM measurement WHERE started_at >= ? AND started_at < ?{_OURS}"  # noqa: S608
    with reading(path) as connection:
        since = time_text(exported) if exported else ""
        return int(connection.execute(sql, (since, time_text(before))).fetchone()[0])


def _size(connection: sqlite3.Connection) -> int:
    """Bytes of the file that are in use, without the registers, by the share of measurements that were not imported."""
    pages, free, page = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    used = (pages - free) * page - _registers(connection)
    all_of_them = connection.execute("SELECT count(*) FROM measurement").fetchone()[0]
    if not connection.execute(_IMPORTED).fetchone() or not all_of_them:
        return int(used)
    ours = connection.execute(f"SELECT count(*) FROM measurement WHERE 1{_OURS}").fetchone()[0]  # noqa: S608
    return int(used * ours / all_of_them)


def _registers(connection: sqlite3.Connection) -> int:
    """Bytes of the registers; what they are without SQLite's own count of pages, so that nothing goes for them."""
    if not connection.execute("SELECT 1 FROM register").fetchone():
        return 0
    try:
        sql = "SELECT sum(pgsize) FROM dbstat WHERE name LIKE '%register%'"
        return int(connection.execute(sql).fetchone()[0])
    except sqlite3.OperationalError:  # a build of SQLite without dbstat
        sql = "SELECT (SELECT count(*) FROM register_entry) * 200 + (SELECT count(*) FROM register_key) * 100"
        return int(connection.execute(sql).fetchone()[0])
