from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.lab import World


@pytest.fixture
def world(lab: None) -> Iterator[World]:
    with World() as made:
        yield made
