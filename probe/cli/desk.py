"""Where the results of a run arrive: recorded at once, shown once they are settled.

Law: what is shown is recorded. Results whose verdicts wait are remembered by their ids alone where they are many: the
database has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from probe.cli.recorder import Recorder
from probe.model import Result


@dataclass(slots=True, kw_only=True)
class Desk:
    """What becomes of each result of a run."""

    recorder: Recorder | None
    advance: Callable[[], None]
    """Another target is measured."""
    show: Callable[[Result], None]
    """Its verdict is settled."""
    _waiting: set[str] = field(default_factory=set)
    """The measurements whose verdicts are not settled, but those that wait on the shelf."""

    async def take(self, result: Result, settled: bool) -> None:
        """Takes a result for the first time, or again with another verdict."""
        if self.recorder is not None:
            await self.recorder.put(result)  # what was printed is in the file
        key = result.measurement.id
        if key not in self._waiting:
            self.advance()
        if not settled:
            self._waiting.add(key)
            return
        self._waiting.discard(key)
        if self.recorder is not None:
            self.recorder.forget(key)
        self.show(result)

    def lay(self, measurement_id: str) -> None:
        """It waits on the shelf."""
        self._waiting.discard(measurement_id)

    def fetch(self, measurement_ids: Iterable[str]) -> None:
        """They wait here again."""
        self._waiting.update(measurement_ids)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The database, as the place where results wait for their verdicts."""

    desk: Desk
    recorder: Recorder

    def lay(self, measurement_id: str) -> None:
        """It will not come again before it was fetched."""
        self.desk.lay(measurement_id)
        self.recorder.forget(measurement_id)

    async def fetch(self, measurement_ids: Sequence[str]) -> Sequence[Result]:
        """Those results as they are recorded."""
        self.desk.fetch(measurement_ids)
        return await self.recorder.recall(measurement_ids)
