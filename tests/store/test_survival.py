"""Two writers at once, a writer that is killed, a disk that is full: what was recorded stays, and stays whole."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from probe.store import Filter, Store, StoreError
from tests.store.examples import OBSERVATIONS, a_result, a_run, a_verdict

WRITE = """
import sys
from pathlib import Path
from tests.store.examples import write_for_ever
write_for_ever(Path(sys.argv[1]), sys.argv[2])
"""
ROOT = Path(__file__).parents[2]


def ask(path: Path, question: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def writer(path: Path, run_id: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path), run_id], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def assert_whole(path: Path) -> None:
    """Each measurement has all that was added with it."""
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    assert ask(path, "PRAGMA foreign_key_check") == []
    pieces = f"""
        SELECT count(*) FROM measurement WHERE
            (SELECT count(*) FROM observation WHERE measurement_id = measurement.id) != {len(OBSERVATIONS)}
            OR (SELECT count(*) FROM verdict WHERE measurement_id = measurement.id) != 1
            OR (SELECT count(*) FROM verdict JOIN reason ON reason.verdict_id = verdict.id
                WHERE measurement_id = measurement.id) != {len(a_verdict("").reasons)}
            OR (SELECT count(*) FROM comparison WHERE measurement_id = measurement.id) != 1
    """
    assert ask(path, pieces) == [(0,)]


def test_a_writer_killed_at_any_moment_leaves_whole_measurements(tmp_path: Path) -> None:
    path = tmp_path / "probe.sqlite"
    chance = random.Random(20261124)
    recorded = 0
    for attempt in range(8):
        with writer(path, f"run-{attempt}") as process:
            assert process.stdout is not None
            for _ in range(chance.randint(1, 12)):
                line = process.stdout.readline()
            wait = chance.random() * 0.03  # lands anywhere in the next transactions
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(wait)
            process.send_signal(signal.SIGKILL)
            *_, last = [line, *process.stdout.read().splitlines()]
        assert process.returncode == -signal.SIGKILL
        told = int(last.split()[0])
        recorded += told
        assert_whole(path)
        with Store.open(path) as store:
            unfinished = store.unfinished_run()
            assert unfinished is not None
            kept = sum(1 for _ in store.results(Filter(run_id=f"run-{attempt}")))
        assert kept >= told, "what was said to be recorded is there"
        assert kept % 7 == 0, "a batch is whole"
    assert recorded > 0
    assert len(ask(path, "SELECT id FROM run")) == 8


def test_two_runs_write_to_one_database_at_once(tmp_path: Path) -> None:
    path = tmp_path / "probe.sqlite"
    processes = [writer(path, "run-a"), writer(path, "run-b")]
    for process in processes:
        assert process.stdout is not None
        for _ in range(25):
            process.stdout.readline()
    for process in processes:
        process.kill()
        process.communicate()
    assert_whole(path)
    counts = dict(ask(path, "SELECT run_id, count(*) FROM measurement GROUP BY run_id"))
    assert set(counts) == {"run-a", "run-b"}
    assert all(int(counts[run]) >= 25 * 7 for run in counts), counts  # type: ignore[call-overload]
    assert ask(path, "SELECT count(*) FROM control_measurement") == [(1,)]
    assert ask(path, "SELECT count(*) FROM vantage") == [(2,)]
    assert ask(path, "SELECT count(*) FROM target") == [(1,)]


ON_A_SMALL_DISK = f"""
set -e
mount -t tmpfs -o size=600k tmpfs "$1"
cd {ROOT}
{sys.executable} -c '{WRITE}' "$1/probe.sqlite" run-1
cp "$1"/probe.sqlite* "$2"/
"""


def small_disk_is_possible() -> bool:
    tried = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False, capture_output=True
    )
    return tried.returncode == 0


def test_a_full_disk_is_one_clear_error_and_loses_nothing(tmp_path: Path) -> None:
    if not small_disk_is_possible():
        if os.environ.get("PROBE_LAB") == "required":
            pytest.fail("no user namespaces with mounts here")
        pytest.skip("no user namespaces with mounts here")
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    command = ["unshare", "-rm", "sh", "-c", ON_A_SMALL_DISK, "sh", str(disk), str(kept)]
    written = subprocess.run(command, check=True, capture_output=True, text=True)
    *told, error = written.stdout.splitlines()
    assert error.startswith(f"error {disk}/probe.sqlite: the disk is full; "), written
    recorded = int(told[-1].split()[0])
    assert recorded >= 7
    assert_whole(kept / "probe.sqlite")
    with Store.open(kept / "probe.sqlite") as store:
        assert len(list(store.results(Filter()))) == recorded
        store.add([a_result("later")])
    assert_whole(kept / "probe.sqlite")


def test_a_writer_that_waits_too_long_for_another_says_so(tmp_path: Path) -> None:
    path = tmp_path / "probe.sqlite"
    with Store.open(path) as store:
        store.begin_run(a_run())
        store._db.execute("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program has kept it locked"):
            store.add([a_result("m-1")])
        other.execute("ROLLBACK")
        other.close()
        store.add([a_result("m-1")])
    assert_whole(path)
