"""Parquet: a folder a table; what grows with every measurement is parted by day and country, as Hive does it.

Law: a process has one part open at a time and one batch of rows in memory, however many there are. Times are timestamps
(UTC, microseconds), closed vocabularies are dictionaries, lists and objects are JSON in a text, as in the database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from probe.exports.files import ExportError, Resource, Seen
from probe.exports.memo import is_absent, length
from probe.exports.rows import Redacted
from probe.exports.shape import SHAPES, Column, Kind, Table
from probe.exports.workers import Task, Workers
from probe.form import parse_time
from probe.store.datasets import Part

_BATCH = 20_000
"""Rows that are held, and the least that a row group has where there are so many."""
_MOST_BYTES = 32 << 20
"""Of pages that are held; a row group ends with them."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_VARIED = frozenset({"id", "measurement_id", "run_id", "started", "runtime", "started_at", "headers", "body", "der"})
"""Columns in which hardly a value comes twice."""
_LONGEST = ("certificate", "body", "service_verdict", "observation")
"""Tables that take longest, a part of them: the first two are looked for in all observations."""


def write(redacted: Redacted, folder: Path, seen: Seen, workers: Workers | None = None) -> list[Resource]:
    """A table without rows has no folder. With workers they write, which changes nothing of what is written. Raises
    ExportError where `pyarrow` is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ExportError("Parquet needs pyarrow: pip install 'reachability-probe[analysis]'") from None
    names = [table.name for table in redacted.present()]
    parts = workers.parts() if workers else {name: redacted.dataset.parts(name) for name in names}
    tasks = [(name, part, str(folder / path_of(SHAPES[name], part))) for name in names for part in parts[name]]
    if workers is None:
        counts = {task: write_part(redacted, Path(task[2]), SHAPES[task[0]], task[1], seen) for task in tasks}
    else:
        counts = _written_by(workers, redacted, tasks, seen)
    resources = []
    for table in redacted.present():
        paths = [(place, count) for (name, _, place), count in counts.items() if name == table.name and count]
        if paths:
            resource = Resource(
                name=table.name,
                paths=tuple(Path(place).relative_to(folder).as_posix() for place, _ in paths),
                table=table,
                rows=sum(count for _, count in paths),
                format="parquet",
                mediatype="application/vnd.apache.parquet",
            )
            resources.append(resource)
    return resources


def _written_by(workers: Workers, redacted: Redacted, tasks: Sequence[Task], seen: Seen) -> dict[Task, int]:
    """How many rows each task has, in the order of the tasks. What takes longest is begun with."""
    counts, rows = dict.fromkeys(tasks, 0), 0
    order = sorted(tasks, key=lambda task: _LONGEST.index(task[0]) if task[0] in _LONGEST else len(_LONGEST))
    done = workers.write(redacted.redactor, bodies=redacted.bodies, write_part=write_part, tasks=order)
    for task, count, of_part in done:
        counts[task] = count
        rows += count
        seen.add(of_part)
        seen.tell("rows", rows)
    return counts


def path_of(table: Table, part: Part) -> Path:
    """Where a part is, from the folder of the dataset. The names of its folders come from a file that others may have
    written."""
    if not table.in_parts:
        return Path(table.name, "part-0.parquet")
    day, country = part
    if not (_DAY.fullmatch(day) and _COUNTRY.fullmatch(country)):
        raise ExportError(f"{day!r:.40} and {country!r:.40} are no day and country; was the database changed by hand?")
    return Path(table.name, f"day={day}", f"country={country}", "part-0.parquet")


def write_part(redacted: Redacted, path: Path, table: Table, part: Part, seen: Seen) -> int:
    """Writes one file, or none where there are no rows; gives their number."""
    import pyarrow
    from pyarrow import parquet

    batches = seen.batches(table, redacted.batches(table, part))
    first = next(batches, None)
    if first is None:
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pyarrow.schema([(column.name, _type(column, stored=True), column.nullable) for column in table.columns])
    plain = pyarrow.schema([(column.name, _type(column), column.nullable) for column in table.columns])
    repeated = [column.name for column in table.columns if column.name not in _VARIED]
    packed = [column.name for column in table.columns if column.kind is Kind.BYTES]
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeated) as file:
        waiting: dict[str, list[Any]] = {name: [] for name in first}
        held = 0
        for columns in chain([first], batches):
            if length(waiting) >= _BATCH or held >= _MOST_BYTES:
                count += _write(file, table, waiting, plain)
                waiting, held = {name: [] for name in first}, 0
            for name, values in columns.items():
                waiting[name] += values
            held += sum(len(value) for name in packed for value in columns[name])
        count += _write(file, table, waiting, plain)
    return count


def _write(file: Any, table: Table, columns: Mapping[str, Sequence[Any]], schema: Any) -> int:
    import pyarrow

    arrays = [_array(columns[column.name], column) for column in table.columns]
    together = pyarrow.Table.from_arrays(arrays, schema=schema)
    file.write_table(together.cast(file.schema))
    return int(together.num_rows)


@cache
def _type(column: Column, *, stored: bool = False) -> Any:
    """As it is in the file where `stored`, or on the way there."""
    import pyarrow

    if column.words and stored:
        return pyarrow.dictionary(pyarrow.int16(), pyarrow.string())
    return {
        Kind.INTEGER: pyarrow.int64(),
        Kind.NUMBER: pyarrow.float64(),
        Kind.BOOLEAN: pyarrow.bool_(),
        Kind.TIME: pyarrow.timestamp("us", tz="UTC"),
        Kind.BYTES: pyarrow.binary(),
    }.get(column.kind, pyarrow.string())


def _array(values: Sequence[Any], column: Column) -> Any:
    import pyarrow

    if is_absent(values):
        return pyarrow.nulls(len(values), type=_type(column))
    if column.kind is Kind.BOOLEAN:
        return pyarrow.array([None if value is None else bool(value) for value in values], type=_type(column))
    if column.kind is Kind.TIME:
        return _moments(values, column)
    return pyarrow.array(values, type=_type(column))


def _moments(values: Sequence[Any], column: Column) -> Any:
    import pyarrow

    try:
        return pyarrow.array(values, type=pyarrow.string()).cast(_type(column))
    except pyarrow.ArrowInvalid:  # another program wrote it, in another form of ISO 8601
        moments = [None if value is None else parse_time(value) for value in values]
        return pyarrow.array(moments, type=_type(column))
