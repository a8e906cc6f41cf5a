"""What a deployment installs is pinned, whole, and comes from nowhere in particular."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.cli.alone import ROOT

TEXT = (ROOT / "requirements.lock").read_text("utf-8")
LOCKED = {
    canonicalize_name(name): (version, hashes.count("--hash=sha256:"))
    for name, version, hashes in re.findall(
        r"^([\w.-]+)==(\S+)(?: ;[^\n]*)? \\\n((?:    --hash=\S+(?: \\)?\n)+)", TEXT, re.MULTILINE
    )
}


def test_every_line_is_a_pin_with_its_hashes() -> None:
    assert len(LOCKED) == len(re.findall(r"^\w", TEXT, re.MULTILINE)) > 20
    assert all(hashes > 0 for _, hashes in LOCKED.values())


def test_it_names_no_place() -> None:
    assert "://" not in TEXT
    assert "--index" not in TEXT
    assert "--find-links" not in TEXT


def test_it_has_what_the_program_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["quic"]]
    assert len(asked) > 10
    for requirement in map(Requirement, asked):
        version, _ = LOCKED[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} and the lock's {version}: make lock"


@pytest.mark.parametrize("name", LOCKED)
def test_it_has_what_a_package_needs(name: str) -> None:
    """As far as this environment has the package, at whichever version."""
    try:
        asked = [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:
        pytest.skip("not installed here")
    needed = (each for each in asked if each.marker is None or each.marker.evaluate({"extra": ""}))
    assert [each.name for each in needed if canonicalize_name(each.name) not in LOCKED] == []
