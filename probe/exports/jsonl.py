"""JSON, one row a line, one file a table: the form that `probe import` reads again.

Law: lists and objects are JSON, bytes are base64, an absent value is null, and every column is in every line.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from probe.exports.files import Resource, Seen
from probe.exports.lines import LineForm, write_tables
from probe.exports.rows import Redacted, Row
from probe.exports.shape import Kind, Table
from probe.form import dumps


def write(redacted: Redacted, folder: Path, seen: Seen) -> list[Resource]:
    """A table without rows has no file."""
    return write_tables(redacted, folder, seen, FORM)


def _line_of(table: Table) -> Callable[[Row], str]:
    columns = [(column.name, column.kind is Kind.BYTES) for column in table.columns]

    def line(row: Row) -> str:
        return dumps({name: base64.b64encode(row[name]).decode() if packed else row[name] for name, packed in columns})

    return line


FORM = LineForm(name="jsonl", mediatype="application/jsonl", head=lambda _: "", line_of=_line_of)
