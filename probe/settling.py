"""From finished measurements to verdicts that stay: a verdict waits until nothing that the run may still learn of its
own host would change it.

Law: every result is given to the sink at once, so that it is safe there; and once more, for good, where its verdict was
not settled then. What is given for good is never given again, and by the run's end everything has been.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Protocol
from uuid import UUID

from probe.classify import Case, Fingerprints, Ground, classify, conclude, is_ghost, is_slowed, telling_bodies
from probe.model import Host, Measurement, Outcome, Result, Verdict

MOST_OPEN = 2_000
"""Results that are kept in memory while their verdicts wait; where the run has a shelf, the others are put there."""
_AT_ONCE = 200

Sink = Callable[[Result, bool], Awaitable[None]]
"""Takes a result, and whether its verdict is settled."""


class Shelf(Protocol):
    """Where results are that the sink was given: they need not be kept here as well."""

    def lay(self, measurement_id: str) -> None:
        """It will not be given again before it was fetched."""

    async def fetch(self, measurement_ids: Sequence[str]) -> Sequence[Result]:
        """Those results, to be given again; with the bodies by which somebody is known."""


@dataclass(slots=True)
class _Judged:
    """The verdicts on one measurement beside its controls, by how the host may be."""

    here: Measurement
    controls: tuple[Measurement, ...]
    verdicts: dict[Host, Verdict] = field(default_factory=dict)
    _case: Case | None = None

    def case(self, host: Host, fingerprints: Fingerprints) -> Case:
        """What they are made from. Where all verdicts came from elsewhere, nobody asks."""
        case = Case.of(self.here, self.controls, host, fingerprints) if self._case is None else self._case.on(host)
        self._case = case
        return case


@dataclass(slots=True, kw_only=True)
class Settling:
    """The results of one run on their way to the sink."""

    ground: Ground
    fingerprints: Fingerprints
    sink: Sink
    shelf: Shelf | None = None
    _laid: bytearray = field(default_factory=bytearray)
    """The ids of those on the shelf, 16 bytes each."""
    _open: dict[str, Result] = field(default_factory=dict)
    """Those not given for good, by the id of their measurement."""
    _giving: set[str] = field(default_factory=set)
    _settled_on: Host | None = None
    """The host as it was when all of them were last looked at."""
    _judged: dict[str, _Judged] = field(default_factory=dict)
    """What is known of those that are about to be given, by the id of their measurement."""

    def may_be_blocked(self, here: Measurement, controls: Sequence[Measurement]) -> bool:
        """Whether this may be interference, whatever the host turns out to be."""
        return any(verdict.outcome is Outcome.BLOCKED for verdict in self._verdicts(here, controls))

    def calls_for_experiments(self, here: Measurement, controls: Sequence[Measurement]) -> bool:
        """Whether something may interfere, a dead name has an address, or what came was slow beyond measure."""
        case = self._look(here, controls).case(self.ground.host, self.fingerprints)
        return self.may_be_blocked(here, controls) or is_ghost(case) or is_slowed(case)

    def verdicts(self, here: Measurement, controls: tuple[Measurement, ...]) -> Mapping[Host, Verdict]:
        """The verdicts by how the host may be, for another process that is to give the result. Nothing of it is kept
        here."""
        for _ in self._verdicts(here, controls):
            pass
        return self._judged.pop(here.id).verdicts

    async def add(
        self, here: Measurement, controls: tuple[Measurement, ...], known: Mapping[Host, Verdict] | None = None
    ) -> None:
        """Gives a new result to the sink, and all those that what is known of the host by now has settled. `known` are
        verdicts on it that were worked out elsewhere."""
        if known is not None:
            self._look(here, controls).verdicts.update(known)
        verdict = next(self._verdicts(here, controls))
        self._open[here.id] = Result(measurement=here, controls=controls, verdict=verdict)
        await self._give(here.id, again=True)
        if self._settled_on != self.ground.host:
            self._settled_on = self.ground.host
            for key in list(self._open):
                await self._give(key, again=False)
            await self._look_on_the_shelf()
        self._lay_some()

    async def finish(self) -> None:
        """Gives the rest for good: nothing more will be learned of the host."""
        host = self.ground.conclude()
        for result in list(self._open.values()):
            await self._conclude(host, result)
        self._open.clear()
        await self._take_off(partial(self._conclude, host))

    async def _conclude(self, host: Host, result: Result) -> None:
        verdict = classify(result.measurement, result.controls, host, self.fingerprints)
        await self.sink(replace(result, verdict=verdict), True)

    def _lay_some(self) -> None:
        """Puts the oldest on the shelf where there are too many."""
        if self.shelf is None:
            return
        for key in list(islice(self._open, max(0, len(self._open) - MOST_OPEN))):
            if key not in self._giving:
                self._lay(key)

    def _lay(self, key: str) -> None:
        assert self.shelf is not None, "only a run with a shelf lays anything there"
        del self._open[key]
        self._laid += UUID(key).bytes
        self.shelf.lay(key)

    async def _look_on_the_shelf(self) -> None:
        """Gives those that are settled by now."""

        async def look(result: Result) -> None:
            key = result.measurement.id
            self._open[key] = result
            await self._give(key, again=False)
            if key in self._open:
                self._lay(key)

        await self._take_off(look)

    async def _take_off(self, look: Callable[[Result], Awaitable[None]]) -> None:
        """Hands over each that is on the shelf at this moment; those that were not reached are on it afterwards."""
        laid, self._laid, at = self._laid, bytearray(), 0
        try:
            while at < len(laid):
                assert self.shelf is not None, "something is on it"
                ends = range(at, len(laid), 16)[:_AT_ONCE]
                for result in await self.shelf.fetch([str(UUID(bytes=bytes(laid[n : n + 16]))) for n in ends]):
                    at += 16
                    await look(result)
        finally:
            self._laid += laid[at:]

    async def _give(self, key: str, *, again: bool) -> None:
        """Gives one result if it is settled, or in any case where `again` says so, and no one else is at it."""
        while key in self._open and key not in self._giving:
            result, host = self._open[key], self.ground.host
            verdict, *others = self._verdicts(result.measurement, result.controls)
            settled = all(other == verdict for other in others)
            if not settled and not again:
                return
            self._giving.add(key)
            try:
                await self.sink(replace(result, verdict=verdict), settled)
            finally:
                self._giving.discard(key)
                self._judged.pop(key, None)
            if settled:
                del self._open[key]
            else:
                # The sink has them all, and they are large; a verdict needs those by which somebody is known.
                kept = telling_bodies(result.measurement, self.fingerprints)
                self._open[key] = replace(result, measurement=replace(result.measurement, bodies=kept, certificates={}))
            if self.ground.host == host:
                return
            again = False

    def _verdicts(self, here: Measurement, controls: Sequence[Measurement]) -> Iterator[Verdict]:
        """As the host is known to be; then as it may still turn out to be. The same is asked several times before a
        result is given: each answer is worked out once."""
        judged = self._look(here, controls)
        for host in self.ground.possible(here):
            if host not in judged.verdicts:
                judged.verdicts[host] = conclude(judged.case(host, self.fingerprints))
            yield judged.verdicts[host]

    def _look(self, here: Measurement, controls: Sequence[Measurement]) -> _Judged:
        judged = self._judged.get(here.id)
        if judged is None or judged.here is not here or judged.controls != tuple(controls):
            judged = self._judged[here.id] = _Judged(here, tuple(controls))
        return judged
