"""Which runs were packed for a collector, and which of them it has acknowledged.

Law: a run is packed once it has ended, and again when it has more measurements than were packed: after a run that was
cut short went on. Whose runs were imported, and single checks, are never packed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from probe.form import parse_time
from probe.store import care
from probe.store.opening import reading
from probe.store.process import is_alive
from probe.store.queries import Filter

if TYPE_CHECKING:
    from sqlite_utils import Database

MOST_MEASUREMENTS = 1000
"""In one parcel."""
_MARK = "packed:"
_RUNS = f"""
SELECT run.id, run.started_at, run.process, run.finished_at, count(*) AS measurements,
    run.command = 'run' AND run.id NOT IN (SELECT run_id FROM run_source) AS ours,
    (SELECT value FROM mark WHERE name = '{_MARK}' || run.id) AS packed
FROM run JOIN measurement ON measurement.run_id = run.id GROUP BY run.id ORDER BY run.started_at, run.id
"""  # noqa: S608 - literals only
_MOMENTS = "SELECT started_at FROM measurement WHERE run_id = ? ORDER BY started_at"
_FORGET = f"DELETE FROM mark WHERE name LIKE '{_MARK}%' AND substr(name, {len(_MARK) + 1}) NOT IN (SELECT id FROM run)"  # noqa: S608


class Packed(msgspec.Struct, frozen=True):
    """What was packed of a run, as its mark holds it."""

    measurements: int
    parcels: tuple[str, ...]
    """Their ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorded:
    """A run with measurements, as far as packing goes."""

    id: str
    started_at: datetime
    goes_on: bool
    measurements: int
    ours: bool
    packed: Packed | None

    @property
    def waits(self) -> bool:
        """It has to be packed now."""
        return self.ours and not self.goes_on and not self._is_packed

    def is_acknowledged(self, waiting: Collection[str]) -> bool:
        return self.packed is not None and self._is_packed and not set(self.packed.parcels) & set(waiting)

    @property
    def _is_packed(self) -> bool:
        return self.packed is not None and self.packed.measurements >= self.measurements


class Uploads:
    """What is to be packed, and what was."""

    def __init__(self, path: Path, writing: Callable[[], AbstractContextManager[Database]]) -> None:
        self._path = path
        self._writing = writing

    def to_pack(self) -> dict[str, int]:
        """The runs that are to be packed, oldest first, with the number of their measurements."""
        with reading(self._path) as connection:
            return {run.id: run.measurements for run in _recorded(connection) if run.waits}

    def parts(self, run_id: str) -> list[Filter]:
        """The measurements of a run in parts, each no larger than a parcel should be."""
        with reading(self._path) as connection:
            moments = [row[0] for row in connection.execute(_MOMENTS, (run_id,))]
        begins = list(dict.fromkeys(map(parse_time, moments[::MOST_MEASUREMENTS])))[1:]
        return [
            Filter(run_id=run_id, since=since, until=until)
            for since, until in zip([None, *begins], [*begins, None], strict=True)
        ]

    def note_packed(self, run_id: str, measurements: int, parcels: tuple[str, ...]) -> None:
        """Records that so many measurements of a run are in these parcels, which are on the disk."""
        value = msgspec.json.encode(Packed(measurements=measurements, parcels=parcels)).decode()
        with self._writing() as db:
            db.conn.execute("INSERT OR REPLACE INTO mark (name, value) VALUES (?, ?)", (_MARK + run_id, value))
            db.conn.execute(_FORGET)

    def note_acknowledged(self, waiting: Collection[str], now: datetime) -> None:
        """Records up to which moment everything is with the collector, and so may be pruned as if it were exported.
        `waiting` are the parcels that are not."""
        with self._writing() as db:
            missing = (r.started_at for r in _recorded(db.conn) if r.goes_on or not r.is_acknowledged(waiting))
            until = min(missing, default=now)
            before = care.exported_until(db.conn)
            if before is None or until > before:
                care.mark_exported(db, until)


def _recorded(connection: sqlite3.Connection) -> Iterator[_Recorded]:
    for run_id, started_at, process, finished_at, measurements, ours, packed in connection.execute(_RUNS).fetchall():
        yield _Recorded(
            id=run_id,
            started_at=parse_time(started_at).astimezone(UTC),
            goes_on=finished_at is None and is_alive(process),
            measurements=measurements,
            ours=bool(ours),
            packed=msgspec.json.decode(packed, type=Packed) if packed else None,
        )
