from __future__ import annotations

import os

import pytest

from tests.lab.lab import unavailable


@pytest.fixture(scope="session")
def lab() -> None:
    """Skips where there can be no namespaces; fails instead where PROBE_LAB says that they are required."""
    reason = unavailable()
    if reason is None:
        return
    if os.environ.get("PROBE_LAB") == "required":
        pytest.fail(f"the lab is required here: {reason}")
    pytest.skip(reason)
