from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.lab import World, unavailable


@pytest.fixture(scope="session")
def lab() -> None:
    """Skips where there can be no lab; fails instead where PROBE_LAB says that it is required."""
    reason = unavailable()
    if reason is None:
        return
    if os.environ.get("PROBE_LAB") == "required":
        pytest.fail(f"the lab is required here: {reason}")
    pytest.skip(reason)


@pytest.fixture
def world(lab: None) -> Iterator[World]:
    with World() as made:
        yield made
