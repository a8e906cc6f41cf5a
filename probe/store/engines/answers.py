"""What an engine is, to whoever asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from probe.store.problem import StoreError
from probe.store.rows import Row
from probe.store.schema import TABLES

VERDICT_TABLES = ("vantage", "run", "target", "measurement", "verdict", "reason", "service_verdict")
"""The tables that verdicts are read from, in an order in which each comes after those it points at."""
Tables = Mapping[str, Sequence[Path]]
"""The Parquet files of a dataset, by the tables whose rows they hold."""
_LOST = """
    SELECT '{name}' AS name, '{other}' AS other, count(*) AS lost
    FROM {name} LEFT JOIN {other} ON {other}.{key} = {name}.{column}
    WHERE {other}.{key} IS NULL AND {name}.{column} IS NOT NULL
"""
_TWICE = """
    SELECT '{name}' AS name, count(*) AS twice
    FROM (SELECT {key} FROM {name} GROUP BY {key} HAVING count(*) > 1) AS found
"""


class Answers(Protocol):
    """The tables of one database or dataset."""

    def ask(self, sql: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """The rows that answer a question, with a `?` for each value. Raises StoreError."""
        ...


Engine = Callable[[Path], AbstractContextManager[Answers]]
"""Opens the tables of a database or dataset. Raises StoreError."""


def check_rows(path: Path, answers: Answers, tables: Sequence[str] = VERDICT_TABLES) -> None:
    """Raises StoreError where a row points at one that is not there, or several have one key. A database sees to that
    itself; of files, such rows would be missing in the answers without a word, or count more than once."""
    keys = [(name, *key) for name in tables for key in TABLES[name].foreign_keys if key[1] in tables]
    sql = " UNION ALL ".join(_LOST.format(name=n, column=c, other=o, key=k) for n, c, o, k in keys)
    for row in answers.ask(sql):
        if row["lost"]:
            raise StoreError(f"{path}: {row['lost']} rows of {row['name']} point at no row of {row['other']}")
    spelled = {name: ", ".join(TABLES[name].key) for name in tables}
    sql = " UNION ALL ".join(_TWICE.format(name=name, key=key) for name, key in spelled.items())
    for row in answers.ask(sql):
        if row["twice"]:
            raise StoreError(
                f"{path}: {row['twice']} rows of {row['name']} are there more than once ({spelled[row['name']]})"
            )
