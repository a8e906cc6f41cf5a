"""A measurement waits for room, and for what has run out, and fails for neither."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from probe import room
from probe.room import Room, in_use
from probe.steps.errors import HostExhaustedError


def test_what_is_open_is_counted() -> None:
    before = in_use()
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(10)]
    assert in_use() >= before + 10
    for each in opened:
        os.close(each)
    assert in_use() == before


def most_at_once(count: int, descriptors: int, holding: int) -> int:
    """How many were measured at once, where each opens so many descriptors for a moment."""
    at_once = most = 0

    async def measure() -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(holding)]
        await asyncio.sleep(0.05)
        for each in opened:
            os.close(each)
        at_once -= 1

    async def run() -> None:
        limited = Room(descriptors=descriptors)
        await asyncio.gather(*(limited.measure(measure) for _ in range(count)))

    asyncio.run(run())
    assert at_once == 0
    return most


def test_as_many_begin_as_there_are_descriptors_for() -> None:
    free = in_use() + 70  # what the event loop takes is in it
    assert most_at_once(20, free + 4 * 16, 8) in (2, 3, 4)
    assert most_at_once(20, free + 100 * 16, 8) == 20
    assert most_at_once(3, 0, 8) == 1, "one at a time, where there is room for none"


def failing(times: int) -> tuple[Callable[[], Awaitable[str]], list[int]]:
    tries = [0]

    async def measure() -> str:
        tries[0] += 1
        if tries[0] <= times:
            raise HostExhaustedError("EADDRNOTAVAIL")
        return "measured"

    return measure, tries


def test_what_has_run_out_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_LONGEST_REST", 0.05)
    measure, tries = failing(6)
    assert asyncio.run(Room().measure(measure)) == "measured"
    assert tries == [7]


def test_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_LONGEST_REST", 0.001)
    measure, tries = failing(1000)
    with pytest.raises(HostExhaustedError):
        asyncio.run(Room().measure(measure))
    assert tries == [room._TRIES]


def test_while_something_is_wanting_nobody_else_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_LONGEST_REST", 0.3)

    async def run() -> float:
        limited, loop = Room(), asyncio.get_running_loop()
        measure, _ = failing(1)
        wanting, start = asyncio.create_task(limited.measure(measure)), loop.time()
        await asyncio.sleep(0.01)

        async def note() -> float:
            return loop.time() - start

        began = await limited.measure(note)
        assert await wanting == "measured"
        return began

    assert asyncio.run(run()) >= 0.29
