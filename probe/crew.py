"""A run on several cores: workers measure and ask the controls, this process judges for good and records.

Law: one scheduler hands out the targets, so that there is one rate and one concurrency over all; all targets of one
host go to one worker, so that nobody meets a burst. What is known of the host is learned here, from what all of them
saw. When a worker is lost, what was handed over is recorded, and nothing new is begun.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from probe.budget import Meter
from probe.classify import Fingerprints, Ground
from probe.handover import Setup, pack_order, pack_setup, unpack
from probe.outage import OutageError
from probe.pipes import Kind, Messages, listen, say, speak
from probe.plan import Task
from probe.run import Pace, throttler_of, unless
from probe.settling import Settling, Shelf, Sink
from probe.steps.errors import HostExhaustedError
from probe.steps.lag import Lag
from probe.worker import Worker

_PATIENCE = 5.0
"""Seconds that a worker may take to give up what it is at."""
_PAUSE = 0.01


class LostError(Exception):
    """A worker has ended before its work was done; says how."""


@dataclass(slots=True, kw_only=True)
class Crew:
    """One run over a list of tasks, by several workers."""

    workers: Sequence[Worker]
    setup: Setup
    ground: Ground
    """What is known of this host, to which the run adds."""
    fingerprints: Fingerprints
    pace: Pace
    sink: Sink
    """Is given each result at once, and once more where its verdict was not settled then."""
    shelf: Shelf | None = None
    """Where results are kept that wait for their verdicts, where they are many."""
    meter: Meter | None = None
    """What may still be used of the day's budget: once that is nothing, no measurement is begun. None: no limit."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by anybody: nothing new is begun, and what is under way is given up."""
    problems: dict[str, None] = field(default_factory=dict)
    """What went wrong with the controls, each once."""
    lost: str | None = None
    """Why the host has no network any more, once it was lost for good."""
    broken: str | None = None
    """How a worker ended before its work was done."""
    _settling: Settling = field(init=False)
    _ways: list[asyncio.WriteTransport] = field(default_factory=list)
    _heard: list[Messages] = field(default_factory=list)
    _taking: set[asyncio.Task[None]] = field(default_factory=set)
    """What has come and is on its way to the database."""
    _failed: asyncio.Future[None] = field(init=False)
    _under_way: int = 0
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    """One of those under way has ended."""
    _lag: Lag = field(default_factory=Lag)

    def __post_init__(self) -> None:
        self._settling = Settling(ground=self.ground, fingerprints=self.fingerprints, sink=self.sink, shelf=self.shelf)

    async def run(self, tasks: Iterable[Task]) -> bool:
        """Has every task measured, and returns True; False when it was stopped before the end, or a worker was lost.
        Raises HostExhaustedError where a worker did, and StoreError."""
        finished = False
        self._failed = asyncio.get_running_loop().create_future()
        try:
            async with self._lag.watched():
                finished = await unless(self.stop, self._have_measured(tasks)) or False
        except BaseExceptionGroup as errors:
            error = errors.exceptions[0]
            if isinstance(error, OutageError):
                self.lost = str(error)
            elif isinstance(error, LostError):
                self.broken = str(error)
            else:
                raise error from None
        finally:
            await self._dismiss()
        if self._failed.done() and self.lost is None:
            self._failed.result()
        await self._settling.finish()
        return finished

    async def _have_measured(self, tasks: Iterable[Task]) -> bool:
        places, throttler = asyncio.Semaphore(self.pace.concurrency), throttler_of(self.pace.rate)
        finished = False
        async with asyncio.TaskGroup() as group:
            watching = [
                group.create_task(self._watch(worker, await self._begin(worker, places))) for worker in self.workers
            ]
            for task in tasks:
                await places.acquire()
                if not await self._affords_another():
                    break
                if throttler is not None:
                    await throttler.acquire()  # type: ignore[no-untyped-call]  # it ships no types
                await self._lag.calm()
                way = self._ways[crc32(task.target.host.encode()) % len(self._ways)]
                say(way, Kind.ORDER, pack_order(task.target, task.delay))
                self._under_way += 1
            else:
                finished = True
            while self._under_way:
                await self._wait_for_one()
            for each in watching:
                each.cancel()
        return finished

    async def _affords_another(self) -> bool:
        """Whether the budget allows for another measurement, once it is known what those under way take."""
        while self.meter is not None and not self.meter.admits(self._under_way):
            if not self._under_way:
                return False
            await self._wait_for_one()
        return True

    async def _wait_for_one(self) -> None:
        """Until one of those under way has ended."""
        self._ended.clear()
        await self._ended.wait()

    async def _begin(self, worker: Worker, places: asyncio.Semaphore) -> Messages:
        """Tells a worker what the run is, and hears it from then on."""

        def take(kind: Kind, data: bytes) -> None:
            if kind is Kind.FINDING:
                taking = asyncio.create_task(self._take(data, places))
                self._taking.add(taking)
                taking.add_done_callback(self._taken)
            elif kind is Kind.PROBLEM:
                self.problems[data.decode()] = None
            elif kind is Kind.OFFLINE:
                self._fail(OutageError(data.decode()))
            else:
                self._fail(HostExhaustedError(data.decode()))

        worker.begun = True
        heard = await listen(worker.findings, take)
        way = await speak(worker.orders)
        self._heard.append(heard)
        self._ways.append(way)
        say(way, Kind.SETUP, pack_setup(self.setup))
        return heard

    async def _take(self, data: bytes, places: asyncio.Semaphore) -> None:
        """Takes what a worker has found into account, and has it recorded; only then there is a place again."""
        finding = unpack(data)
        for heard in finding.heard:
            self.ground.hear(heard.clock_offset, heard.impostor)
        self.ground.learn(finding.here, finding.controls)
        if self.meter is not None:
            self.meter.spend(finding.here, len(finding.controls))
        await self._settling.add(finding.here, finding.controls, finding.verdicts)
        places.release()
        self._under_way -= 1
        self._ended.set()

    def _taken(self, taking: asyncio.Task[None]) -> None:
        self._taking.discard(taking)
        if not taking.cancelled() and (error := taking.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """The first failure ends the run."""
        if not self._failed.done():
            self._failed.set_exception(error)

    async def _watch(self, worker: Worker, messages: Messages) -> None:
        """Raises when something has failed, or the worker has ended."""
        await asyncio.wait((messages.ended, self._failed), return_when=asyncio.FIRST_COMPLETED)
        if self._failed.done():
            self._failed.result()
        while not worker.has_ended():  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(_PAUSE)
        status = worker.status or 0
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        raise LostError(f"the worker process {worker.pid} {how}")

    async def _dismiss(self) -> None:
        """Tells all workers that it is over, hears them out, and sees that what they had finished is recorded."""
        for way in self._ways:
            way.close()
        ended = [messages.ended for messages in self._heard]
        if ended:
            await asyncio.wait(ended, timeout=_PATIENCE)
        while self._taking:
            await asyncio.wait(tuple(self._taking))
