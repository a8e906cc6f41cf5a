"""What the formats have in common: what each one writes, and what is learned of the rows on the way.

Law: nothing here depends on the clock, on chance or on the machine, so that the same rows give the same bytes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from probe.exports.memo import Columns, length
from probe.exports.rows import Redacted
from probe.exports.shape import Table
from probe.form import time_text
from probe.model import Result


class ExportError(Exception):
    """No dataset can be made; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One table as it was written."""

    name: str
    paths: tuple[str, ...]
    """Of its files, from the folder of the dataset."""
    table: Table | None
    """Absent for records of another form than ours."""
    rows: int
    format: str
    mediatype: str


def _tell_nobody(table: str, rows: int) -> None:
    """Where nobody looks."""


@dataclass(slots=True)
class Seen:
    """What the rows that were written say of the dataset as a whole."""

    tell: Callable[[str, int], None] = _tell_nobody
    """Told of progress: a table, and how many of its rows are written."""
    measurements: int = 0
    left_out: int = 0
    """Measurements that the format has no form for."""
    first: str | None = None
    """The moment at which the first measurement was begun, UTC."""
    last: str | None = None
    countries: set[str] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)
    """The versions of the rules that the verdicts were made by."""

    def batches(self, table: Table, batches: Iterator[Columns]) -> Iterator[Columns]:
        """The same rows, looked at."""
        told = 0
        for columns in batches:
            if table.name == "measurement":
                self._measured(columns["started_at"])
            elif table.name == "verdict":
                self.rules.update(columns["rules_version"])
            elif table.name == "vantage":
                self.countries.update(columns["country"])
            told += length(columns)
            self.tell(table.name, told)
            yield columns

    def add(self, other: Seen) -> None:
        """What was seen of other rows of the same dataset."""
        self.measurements += other.measurements
        moments = [moment for moment in (self.first, self.last, other.first, other.last) if moment is not None]
        self.first, self.last = min(moments, default=None), max(moments, default=None)
        self.countries |= other.countries
        self.rules |= other.rules

    def result(self, result: Result) -> None:
        """Of a format that has records."""
        self._measured([time_text(result.measurement.started_at)])
        self.rules.add(result.verdict.rules_version)
        self.countries.add(result.measurement.vantage.country)
        if self.measurements % _OFTEN == 0:
            self.tell("measurement", self.measurements)

    def _measured(self, moments: Sequence[str]) -> None:
        self.measurements += len(moments)
        self.first = min((*moments, self.first or moments[0]))
        self.last = max((*moments, self.last or moments[0]))


_OFTEN = 2000
_COLLECT_AFTER = 1_000_000
"""Objects that were made since."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """What rows are made into hardly ever refers to itself, and Python would look through all of it for that, as often
    as it does by default for a third of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


Write = Callable[[Redacted, Path, Seen], list[Resource]]
"""Writes all tables into a folder."""
