from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.lab.lab import unavailable
from tests.lab.needs import need, without_clocks, without_tunnels

# How fast a machine is, is no property of what is tested on it.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def lab() -> None:
    """Skips where there can be no namespaces; fails instead where PROBE_LAB says that they are required."""
    need(unavailable())


@pytest.fixture(scope="session")
def tunnels(lab: None) -> None:
    """The same where the kernel makes no tunnels."""
    need(without_tunnels())


@pytest.fixture(scope="session")
def clocks(lab: None) -> None:
    """The same where the clock of a program cannot be changed."""
    need(without_clocks())
