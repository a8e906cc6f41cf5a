"""Behind nginx, configured as the page for operators says: lines come as they are made, nobody is written down."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.abuse.behind import NGINX
from tests.abuse.world import ROOT

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian package nginx)")


@pytest.fixture(scope="module")
def visited(lab: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("behind")
    words = ("unshare", "--user", "--map-root-user", "--net", sys.executable, "-m", "tests.abuse.behind")
    done = subprocess.run([*words, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder / "said.json").read_text())
    return found


def test_lines_arrive_as_they_are_made(visited: dict[str, Any]) -> None:
    (refused, first), (quick, second), (slow, third) = visited["streamed"]
    assert ("error" in first, second["target"], third["target"]) == (
        True,
        "http://site.test/quick",
        "http://site.test/slow",
    )
    assert refused < quick < slow - 0.05  # what is slow takes 0.7 s, and the other goes out when it is there


def test_whoever_asks_too_much_is_kept_away_and_nobody_else(visited: dict[str, Any]) -> None:
    assert set(visited["statuses"]) == {"200", "503"}
    assert visited["statuses"]["503"] > 10 * visited["statuses"]["200"]
    assert len(visited["honest"]) >= 3
    assert all(visited["honest"])
    assert visited["memory_more"] < 16 << 20


def test_too_large_a_body_ends_at_the_web_server(visited: dict[str, Any]) -> None:
    assert visited["too_large"].endswith("413")


def test_no_address_of_a_client_is_written_down(visited: dict[str, Any]) -> None:
    assert {"control.log", "nginx.log"} <= set(visited["logs"])
    assert visited["addresses"] == []
    assert visited["status"] == 0
