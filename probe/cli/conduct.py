"""How the targets of a job are measured: by this process, or by workers of it.

Law: both find the same. A worker is told by its parent what the run is; what it is asked to do stands in the job that
both have.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from probe.address import parse
from probe.budget import Meter
from probe.classify import Ground
from probe.cli.app_stores import ask_stores
from probe.cli.job import Job
from probe.control import Client, clients_of
from probe.crew import Crew
from probe.handover import Heard, Setup
from probe.model import Result, Run, Target
from probe.outage import Outage
from probe.plan import Task
from probe.run import Hand, Runner
from probe.settling import Shelf, Sink
from probe.steps.network import Network, Resolver
from probe.steps.outlets import MOST_UNANSWERED, Outlets
from probe.storefront import StoreCheck
from probe.worker import Begin, Tools, Worker

_SOME = 10
LARGE = 2_000
"""Targets from which on a run has a worker for each core: starting them costs as much as some hundred checks."""


def names_of(targets: Iterable[Target]) -> list[str]:
    """The first few names that are asked for, each once."""
    names = (target.host for target in targets if parse(target.host) is None)
    return list(dict.fromkeys(islice(names, _SOME)))


def workers_for(targets: int, wanted: int | None) -> int:
    """How many workers a run over so many targets has; one where it does everything itself."""
    if wanted is not None:
        return wanted
    return len(os.sched_getaffinity(0)) if targets >= LARGE else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of it."""

    finished: bool
    """All of the targets were measured."""
    problems: Sequence[str]
    """What went wrong with the controls, each once."""
    over_budget: bool = False
    """The day's budget was used up before the end."""
    lost: str | None = None
    """Why the host has no network any more, once it was lost for good."""
    broken: str | None = None
    """How a worker ended before its work was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """A job that is to be carried out, and where its results go."""

    job: Job
    run: Run
    ground: Ground
    network: Network
    sink: Sink
    shelf: Shelf | None
    meter: Meter | None
    stop: asyncio.Event

    async def by_this_process(self, tasks: Iterable[Task], take_store: Callable[[StoreCheck], Awaitable[None]]) -> Done:
        """Measures the targets, and then asks the app stores where the job wants it."""
        async with _clients(self.job, self.network) as clients:
            runner = _runner(
                self.job,
                self.run.id,
                self.ground,
                self.network,
                clients,
                pace=self.job.pace,
                sink=self.sink,
                shelf=self.shelf,
                meter=self.meter,
                stop=self.stop,
            )
            finished = await runner.run(tasks)
            over_budget = not finished and runner.lost is None and not self.stop.is_set()
            if finished and self.job.stores is not None:
                finished = await ask_stores(self.job.stores, runner, take_store)
        return Done(finished=finished, problems=_problems(clients), over_budget=over_budget, lost=runner.lost)

    async def by_workers(self, tasks: Iterable[Task], workers: Sequence[Worker]) -> Done:
        """Has the targets measured."""
        resolvers = tuple((each.address, each.port) for each in self.network.resolvers)
        crew = Crew(
            workers=workers,
            setup=Setup(self.run.id, self.run.host, resolvers),
            ground=self.ground,
            fingerprints=self.job.fingerprints,
            pace=self.job.pace,
            sink=self.sink,
            shelf=self.shelf,
            meter=self.meter,
            stop=self.stop,
        )
        finished = await crew.run(tasks)
        cut_short = self.stop.is_set() or crew.lost is not None or crew.broken is not None
        return Done(
            finished=finished,
            problems=tuple(crew.problems),
            over_budget=not finished and not cut_short,
            lost=crew.lost,
            broken=crew.broken,
        )


def begin_with(job: Job, network: Network) -> Begin:
    """How a worker of this job begins."""

    @asynccontextmanager
    async def begin(setup: Setup, hand: Hand) -> AsyncIterator[Tools]:
        pace = replace(job.pace, rate=None)  # which is the parent's to keep
        here = replace(
            network,
            resolvers=tuple(Resolver(*each) for each in setup.resolvers),
            outlets=Outlets(most=max(1, MOST_UNANSWERED // job.workers)),
        )
        async with _clients(job, network) as clients:
            yield Tools(
                _runner(job, setup.run_id, Ground(setup.host), here, clients, pace=pace, sink=_nobody, hand=hand),
                lambda: tuple(Heard(client.clock_offset, client.impostor) for client in clients),
                lambda: _problems(clients),
            )

    return begin


@asynccontextmanager
async def _clients(job: Job, network: Network) -> AsyncIterator[Sequence[Client]]:
    async with AsyncExitStack() as stack:
        clients = clients_of(job.controls, network.now)
        for client in clients:
            await stack.enter_async_context(client)
        yield clients


def _problems(clients: Sequence[Client]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(problem for client in clients for problem in client.problems))


def _runner(job: Job, run_id: str, ground: Ground, network: Network, clients: Sequence[Client], **more: Any) -> Runner:
    """What measures for this job."""
    return Runner(
        run_id=run_id,
        vantage=job.vantage,
        ground=ground,
        fingerprints=job.fingerprints,
        network=network,
        controls=clients,
        outage=Outage(resolvers=network.resolvers, names=names_of(job.targets)),
        locate=job.locate,
        **more,
    )


async def _nobody(result: Result, settled: bool) -> None:
    raise AssertionError("a worker hands over what it has found, and keeps nothing")
