"""A control under abuse refuses, stays up, and answers whoever asks honestly."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.abuse.clients import CLIENTS
from tests.abuse.world import ROOT, forbidden_hits
from tests.control.world import SITE

pytestmark = pytest.mark.timeout(480)  # a busy machine answers as honestly, and later
_SECONDS = 8
_MOST_MEMORY = 64 << 20
"""Bytes over what it takes before."""
_REFUSED = {"400", "401", "403", "404", "405", "408", "413", "503"}


@pytest.fixture(scope="module")
def abused(lab: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("abuse")
    words = ("unshare", "--user", "--map-root-user", "--net", sys.executable, "-m", "tests.abuse.world")
    done = subprocess.run([*words, str(folder), str(_SECONDS)], cwd=ROOT, capture_output=True, text=True, timeout=460)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder / "said.json").read_text())
    return found


def test_it_stays_up_and_ends_in_order(abused: dict[str, Any]) -> None:
    assert (abused["alive"], abused["status"], abused["ended"]) == (True, 0, [])
    lines = abused["log"].splitlines()
    assert ["--open" in lines[0], "listening on" in lines[1], len(lines)] == [True, True, 2], abused["log"]


def test_every_honest_question_is_answered(abused: dict[str, Any]) -> None:
    honest = abused["clients"]["honest"]
    assert honest["wrong"] == []
    assert honest["statuses"]["200"] >= 2, honest


def test_nothing_forbidden_is_reached(abused: dict[str, Any]) -> None:
    assert abused["clients"]["forbidden"]["wrong"] == []
    assert abused["clients"]["forbidden"]["statuses"]["200"] >= 2
    assert forbidden_hits(abused["hits"]) == []
    assert any(hit.startswith(f"{SITE}:80 /to-metadata") for hit in abused["hits"])  # it was led there, and did not go


@pytest.mark.parametrize(("kind", "least"), [("giant", {"400", "413"}), ("flood", {"200", "400", "404"})])
def test_what_is_wrong_is_refused(abused: dict[str, Any], kind: str, least: set[str]) -> None:
    statuses = set(abused["clients"][kind]["statuses"])
    assert least <= statuses <= _REFUSED | {"200"}


def test_memory_and_descriptors_are_bounded(abused: dict[str, Any]) -> None:
    assert abused["memory_more"] <= _MOST_MEMORY
    assert abused["descriptors_most"] <= sum(count for _, count in CLIENTS.values()) + 200
    assert abused["descriptors_afterwards"] <= abused["descriptors_idle"] + 2
