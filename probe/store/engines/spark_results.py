"""Whole measurements on Apache Spark: each brought together in one row of a worker, and judged there.

Law: as that of `spark`. A measurement becomes a record by the same function as one that is read from a database. Only
lines to be printed and sums come here, the lines a part at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec

from probe.model import Host, Result, Target, Verdict
from probe.service import Need, ServiceVerdict
from probe.store import rows
from probe.store.engines.answers import VERDICT_TABLES
from probe.store.engines.spark import Spark, SparkTables, told_by_spark
from probe.store.history import NEWEST
from probe.store.queries import MEASUREMENT, VERDICT

RESULT_TABLES = (
    *VERDICT_TABLES,
    "observation",
    "control_measurement",
    "control_observation",
    "comparison",
    "body",
    "certificate",
)
"""The tables that a measurement is judged by."""
_BATCH = "200"
"""Measurements that a worker is handed at once."""
_PART = 500
"""Measurements that are lost with a worker, and judged again elsewhere: a few seconds of work, of which Spark, going by
bytes, would give one worker an hour's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is made of one measurement in a worker."""

    line: str | None
    """What is printed of it; None for nothing."""
    moved: bool
    """Whether its verdict says another thing than the one that is recorded."""
    verdict: Verdict


Work = Callable[[Result, Host | None], Told]
"""A pure function of a measurement and of the host of its run."""
Conclude = Callable[[str, Sequence[Need], Sequence[tuple[Target, Verdict]], Mapping[str, ServiceVerdict]], int]
"""A pure function of a run's id, of what its services need, of its verdicts on targets, and of those that are recorded
on its services: how many of these are others."""

_OBSERVED = "SELECT measurement_id, collect_list(struct({0}.*)) AS observed FROM {0} GROUP BY measurement_id"
_FOUND = MEASUREMENT.format(
    table="measurement",
    run_id="measurement.run_id",
    more=VERDICT,
    join=f"JOIN verdict ON verdict.measurement_id = measurement.id WHERE {NEWEST}",
)
_CONTROLS = MEASUREMENT.format(
    table="control_measurement",
    run_id="CAST(NULL AS TEXT)",
    more=", comparison.measurement_id, comparison.number, seen.observed",
    join="""JOIN comparison ON comparison.control_measurement_id = measurement.id
    LEFT JOIN seen ON seen.measurement_id = measurement.id""",
)
_WHOLE = f"""
    WITH observed AS ({_OBSERVED.format("observation")}), seen AS ({_OBSERVED.format("control_observation")}),
    named AS (
        SELECT measurement_id, body_sha256, certificates FROM observation
        UNION ALL
        SELECT comparison.measurement_id, there.body_sha256, there.certificates
        FROM comparison JOIN control_observation AS there ON there.measurement_id = comparison.control_measurement_id
    ),
    compared AS (
        SELECT measurement_id, collect_list(struct(control.*)) AS compared FROM ({_CONTROLS}) AS control
        GROUP BY measurement_id
    ),
    told AS (SELECT verdict_id, collect_list(struct(reason.*)) AS reasons FROM reason GROUP BY verdict_id),
    pages AS (
        SELECT measurement_id, collect_list(struct(body.sha256, body.body)) AS bodies
        FROM (SELECT DISTINCT measurement_id, body_sha256 FROM named) AS shown
        JOIN body ON body.sha256 = shown.body_sha256 GROUP BY measurement_id
    ),
    chains AS (
        SELECT measurement_id, collect_list(struct(certificate.sha256, certificate.der)) AS certificates
        FROM (SELECT DISTINCT measurement_id, explode(from_json(certificates, 'ARRAY<STRING>')) AS sha256 FROM named)
            AS shown
        JOIN certificate ON certificate.sha256 = shown.sha256 GROUP BY measurement_id
    )
    SELECT found.*, run.host AS run_host, observed.observed, compared.compared, told.reasons, pages.bodies,
           chains.certificates
    FROM ({_FOUND}) AS found
    LEFT JOIN run ON run.id = found.run_id
    LEFT JOIN observed ON observed.measurement_id = found.id
    LEFT JOIN compared ON compared.measurement_id = found.id
    LEFT JOIN told ON told.verdict_id = found.verdict_id
    LEFT JOIN pages ON pages.measurement_id = found.id
    LEFT JOIN chains ON chains.measurement_id = found.id
"""  # noqa: S608 - literals only
_TOLD = "run_id STRING, id STRING, started_at STRING, line STRING, moved BOOLEAN, found BINARY"
_MEASUREMENTS = "SELECT count(*) AS measurements FROM measurement"
_LINES = "SELECT line FROM told_anew WHERE line IS NOT NULL ORDER BY started_at, id"
_COUNTS = "SELECT count(*) AS judged, count_if(moved) AS moved FROM told_anew"
# Without WITH: inside of that, Spark does not see that what was made is kept, and makes it again.
_RUNS = """
    SELECT run.id, run.services, found.found, concluded.concluded
    FROM run LEFT JOIN (
        SELECT run_id, collect_list(struct(started_at, id, found)) AS found FROM told_anew
        WHERE found IS NOT NULL GROUP BY run_id
    ) AS found ON found.run_id = run.id LEFT JOIN (
        SELECT run_id, collect_list(struct(service_verdict.*)) AS concluded FROM service_verdict
        WHERE id IN (SELECT max(id) FROM service_verdict GROUP BY run_id, service) GROUP BY run_id
    ) AS concluded ON concluded.run_id = run.id
"""


class SparkResults:
    """What was made of each measurement of a dataset, in the workers."""

    def __init__(self, path: Path, answers: SparkTables, made: Any) -> None:
        self._path = path
        self._answers = answers
        self._made = made

    def lines(self) -> Iterator[str]:
        """What is printed, in the order of the measurements."""
        with told_by_spark(self._path):
            for row in self._ask(_LINES).toLocalIterator():
                yield row["line"]

    def counts(self) -> tuple[int, int]:
        """How many measurements were judged, and how many verdicts say another thing."""
        with told_by_spark(self._path):
            (row,) = self._ask(_COUNTS).collect()
        return row["judged"], row["moved"]

    def services(self, work: Conclude) -> int:
        """How many of the verdicts on services are others."""
        with told_by_spark(self._path):
            made = self._ask(_RUNS).mapInArrow(partial(_by_run, work), "moved BIGINT")
            return sum(row["moved"] for row in made.groupBy().sum("moved").toDF("moved").collect() if row["moved"])

    def _ask(self, sql: str) -> Any:
        self._made.createOrReplaceTempView("told_anew")
        return self._answers.frame(sql)


@contextmanager
def spark_results(cluster: Spark, path: Path, work: Work) -> Iterator[SparkResults]:
    """What `work` makes of each measurement of one of the datasets, with its controls, the verdict that is recorded,
    bodies and certificates. Raises StoreError where a row points at none."""
    with cluster.open(path, RESULT_TABLES) as answers:
        with told_by_spark(path):
            (row,) = answers.ask(_MEASUREMENTS)
            whole = answers.frame(_WHOLE).repartition(row["measurements"] // _PART + 1, "id")
            whole.sparkSession.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", _BATCH)
            made = whole.mapInArrow(partial(_by_measurement, work), _TOLD).persist()
        try:
            yield SparkResults(path, answers, made)
        finally:
            made.unpersist()


def _by_measurement(work: Work, batches: Iterator[Any]) -> Iterator[Any]:
    """What a worker does with its part of the measurements."""
    import pyarrow

    text = pyarrow.string()
    kinds = {"run_id": text, "id": text, "started_at": text, "line": text, "moved": pyarrow.bool_()}
    schema = pyarrow.schema({**kinds, "found": pyarrow.binary()})
    for batch in batches:
        yield pyarrow.RecordBatch.from_pylist([_told(work, row) for row in batch.to_pylist()], schema=schema)


def _told(work: Work, row: Mapping[str, Any]) -> dict[str, Any]:
    result = _result(row)
    told = work(result, rows.host_from_text(row["run_host"]) if row["run_host"] else None)
    target = result.measurement.target
    found = (target, replace(told.verdict, reasons=())) if target.role is not None else None
    return {
        **{name: row[name] for name in ("run_id", "id", "started_at")},
        "line": told.line,
        "moved": told.moved,
        "found": msgspec.json.encode(found) if found else None,
    }


def _result(row: Mapping[str, Any]) -> Result:
    bodies = {each["sha256"]: each["body"] for each in row["bodies"] or ()}
    certificates = {each["sha256"]: each["der"] for each in row["certificates"] or ()}
    return rows.result_from_rows(
        row,
        _sorted(row["observed"], "id"),
        [(control, _sorted(control["observed"], "id")) for control in _sorted(row["compared"], "number")],
        _sorted(row["reasons"], "number"),
        rows.Kept(body=bodies.get, certificate=certificates.get),
    )


def _by_run(work: Conclude, batches: Iterator[Any]) -> Iterator[Any]:
    """What a worker does with its part of the runs."""
    import pyarrow

    for batch in batches:
        moved = [_concluded(work, row) for row in batch.to_pylist()]
        yield pyarrow.RecordBatch.from_pydict({"moved": pyarrow.array(moved, type=pyarrow.int64())})


def _concluded(work: Conclude, row: Mapping[str, Any]) -> int:
    in_order = _sorted(row["found"], "started_at", "id")
    found = [msgspec.json.decode(each["found"], type=tuple[Target, Verdict]) for each in in_order]
    before = map(rows.service_verdict_from_row, row["concluded"] or ())
    return work(row["id"], rows.needs_from_text(row["services"]), found, {each.service: each for each in before})


def _sorted(found: Sequence[Mapping[str, Any]] | None, *columns: str) -> list[Mapping[str, Any]]:
    """The rows of a list that Spark has gathered, which come in any order; none where it has gathered nothing."""
    return sorted(found or (), key=itemgetter(*columns))
