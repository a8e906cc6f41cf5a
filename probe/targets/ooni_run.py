"""The URLs of an OONI Run descriptor, and of the older forms of JSON in which lists of URLs go round.

Law: pure. Every input gives one entry with the line it stands on; what is no input of web_connectivity gives one that
says so. The descriptor is that of OONI's bk-005 (OONI Run v2, 2024-02-23).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from probe.targets.entry import Entry, ListError

# Keys of the document under which its list is, and keys of a test or an input under which URLs are.
_LISTS = ("nettests", "tests", "urls")
_INPUTS = ("inputs", "urls")
_INPUT = "url"
_TEST = "web_connectivity"

_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


def entries(text: str) -> Iterator[Entry]:
    """The inputs of a document, in order. Raises ListError for what is no JSON, or has no list in it."""
    try:
        document = json.loads(text)
        place = _Document(text)
    except (ValueError, RecursionError) as error:
        raise ListError(f"not JSON: {error}") from None
    start = place.skip(0)
    if isinstance(document, list):
        yield from place.entries_in(start)
        return
    if not isinstance(document, dict):
        raise ListError("is neither a list of URLs nor an OONI Run descriptor")
    if document.get("is_expired") is True:
        raise ListError("this OONI Run link has expired; its author wants it to be run no more")
    key = next((key for key in _LISTS if isinstance(document.get(key), list)), None)
    if key is None:
        raise ListError(f"has no list of URLs: none of the keys {', '.join(_LISTS)}")
    yield from place.entries_in(place.value_of(start, key))


class _Document:
    """A text that is known to be JSON, in which positions are looked up."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = [found.start() for found in re.finditer("\n", text)]

    def entries_in(self, at: int) -> Iterator[Entry]:
        """The entries of the array at a position: inputs, and the inputs of tests."""
        for position, value in self._items(at):
            if isinstance(value, dict) and _INPUT not in value:
                yield from self._of_test(position, value)
            else:
                yield self._input(position, value)

    def _of_test(self, at: int, test: dict[str, Any]) -> Iterator[Entry]:
        name = test.get("test_name", _TEST)
        if name != _TEST:
            yield self._problem(at, f"the test {name!r:.40} is not {_TEST}, so its inputs are no targets")
            return
        key = next((key for key in _INPUTS if isinstance(test.get(key), list) and test[key]), None)
        if key is None:
            yield self._problem(at, f"the test has no inputs (none of the keys {', '.join(_INPUTS)})")
            return
        for position, value in self._items(self.value_of(at, key)):
            yield self._input(position, value)

    def _input(self, at: int, value: object) -> Entry:
        text = value.get(_INPUT) if isinstance(value, dict) else value
        return Entry(self._line(at), text) if isinstance(text, str) else self._problem(at, "an input must be a text")

    def _problem(self, at: int, reason: str) -> Entry:
        return Entry(self._line(at), problem=reason)

    def _line(self, at: int) -> int:
        return bisect_right(self._ends, at) + 1

    def skip(self, at: int) -> int:
        """The next position that is no white space."""
        found = _SPACE.match(self._text, at)
        assert found is not None, "the pattern matches nothing at all as well"
        return found.end()

    def _items(self, at: int) -> Iterator[tuple[int, Any]]:
        """Position and value of each item of the array at a position."""
        at = self.skip(at + 1)
        while self._text[at] != "]":
            value, end = _decode(self._text, at)
            yield at, value
            at = self._next(end)

    def value_of(self, at: int, key: str) -> int:
        """The position of a key's value in the object at a position; of several, that of the last, as json has it."""
        found = at
        at = self.skip(at + 1)
        while self._text[at] != "}":
            name, end = _decode(self._text, at)
            at = self.skip(self.skip(end) + 1)
            if name == key:
                found = at
            at = self._next(_decode(self._text, at)[1])
        return found

    def _next(self, end: int) -> int:
        """Where the item or key after one that ends here begins, or the bracket that closes them."""
        at = self.skip(end)
        return self.skip(at + 1) if self._text[at] == "," else at
