"""What one row of the table of rules is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from probe.classify.facts import Case
from probe.classify.path import Evidence
from probe.model import Confidence, Method, Outcome


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    code: str
    outcome: Outcome
    when: Callable[[Case], Evidence | None]
    """The ids of the observations that show it; None when the rule does not hold."""
    text: str
    """One plain sentence; the names in braces are those of `sentence.WORDS`."""
    method: Method | None = None
    confidence: Confidence | None = None
    """A confidence that this evidence has by itself; where it is None, repetition and controls decide."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is told beside a verdict. It never decides."""

    code: str
    outcomes: frozenset[Outcome]
    """The verdicts that it is told beside."""
    when: Callable[[Case], Evidence | None]
    text: str
    method: Method | None = None
    """What is interfered with, although the target is reached all the same."""
