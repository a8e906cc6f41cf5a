"""Parquet: a folder a table; what grows with every measurement is parted by day and country, as Hive does it.

Law: one part is open at a time and one batch of rows in memory, however many there are. Times are timestamps (UTC,
microseconds), closed vocabularies are dictionaries, lists and objects are JSON in a text, as in the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from probe.exports.files import ExportError, Resource, Seen
from probe.exports.rows import Redacted, Row
from probe.exports.shape import Column, Kind, Table
from probe.form import dumps, parse_time

_BATCH = 20_000
"""Rows that are held, and the least that a row group has where there are so many."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


def write(redacted: Redacted, folder: Path, seen: Seen) -> list[Resource]:
    """A table without rows has no folder. Raises ExportError where `pyarrow` is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ExportError("Parquet needs pyarrow: pip install 'reachability-probe[analysis]'") from None
    resources = []
    for table, rows in redacted.tables():
        paths: list[str] = []
        count = 0
        looked_at = seen.rows(table, rows)
        place = itemgetter("day", "country") if table.in_parts else lambda row: None
        for part, of_part in groupby(looked_at, place):
            path = Path(table.name, *(_part(*part) if part else ()), "part-0.parquet")
            count += _write(folder / path, table, of_part)
            paths.append(str(path))
        if count:
            resource = Resource(
                name=table.name,
                paths=tuple(paths),
                table=table,
                rows=count,
                format="parquet",
                mediatype="application/vnd.apache.parquet",
            )
            resources.append(resource)
    return resources


def _part(day: str, country: str) -> tuple[str, str]:
    """Names of folders. The rows come from a file that others may have written."""
    if not (_DAY.fullmatch(day) and _COUNTRY.fullmatch(country)):
        raise ExportError(f"{day!r:.40} and {country!r:.40} are no day and country; was the database changed by hand?")
    return f"day={day}", f"country={country}"


def _write(path: Path, table: Table, rows: Iterator[Row]) -> int:
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema(
        [pyarrow.field(column.name, _type(column), nullable=column.nullable) for column in table.columns]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as file:
        while batch := list(islice(rows, _BATCH)):
            arrays = [pyarrow.array(_values(batch, column), type=_type(column)) for column in table.columns]
            file.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            count += len(batch)
    return count


def _type(column: Column) -> Any:
    import pyarrow

    if column.words:
        return pyarrow.dictionary(pyarrow.int16(), pyarrow.string())
    return {
        Kind.INTEGER: pyarrow.int64(),
        Kind.NUMBER: pyarrow.float64(),
        Kind.BOOLEAN: pyarrow.bool_(),
        Kind.TIME: pyarrow.timestamp("us", tz="UTC"),
        Kind.BYTES: pyarrow.binary(),
    }.get(column.kind, pyarrow.string())


def _values(batch: list[Row], column: Column) -> list[Any]:
    values = [row[column.name] for row in batch]
    if column.kind in (Kind.LIST, Kind.OBJECT):
        return [None if value is None else dumps(value) if value else str(value) for value in values]
    if column.kind is Kind.TIME:
        return [None if value is None else parse_time(value) for value in values]
    return values
