"""The rows of a dataset come as they stand in the file and in their order, however SQLite finds them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from probe.store import Filter
from probe.store.datasets import DATASET_TABLES, IN_PARTS, Dataset, view
from probe.store.schema import TABLES
from tests.exports.world import fill

Row = tuple[Any, ...]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Every measurement was judged once more, by rules whose version sorts before that of the first."""
    path = tmp_path / "probe.sqlite"
    fill(path)
    columns = ", ".join(column for column in TABLES["verdict"].columns if column not in ("id", "rules_version"))
    with closing(sqlite3.connect(path)) as connection, connection:
        last = connection.execute("SELECT max(id) FROM verdict").fetchone()[0]
        connection.execute(
            f"INSERT INTO verdict (id, rules_version, {columns})"
            f" SELECT {last} + id, '-' || rules_version, {columns} FROM verdict"
        )
        connection.execute(
            "INSERT INTO reason (verdict_id, number, code, text, observations)"
            f" SELECT {last} + verdict_id, number, code, text, observations FROM reason"
        )
    return path


@pytest.fixture
def dataset(path: Path) -> Iterator[Dataset]:
    with view(path, Filter()) as dataset:
        yield dataset


@pytest.fixture
def stored(path: Path) -> dict[str, list[Row]]:
    """The rows of each table, by its key; those that belong to measurements, by these first."""
    with closing(sqlite3.connect(path)) as connection:
        found = {}
        for table in DATASET_TABLES:
            columns, keys = TABLES[table].columns, TABLES[table].key
            selected = ", ".join(f"{table}.{column}" for column in columns)
            order = [f"{table}.{key}" for key in keys]
            source = f"{table} JOIN verdict ON verdict.id = reason.verdict_id" if table == "reason" else table
            if table in ("verdict", "reason"):
                order.insert(0, "verdict.measurement_id")
            sql = f"SELECT {selected} FROM {source} ORDER BY {', '.join(order)}"
            found[table] = connection.execute(sql).fetchall()
    return found


@pytest.mark.parametrize("size", [1, 3, 2000])
def test_all_rows_in_their_order(dataset: Dataset, stored: dict[str, list[Row]], size: int) -> None:
    for table in DATASET_TABLES:
        (part,) = dataset.parts(table)
        batches = list(dataset.batches(table, part, size))
        assert [row for batch in batches for row in batch] == stored[table], table
        assert all(len(batch) <= size for batch in batches)


def test_two_that_are_read_at_once(dataset: Dataset, stored: dict[str, list[Row]]) -> None:
    both = zip(dataset.rows("observation"), dataset.rows("observation"), strict=True)
    assert [tuple(one.values()) for one, other in both if one == other] == stored["observation"]


@pytest.mark.parametrize("table", sorted({*IN_PARTS, "service_verdict"}))
def test_no_table_that_grows_is_sorted_as_a_whole(dataset: Dataset, table: str) -> None:
    """Rows that are sorted are all held until the last is found; those of one measurement may be."""
    asked: list[str] = []
    (part,) = dataset.parts(table)
    dataset._connection.set_trace_callback(asked.append)
    assert list(dataset.batches(table, part))
    (sql,) = [sql for sql in asked if "take(" in sql]
    plan = [row["detail"] for row in dataset._connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan


def test_what_belongs_to_no_verdict_stays(path: Path) -> None:
    """What a measurement that was not judged has alone, in a file that is exported whole."""
    alone = "0a" * 32
    with closing(sqlite3.connect(path)) as connection, connection:
        (unjudged,) = connection.execute("SELECT min(id) FROM measurement").fetchone()
        of_it = "SELECT id FROM verdict WHERE measurement_id = ?"
        connection.execute(f"DELETE FROM reason WHERE verdict_id IN ({of_it})", (unjudged,))
        connection.execute("DELETE FROM verdict WHERE measurement_id = ?", (unjudged,))
        connection.execute("INSERT INTO certificate VALUES (?, ?)", (alone, b"der"))
        connection.execute(
            "UPDATE observation SET certificates = ? WHERE measurement_id = ?", (f'["{alone}"]', unjudged)
        )
    with view(path, Filter()) as dataset:
        assert alone not in {row["sha256"] for row in dataset.rows("certificate")}
        assert unjudged not in {row["id"] for row in dataset.rows("measurement")}
