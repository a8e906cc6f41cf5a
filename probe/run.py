"""Measures many targets at once: the place that starts measurements and ends them.

Law: everything that is started here ends here. What was finished is handed to the sink at once and is safe there;
what was not finished when the run is stopped leaves no trace.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from asyncio_throttle.throttler import Throttler

from probe.address import Address
from probe.budget import Meter
from probe.checks import NeutralGround, follow_up, locate, measure
from probe.checks.together import together
from probe.classify import Fingerprints, Ground
from probe.model import Host, Measurement, Scheme, Target, Vantage, Verdict
from probe.outage import Outage, OutageError
from probe.panel import Control, beside
from probe.plan import Task
from probe.room import Room
from probe.settling import Settling, Shelf, Sink
from probe.steps.network import Network

_COLLECT_AFTER = 20_000
"""Objects that came and did not go, before Python looks for cycles among them."""

Hand = Callable[[Measurement, tuple[Measurement, ...], Mapping[Host, Verdict]], None]
"""Gives away what was measured, what the controls saw, and the verdicts by how the host may be."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much at once, and how fast."""

    concurrency: int
    rate: float | None = None
    """New measurements a second; None for no limit."""
    per_host: int | None = None
    """Measurements of one host at once; None for no limit."""


@dataclass(slots=True, kw_only=True)
class Runner:
    """One run over a list of tasks."""

    run_id: str
    vantage: Vantage
    ground: Ground
    """What is known of this host, to which the run adds."""
    fingerprints: Fingerprints
    network: Network
    pace: Pace
    controls: Sequence[Control]
    outage: Outage
    """Knows when this host is without a network."""
    sink: Sink
    """Is given each result at once, and once more where its verdict was not settled then."""
    hand: Hand | None = None
    """Is given what was measured in place of the sink, where another process knows the whole run."""
    locate: bool = False
    """Whether to find out where on the path a block sits."""
    meter: Meter | None = None
    """What may still be used of the day's budget: once that is nothing, no measurement is begun. None: no limit."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by anybody: nothing new is begun, and what is under way is given up."""
    shelf: Shelf | None = None
    """Where results are kept that wait for their verdicts, where they are many."""
    lost: str | None = None
    """Why the host has no network any more, once it was lost for good."""
    _room: Room = field(default_factory=Room)
    _under_way: int = 0
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    """One of those under way has ended."""
    _hosts: Politeness = field(init=False)
    _settling: Settling = field(init=False)

    def __post_init__(self) -> None:
        self._hosts = Politeness(self.pace.per_host)
        self._settling = Settling(ground=self.ground, fingerprints=self.fingerprints, sink=self.sink, shelf=self.shelf)
        self.network = replace(self.network, has_route=self._where_it_works(self.network.has_route))

    async def run(self, tasks: Iterable[Task] | AsyncIterable[Task]) -> bool:
        """Measures every task, and returns True; False when it was stopped, `lost`, or the budget used up before the
        end. A task is asked for when there is a place for it."""
        try:
            async with self.network.lag.watched():
                finished = await unless(self.stop, self._measure_all(tasks)) or False
        except BaseExceptionGroup as errors:
            error = _first(errors)
            if not isinstance(error, OutageError):
                raise error from None
            finished, self.lost = False, str(error)
        await self._settling.finish()
        return finished

    async def _measure_all(self, tasks: Iterable[Task] | AsyncIterable[Task]) -> bool:
        """The one scheduler: it alone waits for a free place and for the rate, and then starts the next."""
        places = asyncio.Semaphore(self.pace.concurrency)
        throttler = throttler_of(self.pace.rate)
        async with asyncio.TaskGroup() as group:
            async for task in _one_by_one(tasks):
                await places.acquire()
                if not await self._affords_another():
                    return False
                if throttler is not None:
                    await throttler.acquire()  # type: ignore[no-untyped-call]  # it ships no types
                await self.network.lag.calm()
                self._under_way += 1
                group.create_task(self._in_its_place(task, places))
        return True

    async def _affords_another(self) -> bool:
        """Whether the budget allows for another measurement, once it is known what those under way take."""
        while self.meter is not None and not self.meter.admits(self._under_way):
            if not self._under_way:
                return False
            self._ended.clear()
            await self._ended.wait()
        return True

    async def _in_its_place(self, task: Task, places: asyncio.Semaphore) -> None:
        try:
            await asyncio.sleep(task.delay)
            async with self._hosts.turn(task.target.host):
                await self._measure_one(task.target)
        finally:
            self._under_way -= 1
            self._ended.set()
            places.release()

    async def _measure_one(self, target: Target) -> None:
        here, answers = await beside(self._measure_here(target), target, self.controls)
        controls = tuple(map(self.network.networks.measurement, answers))
        self._learn(here, controls)
        if self._settling.calls_for_experiments(here, controls):
            seen = here
            here = await self._room.measure(
                lambda: follow_up(seen, controls, self.ground.host, self.network, self._find_neutral_ground)
            )
            self._learn(here, controls)
        if self.locate and self._settling.may_be_blocked(here, controls):
            found = here
            here = await self._room.measure(lambda: locate(found, controls, self.ground.host, self.network))
        if self.meter is not None:
            self.meter.spend(here, len(controls))
        if self.hand is None:
            await self._settling.add(here, controls)
        else:
            self.hand(here, controls, self._settling.verdicts(here, controls))

    async def _measure_here(self, target: Target) -> Measurement:
        """Measures; once more where this host was without a network meanwhile."""

        async def once() -> Measurement:
            return await self._room.measure(
                lambda: measure(target, self.network, vantage=self.vantage, run_id=self.run_id)
            )

        here = await once()
        return await once() if await self.outage.spoilt(here) else here

    async def _find_neutral_ground(self, scheme: Scheme) -> tuple[NeutralGround, ...]:
        found = await together(*(control.neutral_ground(scheme) for control in self.controls)) if self.controls else []
        return tuple(ground for ground in found if ground is not None)

    def _learn(self, here: Measurement, controls: Sequence[Measurement]) -> None:
        """Takes into account what a measurement, and its controls, show of this host."""
        for control in self.controls:
            self.ground.hear(control.clock_offset, control.impostor)
        self.ground.learn(here, controls)

    def _where_it_works(self, has_route: Callable[[Address], bool]) -> Callable[[Address], bool]:
        """No way leads over an IPv6 that has led nowhere."""
        return lambda address: (address.version == 4 or self.ground.tries_ipv6) and has_route(address)


def _first(error: BaseException) -> BaseException:
    """The first of the errors in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _one_by_one(tasks: Iterable[Task] | AsyncIterable[Task]) -> AsyncIterator[Task]:
    if isinstance(tasks, AsyncIterable):
        async for task in tasks:
            yield task
    else:
        for task in tasks:
            yield task


@dataclass(slots=True)
class Politeness:
    """Who is measured at most so often at once; a host is remembered only while somebody is at it."""

    most: int | None
    _hosts: dict[str, tuple[asyncio.Semaphore, int]] = field(default_factory=dict)
    """With how many are at it, or wait for it."""

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Waits for a turn at a host, and has it while the block lasts."""
        if self.most is None:
            yield
            return
        places, users = self._hosts.get(host) or (asyncio.Semaphore(self.most), 0)
        self._hosts[host] = places, users + 1
        try:
            async with places:
                yield
        finally:
            users = self._hosts[host][1] - 1
            if users:
                self._hosts[host] = places, users
            else:
                del self._hosts[host]


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What the work gives; None, and the work given up, when it is stopped before."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


def spare_the_collector() -> None:
    """What is loaded by now stays until the end: Python need not look through it again and again for what could be
    thrown away. Measurements leave few cycles behind."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)


def throttler_of(rate: float | None) -> Throttler | None:
    """What lets so many go a second; None where there is no limit. Short periods, since a whole period's allowance may
    go at once."""
    if rate is None:
        return None
    count = max(1, round(rate / 10))
    period = count / rate
    return Throttler(rate_limit=count, period=period, retry_interval=min(0.01, period / 4))
