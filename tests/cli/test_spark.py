"""`--engine spark` on a real standalone master with three workers, two of which are killed at work (`make spark`).

Law: everything listens on the loopback alone, and ends with the test.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bench.dataset import fill
from tests.analysis.databases import record
from tests.cli import judged, whole
from tests.cli.alone import ROOT
from tests.cli.judged import OWN
from tests.cli.test_analysis import Verb, verb
from tests.cli.test_engines import published, rewritten, twice, world
from tests.cli.test_judging_datasets import content, exported
from tests.lab.lab import Finished
from tests.lab.netns import die_with_parent

__all__ = ["verb"]

_WANTED = os.environ.get("PROBE_SPARK") == "required"
_MISSING = next(
    (
        reason
        for reason, missing in {
            "pyspark is not installed (make spark)": find_spec("pyspark") is None,
            "there is no Java": shutil.which("java") is None,
            "only with PROBE_SPARK=required: it takes minutes (make spark)": not _WANTED,
        }.items()
        if missing
    ),
    None,
)
pytestmark = [
    pytest.mark.skipif(_MISSING is not None and not _WANTED, reason=str(_MISSING)),
    pytest.mark.timeout(900),
]
_SETTINGS = "spark.executor.memory 512m\nspark.driver.memory 512m\nspark.sql.shuffle.partitions 4\n"
_DEADLINE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A master and its workers, each of which works in a folder of its own."""

    master: str
    environment: dict[str, str]
    workers: dict[Path, subprocess.Popen[bytes]]

    def says(self, *words: str | Path) -> str:
        """What `probe` prints when it asks this cluster."""
        return self.ends(*words).stdout

    def ends(self, *words: str | Path, status: int = 0) -> Finished:
        """`probe` asking this cluster, to its end."""
        with self.begun(*words) as process:
            told, said = process.communicate(timeout=600)
        assert process.returncode == status, said.decode()
        return Finished(returncode=status, stdout=told.decode(), stderr=said.decode())

    def begun(self, *words: str | Path, program: str = "probe") -> subprocess.Popen[bytes]:
        """`probe`, or another program, asking this cluster."""
        command = [sys.executable, "-m", program, *map(str, words), "--engine", "spark", "--master", self.master]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    import pyspark

    folder, home = tmp_path_factory.mktemp("spark"), Path(pyspark.__file__).parent
    (folder / "spark-defaults.conf").write_text(_SETTINGS)
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(folder),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    master = f"spark://127.0.0.1:{port}"
    with ExitStack() as stack:

        def begin(name: str, log: Path, *words: str) -> subprocess.Popen[bytes]:
            command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", *words]
            with log.open("wb") as file:
                process = subprocess.Popen(
                    command,
                    env=environment,
                    stdout=file,
                    stderr=file,
                    start_new_session=True,
                    preexec_fn=die_with_parent,
                )
            stack.callback(process.wait)
            stack.callback(_kill, process)
            return process

        begin("master.Master", folder / "master.log", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0")
        _wait(lambda: _answers(port))
        workers = {}
        for place in (folder / "one", folder / "two", folder / "three"):
            words = ("--host", "127.0.0.1", "--cores", "1", "--memory", "512m", "--webui-port", "0")
            log = place.with_suffix(".log")
            workers[place] = begin("worker.Worker", log, *words, "--work-dir", str(place), master)
            _wait(lambda log=log: "Successfully registered" in log.read_text())  # type: ignore[misc]
        yield Cluster(master=master, environment=environment, workers=workers)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _wait(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _at_work(place: Path) -> list[int]:
    """The processes of this worker that apply our functions: those of Python that its executors began."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words, at = (path / "cmdline").read_bytes(), (path / "cwd").readlink()
        except OSError:
            continue
        if b"pyspark.daemon" in words and at.is_relative_to(place):
            found.append(int(path.name))
    return found


WORDS = [("compare",), ("timeline",), ("compare", "--targets"), ("compare", "--by", "country")]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_spark_says_what_duckdb_says(verb: Verb, tmp_path: Path, cluster: Cluster, words: tuple[str, ...]) -> None:
    datasets = published(verb, world(tmp_path), tmp_path / "out")
    here = verb(*words, "--json", "--engine", "duckdb", *datasets)
    assert here.stdout
    assert verb(*words, "--json", "--engine", "sqlite", *datasets) == here
    assert cluster.says(*words, "--json", *datasets) == here.stdout


def killed_at_work(cluster: Cluster, *words: str | Path) -> Finished:
    """What `probe` prints when a worker is killed while it works for it. With it go its executor, what that had worked
    out, and what it had kept for others."""
    place, worker = cluster.workers.popitem()
    with cluster.begun(*words) as running:
        _wait(lambda: bool(_at_work(place)) or running.poll() is not None)
        assert running.poll() is None
        _kill(worker)
        told, said = running.communicate(timeout=600)
    assert worker.wait() == -signal.SIGKILL
    return Finished(returncode=running.returncode, stdout=told.decode(), stderr=said.decode())


def test_a_worker_is_killed_at_work(verb: Verb, tmp_path: Path, cluster: Cluster) -> None:
    path = tmp_path / "many.sqlite"
    fill(path, 20_000)
    datasets = published(verb, [path, *world(tmp_path)], tmp_path / "out")
    here = verb("compare", "--targets", "--json", *datasets)
    there = killed_at_work(cluster, "compare", "--targets", "--json", *datasets)
    assert (there.returncode, there.stdout) == (0, here.stdout), there.stderr


def _summary(finished: Finished) -> str:
    """Spark says a few lines before it can be told not to."""
    return finished.stderr.splitlines()[-1]


def test_verdicts_are_made_anew_in_the_workers(verb: Verb, tmp_path: Path, cluster: Cluster) -> None:
    own = tmp_path / "own.toml"
    own.write_text(OWN)
    one = exported(verb, judged.world(tmp_path / "one.sqlite"), tmp_path / "one")
    (two,) = published(verb, [record(tmp_path / "two.sqlite", "obb")], tmp_path / "two")
    before = content(tmp_path)
    for words in (("--json", "--fingerprints", own, two, one), ("--fingerprints", own, one)):
        here, there = verb("classify", *words), cluster.ends("classify", *words)
        assert here.stdout
        assert (there.stdout, _summary(there)) == (here.stdout, _summary(here))
    assert content(tmp_path) == before


def test_a_measurement_is_whole_in_a_worker(verb: Verb, tmp_path: Path, cluster: Cluster) -> None:
    """With its controls, its pages, its certificates and its host, as a database gives it."""
    dataset = exported(verb, judged.world(tmp_path / "world.sqlite"), tmp_path / "dataset")
    with cluster.begun(dataset, program="tests.cli.whole") as process:
        told, said = process.communicate(timeout=600)
    assert process.returncode == 0, said.decode()
    database = tmp_path / "again.sqlite"
    assert verb("import", dataset, "--db", database).returncode == 0
    expected = whole.of_database(database)
    assert told.decode().splitlines() == expected
    for kept in ("bodies", "certificates", "control_measurements"):
        assert any(json.loads(line)[kept] for line in expected)


def test_a_worker_is_killed_while_it_judges(verb: Verb, tmp_path: Path, cluster: Cluster) -> None:
    path = tmp_path / "many.sqlite"
    fill(path, 20_000)
    dataset = exported(verb, path, tmp_path / "many")
    here = verb("classify", "--json", dataset)
    there = killed_at_work(cluster, "classify", "--json", dataset)
    assert (there.returncode, there.stdout) == (0, here.stdout), there.stderr
    assert _summary(there) == _summary(here)


DANGLING = {"observation": "measurement_id", "comparison": "control_measurement_id"}


def test_rows_that_point_at_none_are_refused(verb: Verb, tmp_path: Path, cluster: Cluster) -> None:
    """A join would leave them out without a word."""
    database = judged.golden(tmp_path / "golden.sqlite")
    for table, column in DANGLING.items():
        dataset = exported(verb, database, tmp_path / table)
        rewritten(dataset, table, lambda rows, column=column: _nowhere(rows, column))
        refused = cluster.ends("classify", dataset, status=5)
        assert refused.stdout == ""
        assert f"probe: {dataset}: 1 rows of {table} point at no row of " in _summary(refused)


def test_rows_that_are_there_twice_are_refused(verb: Verb, tmp_path: Path, cluster: Cluster) -> None:
    """They would be counted twice."""
    dataset = exported(verb, judged.golden(tmp_path / "golden.sqlite"), tmp_path / "twice")
    rewritten(dataset, "observation", twice)
    refused = cluster.ends("classify", dataset, status=5)
    assert refused.stdout == ""
    assert f"probe: {dataset}: 1 rows of observation are there more than once" in _summary(refused)


def _nowhere(rows: Any, column: str) -> Any:
    """The rows, the last of which points at nothing."""
    import pyarrow

    values = [*rows.column(column).to_pylist()[:-1], "nobody"]
    return rows.set_column(rows.schema.get_field_index(column), column, pyarrow.array(values))
