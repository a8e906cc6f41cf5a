"""Columns, and what the texts in them become.

Law: what a text becomes is remembered where it depends on nothing but itself; of so many texts, and none that is long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Columns = dict[str, Sequence[Any]]
"""The values of each column, row by row, as the database has them: JSON in texts."""

NOTHING = frozenset((None, "", "[]", "{}"))
_REMEMBERED = 20_000
"""Texts of one column."""
_LONGEST = 2048
"""Characters of a text that is remembered."""


def length(columns: Mapping[str, Sequence[Any]]) -> int:
    """How many rows there are."""
    return len(next(iter(columns.values())))


def is_absent(values: Sequence[Any]) -> bool:
    """Whether there is none in any row, as is so for most columns of most batches."""
    return not values or (values[0] is None and not any(values) and values.count(None) == len(values))


class Memo(dict[Any, Any]):
    """What a text becomes; each is found out once."""

    def __init__(self, clean: Callable[[Any], tuple[Any, bool]]) -> None:
        """`clean` also tells whether what it gives depends on the measurement."""
        super().__init__()
        self._clean = clean
        self._full = False
        self._depending: set[Any] = set()
        """Those of the last texts of which that is so, and maybe others."""

    def of(self, values: Sequence[Any]) -> list[Any]:
        """What each of them becomes; None stays."""
        if is_absent(values):
            return list(values)
        if self._full or not self:
            self.clear()
            self._depending.clear()
            self[None] = None
            self._full = False
        return list(map(self.__getitem__, values))

    def depending(self, values: Sequence[Any]) -> list[int]:
        """At which places of the last values what they become depends on the measurement."""
        if not self._depending or self._depending.isdisjoint(values):
            return []
        return [at for at, value in enumerate(values) if value in self._depending]

    def __missing__(self, value: Any) -> Any:
        found, depends = self._clean(value)
        is_short = isinstance(value, str) and len(value) <= _LONGEST
        if is_short:
            self[value] = found
        if depends:
            self._depending.add(value)
        self._full |= len(self) >= _REMEMBERED or (depends and not is_short)
        return found
