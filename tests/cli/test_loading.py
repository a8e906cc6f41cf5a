"""What a command loads: one that only reads does not wait for what others need, however much is installed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.analysis.databases import record
from tests.analysis.rows import at
from tests.cli.alone import run

_OF_OTHERS = {"sqlite_utils", "pandas", "numpy", "pyarrow", "httpx", "dns"}
"""What others write, measure and export with."""
_LOADED = re.compile(r"^import time:.*\| *(\w+)", re.MULTILINE)
_TELLING = (sys.executable, "-X", "importtime", "-m", "probe")


@pytest.mark.parametrize("verb", ["compare", "timeline"])
def test_what_only_reads_loads_what_it_needs(tmp_path: Path, verb: str) -> None:
    path = record(tmp_path / "anna.sqlite", "obb", at("anna"))
    done = run(tmp_path, verb, "--db", path, "--json", program=_TELLING)
    assert done.returncode == 0
    loaded = set(_LOADED.findall(done.stderr))
    assert "sqlite3" in loaded
    assert not loaded & _OF_OTHERS


def test_what_writes_is_told_apart(tmp_path: Path) -> None:
    path = record(tmp_path / "anna.sqlite", "obb", at("anna"))
    done = run(tmp_path, "db", "vacuum", "--db", path, program=_TELLING)
    assert done.returncode == 0
    assert "sqlite_utils" in _LOADED.findall(done.stderr)
