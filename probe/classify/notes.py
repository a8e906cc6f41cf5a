"""What is told after the reasons of a verdict, whatever decided it.

Law: pure. A note never decides, and one that holds is always told beside the outcomes it is for.
"""

from __future__ import annotations

from probe.classify import conditions as c
from probe.classify import controls as k
from probe.classify.rule import Note
from probe.model import Method, Outcome

NOTES: tuple[Note, ...] = (
    Note(
        "control.nearby",
        frozenset({Outcome.BLOCKED}),
        k.control_is_nearby,
        "The control is in the same country or network, and may be behind a censor as well: this is likely at most.",
    ),
    Note(
        "quic.blocked",
        frozenset({Outcome.OK}),
        c.quic_is_cut,
        "{host} offers HTTP/3 and answers the control over it; from here it answers over TCP alone. Whoever is on the"
        " way lets no QUIC through, to this address at least.",
        Method.QUIC,
    ),
    Note(
        "control.minority_disagrees",
        frozenset(Outcome),
        k.some_are_overruled,
        "{overruled} saw it otherwise than most control vantage points, which agree with each other.",
    ),
)
