"""Between a run and its database: what is printed is on the disk before.

Law: facts are recorded once, as soon as they are there. What is concluded from them, and what is known of the host, is
recorded anew when it has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from probe.classify import Ground
from probe.model import Host, Result, Verdict
from probe.store import Store, Writer


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Keeps the rows of one run."""

    run_id: str
    ground: Ground
    store: Store
    writer: Writer
    _host: Host | None = None
    _kept: dict[str, tuple[Verdict, asyncio.Future[None] | None]] = field(default_factory=dict)
    """The verdicts that may change, by their measurements, as they are recorded, and the recording where it is not long
    done."""

    async def put(self, result: Result) -> None:
        """Returns when it is on the disk. Whoever is cancelled while waiting has it recorded all the same."""
        await self.note_host()  # first, since the verdict stands on it
        key, verdict = result.measurement.id, result.verdict
        if key not in self._kept:
            self._kept[key] = verdict, self.writer.put(result)
        before, recording = self._kept[key]
        if recording is not None:
            await asyncio.shield(recording)
        if before != verdict:
            self._kept[key] = verdict, recording
            await asyncio.to_thread(self.store.add_verdicts, [verdict])

    def forget(self, measurement_id: str) -> None:
        """It will not be put again, or not before it was recalled."""
        self._kept.pop(measurement_id, None)

    async def recall(self, measurement_ids: Sequence[str]) -> Sequence[Result]:
        """Those results as they are recorded. Their verdicts may change again."""
        results = await asyncio.to_thread(self.store.results_of, measurement_ids)
        self._kept |= {result.measurement.id: (result.verdict, None) for result in results}
        return results

    async def note_host(self) -> None:
        """Records what is known of the host by now."""
        if self._host != self.ground.host:
            self._host = self.ground.host
            await asyncio.to_thread(self.store.set_host, self.run_id, self._host)
