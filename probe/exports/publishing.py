"""The database as it may be shown to everybody: redacted, and with it what Datasette is to be told of it.

Law: the same rows as in a dataset, by the same redaction. The folder is there whole or not at all.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from probe.exports.datasette import metadata, yaml
from probe.exports.files import ExportError, Seen, seldom_collected
from probe.exports.memo import Columns
from probe.exports.package import About
from probe.exports.rows import Redacted, Row, rows_of
from probe.exports.shape import Table
from probe.exports.writing import made_beside, told_plainly
from probe.store import write_copy

DATABASE = "probe.sqlite"
METADATA = "metadata.yaml"


def publish(redacted: Redacted, output: Path, about: About, seen: Seen) -> int:
    """Writes database and metadata; gives the number of measurements. Raises ExportError, or StoreError, and then
    leaves nothing."""
    with told_plainly(output), made_beside(output) as folder, seldom_collected():
        counts = write_copy(folder / DATABASE, _tables(redacted, seen))
        if not seen.measurements:
            raise ExportError("there is nothing to publish: the database holds no measurement")
        (folder / METADATA).write_text(yaml(metadata(about, seen, counts)), encoding="utf-8")
    return seen.measurements


def _tables(redacted: Redacted, seen: Seen) -> Iterator[tuple[str, Iterator[Row]]]:
    """Each table with its rows as the database keeps them. Pages and certificates, what others wrote and nobody can
    look through, come together or not at all."""
    for table, batches in redacted.tables():
        if table.name != "certificate" or redacted.bodies:
            yield table.name, _kept(table, seen.batches(table, batches))


def _kept(table: Table, batches: Iterator[Columns]) -> Iterator[Row]:
    for columns in batches:
        for row in rows_of(columns):
            yield {**row, "compressed": zlib.compress(row["body"])} if table.name == "body" else row
