"""Measures many targets at once: the place that starts measurements and ends them.

Law: everything that is started here ends here. What was finished is handed to the sink at once and is safe there;
what was not finished when the run is stopped leaves no trace.
"""

from __future__ import annotations

import asyncio
import gc
import resource
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from asyncio_throttle.throttler import Throttler

from probe.address import Address
from probe.budget import Meter
from probe.checks import NeutralGround, follow_up, locate, measure
from probe.checks.together import together
from probe.classify import Fingerprints, Ground
from probe.model import Measurement, Scheme, Target, Vantage
from probe.panel import Control, beside
from probe.plan import Task
from probe.settling import Settling, Sink
from probe.steps.errors import HostExhaustedError
from probe.steps.network import Network

_DESCRIPTORS_EACH = 16
"""What one measurement may hold open at once: two questions, four addresses of each family, and some in closing."""
_DESCRIPTORS_OURS = 64
_TRIES = 5
_COLLECT_AFTER = 20_000
"""Objects that came and did not go, before Python looks for cycles among them."""

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
    sink: Sink
    """Is given each result at once, and once more where its verdict was not settled then."""
    locate: bool = False
    """Whether to find out where on the path a block sits."""
    meter: Meter | None = None
    """What may still be used of the day's budget: once that is nothing, no measurement is begun. None: no limit."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by anybody: nothing new is begun, and what is under way is given up."""
    _under_way: int = 0
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    """One of those under way has ended."""
    _hosts: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    _settling: Settling = field(init=False)

    def __post_init__(self) -> None:
        self._settling = Settling(ground=self.ground, fingerprints=self.fingerprints, sink=self.sink)
        self.network = replace(self.network, has_route=self._where_it_works(self.network.has_route))

    async def run(self, tasks: Sequence[Task]) -> bool:
        """Measures every task, and returns True; False when it was stopped, or the budget used up, before the end."""
        try:
            async with self.network.lag.watched():
                finished = await unless(self.stop, self._measure_all(tasks)) or False
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        await self._settling.finish()
        return finished

    async def _measure_all(self, tasks: Sequence[Task]) -> bool:
        """The one scheduler: it alone waits for a free place and for the rate, and then starts the next."""
        places = asyncio.Semaphore(min(self.pace.concurrency, affordable()))
        throttler = _throttler(self.pace.rate)
        async with asyncio.TaskGroup() as group:
            for task in tasks:
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
            if self.pace.per_host is None:
                await self._measure_one(task.target)
                return
            async with self._hosts.setdefault(task.target.host, asyncio.Semaphore(self.pace.per_host)):
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
            here = await _patiently(
                lambda: follow_up(seen, controls, self.ground.host, self.network, self._find_neutral_ground)
            )
            self._learn(here, controls)
        if self.locate and self._settling.may_be_blocked(here, controls):
            found = here
            here = await _patiently(lambda: locate(found, controls, self.ground.host, self.network))
        if self.meter is not None:
            self.meter.spend(here, len(controls))
        await self._settling.add(here, controls)

    async def _measure_here(self, target: Target) -> Measurement:
        return await _patiently(lambda: measure(target, self.network, vantage=self.vantage, run_id=self.run_id))

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


async def _patiently(measuring: Callable[[], Awaitable[Measurement]]) -> Measurement:
    """Measures; where this machine is out of descriptors or memory, waits and measures again."""
    for number in range(1, _TRIES):
        try:
            return await measuring()
        except HostExhaustedError:
            await asyncio.sleep(number)
    return await measuring()


def spare_the_collector() -> None:
    """What is loaded by now stays until the end: Python need not look through it again and again for what could be
    thrown away. Measurements leave few cycles behind."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)


def affordable() -> int:
    """How many measurements this process may have open at once, by its limit of descriptors, raised as far as it
    goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 65_536)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    except (OSError, ValueError):  # a sandbox that does not let us
        wanted = soft
    return max(1, (wanted - _DESCRIPTORS_OURS) // _DESCRIPTORS_EACH)


def _throttler(rate: float | None) -> Throttler | None:
    """Short periods, since a whole period's allowance may go at once."""
    if rate is None:
        return None
    count = max(1, round(rate / 10))
    period = count / rate
    return Throttler(rate_limit=count, period=period, retry_interval=min(0.01, period / 4))
