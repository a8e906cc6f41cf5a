"""The controls of a run, asked about a target while it is measured here.

Law: no control holds up a verdict that another one allows, and none is cut short while its answer may still be about
the target: what fails by silence takes as long there as here. Whatever is begun here ends here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from probe.checks import NeutralGround
from probe.classify import addresses_in_doubt, speaks_alone
from probe.model import Measurement, Scheme, Target

GRACE_SECONDS = 25.0
"""How long the others may take once one control, that can decide alone, has answered and the measurement here is done:
as long as two connects that nobody answers, with the pause between them."""


class Control(Protocol):
    """Somebody who measures the same target elsewhere."""

    async def measure(
        self, target: Target, addresses: Sequence[str] = (), *, here: Awaitable[Measurement] | None = None
    ) -> Measurement | None:
        """What was seen there; None when it could not be asked, or is not worth waiting for.

        `here` will be the measurement at this vantage point: for one that does not say where redirects led it.
        """

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which this machine's clock is ahead of its; None while it has not answered."""

    @property
    def impostor(self) -> bool:
        """Whether something that is no control has answered in its place."""

    async def neutral_ground(self, scheme: Scheme) -> NeutralGround | None:
        """Where it answers under any name: in clear for `http`, with TLS for any other scheme."""


@dataclass(slots=True)
class _Inquiry:
    """One target, asked of every control."""

    target: Target
    mine: asyncio.Future[Measurement]
    answers: dict[int, Measurement] = field(default_factory=dict)
    """By the number of the control; the first answer, until there is one to the second question."""

    async def ask(self, number: int, control: Control) -> None:
        """Asks one control; once more about the addresses that only we were given, where they are in doubt."""
        # Shielded, for the one who waits for it may be given up while others wait.
        answer = await control.measure(self.target, here=asyncio.shield(self.mine))
        if answer is None:
            return
        self.answers[number] = answer
        here = await asyncio.shield(self.mine)
        unseen = addresses_in_doubt(here, answer)
        if unseen:
            again = asyncio.shield(self.mine)
            self.answers[number] = await control.measure(self.target, unseen, here=again) or answer

    def is_enough(self, answered: Sequence[int]) -> bool:
        """Whether a verdict can be made from these answers, and others only add to it."""
        here = self.mine.result()
        return any(number in self.answers and speaks_alone(here, self.answers[number]) for number in answered)


async def beside(
    measuring: Coroutine[Any, Any, Measurement],
    target: Target,
    controls: Sequence[Control],
    grace: float = GRACE_SECONDS,
) -> tuple[Measurement, tuple[Measurement, ...]]:
    """The measurement here, and what the controls saw of the same target, in the order of the controls.

    What `measuring` raises is raised as itself.
    """
    if not controls:
        return await measuring, ()
    inquiry = _Inquiry(target, asyncio.get_running_loop().create_future())
    asking = {asyncio.create_task(inquiry.ask(n, control)): n for n, control in enumerate(controls)}
    try:
        inquiry.mine.set_result(await measuring)
        await _wait(asking, inquiry, grace)
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    for task in asking:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
    return inquiry.mine.result(), tuple(inquiry.answers[number] for number in sorted(inquiry.answers))


async def _wait(asking: dict[asyncio.Task[None], int], inquiry: _Inquiry, grace: float) -> None:
    """Until all have answered, or the grace is over that begins with the first answer that is enough."""
    clock, pending = asyncio.get_running_loop().time, set(asking)
    ends: float | None = None
    while pending:
        finished = [number for task, number in asking.items() if task.done()]
        if ends is None and inquiry.is_enough(finished):
            ends = clock() + grace
        left = None if ends is None else ends - clock()
        done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return
