"""What every step shares: it is timed, it is bounded, and it leaves exactly one row.

Law: a step records and never judges. A network error becomes the row's failure; a bug passes through.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from probe.failure import Failure
from probe.model import Detail, Experiment, HttpDetail, Measurement, Observation
from probe.steps.errors import NETWORK_ERRORS, failure_of, said
from probe.steps.lag import Deadline
from probe.steps.network import Network


@dataclass(slots=True)
class Journal:
    """The rows of one measurement while it goes on."""

    clock: Callable[[], float]
    rows: list[Observation] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    certificates: dict[str, bytes] = field(default_factory=dict)
    began: float = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        self.began = self.clock()

    @classmethod
    def going_on(cls, measurement: Measurement, network: Network) -> Journal:
        """A journal that goes on where a measurement ended, on the same clock and with the same ids."""
        journal = cls(network.clock, list(measurement.observations))
        journal.began -= (network.now() - measurement.started_at).total_seconds()
        journal._count = max((row.id for row in measurement.observations), default=0)
        return journal

    def elapsed(self) -> float:
        """Seconds since the measurement began."""
        return self.clock() - self.began

    def number(self) -> int:
        """The id of the next operation."""
        self._count += 1
        return self._count

    def pages(self) -> frozenset[str]:
        """The pages that were asked for so far."""
        return frozenset(row.detail.url for row in self.rows if isinstance(row.detail, HttpDetail))

    def observations(self) -> tuple[Observation, ...]:
        """The rows so far, in the order in which the operations were begun."""
        return tuple(sorted(self.rows, key=lambda row: row.id))


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where in a measurement an operation belongs, and what it stands on."""

    journal: Journal
    network: Network
    hop: int = 0
    number: int = 1
    experiment: Experiment | None = None
    hop_limit: int | None = None
    """How many hops the operation's packets may go; None for as many as they need."""


@dataclass(slots=True)
class Operation:
    """One operation under way: the step fills in what it sees, as it sees it."""

    attempt: Attempt
    id: int
    started: float
    detail: Detail
    failure: Failure | None = None
    error: str | None = None
    router: str | None = None
    """Where its packet expired, of an operation with a hop limit."""

    def elapsed(self) -> float:
        """Seconds since the operation began."""
        return self.attempt.journal.elapsed() - self.started

    def fail(self, failure: Failure, error: str | None = None) -> None:
        """The operation ended without an exception, and yet failed."""
        self.failure, self.error = failure, error


@asynccontextmanager
async def operation(attempt: Attempt, detail: Detail, timeout: float) -> AsyncIterator[Operation]:
    """Times the block, ends it after `timeout` seconds and what this process was late by in them, and writes its row,
    whatever became of it.

    A network error inside the block ends it and is swallowed: look at `failure` afterwards.
    """
    journal = attempt.journal
    current = Operation(attempt, journal.number(), journal.elapsed(), detail)
    try:
        async with asyncio.timeout(None) as scope:
            deadline = Deadline(attempt.network.lag, scope, timeout)
            try:
                yield current
            finally:
                deadline.close()
    except NETWORK_ERRORS as error:
        current.fail(failure_of(error), said(error))
    journal.rows.append(
        Observation(
            id=current.id,
            started=current.started,
            runtime=journal.elapsed() - current.started,
            attempt=attempt.number,
            hop=attempt.hop,
            experiment=attempt.experiment,
            hop_limit=attempt.hop_limit,
            router=current.router,
            failure=current.failure,
            error=current.error,
            detail=current.detail,
        )
    )
