"""DuckDB, in memory: over the Parquet files of a dataset, and over what it is given of a database.

Law: it reads what it is told to and nothing else: no extension is loaded or fetched, and what does not fit into memory
goes into a folder that is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from probe.store.engines.answers import VERDICT_TABLES, Engine, Tables, check_rows
from probe.store.engines.parquet import Dialect, check_columns
from probe.store.engines.sqlite import looked_at
from probe.store.problem import StoreError, told_plainly
from probe.store.schema import TABLES

_BATCH = 10_000
"""Rows that are held."""
_DIALECT = Dialect(text="VARCHAR", time="strftime({}, '%Y-%m-%dT%H:%M:%S.%fZ')")
_SETTINGS = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


class Duck:
    """The tables of one dataset, or of one database."""

    def __init__(self, path: Path, connection: Any) -> None:
        self._path = path
        self._connection = connection

    def ask(self, sql: str, values: Sequence[object] = ()) -> Iterator[Mapping[str, Any]]:
        """The rows that answer a question."""
        import duckdb

        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, list(values))
                names = [column[0] for column in cursor.description]
                while rows := cursor.fetchmany(_BATCH):
                    for row in rows:
                        yield dict(zip(names, row, strict=True))
        except duckdb.Error as error:
            raise StoreError(f"{self._path}: DuckDB says: {str(error).partition(chr(10))[0]:.300}") from None


def duck(datasets: Mapping[Path, Tables]) -> Engine:
    """Opens those datasets by their Parquet files, and databases by reading the tables of verdicts into memory. Raises
    StoreError where `duckdb` is not installed."""
    try:
        import duckdb
    except ImportError:
        raise StoreError("--engine duckdb needs DuckDB: pip install 'reachability-probe[duckdb]'") from None

    @contextmanager
    def opened(path: Path) -> Iterator[Duck]:
        with (
            TemporaryDirectory(prefix="probe-") as spare,
            closing(duckdb.connect(config={**_SETTINGS, "temp_directory": spare})) as connection,
        ):
            connection.execute("SET TimeZone = 'UTC'")
            answers = Duck(path, connection)
            if path in datasets:
                with told_plainly(path):
                    _show(answers, datasets[path])
                check_rows(path, answers)
            else:
                _read(connection, path)
            yield answers

    return opened


def _show(answers: Duck, tables: Tables) -> None:
    for name in VERDICT_TABLES:
        files = ", ".join(_quoted(str(path)) for path in tables.get(name, ()))
        source = f"read_parquet([{files}], hive_partitioning = false)" if files else "(SELECT 0 AS nothing) WHERE false"
        present = [row["column_name"] for row in answers.ask(f"DESCRIBE SELECT * FROM {source}")]  # noqa: S608
        if files:
            check_columns(name, present)
        columns = ", ".join(_DIALECT.columns(name, present))
        list(answers.ask(f"CREATE VIEW {name} AS SELECT {columns} FROM {source}"))  # noqa: S608


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read(connection: Any, path: Path) -> None:
    """Copies the tables of verdicts: to read SQLite's files itself, DuckDB would have to fetch an extension."""
    import pyarrow

    kinds = {int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_()}
    casts = {int: "INTEGER", float: "REAL", bool: "INTEGER"}
    with looked_at(path) as database:
        database.row_factory = None
        for name in VERDICT_TABLES:
            columns = TABLES[name].columns
            schema = pyarrow.schema([(column, kinds.get(kind, pyarrow.string())) for column, kind in columns.items()])
            selected = ", ".join(f"CAST({column} AS {casts.get(kind, 'TEXT')})" for column, kind in columns.items())
            cursor = database.execute(f"SELECT {selected} FROM {name}")  # noqa: S608 - names of our own
            records = (_record(pyarrow, rows, schema) for rows in iter(partial(cursor.fetchmany, _BATCH), []))
            connection.register("incoming", pyarrow.RecordBatchReader.from_batches(schema, records))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")  # noqa: S608
            connection.unregister("incoming")


def _record(pyarrow: Any, rows: list[tuple[object, ...]], schema: Any) -> Any:
    arrays = [
        pyarrow.array(column, type=kind) for column, kind in zip(zip(*rows, strict=True), schema.types, strict=True)
    ]
    return pyarrow.RecordBatch.from_arrays(arrays, schema=schema)
