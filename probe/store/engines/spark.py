"""Apache Spark: a fleet's Parquet files, which all its workers see under the same paths.

Law: the rows stay in the workers. They are brought together there, a group at a time, and a pure function of ours is
applied to them: each worker has this program installed. Only what it concludes comes here.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from probe.form import dumps, parse_time, time_text
from probe.history import Judged, Point
from probe.store.engines.answers import VERDICT_TABLES, Tables, check_rows
from probe.store.engines.parquet import Dialect, check_columns
from probe.store.history import History, judged_from_row, point_from_row, question
from probe.store.problem import StoreError, told_plainly

_DIALECT = Dialect(text="STRING", time="""date_format({}, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")""")
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "true",  # what is small is kept in few pieces
    "spark.log.level": "OFF",  # what matters of it is raised, and told by us
    # Spark goes by the bytes of a file, and a column of ours takes hundreds of times as many in memory.
    "spark.sql.autoBroadcastJoinThreshold": "-1",
}
_VANTAGE = "source STRING, name STRING, country STRING, asn BIGINT, network STRING"
_NARROW = (
    "subject STRING, reason STRING, run_id STRING, measurement_id STRING, measurements BIGINT, started_at STRING, "
    "until STRING, outcome STRING, methods STRING, confidence STRING, rules_version STRING, made_at STRING, "
    "name STRING, country STRING, asn BIGINT, network STRING, source STRING"
)
"""A row for `judged_from_row`, and the name of its database."""
_RAISED = re.compile(r"[\w.]*(Error|Exception): ")
_WORKERS_SECONDS = 60.0
_MADE = "subject STRING, number BIGINT, place BIGINT, made BINARY"
_PLACE = ("source", "name", "country", "asn", "network")
_SUMMARY = f"""
    SELECT {", ".join(_PLACE)}, rules_version, max(started_at) AS newest FROM narrow
    GROUP BY {", ".join(_PLACE)}, rules_version ORDER BY {", ".join(_PLACE)}, rules_version
"""  # noqa: S608 - literals only
_NUMBERED = f"""
    SELECT /*+ BROADCAST(numbered) */ narrow.*, numbered.number FROM narrow JOIN numbered
    ON {" AND ".join(f"narrow.{column} <=> numbered.{column}" for column in _PLACE)}
"""  # noqa: S608 - literals only


class SparkTables:
    """The tables of one dataset, as views of a session."""

    def __init__(self, path: Path, session: Any, tables: Mapping[str, Any]) -> None:
        self._path = path
        self._session = session
        self._tables = tables

    def ask(self, sql: str, values: Sequence[object] = ()) -> Iterator[Mapping[str, Any]]:
        """The rows that answer a question."""
        with told_by_spark(self._path):
            yield from (row.asDict() for row in self.frame(sql, values).toLocalIterator())

    def frame(self, sql: str, values: Sequence[object] = ()) -> Any:
        """The same, left where they are. Names in a question mean this dataset's tables while it is read, and the
        answer keeps to them."""
        for name, table in self._tables.items():
            table.createOrReplaceTempView(name)
        return self._session.sql(sql.replace(" AS TEXT)", f" AS {_DIALECT.text})"), args=list(values))


class SparkSpread:
    """Verdicts in the workers."""

    def __init__(self, session: Any, rows: Any) -> None:
        self._session = session
        self._rows = rows

    def summary(self) -> Iterator[tuple[Point, datetime, str]]:
        """Each vantage point with the newest of its verdicts by each version of the rules."""
        with told_by_spark():
            self._rows.createOrReplaceTempView("narrow")
            for row in self._session.sql(_SUMMARY).collect():
                yield point_from_row(row, row["source"]), parse_time(row["newest"]), row["rules_version"]

    def each(
        self, numbers: Mapping[Point, int], work: Callable[[Iterator[Judged]], Iterator[bytes]]
    ) -> Iterator[bytes]:
        """What `work` makes of the rows of each subject at the points of one number: by subject, then by number."""
        points = [
            (point.source, point.vantage.name, point.vantage.country, point.vantage.asn, point.vantage.network, number)
            for point, number in numbers.items()
        ]
        with told_by_spark():
            self._session.createDataFrame(points, f"{_VANTAGE}, number BIGINT").createOrReplaceTempView("numbered")
            self._rows.createOrReplaceTempView("narrow")
            groups = self._session.sql(_NUMBERED).groupBy("subject", "number")
            made = groups.applyInArrow(lambda key, table: _apply(work, key, table), _MADE).collect()  # untyped by need
        yield from (bytes(row["made"]) for row in sorted(made, key=lambda row: (row.subject, row.number, row.place)))


class Spark:
    """A session on a master, and the datasets that are read there."""

    def __init__(self, session: Any, datasets: Mapping[Path, Tables]) -> None:
        self._session = session
        self._datasets = datasets

    @contextmanager
    def open(self, path: Path, names: Sequence[str] = VERDICT_TABLES) -> Iterator[SparkTables]:
        """Those tables of one of the datasets."""
        with told_plainly(path), told_by_spark(path):
            tables = {name: self._table(name, self._datasets[path].get(name, ())) for name in names}
        answers = SparkTables(path, self._session, tables)
        check_rows(path, answers, names)
        yield answers

    def spread(
        self, histories: Sequence[History], beside: Sequence[Judged], *, targets: bool, subject: str | None
    ) -> SparkSpread:
        """The verdicts on services, or targets, or on one of them, of histories that are open here, and some more."""
        from pyspark.sql.functions import lit

        with told_by_spark():
            rows = self._session.createDataFrame([_narrow(each) for each in beside], _NARROW)
            for history in histories:
                assert isinstance(history.answers, SparkTables), "it is open here"
                found = history.answers.frame(*question(targets=targets, subject=subject))
                rows = rows.union(found.withColumn("source", lit(history.name)))
            return SparkSpread(self._session, rows.persist())

    def _table(self, name: str, files: Sequence[Path]) -> Any:
        """A table as the database has it; of one without rows, a dataset has no file."""
        if files:
            found = self._session.read.parquet(*map(_address, files))
            check_columns(name, found.columns)
        else:
            found = self._session.range(0).withColumnRenamed("id", "nothing")
        return found.selectExpr(*_DIALECT.columns(name, found.columns))


@contextmanager
def spark(master: str, datasets: Mapping[Path, Tables]) -> Iterator[Spark]:
    """A session on that master, which ends with the block. Raises StoreError where Spark, Java or the master is
    missing."""
    try:
        import pandas  # noqa: F401 - Spark asks for it, to hand over Arrow
        from pyspark.sql import SparkSession
    except ImportError:
        raise StoreError("--engine spark needs Spark: pip install 'reachability-probe[spark]'") from None
    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        raise StoreError("--engine spark needs Java 17 or later, and there is none; install it, or set JAVA_HOME")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # where nothing else is said, workers have it there too
    builder = SparkSession.builder.appName("probe").master(master)
    for name, value in _SETTINGS.items():
        builder = builder.config(name, value)
    with told_by_spark(master):
        session = builder.getOrCreate()
    try:
        _wait(session, master)
        yield Spark(session, datasets)
    finally:
        session.stop()


def _wait(session: Any, master: str) -> None:
    """Until a worker has begun. Spark itself would wait for one without an end, and without a word."""
    if master.startswith("local"):
        return
    deadline = time.monotonic() + _WORKERS_SECONDS
    while session.sparkContext._jsc.sc().getExecutorMemoryStatus().size() < 2:  # this process counts as one
        if time.monotonic() > deadline:
            reason = "no worker of it has begun; ask it for less memory or cores (spark-defaults.conf), or add workers"
            raise StoreError(f"{master}: {reason}")
        time.sleep(0.1)


@contextmanager
def told_by_spark(of: object = "--engine spark") -> Iterator[None]:
    """Turns what Spark raises inside into a StoreError of one line."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException) as error:
        raise StoreError(f"{of}: Spark says: {reason_of(str(error))}") from None


def _address(path: Path) -> str:
    """A file as Spark is told of it, to whom some signs stand for others."""
    return "file://" + re.sub(r"([*?{}\[\],\\])", r"\\\1", str(path.absolute()))


def reason_of(text: str) -> str:
    """Of all that Spark says of an error the one line that tells: what a Python function of ours raised in a worker, or
    Spark itself; or else the first."""
    lines = [line.strip(": ") for line in text.splitlines() if line.strip()]
    raised = [line for line in lines if _RAISED.match(line)]
    return (raised or lines)[-1 if raised else 0][:300]


def _narrow(judged: Judged) -> tuple[object, ...]:
    """The row that this record is read from."""
    vantage = judged.point.vantage
    return (
        judged.subject,
        judged.reason,
        judged.run_id,
        judged.measurement_id,
        judged.measurements,
        time_text(judged.started_at),
        time_text(judged.until),
        judged.outcome.value,
        dumps([method.value for method in judged.methods]),
        judged.confidence.value if judged.confidence else None,
        judged.rules_version,
        judged.made_at,
        vantage.name,
        vantage.country,
        vantage.asn,
        vantage.network,
        judged.source,
    )


def _apply(work: Callable[[Iterator[Judged]], Iterator[bytes]], key: tuple[Any, ...], table: Any) -> Any:
    """What a worker does with one group: Spark gives its key and its rows, and wants a table."""
    import pyarrow

    subject, number = (each.as_py() for each in key)
    rows = (row for batch in table.to_batches() for row in batch.to_pylist())
    made = list(work(judged_from_row(row, row["source"]) for row in rows))
    columns = {
        "subject": [subject] * len(made),
        "number": [number] * len(made),
        "place": range(len(made)),
        "made": made,
    }
    kinds = (pyarrow.string(), pyarrow.int64(), pyarrow.int64(), pyarrow.binary())
    return pyarrow.table(columns, schema=pyarrow.schema(list(zip(columns, kinds, strict=True))))
