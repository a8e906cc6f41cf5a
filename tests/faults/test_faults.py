"""Each fault in the middle of a run: what was told is there, the file is whole, the next run right, the end told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.faults import FAULTS, disks, suffer
from tests.lab.lab import World
from tests.lab.needs import need


@pytest.fixture(autouse=True)
def _own_disks(world: World) -> Iterator[None]:
    with disks(world):
        yield


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_loses_nothing(world: World, name: str) -> None:
    need(FAULTS[name].needs())
    suffered = suffer(world, FAULTS[name], world.home / name / "probe.sqlite")
    assert list(suffered.wrong()) == []
