"""What every step shares: it is timed, it is bounded, and it leaves exactly one row.

Law: a step records and never judges. A network error becomes the row's failure; a bug passes through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

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
        """It ended, and this is why it did not succeed."""
        self.failure, self.error = failure, error

    def write(self, ended: float | None = None) -> None:
        """Writes the row of what ends now, or ended at this time on the measurement's clock."""
        attempt, journal = self.attempt, self.attempt.journal
        journal.rows.append(
            Observation(
                id=self.id,
                started=self.started,
                runtime=(journal.elapsed() if ended is None else ended) - self.started,
                attempt=attempt.number,
                hop=attempt.hop,
                experiment=attempt.experiment,
                hop_limit=attempt.hop_limit,
                router=self.router,
                failure=self.failure,
                error=self.error,
                detail=self.detail,
            )
        )


class operation:  # noqa: N801 - used as a function is
    """Times the block, ends it after `timeout` seconds and what this process was late by in them, and writes its row,
    whatever became of it.

    A network error inside the block ends it and is swallowed: look at `failure` afterwards.
    """

    __slots__ = ("_current", "_deadline", "_scope", "_timeout")

    def __init__(self, attempt: Attempt, detail: Detail, timeout: float) -> None:
        journal = attempt.journal
        self._current = Operation(attempt, journal.number(), journal.elapsed(), detail)
        self._timeout = timeout
        self._scope = asyncio.timeout(None)

    async def __aenter__(self) -> Operation:
        await self._scope.__aenter__()
        self._deadline = Deadline(self._current.attempt.network.lag, self._scope, self._timeout)
        return self._current

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._deadline.close()
        try:
            await self._scope.__aexit__(kind, error, trace)
        except TimeoutError as passed:
            error = passed
        if error is not None:
            if not isinstance(error, NETWORK_ERRORS):
                return False
            self._current.fail(failure_of(error), said(error))
        self._current.write()
        return True
