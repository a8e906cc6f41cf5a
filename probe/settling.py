"""From finished measurements to verdicts that stay: a verdict waits until nothing that the run may still learn of its
own host would change it.

Law: every result is given to the sink at once, so that it is safe there; and once more, for good, where its verdict was
not settled then. What is given for good is never given again, and by the run's end everything has been.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from probe.classify import Case, Fingerprints, Ground, classify, is_ghost, is_slowed, telling_bodies
from probe.model import Host, Measurement, Outcome, Result, Verdict

Sink = Callable[[Result, bool], Awaitable[None]]
"""Takes a result, and whether its verdict is settled."""


@dataclass(slots=True)
class _Judged:
    """The verdicts on one measurement beside its controls, by how the host may be."""

    here: Measurement
    controls: tuple[Measurement, ...]
    verdicts: dict[Host, Verdict] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Settling:
    """The results of one run on their way to the sink."""

    ground: Ground
    fingerprints: Fingerprints
    sink: Sink
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
        case = Case.of(here, controls, self.ground.host)
        return self.may_be_blocked(here, controls) or is_ghost(case) or is_slowed(case)

    async def add(self, here: Measurement, controls: tuple[Measurement, ...]) -> None:
        """Gives a new result to the sink, and all those that what is known of the host by now has settled."""
        verdict = next(self._verdicts(here, controls))
        self._open[here.id] = Result(measurement=here, controls=controls, verdict=verdict)
        await self._give(here.id, again=True)
        if self._settled_on != self.ground.host:
            self._settled_on = self.ground.host
            for key in list(self._open):
                await self._give(key, again=False)

    async def finish(self) -> None:
        """Gives the rest for good: nothing more will be learned of the host."""
        host = self.ground.conclude()
        for result in list(self._open.values()):
            verdict = classify(result.measurement, result.controls, host, self.fingerprints)
            await self.sink(replace(result, verdict=verdict), True)
        self._open.clear()

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
        judged = self._judged.get(here.id)
        if judged is None or judged.here is not here or judged.controls != controls:
            judged = self._judged[here.id] = _Judged(here, tuple(controls))
        for host in self.ground.possible(here):
            if host not in judged.verdicts:
                judged.verdicts[host] = classify(here, controls, host, self.fingerprints)
            yield judged.verdicts[host]
