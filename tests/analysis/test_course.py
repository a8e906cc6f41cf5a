"""Hysteresis: what is an event and what is not, when it began and ended at the earliest and at the latest."""

from __future__ import annotations

import random

import pytest

from probe.analysis import course
from probe.model import Confidence, Outcome
from tests.analysis.rows import hour, judged

# Verdicts; blocks as hours (not before, begun by, still there, over by); what is said now; since (not before, by);
# whether that is settled.
CASES = {
    "nothing": ("", [], None, None, True),
    "only what decides nothing": ("???", [], None, None, True),
    "open": ("ooo", [], "o", (None, 0), True),
    "one verdict is no event": ("oobo", [], "o", (None, 0), True),
    "one at the end is none yet": ("oob", [], "b", (1, 2), False),
    "two in a row are one": ("oobb", [(1, 2, None, None)], "b", (1, 2), True),
    "one that proves itself is one": ("ooB", [(1, 2, None, None)], "B", (1, 2), True),
    "a proof after a first sign begins with the sign": ("oobB", [(1, 2, None, None)], "B", (1, 2), True),
    "from the first verdict on": ("bbb", [(None, 0, None, None)], "b", (None, 0), True),
    "two signs that are not in a row": ("bobo", [], "o", (None, 1), True),
    "what decides nothing breaks no series": ("ob?b", [(0, 1, None, None)], "b", (0, 1), True),
    "nor does it make one": ("ob??", [], "b", (0, 1), False),
    "one open verdict ends nothing": ("obbob", [(0, 1, None, None)], "b", (0, 1), True),
    "nor does one at the end": ("obbo", [(0, 1, None, None)], "o", (2, 3), False),
    "two end it": ("obboo", [(0, 1, 2, 3)], "o", (2, 3), True),
    "two with nothing between them do too": ("obbo?o", [(0, 1, 2, 3)], "o", (2, 3), True),
    "a proof needs two as well to end": ("oBo", [(0, 1, None, None)], "o", (1, 2), False),
    "down and refused are no block": ("obbdr", [(0, 1, 2, 3)], "r", (3, 4), True),
    "a second block": ("obbooBoo", [(0, 1, 2, 3), (4, 5, 5, 6)], "o", (5, 6), True),
    "a blip after a block is not its return": ("obboobo", [(0, 1, 2, 3)], "o", (2, 3), True),
    "down since": ("oodd", [], "d", (1, 2), True),
    "down, though for a moment something else": ("oodbd", [], "d", (1, 2), True),
    "doubt at the end changes nothing": ("obb?", [(0, 1, None, None)], "b", (0, 1), True),
}


@pytest.mark.parametrize(("letters", "blocks", "now", "since", "settled"), CASES.values(), ids=CASES)
def test_hysteresis(
    letters: str,
    blocks: list[tuple[int | None, ...]],
    now: str | None,
    since: tuple[int | None, int] | None,
    settled: bool,
) -> None:
    rows = judged(letters)
    found = course(rows)
    seen = [(span.begin.when, span.end.when if span.end else None) for span in found.spans]
    assert [
        (
            hour(begin.earliest),
            hour(begin.latest),
            hour(end.earliest) if end else None,
            hour(end.latest) if end else None,
        )
        for begin, end in seen
    ] == blocks
    deciding = [row for row in rows if row.outcome is not Outcome.INCONCLUSIVE]
    assert found.newest == (deciding[-1] if deciding else None)
    assert found.newest is None or found.newest.outcome is judged(now or "")[0].outcome
    assert (found.since and (hour(found.since.earliest), hour(found.since.latest))) == since
    assert found.settled is settled


def test_the_evidence_is_what_made_the_event() -> None:
    rows = judged("ob?b bo o")
    (span,) = course(rows).spans
    assert span.begin.verdicts == (rows[1], rows[3])
    assert span.end is not None
    assert span.end.verdicts == (rows[5], rows[6])
    assert (span.verdicts, span.last_seen) == (3, rows[4].started_at)


def test_a_block_is_as_sure_as_its_surest_verdict() -> None:
    assert [span.confidence for span in course(judged("bbBbb")).spans] == [Confidence.CONFIRMED]
    assert [span.confidence for span in course(judged("bbb")).spans] == [Confidence.LIKELY]


@pytest.mark.parametrize("seed", range(20))
def test_single_faults_are_no_events_and_hide_none(seed: int) -> None:
    """Two verdicts in a hundred are wrong, but never two in a row: the one block is found, to the verdict."""
    chance = random.Random(seed)
    truth = "o" * 150 + "b" * 100 + "o" * 150
    seen, before = "", True
    for number, letter in enumerate(truth):
        near = any(abs(number - edge) < 3 for edge in (150, 250))
        wrong = not near and not before and chance.random() < 0.02
        seen, before = seen + ({"o": "b", "b": "o"}[letter] if wrong else letter), wrong
    assert seen != truth
    (span,) = course(judged(seen)).spans
    assert span.end is not None
    assert (hour(span.begin.when.latest), hour(span.end.when.latest)) == (150, 250)
