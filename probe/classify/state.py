"""What several verdicts together say: of things that do the same work, and of things that are all needed.

Law: pure. Doubt is never a block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from probe.model import Confidence, Method, Outcome, Verdict
from probe.service import RoleVerdict

_ORDER = tuple(Confidence)


@dataclass(frozen=True, slots=True)
class State:
    """What a verdict says, whatever it is a verdict on."""

    outcome: Outcome
    methods: tuple[Method, ...] = ()
    confidence: Confidence | None = None

    @classmethod
    def of(cls, verdict: Verdict | RoleVerdict) -> State:
        methods = verdict.methods if verdict.outcome is Outcome.BLOCKED else ()
        return cls(verdict.outcome, methods, verdict.confidence)


def any_of(states: Sequence[State]) -> State:
    """Of several that do the same, one that works is enough. They are blocked when none works and more of them are
    than are in doubt; and that is no surer than the least sure of them, since it might work after all."""
    outcomes = Counter(state.outcome for state in states)
    if outcomes[Outcome.OK]:
        return State(Outcome.OK)
    blocked = [state for state in states if state.outcome is Outcome.BLOCKED]
    doubtful = outcomes[Outcome.INCONCLUSIVE]
    if len(blocked) > doubtful:
        sure = [state.confidence for state in blocked if state.confidence is not None]
        least = Confidence.POSSIBLE if doubtful else min(sure, key=_ORDER.index, default=Confidence.POSSIBLE)
        return State(Outcome.BLOCKED, methods_of(blocked), least)
    if doubtful:
        return State(Outcome.INCONCLUSIVE)
    return State(Outcome.REFUSED if outcomes[Outcome.REFUSED] else Outcome.DOWN)


def all_of(states: Sequence[State]) -> State:
    """Of several that are all needed, each that fails is enough: the block that is surest, then what the service or
    its owner does, then doubt."""
    for outcome in (Outcome.BLOCKED, Outcome.REFUSED, Outcome.DOWN, Outcome.INCONCLUSIVE):
        same = [state for state in states if state.outcome is outcome]
        sure = [state.confidence for state in same if state.confidence is not None]
        if same:
            return State(outcome, methods_of(same), max(sure, key=_ORDER.index, default=None))
    return State(Outcome.OK)


def methods_of(states: Iterable[State]) -> tuple[Method, ...]:
    """Of those that are blocked, in the order of the closed list."""
    met = {method for state in states for method in state.methods}
    return tuple(method for method in Method if method in met)
