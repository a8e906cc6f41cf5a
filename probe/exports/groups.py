"""Rows of observations by their measurements, whose rows come one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from itertools import compress
from operator import ne

import msgspec

from probe.exports.memo import NOTHING, Columns, is_absent


class Groups:
    """Which rows are of one measurement, and what it met."""

    def __init__(self, columns: Columns, by_a_server: Collection[str]) -> None:
        """`by_a_server`: the columns that a server may have written what it likes into."""
        self._columns = columns
        ids = columns["measurement_id"]
        self._starts = [0, *compress(range(1, len(ids)), map(ne, ids[1:], ids))]
        self._met: dict[int, frozenset[str]] = {}
        self._written = [values for name in by_a_server if not is_absent(values := columns[name])]

    def of(self, row: int) -> int:
        """The measurement of a row."""
        return bisect_right(self._starts, row) - 1

    def rows(self, group: int) -> range:
        """The rows of a measurement."""
        ends = (*self._starts[group + 1 : group + 2], len(self._columns["measurement_id"]))
        return range(self._starts[group], ends[0])

    def written(self, group: int) -> str:
        """All that servers wrote in it, but for headers."""
        rows = self.rows(group)
        return "\n".join([str(text) for column in self._written for text in column[rows.start : rows.stop] if text])

    def met(self, group: int) -> frozenset[str]:
        """The addresses that its operations went to, or were given by a resolver."""
        if group not in self._met:
            self._met[group] = frozenset(self._addresses(group))
        return self._met[group]

    def _addresses(self, group: int) -> Iterator[str]:
        addresses, resolvers, answers = (self._columns[name] for name in ("address", "resolver_address", "answers"))
        for row in self.rows(group):
            address = addresses[row] or resolvers[row]
            if address:
                yield address
            if answers[row] not in NOTHING:
                yield from (answer["value"] for answer in msgspec.json.decode(answers[row]))
