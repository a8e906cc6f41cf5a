"""`python -m tests.cli.whole DATASET --engine spark --master URL`: each measurement as Spark's workers have it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from probe.form import dumps, explain_json
from probe.imports.datasets import checked
from probe.model import Host, Result
from probe.store import Filter, Store
from probe.store.engines.spark import spark
from probe.store.engines.spark_results import Told, spark_results


def told(result: Result, host: Host | None) -> Told:
    return Told(line=line(result, host), moved=False, verdict=result.verdict)


def line(result: Result, host: Host | None) -> str:
    """Everything of a measurement in a line."""
    all_of = (result.measurement, *result.controls)
    return dumps(
        {
            **explain_json(result),
            "lag": [each.lag for each in all_of],
            "started": [row.started for each in all_of for row in each.observations],
            "bodies": [pair for each in all_of for pair in _hashes(each.bodies)],
            "certificates": [pair for each in all_of for pair in _hashes(each.certificates)],
            "target": [repr(each.target) for each in all_of],
            "host": host,
        }
    )


def _hashes(kept: Mapping[str, bytes]) -> list[tuple[str, str]]:
    return [(name, sha256(content).hexdigest()) for name, content in kept.items()]


def of_database(path: Path) -> list[str]:
    """What a database gives."""
    with Store.open(path, create=False) as store:
        hosts = {run.id: run.host for run in store.runs()}
        found = list(store.results(Filter(), with_bodies=True))
        return [line(each, hosts[each.measurement.run_id or ""]) for each in found]


if __name__ == "__main__":
    from tests.cli import whole

    folder = Path(sys.argv[1])
    tables = checked(folder).parquet()
    assert tables is not None
    with spark(sys.argv[-1], {folder: tables}) as cluster, spark_results(cluster, folder, whole.told) as results:
        for each in results.lines():
            print(each)
