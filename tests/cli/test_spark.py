"""`--engine spark` on a real standalone master with two workers, one of which is killed at work (`make spark`).

Law: everything listens on the loopback alone, and ends with the test.
"""

from __future__ import annotations

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

import pytest

from tests.cli.alone import ROOT
from tests.cli.test_analysis import Verb, verb
from tests.cli.test_engines import published, world

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
_DEADLINE = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A master and its workers, each of which works in a folder of its own."""

    master: str
    environment: dict[str, str]
    workers: dict[Path, subprocess.Popen[bytes]]

    def says(self, *words: str | Path) -> str:
        """What `probe` prints when it asks this cluster."""
        with self.begun(*words) as process:
            told, said = process.communicate(timeout=600)
        assert process.returncode == 0, said.decode()
        return told.decode()

    def begun(self, *words: str | Path) -> subprocess.Popen[bytes]:
        """`probe` asking this cluster."""
        command = [sys.executable, "-m", "probe", *map(str, words), "--engine", "spark", "--master", self.master]
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
                process = subprocess.Popen(command, env=environment, stdout=file, stderr=file, start_new_session=True)
            stack.callback(process.wait)
            stack.callback(_kill, process)
            return process

        begin("master.Master", folder / "master.log", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0")
        _wait(lambda: _answers(port))
        workers = {}
        for place in (folder / "one", folder / "two"):
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


def test_a_worker_is_killed_at_work(verb: Verb, tmp_path: Path, cluster: Cluster) -> None:
    """With it go its executor, what that had worked out, and what it had kept for others."""
    from bench.dataset import fill

    path = tmp_path / "many.sqlite"
    fill(path, 20_000)
    datasets = published(verb, [path, *world(tmp_path)], tmp_path / "out")
    here = verb("compare", "--targets", "--json", *datasets)
    place, worker = next(iter(cluster.workers.items()))
    with cluster.begun("compare", "--targets", "--json", *datasets) as running:
        _wait(lambda: bool(_at_work(place)) or running.poll() is not None)
        assert running.poll() is None
        _kill(worker)
        told, said = running.communicate(timeout=600)
    assert worker.wait() == -signal.SIGKILL
    assert (running.returncode, told.decode()) == (0, here.stdout), said.decode()
