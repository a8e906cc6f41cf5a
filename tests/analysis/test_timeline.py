"""Blocks of a network from the courses of its vantage points."""

from __future__ import annotations

import pytest

from probe.analysis import timeline
from tests.analysis.rows import at, hour, judged, together

# What each vantage point saw; blocks as hours (not before, begun by, still there, over by), and who was open meanwhile.
CASES: dict[str, tuple[tuple[str, ...], list[tuple[tuple[int | None, ...], tuple[str, ...]]]]] = {
    "none": (("oooo", "obo"), []),
    "one": (("obboo",), [((0, 1, 2, 3), ())]),
    "one after the other": (("obboobboo",), [((0, 1, 2, 3), ()), ((4, 5, 6, 7), ())]),
    "two at once, from the first to the last": (("obbbboo", "oobboo"), [((0, 1, 4, 5), ())]),
    "two one after the other": (("obboooo", "oooobboo"), [((0, 1, 2, 3), ("v1",)), ((3, 4, 5, 6), ("v0",))]),
    "one does not see it": (("obbboo", "oooooo"), [((0, 1, 3, 4), ("v1",))]),
    "and is never averaged away": (("obbbbb", "oooooo", "oooooo"), [((0, 1, None, None), ("v1", "v2"))]),
    "one falls silent, the other sees the end": (("obb", "obbbboo"), [((0, 1, 4, 5), ())]),
    "one goes on, after the other saw an end": (("obbooo", "obbbbb"), [((0, 1, None, None), ())]),
    "one who looks seldom still sees it after the other's end": (("obboo", "ob      b"), [((0, 1, None, None), ())]),
    "two single signs at two places are no event": (("obo", "oobo"), []),
}


@pytest.mark.parametrize(("letters", "expected"), CASES.values(), ids=CASES)
def test_blocks(letters: tuple[str, ...], expected: list[tuple[tuple[int | None, ...], tuple[str, ...]]]) -> None:
    rows = together(*(judged(each, at(f"v{number}")) for number, each in enumerate(letters)))
    found = [
        (
            (
                hour(block.begin.when.earliest),
                hour(block.begin.when.latest),
                hour(block.end.when.earliest) if block.end else None,
                hour(block.end.when.latest) if block.end else None,
            ),
            tuple(point.vantage.name for point in block.against),
        )
        for block in timeline(rows)
    ]
    assert found == expected


def test_services_and_networks_are_kept_apart() -> None:
    other = at("v", asn=64497, network="Blackhole Mobile")
    rows = together(
        judged("obb"), judged("oobb", other), judged("ob", subject="bbm"), judged("BB", other, subject="bbm")
    )
    assert [(block.subject, block.place.asn, hour(block.begin.when.latest)) for block in timeline(rows)] == [
        ("bbm", 64497, 0),
        ("line", 64496, 1),
        ("line", 64497, 2),
    ]


def test_who_saw_it_and_how_often() -> None:
    (block,) = timeline(together(judged("obbb", at("a")), judged(" oBb", at("b"))))
    assert [(span.point.vantage.name, span.verdicts) for span in block.spans] == [("a", 3), ("b", 2)]
    assert (block.verdicts, block.confidence, hour(block.last_seen)) == (5, "confirmed", 3)
