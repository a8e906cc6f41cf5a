"""CSV (RFC 4180), one file a table: UTF-8 without a mark, a header, lines that end in a line feed.

Law: an absent value is an empty cell, an empty text is `""`; truth is `true` or `false`; lists and objects are JSON,
bytes are base64. A text that a spreadsheet would take for a formula has an apostrophe before it, and so has one that
begins with an apostrophe: without the first one, each is again what it was.
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

_FORMULA = frozenset("=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20")
"""With what a formula begins, in the widths of East Asia too."""
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


def text(value: Any) -> str:
    """A cell with this text."""
    said = str(value)
    if said[:1] in _FORMULA:
        said = "'" + said
    return '"' + said.replace('"', '""') + '"' if _QUOTED.search(said) else said


def _json(value: Any) -> str:
    return text(dumps(value))


_CELLS: Mapping[Kind, Callable[[Any], str]] = {
    Kind.TEXT: text,
    Kind.TIME: text,
    Kind.INTEGER: str,
    Kind.NUMBER: repr,
    Kind.BOOLEAN: lambda value: "true" if value else "false",
    Kind.LIST: _json,
    Kind.OBJECT: _json,
    Kind.BYTES: lambda value: base64.b64encode(value).decode(),
}
