"""JSON, one row a line, one file a table: the form that `probe import` reads again.

Law: lists and objects are JSON, bytes are base64, an absent value is null, and every column is in every line.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

from probe.exports.files import Resource, Seen
from probe.exports.rows import Redacted, Row
from probe.exports.shape import Kind, Table
from probe.form import dumps


def write(redacted: Redacted, folder: Path, seen: Seen) -> list[Resource]:
    """A table without rows has no file."""
    resources = []
    for table, rows in redacted.tables():
        path = folder / f"{table.name}.jsonl"
        count = _write(path, table, seen.rows(table, rows))
        if count:
            resource = Resource(
                name=table.name,
                paths=(path.name,),
                table=table,
                rows=count,
                format="jsonl",
                mediatype="application/jsonl",
            )
            resources.append(resource)
    return resources


def _write(path: Path, table: Table, rows: Iterator[Row]) -> int:
    first = next(rows, None)
    if first is None:
        return 0
    columns = [(column.name, column.kind is Kind.BYTES) for column in table.columns]
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        row: Row | None = first
        while row is not None:
            line = {name: base64.b64encode(row[name]).decode() if packed else row[name] for name, packed in columns}
            file.write(dumps(line) + "\n")
            count += 1
            row = next(rows, None)
    return count
