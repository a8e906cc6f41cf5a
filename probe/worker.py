"""One worker of a run: a process that measures what it is told, and hands over what it has found.

Law: it records nothing and prints nothing. It ends when its parent is gone or wants it to, and by no signal of a
terminal's or a service manager's: those are the parent's to answer.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass

from probe.handover import Finding, Heard, Setup, pack, unpack_order, unpack_setup
from probe.model import Host, Measurement, Verdict
from probe.pipes import Kind, empty, listen, say, speak
from probe.plan import Task
from probe.run import Hand, Runner
from probe.steps.errors import HostExhaustedError

_PATIENCE, _PAUSE = 5.0, 0.01
"""Seconds that a worker may take to end, and between two looks at it."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker works with."""

    runner: Runner
    heard: Callable[[], tuple[Heard, ...]]
    """What the controls' answers have shown so far."""
    problems: Callable[[], Sequence[str]]
    """What went wrong with the controls, for people."""


Begin = Callable[[Setup, Hand], AbstractAsyncContextManager[Tools]]
"""Wires the rooms for one run, and puts them away at its end."""


@dataclass(slots=True)
class Worker:
    """A worker as its parent knows it."""

    pid: int
    orders: int
    """The pipe into which it is told what to do."""
    findings: int
    """The pipe out of which comes what it has found."""
    begun: bool = False
    """The pipes belong to a run."""
    status: int | None = None
    """What it ended with; minus the signal's number when one ended it."""

    def has_ended(self) -> bool:
        """Whether it has; sees to it that the system forgets it then."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status is not None


@contextmanager
def hired(count: int, begin: Begin) -> Iterator[tuple[Worker, ...]]:
    """Workers that wait for a run, and have ended when the block has. To be entered before this process has threads, or
    an event loop."""
    workers: list[Worker] = []
    try:
        for _ in range(count):
            workers.append(_hire(workers, begin))
        yield tuple(workers)
    finally:
        for each in workers:
            if not each.begun:
                os.close(each.orders)
                os.close(each.findings)
        for each in workers:
            _see_off(each)


def _hire(others: Sequence[Worker], begin: Begin) -> Worker:
    orders, told = os.pipe()
    findings, found = os.pipe()
    pid = os.fork()
    if pid == 0:
        for each in (
            told,
            findings,
            *(descriptor for other in others for descriptor in (other.orders, other.findings)),
        ):
            os.close(each)  # or nobody would notice that the parent is gone
        _be_one(orders, found, begin)
    os.close(orders)
    os.close(found)
    return Worker(pid, told, findings)


def _see_off(worker: Worker) -> None:
    """Waits for its end; for one that does not come to it, not for long."""
    ends = time.monotonic() + _PATIENCE
    while not worker.has_ended():
        if time.monotonic() > ends:
            os.kill(worker.pid, signal.SIGKILL)
        time.sleep(_PAUSE)


def _be_one(orders: int, found: int, begin: Begin) -> None:
    """Works until its orders end. Does not return."""
    status = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        asyncio.run(_work(orders, found, begin))
        status = 0
    except BaseException:  # whatever it is: this process must not go on as its parent would
        traceback.print_exc()
    finally:
        os._exit(status)


async def _work(orders: int, found: int, begin: Begin) -> None:
    tasks: asyncio.Queue[Task] = asyncio.Queue()
    setup: asyncio.Future[Setup] = asyncio.get_running_loop().create_future()

    def take(kind: Kind, data: bytes) -> None:
        if kind is Kind.SETUP:
            setup.set_result(unpack_setup(data))
        else:
            order = unpack_order(data)
            tasks.put_nowait(Task(target=order.target, delay=order.delay))

    listening = await listen(orders, take)
    to = await speak(found)
    await asyncio.wait((setup, listening.ended), return_when=asyncio.FIRST_COMPLETED)
    if setup.done():
        await _measure(setup.result(), listening.ended, tasks, to, begin)


async def _measure(
    setup: Setup, ended: asyncio.Future[None], tasks: asyncio.Queue[Task], to: asyncio.WriteTransport, begin: Begin
) -> None:
    def hand(here: Measurement, controls: tuple[Measurement, ...], verdicts: Mapping[Host, Verdict]) -> None:
        say(to, Kind.FINDING, pack(Finding(here, controls, verdicts, tools.heard())))

    async with begin(setup, hand) as tools:
        ended.add_done_callback(lambda _: tools.runner.stop.set())
        try:
            await tools.runner.run(_one_after_the_other(tasks))
        except HostExhaustedError as error:
            say(to, Kind.EXHAUSTED, str(error).encode())
        if tools.runner.lost is not None:
            say(to, Kind.OFFLINE, tools.runner.lost.encode())
    for problem in tools.problems():
        say(to, Kind.PROBLEM, problem.encode())
    await empty(to)


async def _one_after_the_other(tasks: asyncio.Queue[Task]) -> AsyncIterator[Task]:
    while True:
        yield await tasks.get()
