"""The pages are as the program would write them, and what they point at is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from probe.steps.dnswire import PAYLOAD
from probe.steps.http import HEADERS
from probe.steps.tls import ALPN_WEB
from tests.lab.scenarios import SCENARIOS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:docs|probe|tests|targets|results|systemd|scripts|bench)/[\w./-]*)`")
_MAKE = re.compile(r"\bmake ([a-z]+(?:-[a-z]+)*)\b")


def test_written_pages_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, "docs/write.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [link for link in _LINK.findall(text) if "://" not in link and not link.startswith("#")]
    missing = [link for link in links if not (page.parent / link.partition("#")[0]).exists()]
    assert missing == []
    assert [path for path in _PATH.findall(text) if not (ROOT / path).exists()] == []


def test_the_readme_has_links() -> None:
    """Without any, the test above would say nothing."""
    assert len(_LINK.findall((ROOT / "README.md").read_text("utf-8"))) > 3


def test_the_comparison_says_what_the_scenarios_test() -> None:
    outcomes = {scenario.id: scenario.outcome for scenario in SCENARIOS}
    rows = [row.split(" | ") for row in (ROOT / "docs" / "comparison.md").read_text("utf-8").splitlines()]
    told = [(re.findall("`([^`]+)`", row[1]), re.findall("`([^`]+)`", row[3])) for row in rows if len(row) == 5]
    assert len(told) > 20
    for scenarios, said in told[1:]:
        assert scenarios
        assert {outcomes[name] for name in scenarios} == {said[0]}


def test_what_is_sent_is_on_its_page() -> None:
    text = (ROOT / "docs" / "on-the-wire.md").read_text("utf-8")
    assert re.findall(r"^\| `([\w-]+)` \| `(.+)` \|$", text, re.MULTILINE) == list(HEADERS)
    assert f"ALPN `{', '.join(ALPN_WEB)}`" in text
    assert f"EDNS at {PAYLOAD} bytes" in text


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {word for page in PAGES for word in _MAKE.findall(_code(page.read_text("utf-8")))}
    assert {"run", "demo", "test"} <= named
    assert named <= targets


def _code(text: str) -> str:
    """What stands between backticks, where `make` is a command and not a verb."""
    return "\n".join(re.findall(r"```.*?```|`[^`]+`", text, re.DOTALL))
