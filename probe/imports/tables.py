"""The rows of a dataset's tables as the database has them: JSON in texts, bodies compressed. One reader a form.

Law: one row, or one batch of them, is in memory. What is none of a table is an UnreadableError that names the file and
the row.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from probe.form import dumps, time_text
from probe.imports.files import LONGEST_RECORD, UnreadableError
from probe.store.schema import TABLES, dataset_columns

Row = dict[str, Any]

_LONGEST_LINE = 4 * LONGEST_RECORD  # a body of the largest size, in base64
_LARGEST_GROUP = 2 << 30
"""Bytes of a row group, unpacked."""
_BATCH, _FEW = 2000, 16
"""Rows that are held; and where there are pages or certificates in them."""
_CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n)')
_TRUTH = {"true": True, "false": False}
_WRONG = (ValueError, msgspec.MsgspecError, RecursionError, binascii.Error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form of a dataset that can be read."""

    is_of: Callable[[str, str], bool]
    """Whether the file of this name, from the folder of the dataset, holds rows of this table."""
    rows: Callable[[Path, str], Iterator[Row]]
    """The rows of a table in a file."""


def rows(form: Form, folder: Path, names: Collection[str], table: str) -> Iterator[Row]:
    """The rows of a table in those of the files that hold any, as the database has them. Raises UnreadableError."""
    for name in sorted(name for name in names if form.is_of(name, table)):
        yield from form.rows(folder / name, table)


def _jsonl(path: Path, table: str) -> Iterator[Row]:
    number = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):  # the rest of a longer one is no JSON
                number += 1
                yield _row(table, msgspec.json.decode(line, type=dict[str, Any]), _from_json)
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror}") from None
    except _WRONG as error:
        raise _no_row(path, number, error) from None


def _csv(path: Path, table: str) -> Iterator[Row]:
    number = 0
    try:
        with path.open("rb") as file:
            records = _records(iter(partial(file.readline, _LONGEST_LINE), b""))
            head = [str(name) for name in next(records, [])]
            for record in records:
                number += 1
                yield _row(table, dict(zip(head, record, strict=True)), _from_text)
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror}") from None
    except _WRONG as error:
        raise _no_row(path, number + 1, error) from None


def _records(lines: Iterator[bytes]) -> Iterator[list[str | None]]:
    """RFC 4180, where an empty cell is None and `""` an empty text. Raises ValueError."""
    for line in lines:
        text = line.decode("utf-8")
        while text.count('"') % 2:
            more = next(lines, b"")
            if not more or len(text) > _LONGEST_LINE:
                raise ValueError("a quoted cell does not end")
            text += more.decode("utf-8")
        cells: list[str | None] = []
        end = 0
        while end < len(text):
            found = _CELL.match(text, end)
            if found is None:
                raise ValueError("no row of CSV, or one that breaks off")
            quoted, plain, mark = found.groups()
            cell = quoted.replace('""', '"') if quoted is not None else plain or None
            cells.append(cell.removeprefix("'") if cell is not None else None)  # it kept a text from being a formula
            end = found.end()
            if mark != "," and end != len(text):
                raise ValueError("no row of CSV")
        yield cells


def _parquet(path: Path, table: str) -> Iterator[Row]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UnreadableError(f"{path}: Parquet needs pyarrow: pip install 'reachability-probe[analysis]'") from None
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            groups = (file.metadata.row_group(each) for each in range(file.metadata.num_row_groups))
            if any(group.total_byte_size > _LARGEST_GROUP for group in groups):
                raise UnreadableError(f"{path}: has a row group of over {_LARGEST_GROUP >> 30} GiB")
            kinds = dataset_columns(table)
            columns = [name for name in kinds if name in file.schema_arrow.names]
            size = _FEW if bytes in kinds.values() else _BATCH
            for batch in file.iter_batches(batch_size=size, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield _row(table, row, _from_arrow)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise UnreadableError(f"{path}: not a whole Parquet file: {reason}; nothing of it was imported") from None
    except _WRONG as error:
        raise _no_row(path, number, error) from None


FORMS: Mapping[str, Form] = {
    "jsonl": Form(is_of=lambda name, table: name == f"{table}.jsonl", rows=_jsonl),
    "csv": Form(is_of=lambda name, table: name == f"{table}.csv", rows=_csv),
    "parquet": Form(
        is_of=lambda name, table: name.startswith(f"{table}/") and name.endswith(".parquet"), rows=_parquet
    ),
}
"""By the name that `datapackage.json` has for it."""


def _row(table: str, row: Mapping[str, Any], value: Callable[[type, Any], Any]) -> Row:
    if table == "body":
        body = value(bytes, row.get("body"))
        if not isinstance(body, bytes):
            raise ValueError("no body")
        return {"sha256": row.get("sha256"), "length": value(int, row.get("length")), "compressed": zlib.compress(body)}
    return {column: value(kind, row.get(column)) for column, kind in TABLES[table].columns.items()}


def _from_json(kind: type, value: Any) -> Any:
    if kind is bytes:
        return _unpacked(value)
    return dumps(value) if isinstance(value, list | dict) else value


def _from_text(kind: type, text: str | None) -> Any:
    if text is None or kind in (str, tuple):
        return text
    if kind is bool:
        if text not in _TRUTH:
            raise ValueError(f"{text!r:.60} is neither true nor false")
        return _TRUTH[text]
    return _unpacked(text) if kind is bytes else kind(text)


def _from_arrow(kind: type, value: Any) -> Any:
    return time_text(value) if isinstance(value, datetime) else value


def _unpacked(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError("no base64")
    return base64.b64decode(value, validate=True)


def _no_row(path: Path, number: int, error: Exception) -> UnreadableError:
    return UnreadableError(f"{path}:{number}: {error}; nothing of it was imported")
