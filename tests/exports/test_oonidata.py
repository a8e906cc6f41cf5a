"""OONI's own package reads what `probe export --format ooni` writes.

Its dependencies cannot stand beside ours, so that it has an environment of its own, which `make test` sets up.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from probe.cli.exporting import export_dataset
from probe.cli.importing import import_files
from tests.exports.world import fill
from tests.imports.sampled import NAMES, path_of
from tests.lab.needs import need

_PYTHON = Path(__file__).parents[2] / ".venv-oonidata" / "bin" / "python"
_READ = """
import json, sys
from collections import Counter
from oonidata.models.nettests import SUPPORTED_CLASSES
from oonidata.models.nettests.web_connectivity import WebConnectivity

assert WebConnectivity in SUPPORTED_CLASSES
seen = Counter()
for line in open(sys.argv[1], "rb"):
    read, row = WebConnectivity.from_dict(json.loads(line)), json.loads(line)
    assert read.input == row["input"] and read.probe_cc == row["probe_cc"], row["input"]
    assert str(read.measurement_start_time) in (row["measurement_start_time"], row["measurement_start_time"] + "+00:00")
    keys = row["test_keys"]
    for name in ("queries", "tcp_connect", "tls_handshakes", "requests", "network_events"):
        parts = getattr(read.test_keys, name) or []
        assert len(parts) == len(keys[name] or []), (row["input"], name)
        seen[name] += len(parts)
        for part, written in zip(parts, keys[name] or []):
            failure = part.status.failure if name == "tcp_connect" else part.failure
            told = written["status"]["failure"] if name == "tcp_connect" else written["failure"]
            assert failure == told, (row["input"], name, failure, told)
    assert read.test_keys.blocking == keys["blocking"], row["input"]
    seen["measurements"] += 1
print(", ".join(f"{count} {name}" for name, count in sorted(seen.items())))
"""


def _import_theirs(path: Path) -> None:
    assert import_files([path_of(name) for name in NAMES if name.startswith("web_")], db=path) == 0


@pytest.fixture(scope="module")
def python() -> Path:
    """A Python that has the package."""
    has_it = _PYTHON.exists() and subprocess.run([_PYTHON, "-c", "import oonidata"], check=False).returncode == 0
    need(None if has_it else "the package oonidata is not installed (make .venv-oonidata/ready)")
    return _PYTHON


@pytest.mark.parametrize("make", [fill, _import_theirs], ids=["measured by us", "imported from OONI"])
def test_oonis_package_reads_it(python: Path, tmp_path: Path, make: Callable[[Path], None]) -> None:
    db, output = tmp_path / "probe.sqlite", tmp_path / "out"
    make(db)
    assert export_dataset(output=output, form="ooni", db=db, bodies=True) == 0
    path = output / "web_connectivity.jsonl"
    done = subprocess.run([python, "-c", _READ, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = {name: int(count) for count, name in (each.split() for each in done.stdout.split(", "))}
    assert seen["measurements"] == len(path.read_bytes().splitlines()) > 0
    assert {"queries", "tcp_connect", "tls_handshakes", "requests"} <= {name for name, count in seen.items() if count}
