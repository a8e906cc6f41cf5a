"""A process that is held up blames nobody else for it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from probe.failure import Failure
from probe.model import TcpDetail
from probe.steps.lag import Lag
from probe.steps.step import Attempt, operation
from probe.steps.stream import Stream

DEADLINE = 1.0
HELD_UP = 2.5


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def held_up(attempt: Attempt, ours: socket.socket, *, watched: bool) -> Failure | None:
    """Waits for a byte, is held up past the deadline before it can be read, and wants one more."""

    async def wait() -> None:
        stream = Stream(ours, "127.0.0.1", 1, time.monotonic)
        async with operation(attempt, TcpDetail(address="127.0.0.1", port=1), DEADLINE):
            await stream.read(1)
            await stream.write(b"more")
            await stream.read(1)

    async def body() -> None:
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.1)
        time.sleep(HELD_UP)  # noqa: ASYNC251 - this is the hold-up
        await waiting

    asyncio.run(watching(attempt.network.lag, body) if watched else body())
    (row,) = attempt.journal.observations()
    return row.failure


async def watching(lag: Lag, body: Callable[[], Awaitable[None]]) -> None:
    async with lag.watched():
        await body()


@pytest.mark.parametrize(("watched", "failure"), [(True, None), (False, Failure.GENERIC_TIMEOUT)])
def test_what_came_while_it_was_held_up_has_come(
    attempt: Attempt, pair: tuple[socket.socket, socket.socket], watched: bool, failure: Failure | None
) -> None:
    ours, theirs = pair

    def answer() -> None:
        time.sleep(0.3)
        theirs.send(b"x")
        theirs.recv(4)
        time.sleep(0.2)
        theirs.send(b"y")

    peer = threading.Thread(target=answer)
    peer.start()
    assert held_up(attempt, ours, watched=watched) is failure
    theirs.shutdown(socket.SHUT_RD)
    peer.join()


def test_nothing_that_comes_is_a_timeout_all_the_same(
    attempt: Attempt, pair: tuple[socket.socket, socket.socket]
) -> None:
    assert held_up(attempt, pair[0], watched=True) is Failure.GENERIC_TIMEOUT


def test_a_loop_that_is_never_free_still_ends(attempt: Attempt, pair: tuple[socket.socket, socket.socket]) -> None:
    """The deadline is put off by itself once, however late everything is."""

    async def wait() -> None:
        async with operation(attempt, TcpDetail(address="127.0.0.1", port=1), DEADLINE):
            await Stream(pair[0], "127.0.0.1", 1, time.monotonic).read(1)

    async def body() -> None:
        waiting = asyncio.create_task(wait())
        while not waiting.done():
            time.sleep(0.1)  # noqa: ASYNC251 - as a busy loop is
            await asyncio.sleep(0)

    asyncio.run(watching(attempt.network.lag, body))
    (row,) = attempt.journal.observations()
    assert row.failure is Failure.GENERIC_TIMEOUT
    assert row.runtime > DEADLINE


def test_the_worst_is_remembered_for_as_long_as_is_asked() -> None:
    lag = Lag()

    async def body() -> tuple[float, float, float]:
        async with lag.watched():
            before = lag.worst(10)
            time.sleep(0.3)  # noqa: ASYNC251 - this is the hold-up
            await asyncio.sleep(0.1)
            return before, lag.worst(10), lag.worst(0.05)

    before, worst, of_late = asyncio.run(body())
    assert before < 0.25 <= worst
    assert of_late < worst


def test_a_loop_at_work_is_told_from_one_that_waits() -> None:
    lag = Lag()

    async def body() -> tuple[float, float]:
        async with lag.watched():
            until = time.thread_time() + 0.5
            while time.thread_time() < until:  # noqa: ASYNC110 - it is to be at work
                await asyncio.sleep(0)
            at_work = lag.busy
            await asyncio.sleep(0.3)
            return at_work, lag.busy

    at_work, waiting = asyncio.run(body())
    assert waiting < at_work <= 1.01


def test_nothing_new_is_begun_while_it_is_at_work_all_the_time() -> None:
    lag = Lag()

    async def body() -> float:
        async with lag.watched():
            lag.busy = 1.0  # until the next tick finds otherwise
            await lag.calm()
            return lag.busy

    assert asyncio.run(body()) < 1.0
