"""How far a share can be trusted."""

from __future__ import annotations

from math import sqrt

_Z = 1.959963984540054
"""The standard normal quantile of 0.975: of 100 such intervals, 95 hold the true share."""


def wilson(hits: int, of: int) -> tuple[float, float] | None:
    """Wilson's score interval of hits/of, 95 % (E. B. Wilson, 1927); None of nothing.

    It takes the trials to be independent, which repeated measurements at one vantage point are not quite."""
    if of == 0:
        return None
    share, slack = hits / of, _Z**2 / of
    middle = (share + slack / 2) / (1 + slack)
    half = _Z * sqrt(share * (1 - share) / of + slack / (4 * of)) / (1 + slack)
    return (0.0 if hits == 0 else max(0.0, middle - half), 1.0 if hits == of else min(1.0, middle + half))
