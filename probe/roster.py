"""Many texts, each once, in the order in which they came, in little more memory than their letters take.

Law: pure. What is in it stays where it is; a list of a million names fits beside everything else.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import overload

_FIRST_SLOTS = 1 << 8


class Roster(Sequence[str]):
    """An ordered set of texts. Source: open addressing with linear probing (Knuth, TAOCP 3, §6.4)."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._letters = bytearray()
        self._ends = array("Q")
        self._slots = array("I", bytes(4 * _FIRST_SLOTS))  # a text's number, counted from one; 0 is free
        for text in texts:
            self.add(text)

    def add(self, text: str) -> int:
        """The number of a text, counted from zero; the next one where it was not there."""
        letters = text.encode()
        slot = self._slot(hash(text), letters)
        if self._slots[slot]:
            return self._slots[slot] - 1
        self._letters += letters
        self._ends.append(len(self._letters))
        self._slots[slot] = len(self._ends)
        if len(self._ends) * 2 > len(self._slots):
            self._grow()
        return len(self._ends) - 1

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and bool(self._slots[self._slot(hash(text), text.encode())])

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        return self._at(range(len(self._ends))[index]).decode()

    def _at(self, number: int) -> bytearray:
        return self._letters[self._ends[number - 1] if number else 0 : self._ends[number]]

    def _slot(self, hashed: int, letters: bytes) -> int:
        """Where a text is, or would be put."""
        most = len(self._slots) - 1
        slot = hashed & most
        while (number := self._slots[slot]) and self._at(number - 1) != letters:
            slot = (slot + 1) & most
        return slot

    def _grow(self) -> None:
        most = len(self._slots) * 2 - 1
        slots = array("I", bytes(4 * (most + 1)))
        for number in range(len(self._ends)):
            slot = hash(self._at(number).decode()) & most
            while slots[slot]:
                slot = (slot + 1) & most
            slots[slot] = number + 1
        self._slots = slots
