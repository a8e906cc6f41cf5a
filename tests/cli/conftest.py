from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.lab.lab import World


@pytest.fixture(scope="session")
def roots(lab: None) -> bytes:
    """A bundle of trusted roots, PEM."""
    return trustme.CA().cert_pem.bytes()


@pytest.fixture
def home(roots: bytes, tmp_path: Path) -> Path:
    """The home of somebody on a machine without a network."""
    (tmp_path / "roots.pem").write_bytes(roots)
    return tmp_path


@pytest.fixture(scope="session")
def country(lab: None) -> Iterator[World]:
    """A censored internet; every test that uses it says with `become` how it is."""
    with World() as made:
        yield made
