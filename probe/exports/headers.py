"""The headers of responses without what is a volunteer's own, and the cookies that were in them.

Law: a header is looked at as it stands in the JSON of its response, `"name","value"`, and what that becomes is
remembered: most headers of most responses were seen before, and JSON need be neither read nor written for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from probe.exports.groups import Groups
from probe.exports.memo import NOTHING, Memo
from probe.form import dumps
from probe.redaction import COOKIE, OWN, SECRET_HEADERS, Redactor

Header = tuple[str, str]
"""Name and value."""

_OF_A_CLIENT = frozenset(
    {
        "cf-connecting-ip", "client-ip", "forwarded", "true-client-ip", "x-client-ip", "x-cluster-client-ip",
        "x-forwarded-for", "x-originating-ip", "x-real-ip", "x-remote-addr", "x-remote-ip",
    }
)  # fmt: skip
"""Headers that say to whom a server speaks."""
_SHORTEST_COOKIE = 6
_BEGIN, _BETWEEN, _END = "[[", "],[", "]]"
_ONE = msgspec.json.Decoder(Header)
_ALL = msgspec.json.Decoder(list[Header])


class Cookies(NamedTuple):
    """The values of cookies, as far as they are long enough to be told from other text: the longest first."""

    values: tuple[str, ...]
    spelled: tuple[str, ...]
    """The same as they are, and as they stand inside JSON."""

    @classmethod
    def of(cls, headers: Iterable[str]) -> Cookies:
        """Those that were set or sent by the values of these headers."""
        found: dict[str, None] = {}
        for text in headers:
            pair = text.partition(";")[0]
            value = pair.partition("=")[2].strip('" ') or pair
            if len(value) >= _SHORTEST_COOKIE and value != COOKIE:
                found[value] = None
        values = tuple(sorted(found, key=len, reverse=True))
        return cls(values, tuple(dict.fromkeys((*values, *(dumps(value)[1:-1] for value in values)))))

    def may_be_in(self, text: str) -> bool:
        """Whether one of them stands in a text, as it is or inside JSON."""
        for value in self.spelled:  # noqa: SIM110 - a generator takes longer than all that it asks here
            if value in text:
                return True
        return False

    def taken_out(self, value: Any) -> Any:
        """A text, or a list of them, without them."""
        if isinstance(value, list):
            return [self.taken_out(each) for each in value]
        for cookie in self.values if isinstance(value, str) else ():
            value = value.replace(cookie, COOKIE)
        return value


class Headers:
    """Replaces what is a volunteer's own in a column of headers."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._memo = Memo(self._cleaned)

    def clean(self, texts: Sequence[Any], groups: Groups) -> tuple[list[Any], dict[int, Cookies]]:
        """What they become, and the cookies of each measurement that has any."""
        clean = list(texts)
        rows = [row for row, text in enumerate(texts) if text not in NOTHING]
        secret: dict[int, list[str]] = {}
        for row in rows:
            clean[row] = self._clean(texts[row], groups, row, secret)
        cookies = {group: own for group, values in secret.items() if (own := Cookies.of(values)).values}
        for row in rows if cookies else ():
            its = cookies.get(groups.of(row))
            if its is not None and its.may_be_in(clean[row]):
                clean[row] = dumps([(name, its.taken_out(value)) for name, value in _ALL.decode(clean[row])])
        return clean, cookies

    def _clean(self, text: str, groups: Groups, row: int, secret: dict[int, list[str]]) -> str:
        """Those of one response; to `secret` goes what is in it of its measurement."""
        pieces = _pieces(text)
        try:
            told = self._memo.of(pieces)
        except msgspec.DecodeError:  # what parts headers stands inside of one
            pieces = _read(text)
            told = self._memo.of(pieces)
        for at in self._memo.depending(pieces):
            name, value = _header(pieces[at])
            if name in SECRET_HEADERS:
                secret.setdefault(groups.of(row), []).append(value)
            else:
                told[at] = _piece(name, self._redactor.text(value, groups.met(groups.of(row))))
        return f"{_BEGIN}{_BETWEEN.join(told)}{_END}"

    def _cleaned(self, piece: str) -> tuple[str, bool]:
        """Also whether there is more to be done with it, measurement by measurement."""
        name, value = _header(piece)
        if name in SECRET_HEADERS:
            return _piece(name, COOKIE), True
        if name in _OF_A_CLIENT:
            return _piece(name, OWN), False
        clean, holds_more = self._redactor.looked_at(value)
        return _piece(name, clean), holds_more


def _pieces(text: str) -> list[str]:
    """The headers in the JSON of a response, each as it stands there."""
    if "\\" in text or not (text.startswith('[["') and text.endswith('"]]')):
        return _read(text)
    return text[len(_BEGIN) : -len(_END)].split(_BETWEEN)


def _read(text: str) -> list[str]:
    return [_piece(name, value) for name, value in _ALL.decode(text)]


def _header(piece: str) -> Header:
    return _ONE.decode(f"[{piece}]")


def _piece(name: str, value: str) -> str:
    return dumps((name, value))[1:-1]
