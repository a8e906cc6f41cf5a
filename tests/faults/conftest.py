from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.village import villages
from tests.lab.lab import World


@pytest.fixture(scope="module")
def world(lab: None) -> Iterator[World]:
    """A village to be disturbed; a test that changes it puts it right again."""
    with villages() as made:
        yield made
