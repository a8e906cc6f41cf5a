"""Other databases and datasets into this one: what is there already stays as it is, what is new is added once.

Law: all of a source or nothing of it, in one transaction. No value is taken for granted: every row becomes a record of
the model and a row again, and what cannot be one refuses the whole source. Nothing here is judged anew.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from probe.form import parse_time, time_text
from probe.model import Vantage
from probe.store import rows
from probe.store.adding import insert
from probe.store.care import note_older
from probe.store.datasets import DATASET_TABLES
from probe.store.schema import TABLES, unique_key

if TYPE_CHECKING:
    from sqlite_utils import Database

Row = Mapping[str, Any]
Tables = Callable[[str], Iterator[Row]]
"""The rows of a table by its name, as the database has them."""

LARGEST_BODY = 64 << 20
_LARGEST_CERTIFICATE = 1 << 20
_LONGEST_LABEL = 20_000
_MOST_ROWS = 1 << 62
_LISTS: Mapping[tuple[str, str], Any] = {
    ("target", "roots"): tuple[str, ...],
    ("verdict", "controls"): tuple[str, ...],
    ("reason", "observations"): tuple[int, ...],
    ("listing", "observations"): tuple[int, ...],
    ("listing_question", "observations"): tuple[int, ...],
}
"""What is in those columns of JSON that become no record of the model."""
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_MERGED = "CREATE TEMP TABLE IF NOT EXISTS merged (kind TEXT, id TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID"
_WRONG = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, msgspec.MsgspecError)
_REFUSED = (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)


class MergeError(Exception):
    """A source cannot be merged; the text names the table, the row and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where rows come from."""

    name: str
    """The name of the file or folder."""
    kind: str
    """`database` or `dataset`."""
    sha256: str
    """Of the file; of a dataset, of its SHA256SUMS."""
    signed_by: str | None = None
    """The public key, where a dataset is signed."""


@dataclass(slots=True)
class Merged:
    """What became of a source."""

    imported: int = 0
    """Measurements that are new."""
    known: int = 0
    """Measurements that were there already."""


def merge(db: Database, source: Source, tables: Tables) -> Merged:
    """Adds what a source has, inside the transaction that is open. Raises MergeError."""
    merging = _Merging(db, source)
    for table in DATASET_TABLES:
        add = getattr(merging, f"_{table}")
        checked = not table.endswith("observation")  # the rest becomes a record of the model as a whole
        for number, row in enumerate(tables(table), start=1):
            try:
                add(_picked(row, table) if checked else row)
            except _WRONG as error:
                reason = f"there is no {error}" if isinstance(error, KeyError) else str(error)
                raise MergeError(f"{table}, row {number}: {reason[:300]}") from error
            except _REFUSED as error:
                raise MergeError(f"{table}, row {number}: is there twice, or points at nothing: {error}") from error
    return merging.merged


@dataclass(slots=True)
class _Merging:
    """One source on its way in: a method a table, each given a row of it."""

    db: Database
    source: Source
    merged: Merged = field(default_factory=Merged)
    _numbers: dict[str, dict[int, int]] = field(default_factory=lambda: {"vantage": {}, "target": {}})
    """Their number here, by the number they have in the source."""
    _vantages: dict[int, Vantage] = field(default_factory=dict)
    _source_id: int | None = None
    _offsets: dict[str, int] = field(default_factory=dict)
    """What is added to a number in the source. In an empty table nothing is, so that numbers stay."""
    _last: tuple[str, str, bool] = ("", "", False)

    def __post_init__(self) -> None:
        self.db.conn.execute(_MERGED)
        self.db.conn.execute("DELETE FROM merged")
        for table in ("vantage", "target", "verdict", "service_verdict", "listing"):
            self._offsets[table] = int(self._one(f"SELECT ifnull(max(id), 0) FROM {table}"))  # noqa: S608

    def _vantage(self, row: Row) -> None:
        vantage = msgspec.convert({name: row[name] for name in ("name", "country", "asn", "network")}, Vantage)
        if not _COUNTRY.fullmatch(vantage.country) or not 0 <= vantage.asn < 1 << 32:
            raise ValueError(f"{vantage.country!r:.20} and {vantage.asn} are no country and ASN")
        self._same_or_new("vantage", row, rows.vantage_row(vantage))
        self._vantages[row["id"]] = vantage

    def _target(self, row: Row) -> None:
        self._same_or_new("target", row, {**rows.target_row(rows.target_from_row(row)), "name": _label(row["name"])})

    def _run(self, row: Row) -> None:
        run = rows.run_from_row(row, self._vantages[row["vantage_id"]])
        if not isinstance(run.settings, dict):
            raise ValueError("settings: no JSON object")
        columns = rows.run_row(run, self._number("vantage", row["vantage_id"]))
        if not self._has("run", run.id):
            self._insert("run", {**columns, "name": _label(row["name"]), "process": ""})
            self._insert("run_source", {"run_id": run.id, "source_id": self._own_id()})
        elif self._one("SELECT count(*) FROM run_source WHERE run_id = ?", run.id) and run.finished_at is not None:
            sql = "UPDATE run SET finished_at = ?, host = ? WHERE id = ? AND finished_at IS NULL"
            self.db.conn.execute(sql, (columns["finished_at"], columns["host"], run.id))

    def _measurement(self, row: Row) -> None:
        if row["run_id"] is None:
            raise ValueError("belongs to no run")
        if self._new_measurement("measurement", row):
            self.merged.imported += 1
        else:
            self.merged.known += 1

    def _control_measurement(self, row: Row) -> None:
        self._new_measurement("control_measurement", row)

    def _store_measurement(self, row: Row) -> None:
        self._new_measurement("store_measurement", row)

    def _observation(self, row: Row) -> None:
        self._observed("observation", row)

    def _control_observation(self, row: Row) -> None:
        self._observed("control_observation", row)

    def _store_observation(self, row: Row) -> None:
        self._observed("store_observation", row)

    def _comparison(self, row: Row) -> None:
        if self._is_new("measurement", row["measurement_id"]):
            self._insert("comparison", {**row, "number": _count(row["number"])})

    def _verdict(self, row: Row) -> None:
        if self._is_new("measurement", row["measurement_id"]):
            made = rows.verdict_row(rows.verdict_from_row(row, ()), _moment(row["made_at"]))
            self._insert("verdict", {**made, "id": self._moved("verdict", row["id"]), "title": _label(row["title"])})

    def _reason(self, row: Row) -> None:
        verdict = self._moved("verdict", row["verdict_id"])
        if self._one("SELECT count(*) FROM verdict WHERE id = ?", verdict):
            self._insert("reason", rows.reason_row(verdict, _count(row["number"]), rows.reason_from_row(row)))

    def _service_verdict(self, row: Row) -> None:
        verdict = rows.service_verdict_from_row(row)
        made = rows.service_verdict_row(verdict, _moment(row["made_at"]))
        same = "SELECT count(*) FROM service_verdict WHERE run_id = ? AND service = ? AND rules_version = ?"
        if not self._one(same, verdict.run_id, verdict.service, verdict.rules_version):
            labels = {"id": self._moved("service_verdict", row["id"]), "title": _label(row["title"])}
            vantage = self._number("vantage", row["vantage_id"])
            self._insert("service_verdict", {**made, **labels, "vantage_id": vantage})

    def _listing(self, row: Row) -> None:
        rows.listing_from_row(row, ())
        columns = {**row, "made_at": _moment(row["made_at"]), "title": _label(row["title"])}
        same = ("run_id", "service", "store", "app", "country", "made_at")
        sql = f"SELECT count(*) FROM listing WHERE {' AND '.join(f'{name} IS ?' for name in same)}"  # noqa: S608
        if not self._one(sql, *(columns[name] for name in same)):
            self._insert("listing", {**columns, "id": self._moved("listing", row["id"])})

    def _listing_question(self, row: Row) -> None:
        if len({row[name] is None for name in ("code", "text", "observations")}) > 1:
            raise ValueError("code, text and observations go together")
        listing = self._moved("listing", row["listing_id"])
        if self._one("SELECT count(*) FROM listing WHERE id = ?", listing):
            columns = {**row, "number": _count(row["number"])}
            self._insert("listing_question", {**columns, "listing_id": listing})

    def _certificate(self, row: Row) -> None:
        der = row["der"]
        if not isinstance(der, bytes) or len(der) > _LARGEST_CERTIFICATE:
            raise ValueError("no certificate")
        if hashlib.sha256(der).hexdigest() != row["sha256"]:
            raise ValueError("sha256 is that of another one")
        self._insert("certificate", {"sha256": row["sha256"], "der": der}, unless_there=True)

    def _body(self, row: Row) -> None:
        """One that was redacted has the hash and length of what came."""
        packed, unpacking = row["compressed"], zlib.decompressobj()
        try:
            unpacking.decompress(packed, LARGEST_BODY)
        except zlib.error as error:
            raise ValueError(f"not compressed as it must be: {error}") from None
        if not unpacking.eof:
            raise ValueError(f"breaks off, or holds over {LARGEST_BODY >> 20} MiB")
        columns = {"sha256": _label(row["sha256"]), "length": _count(row["length"], least=0), "compressed": packed}
        self._insert("body", columns, unless_there=True)

    def _same_or_new(self, table: str, row: Row, columns: Mapping[str, Any]) -> None:
        """The number of a row that is the same but for its number; it is added where there is none."""
        unique = TABLES[table].unique
        same = " AND ".join(
            f"{key} = {key.replace(column, '?')}" for key, column in zip(unique_key(TABLES[table]), unique, strict=True)
        )
        values = tuple(columns[column] for column in unique)
        found = self.db.conn.execute(f"SELECT id FROM {table} WHERE {same}", values).fetchone()  # noqa: S608
        if found is None:
            self._insert(table, {**columns, "id": self._moved(table, row["id"])})
        self._numbers[table][row["id"]] = found[0] if found else self._moved(table, row["id"])

    def _new_measurement(self, table: str, row: Row) -> bool:
        """Whether it is new; then it is added."""
        started_at, known = _moment(row["started_at"]), self._has(table, _label(row["id"]), "started_at")
        if known:
            if known != started_at:
                raise ValueError(f"{row['id']:.80} was begun at {started_at} in it, and at {known} here: one is forged")
            return False
        columns = {
            **row,
            "title": _label(row["title"]),
            "target_id": self._number("target", row["target_id"]),
            "vantage_id": self._number("vantage", row["vantage_id"]),
            "started_at": started_at,
        }
        self._insert(table, columns)
        self.db.conn.execute("INSERT INTO merged VALUES (?, ?)", (table, row["id"]))
        note_older(self.db, parse_time(started_at))
        return True

    def _observed(self, table: str, row: Row) -> None:
        measurements = table.replace("observation", "measurement")
        if self._is_new(measurements, row["measurement_id"]):
            self._insert(table, rows.observation_row(row["measurement_id"], rows.observation_from_row(row)))

    def _is_new(self, table: str, measurement_id: str) -> bool:
        """Whether a measurement came with this source. Raises ValueError where there is none."""
        if self._last[:2] != (table, measurement_id):
            new = bool(self._one("SELECT count(*) FROM merged WHERE kind = ? AND id = ?", table, measurement_id))
            if not new and not self._has(table, measurement_id):
                raise ValueError(f"there is no measurement {measurement_id!r:.80}")
            self._last = (table, measurement_id, new)
        return self._last[2]

    def _number(self, table: str, number: int) -> int:
        return self._numbers[table][number]

    def _moved(self, table: str, number: Any) -> int:
        return _count(number) + self._offsets[table]

    def _own_id(self) -> int:
        """The number of the source, which is recorded when the first run comes from it."""
        if self._source_id is None:
            source = self.source
            found = self.db.conn.execute("SELECT id FROM source WHERE sha256 = ?", (source.sha256,)).fetchone()
            columns = {
                "name": source.name,
                "kind": source.kind,
                "sha256": source.sha256,
                "signed_by": source.signed_by,
                "imported_at": time_text(datetime.now(UTC)),
            }
            self._source_id = int(found[0]) if found else self._insert("source", columns)
        return self._source_id

    def _has(self, table: str, row_id: str, column: str = "id") -> Any:
        sql = f"SELECT {column} FROM {table} WHERE id = ?"  # noqa: S608 - names of our own
        found = self.db.conn.execute(sql, (row_id,)).fetchone()
        return found[0] if found else None

    def _one(self, sql: str, *values: Any) -> Any:
        return self.db.conn.execute(sql, values).fetchone()[0]

    def _insert(self, table: str, row: Row, *, unless_there: bool = False) -> int:
        return int(insert(self.db, table, row, unless_there=unless_there).lastrowid or 0)


def _picked(row: Row, table: str) -> dict[str, Any]:
    """The columns of a table, each of a kind that it can hold."""
    picked = {}
    for column, kind in TABLES[table].columns.items():
        value = row[column]
        hint: Any = str if kind is tuple else kind
        picked[column] = msgspec.convert(value, hint | None if column in TABLES[table].nullable else hint)
        if value is not None and (table, column) in _LISTS:
            msgspec.json.decode(value, type=_LISTS[table, column])
    return picked


def _label(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_LABEL:
        raise ValueError(f"{value!r:.60} is no text of a fair length")
    return value


def _moment(value: Any) -> str:
    if not isinstance(value, str) or time_text(parse_time(value)) != value:
        raise ValueError(f"{value!r:.60} is no time such as 2026-11-24T00:00:00.000000Z")
    return value


def _count(value: Any, least: int = 1) -> int:
    if type(value) is not int or not least <= value < _MOST_ROWS:
        raise ValueError(f"{value!r:.60} is no number of a row")
    return value
