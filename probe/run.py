"""Measures many targets at once: the place that starts measurements and ends them.

Law: everything that is started here ends here. What was finished is handed to the sink at once and is safe there;
what was not finished when the run is stopped leaves no trace.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from asyncio_throttle.throttler import Throttler

from probe.checks import follow_up, measure
from probe.checks.together import together
from probe.classify import addresses_in_doubt, classify
from probe.model import Host, Measurement, Outcome, Result, Target, Vantage
from probe.plan import Task
from probe.steps.errors import HostExhaustedError
from probe.steps.network import Network

_DESCRIPTORS_EACH = 16
"""What one measurement may hold open at once: two questions, four addresses of each family, and some in closing."""
_DESCRIPTORS_OURS = 64
_TRIES = 5

T = TypeVar("T")


class Control(Protocol):
    """Somebody who measures the same target elsewhere."""

    async def measure(self, target: Target, addresses: Sequence[str] = ()) -> Measurement | None:
        """What was seen there; None when it could not be asked."""


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
    host: Host
    network: Network
    pace: Pace
    controls: Sequence[Control]
    sink: Callable[[Result], Awaitable[None]]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by anybody: nothing new is begun, and what is under way is given up."""
    _hosts: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    async def run(self, tasks: Sequence[Task]) -> bool:
        """Measures every task, and returns True; False when it was stopped before the end."""
        try:
            return await unless(self.stop, self._measure_all(tasks)) or False
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _measure_all(self, tasks: Sequence[Task]) -> bool:
        """The one scheduler: it alone waits for a free place and for the rate, and then starts the next."""
        places = asyncio.Semaphore(min(self.pace.concurrency, affordable()))
        throttler = _throttler(self.pace.rate)
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                await places.acquire()
                if throttler is not None:
                    await throttler.acquire()  # type: ignore[no-untyped-call]  # it ships no types
                group.create_task(self._in_its_place(task, places))
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
            places.release()

    async def _measure_one(self, target: Target) -> None:
        here, *answers = await together(
            self._measure_here(target), *(control.measure(target) for control in self.controls)
        )
        assert here is not None, "measuring here raises rather than give nothing"
        answers = await together(
            *(self._ask_again(control, answer, here) for control, answer in zip(self.controls, answers, strict=True))
        )
        controls = tuple(self.network.networks.measurement(answer) for answer in answers if answer is not None)
        verdict = classify(here, controls, self.host)
        if verdict.outcome is Outcome.BLOCKED:
            seen = here
            here = await _patiently(lambda: follow_up(seen, controls, self.host, self.network))
            verdict = classify(here, controls, self.host)
        await self.sink(Result(measurement=here, controls=controls, verdict=verdict))

    async def _measure_here(self, target: Target) -> Measurement | None:
        return await _patiently(lambda: measure(target, self.network, vantage=self.vantage, run_id=self.run_id))

    async def _ask_again(self, control: Control, answer: Measurement | None, here: Measurement) -> Measurement | None:
        """The control's answer on the addresses that only we saw, where they are in doubt."""
        if answer is None:
            return None
        unseen = addresses_in_doubt(here, answer)
        if not unseen:
            return answer
        return await control.measure(here.target, unseen) or answer


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
