"""What a control keeps in memory: the newest things, up to a number and up to so many bytes of them.

Law: whoever asks may choose what is kept, and servers may choose how long it is, so both are bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from probe.model import Measurement

K = TypeVar("K")
V = TypeVar("V")

_ROW = 600
"""Bytes that a row takes beside its texts, and a measurement beside its rows."""


def size_of(measurement: Measurement) -> int:
    """About how many bytes a measurement takes without bodies and certificates."""
    return _ROW + sum(_ROW + len(repr(row.detail)) for row in measurement.observations)


@dataclass(slots=True, kw_only=True)
class Newest(Generic[K, V]):
    """By key, in the order in which they were put; the oldest make room."""

    most: int
    most_bytes: int
    size: Callable[[V], int]
    held: int = 0
    """Bytes."""
    _kept: OrderedDict[K, tuple[V, int]] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        found = self._kept.get(key)
        return found[0] if found is not None else None

    def put(self, key: K, value: V) -> V:
        """Keeps it, as the newest, in place of what was there; where it is too large by itself, it is not kept."""
        self.drop(key)
        size = self.size(value)
        self._kept[key] = value, size
        self.held += size
        while len(self._kept) > self.most or self.held > self.most_bytes:
            self.drop(next(iter(self._kept)))
        return value

    def drop(self, key: K) -> None:
        _, size = self._kept.pop(key, (None, 0))
        self.held -= size

    def drop_oldest_while(self, condition: Callable[[V], bool]) -> None:
        while self._kept:
            key, (value, _) = next(iter(self._kept.items()))
            if not condition(value):
                return
            self.drop(key)

    def made(self, key: K, make: Callable[[], V]) -> V:
        """What is kept under the key, or is made now and kept."""
        found = self.get(key)
        return found if found is not None else self.put(key, make())
