"""How a column of a Parquet file of ours is written in SQL so that it is as the database has it.

Law: pure; the types of a dataset's columns follow from the schema, and are never spelled again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from probe.store.schema import TABLES, TIME_COLUMNS, dataset_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What engines call differently."""

    text: str
    """The type of a text."""
    time: str
    """A timestamp `{}` as the text that `time_text` makes of it."""
    kinds: tuple[tuple[type, str], ...] = ((int, "BIGINT"), (float, "DOUBLE"), (bool, "BOOLEAN"), (bytes, "BINARY"))

    def columns(self, table: str, present: Collection[str]) -> list[str]:
        """Each column of a table as an expression; those that are not present are NULL."""
        return [
            f"{self.time.format(name) if name in TIME_COLUMNS else name} AS {name}"
            if name in present
            else f"CAST(NULL AS {dict(self.kinds).get(kind, self.text)}) AS {name}"
            for name, kind in dataset_columns(table).items()
        ]


def check_columns(table: str, present: Collection[str]) -> None:
    """Raises ValueError where a column is missing that must have a value in every row."""
    lacking = [name for name in dataset_columns(table) if name not in (*present, *TABLES[table].nullable)]
    if lacking:
        raise ValueError(f"the table {table} has no column {lacking[0]}")
