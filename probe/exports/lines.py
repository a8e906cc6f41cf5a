"""Forms of one line a row and one file a table: what `csv` and `jsonl` have in common.

Law: UTF-8, lines end in a line feed, and a table without rows has no file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from probe.exports.files import Resource, Seen
from probe.exports.rows import Redacted, Row, read
from probe.exports.shape import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class LineForm:
    """How rows are written as lines."""

    name: str
    """The ending of the files too."""
    mediatype: str
    head: Callable[[Table], str]
    """What stands before the rows."""
    line_of: Callable[[Table], Callable[[Row], str]]
    """What writes a row of the table, without its line feed."""


def write_tables(redacted: Redacted, folder: Path, seen: Seen, form: LineForm) -> list[Resource]:
    """Writes every table that has rows, one file each."""
    resources = []
    for table, batches in redacted.tables():
        path = folder / f"{table.name}.{form.name}"
        count = _write(path, read(table, seen.batches(table, batches)), form.head(table), form.line_of(table))
        if count:
            resource = Resource(
                name=table.name,
                paths=(path.name,),
                table=table,
                rows=count,
                format=form.name,
                mediatype=form.mediatype,
            )
            resources.append(resource)
    return resources


def _write(path: Path, rows: Iterator[Row], head: str, line: Callable[[Row], str]) -> int:
    first = next(rows, None)
    if first is None:
        return 0
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(head)
        for row in chain((first,), rows):
            file.write(line(row) + "\n")
            count += 1
    return count
