"""Wilson's interval, against values worked out elsewhere."""

from __future__ import annotations

import pytest

from probe.analysis import wilson

# To four places: R's prop.test(hits, of, correct=FALSE), which gives Wilson's score interval.
CASES = [
    ((0, 1), (0.0, 0.7935)),
    ((1, 1), (0.2065, 1.0)),
    ((0, 10), (0.0, 0.2775)),
    ((1, 10), (0.0179, 0.4042)),
    ((5, 10), (0.2366, 0.7634)),
    ((9, 10), (0.5958, 0.9821)),
    ((10, 10), (0.7225, 1.0)),
    ((50, 100), (0.4038, 0.5962)),
]


@pytest.mark.parametrize(("counts", "interval"), CASES)
def test_interval(counts: tuple[int, int], interval: tuple[float, float]) -> None:
    assert wilson(*counts) == pytest.approx(interval, abs=5e-5)


def test_of_nothing_nothing_is_known() -> None:
    assert wilson(0, 0) is None


@pytest.mark.parametrize("of", [1, 2, 3, 7, 100, 10_000_000])
def test_the_share_is_within_and_both_ends_are_shares(of: int) -> None:
    for hits in {0, 1, of // 2, of}:
        low, high = wilson(hits, of) or (2.0, 2.0)
        assert 0.0 <= low <= hits / of <= high <= 1.0
        mirrored = wilson(of - hits, of) or (2.0, 2.0)
        assert (1 - high, 1 - low) == pytest.approx(mirrored)
