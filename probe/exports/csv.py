"""CSV (RFC 4180), one file a table: UTF-8 without a mark, a header, lines that end in a line feed.

Law: an absent value is an empty cell, an empty text is `""`; truth is `true` or `false`; lists and objects are JSON,
bytes are base64.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from probe.exports.files import Resource, Seen
from probe.exports.rows import Redacted, Row
from probe.exports.shape import Kind, Table
from probe.form import dumps

_QUOTED = re.compile(r'[",\r\n]|\A\s|\s\Z|\A\Z')


def write(redacted: Redacted, folder: Path, seen: Seen) -> list[Resource]:
    """A table without rows has no file."""
    resources = []
    for table, rows in redacted.tables():
        path = folder / f"{table.name}.csv"
        count = _write(path, table, seen.rows(table, rows))
        if count:
            resource = Resource(
                name=table.name, paths=(path.name,), table=table, rows=count, format="csv", mediatype="text/csv"
            )
            resources.append(resource)
    return resources


def _write(path: Path, table: Table, rows: Iterator[Row]) -> int:
    first = next(rows, None)
    if first is None:
        return 0
    cells = [(column.name, _CELLS[column.kind]) for column in table.columns]
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(name for name, _ in cells) + "\n")
        row: Row | None = first
        while row is not None:
            values = ((row[name], cell) for name, cell in cells)
            file.write(",".join("" if value is None else cell(value) for value, cell in values) + "\n")
            count += 1
            row = next(rows, None)
    return count


def _text(value: Any) -> str:
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _json(value: Any) -> str:
    return _text(dumps(value))


_CELLS: Mapping[Kind, Callable[[Any], str]] = {
    Kind.TEXT: _text,
    Kind.TIME: _text,
    Kind.INTEGER: str,
    Kind.NUMBER: repr,
    Kind.BOOLEAN: lambda value: "true" if value else "false",
    Kind.LIST: _json,
    Kind.OBJECT: _json,
    Kind.BYTES: lambda value: base64.b64encode(value).decode(),
}
