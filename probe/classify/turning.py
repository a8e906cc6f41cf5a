"""What evidence would turn a verdict into another one: for people who want to know how firm it stands.

Law: pure; it reads a verdict and concludes nothing. The first row whose words fit is what is said.
"""

from __future__ import annotations

from dataclasses import dataclass

from probe.model import Confidence, Outcome, Verdict

_ANY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Turn:
    """One row: to which verdicts it belongs, and what would change them."""

    outcome: Outcome
    text: str
    codes: frozenset[str] = _ANY
    """One of them is among its reasons; none: whatever they are."""
    confidence: Confidence | None = None


TURNS: tuple[Turn, ...] = (
    Turn(
        Outcome.OK,
        "A control that is given another page or certificate at the same address would.",
        frozenset({"tls.verified_page", "tls.verified"}),
    ),
    Turn(
        Outcome.OK,
        "Set the clock, and measure again: only then do the certificates say something.",
        frozenset({"host.clock_wrong"}),
    ),
    Turn(Outcome.OK, "A control that is given something else there, or reaches it at none of these addresses, would."),
    Turn(
        Outcome.BLOCKED,
        "It was seen once, or with gaps. Measured again: if it works, it was a fault that passed; if it fails the"
        " same way, the verdict becomes likely.",
        confidence=Confidence.POSSIBLE,
    ),
    Turn(
        Outcome.BLOCKED,
        "A control from which the service fails in the same way would make it down. An experiment that shows the"
        " trigger would confirm it; none that was tried did.",
        confidence=Confidence.LIKELY,
    ),
    Turn(
        Outcome.BLOCKED,
        "Only that what was tried comes out otherwise: that the same address fails under any name, or the true name"
        " is resolved, connected to or answered from here.",
        confidence=Confidence.CONFIRMED,
    ),
    Turn(
        Outcome.DOWN,
        "Nothing: the owner has closed it.",
        frozenset({"service.retired"}),
    ),
    Turn(Outcome.DOWN, "A control from which it works would: then something stands between here and the service."),
    Turn(
        Outcome.REFUSED,
        "The same answer at a control in another country would show that the service answers everybody so.",
    ),
    Turn(
        Outcome.INCONCLUSIVE,
        "A control that can be asked (--control URL): it says whether this works elsewhere.",
        frozenset({"control.none"}),
    ),
    Turn(
        Outcome.INCONCLUSIVE,
        "A further control: of three or more, two thirds decide.",
        frozenset({"control.disagrees"}),
    ),
    Turn(
        Outcome.INCONCLUSIVE,
        "A control in another country and network.",
        frozenset({"control.nearby_fails_too"}),
    ),
    Turn(
        Outcome.INCONCLUSIVE,
        "More patience: a --timeout of some seconds.",
        frozenset({"host.impatient"}),
    ),
    Turn(
        Outcome.INCONCLUSIVE,
        "Measured again: what fails once more in the same way was no passing fault.",
        frozenset({"host.passing_fault"}),
    ),
    Turn(Outcome.INCONCLUSIVE, "Measured again, from another network beside this one or with a second control."),
)


def what_would_change(verdict: Verdict) -> str:
    """One or two sentences on what would turn the verdict into another."""
    codes = {reason.code for reason in verdict.reasons}
    return next(
        turn.text
        for turn in TURNS
        if turn.outcome is verdict.outcome
        and (not turn.codes or turn.codes & codes)
        and turn.confidence in (None, verdict.confidence)
    )
