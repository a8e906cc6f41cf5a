"""CSV (RFC 4180), one file a table: UTF-8 without a mark, a header, lines that end in a line feed.

Law: an absent value is an empty cell, an empty text is `""`; truth is `true` or `false`; lists and objects are JSON,
bytes are base64.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from probe.exports.files import Resource, Seen
from probe.exports.lines import LineForm, write_tables
from probe.exports.rows import Redacted, Row
from probe.exports.shape import Kind, Table
from probe.form import dumps

_QUOTED = re.compile(r'[",\r\n]|\A\s|\s\Z|\A\Z')


def write(redacted: Redacted, folder: Path, seen: Seen) -> list[Resource]:
    """A table without rows has no file."""
    return write_tables(redacted, folder, seen, FORM)


def _head(table: Table) -> str:
    return ",".join(column.name for column in table.columns) + "\n"


def _line_of(table: Table) -> Callable[[Row], str]:
    cells = [(column.name, _CELLS[column.kind]) for column in table.columns]

    def line(row: Row) -> str:
        values = ((row[name], cell) for name, cell in cells)
        return ",".join("" if value is None else cell(value) for value, cell in values)

    return line


FORM = LineForm(name="csv", mediatype="text/csv", head=_head, line_of=_line_of)


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
