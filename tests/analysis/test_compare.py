"""Who can reach what now: which vantage points are grouped, and that none of them is averaged away."""

from __future__ import annotations

from datetime import timedelta

import pytest

from probe.analysis import By, compare
from probe.history import Cell, Judged, Place
from probe.model import Confidence, Method, Outcome, Vantage
from tests.analysis.rows import HOUR, at, hour, judged, together

WEEK = timedelta(days=7)
STUB = Place(country="RU", asn=64496, network="Stub Telecom")


def only(cells: list[Cell]) -> Cell:
    (cell,) = cells
    return cell


# What each vantage point of one network saw; what is known; since (not before, by); settled.
AGREEMENTS = {
    "one": (("oob b",), Outcome.BLOCKED, (1, 2), True),
    "one for the first time": (("ooob",), Outcome.BLOCKED, (2, 3), False),
    "two agree, since the first of them": (("obbb", "oobb"), Outcome.BLOCKED, (0, 1), True),
    "two agree, once the last of them is free": (("oooo", "bboo"), Outcome.OK, (1, 2), True),
    "two disagree": (("obbb", "oooo"), None, None, False),
    "three disagree, two against one": (("obbb", "obbb", "oooo"), None, None, False),
    "blocked and down is no agreement": (("bbbb", "dddd"), None, None, False),
    "who knows nothing is no witness": (("obbb", "????"), Outcome.BLOCKED, (0, 1), True),
    "nobody knows": (("????", "??"), Outcome.INCONCLUSIVE, None, False),
    "the newest that decides": (("obb?", "obb?"), Outcome.BLOCKED, (0, 1), True),
}


@pytest.mark.parametrize(("letters", "outcome", "since", "settled"), AGREEMENTS.values(), ids=AGREEMENTS)
def test_vantage_points_of_one_network(
    letters: tuple[str, ...], outcome: Outcome | None, since: tuple[int, int] | None, settled: bool
) -> None:
    rows = together(*(judged(each, at(f"v{number}")) for number, each in enumerate(letters)))
    cell = only(compare(rows, WEEK))
    assert (cell.subject, cell.place, cell.outcome) == ("line", STUB, outcome)
    assert (cell.since and (hour(cell.since.earliest), hour(cell.since.latest))) == since
    assert cell.settled is settled
    assert [said.point.vantage.name for said in cell.said] == [f"v{number}" for number in range(len(letters))]


def test_who_disagrees_is_told_with_what_and_since_when() -> None:
    cell = only(compare(together(judged("oBBB", at("a")), judged("oooo", at("b"))), WEEK))
    told = [
        (said.point.vantage.name, said.verdict.outcome, hour(said.since and said.since.latest)) for said in cell.said
    ]
    assert told == [("a", Outcome.BLOCKED, 1), ("b", Outcome.OK, 0)]
    assert (cell.methods, cell.confidence) == ((Method.DNS,), Confidence.CONFIRMED)


def test_shares_are_of_the_verdicts_that_decide() -> None:
    cell = only(compare(judged("oob?bdr?"), WEEK))
    assert cell.counts == {
        Outcome.OK: 2, Outcome.BLOCKED: 2, Outcome.DOWN: 1, Outcome.REFUSED: 1, Outcome.INCONCLUSIVE: 2,
    }  # fmt: skip
    assert cell.share == pytest.approx(2 / 6)
    assert cell.interval == pytest.approx((0.0968, 0.7000), abs=5e-5)
    assert cell.measurements == 16
    nothing = only(compare(judged("??"), WEEK))
    assert (nothing.share, nothing.interval) == (None, None)


def test_the_window_ends_with_the_newest_verdict_of_all() -> None:
    gone, here = judged("bbb", at("gone")), judged("   oo   o", at("here"))
    cell = only(compare(together(gone, here), 4 * HOUR))
    assert [said.point.vantage.name for said in cell.said] == ["here"]
    assert (cell.outcome, sum(cell.counts.values())) == (Outcome.OK, 2)
    assert only(compare(together(gone, here), 8 * HOUR)).outcome is None


def test_since_is_looked_for_before_the_window() -> None:
    cell = only(compare(judged("oobbbbbbbb"), 2 * HOUR))
    assert cell.since is not None
    assert (hour(cell.since.latest), sum(cell.counts.values())) == (2, 3)


def test_what_was_decided_before_the_window_is_not_said_now() -> None:
    cell = only(compare(judged("bbb       ??"), 3 * HOUR))
    assert (cell.outcome, cell.since) == (Outcome.INCONCLUSIVE, None)


UNKNOWN = Vantage(name="here")
PLACES: dict[str, tuple[list[list[Judged]], By, list[Place]]] = {
    "a number is one network, whatever it is called": (
        [judged("o", at("a")), judged("o", at("b", network="STUB-AS")), judged("o", at("c"))],
        By.NETWORK,
        [STUB],
    ),
    "one number in two countries is two": (
        [judged("o", at("a")), judged("o", at("b", country="BY"))],
        By.NETWORK,
        [Place(country="BY", asn=64496, network="Stub Telecom"), STUB],
    ),
    "a name where there is no number": (
        [judged("o", at("a", asn=0)), judged("o", at("b", asn=0, network="stub telecom"))],
        By.NETWORK,
        [Place(country="RU", network="Stub Telecom")],
    ),
    "a number without a name": ([judged("o", at("a", network=None))], By.NETWORK, [Place(country="RU", asn=64496)]),
    "unknown networks are not one": (
        [judged("o", UNKNOWN), judged("o", Vantage(name="there"))],
        By.NETWORK,
        [Place(country="ZZ", network="here", known=False), Place(country="ZZ", network="there", known=False)],
    ),
    "nor are they when they are called the same": (
        [judged("o", UNKNOWN, source="a.sqlite"), judged("o", UNKNOWN, source="b.sqlite")],
        By.NETWORK,
        [
            Place(country="ZZ", network="here in a.sqlite", known=False),
            Place(country="ZZ", network="here in b.sqlite", known=False),
        ],
    ),
    "by country": (
        [judged("o", at("a")), judged("o", at("b", asn=1)), judged("o", at("c", country="BY"))],
        By.COUNTRY,
        [Place(country="BY"), Place(country="RU")],
    ),
}


@pytest.mark.parametrize(("rows", "by", "places"), PLACES.values(), ids=PLACES)
def test_places(rows: list[list[Judged]], by: By, places: list[Place]) -> None:
    assert [cell.place for cell in compare(together(*rows), WEEK, by)] == places


def test_nothing_of_nothing() -> None:
    assert compare([], WEEK) == []
