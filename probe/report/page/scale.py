"""Where a moment stands between the first and the last, and which moments are written below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MOST = 6
_STEPS = (
    *(timedelta(minutes=number) for number in (1, 5, 15, 60, 180, 360, 720)),
    *(timedelta(days=number) for number in (1, 2, 3, 7, 14, 28, 91, 182, 365, 730, 3650)),
)
_ZERO = datetime(2001, 1, 1, tzinfo=UTC)  # a Monday


@dataclass(frozen=True, slots=True)
class Scale:
    """A stretch of time."""

    first: datetime
    last: datetime

    def percent(self, moment: datetime) -> str:
        """Where it is, of the width; in the middle where there is no stretch."""
        whole = self.last - self.first
        share = (moment - self.first) / whole if whole else 0.5
        return f"{100 * min(max(share, 0.0), 1.0):.3f}%"

    def length(self, begin: datetime, end: datetime) -> str:
        """How wide it is from one to the other."""
        whole = self.last - self.first
        return f"{100 * max((end - begin) / whole, 0.0) if whole else 0.0:.3f}%"

    def ticks(self) -> Iterator[tuple[datetime, str]]:
        """A few round moments with how they are written; the first one alone where there is no stretch."""
        step = next((each for each in _STEPS if (self.last - self.first) / each <= _MOST), _STEPS[-1])
        form = "%Y-%m-%d" if step >= timedelta(days=1) else "%m-%d %H:%M"
        moment = _ZERO + step * -((_ZERO - self.first) // step)
        if moment > self.last:
            yield self.first, f"{self.first:%m-%d %H:%M:%S}"
        while moment <= self.last:
            yield moment, f"{moment:{form}}"
            moment += step
