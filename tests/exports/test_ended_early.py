"""A dataset is there whole or not at all, whatever ends its making."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from probe.cli.errors import Refusal, Status
from probe.cli.exporting import export_dataset
from probe.store import Store
from tests.store.examples import BODY_SHA256, a_result, a_run


@contextmanager
def _no_file_above(size: int) -> Iterator[None]:
    """As on a disk that fills up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Large enough that it takes a moment, with a page that no form makes small."""
    path, page = tmp_path_factory.mktemp("large") / "probe.sqlite", os.urandom(200_000)
    with Store.open(path) as store:
        store.begin_run(a_run())
        results = [a_result(f"m-{number:05}", controls=[]) for number in range(1200)]
        store.add([replace(r, measurement=replace(r.measurement, bodies={BODY_SHA256: page})) for r in results])
    return path


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "ooni"])
def test_a_full_disk(db: Path, tmp_path: Path, form: str) -> None:
    with _no_file_above(100_000), pytest.raises(Refusal, match="out: cannot be written: ") as told:
        export_dataset(output=tmp_path / "out", form=form, db=db, bodies=True)
    assert told.value.status is Status.FAILED
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, Status.SIGTERM), (signal.SIGINT, Status.SIGINT)])
def test_a_signal(db: Path, tmp_path: Path, number: signal.Signals, status: Status) -> None:
    words = ("export", "--format", "csv", "--output", str(tmp_path / "out"), "--db", str(db))
    # What a shell begins in the background ignores SIGINT, and so would all that it begins.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([sys.executable, "-m", "probe", *words], stderr=subprocess.PIPE)
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 30
    while not any(tmp_path.glob(".out-*/observation.csv")):
        assert process.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == status
    assert list(tmp_path.iterdir()) == []
