"""The texts of a dataset without what is a volunteer's own, a column at a time.

Law: every text passes a Redactor; only ids, hashes, times and closed vocabularies do not. What a text becomes is
remembered where it depends on nothing but itself. What a server wrote may name no address that its measurement did not
meet, and no cookie: that is found out measurement by measurement.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import compress
from operator import ne
from typing import Any, NamedTuple

import msgspec

from probe.exports.shape import SHAPES, Kind, Table
from probe.form import dumps
from probe.model import ProtocolName
from probe.redaction import COOKIE, OWN, SECRET_HEADERS, Redactor

Columns = dict[str, Sequence[Any]]
"""The values of each column, row by row, as the database has them: JSON in texts."""
Header = tuple[str, str]
"""Name and value."""

_NO_TEXT = frozenset(
    {"body_sha256", "certificates", "id", "public_key_sha256", "root_sha256", "roots", "rules_version"}
)
"""Columns with ids and hashes, besides those that point at another row."""
_BY_A_SERVER = frozenset(
    {"alternative_names", "error", "excerpt", "issuer", "outline", "refresh", "subject", "title", "url"}
)
"""Columns of an observation that a server may have written what it likes into."""
_CLIENT_HEADERS = frozenset(
    {
        "cf-connecting-ip", "client-ip", "forwarded", "true-client-ip", "x-client-ip", "x-cluster-client-ip",
        "x-forwarded-for", "x-originating-ip", "x-real-ip", "x-remote-addr", "x-remote-ip",
    }
)  # fmt: skip
"""Headers that say to whom a server speaks."""
_HEADERS = msgspec.json.Decoder(list[Header])
_STUN_HEADER = 40  # hexadecimal digits; what follows holds the address of who asked
_SHORTEST_COOKIE = 6
_REMEMBERED = 20_000
"""Texts of one column."""
_LONGEST = 2048
"""Characters of a text that is remembered."""
_NOTHING = frozenset((None, "", "[]", "{}"))


def length(columns: Mapping[str, Sequence[Any]]) -> int:
    """How many rows there are."""
    return len(next(iter(columns.values())))


def is_absent(values: Sequence[Any]) -> bool:
    """Whether there is none in any row, as is so for most columns of most batches."""
    return not values or (values[0] is None and not any(values) and values.count(None) == len(values))


class _Memo(dict[Any, Any]):
    """What a value becomes that is a text, or a name with a text; each is found out once."""

    def __init__(self, clean: Callable[[Any], tuple[Any, bool]]) -> None:
        """`clean` also tells whether what it gives depends on the measurement."""
        super().__init__()
        self._clean = clean
        self._full = False
        self._depending: set[Any] = set()
        """Those of the last values of which that is so, and maybe others."""

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
        is_short = _characters(value) <= _LONGEST
        if is_short:
            self[value] = found
        if depends:
            self._depending.add(value)
        self._full |= len(self) >= _REMEMBERED or (depends and not is_short)
        return found


class Cells:
    """Replaces what is a volunteer's own in the columns of tables."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._memos = {
            (name, column): _Memo(self._cleaner(name, column, kind))
            for name, table in SHAPES.items()
            for column, kind in texts_of(table)
        }
        self._headers = _Memo(self._header)

    def clean(self, table: Table, columns: Columns) -> None:
        """Of any table but one of observations."""
        for column, _ in texts_of(table):
            columns[column] = self._memos[table.name, column].of(columns[column])

    def clean_observations(self, table: Table, columns: Columns) -> None:
        """Of a table of observations: all rows of each measurement in it, one after the other."""
        groups = _Groups(dict(columns))
        cookies = self._clean_headers(columns, groups)
        repeated = {row: own for group, own in cookies.items() if groups.tell(group, own) for row in groups.rows(group)}
        for column, _ in texts_of(table):
            if column in _BY_A_SERVER:
                columns[column] = self._by_a_server(table, column, columns[column], groups, repeated)
            elif column != "headers":
                columns[column] = self._memos[table.name, column].of(columns[column])
        columns["first_bytes"] = [
            self._first_bytes(said, protocol, groups, row) if said else said
            for row, (said, protocol) in enumerate(zip(columns["first_bytes"], columns["protocol"], strict=True))
        ]

    def any(self, value: Any, met: frozenset[str] | None = None) -> Any:
        """A value with every text inside it redacted."""
        if isinstance(value, str):
            return self._redactor.text(value, met)
        if isinstance(value, list | tuple):
            return [self.any(each, met) for each in value]
        if isinstance(value, dict):
            return {self._redactor.text(key): self.any(each, met) for key, each in value.items()}
        return value

    def _cleaner(self, table: str, column: str, kind: Kind) -> Callable[[Any], tuple[Any, bool]]:
        if column == "resolver_address":
            return lambda value: (self._redactor.resolver(value), False)
        observed = table.endswith("observation") and column in _BY_A_SERVER
        if kind is Kind.TEXT:
            return lambda value: self._text(value, met=frozenset() if observed else None)
        return lambda value: self._json(value, met=frozenset() if observed else None)

    def _text(self, value: Any, met: frozenset[str] | None) -> tuple[Any, bool]:
        clean = self.any(value)
        return clean, met is not None and self.any(value, met) != clean

    def _json(self, value: Any, met: frozenset[str] | None) -> tuple[Any, bool]:
        if value in _NOTHING:
            return value, False
        read = msgspec.json.decode(value)
        clean = self.any(read)
        return _packed(clean), met is not None and self.any(read, met) != clean

    def _by_a_server(
        self, table: Table, column: str, values: Sequence[Any], groups: _Groups, cookies: Mapping[int, _Cookies]
    ) -> list[Any]:
        memo, is_text = self._memos[table.name, column], dict(texts_of(table))[column] is Kind.TEXT
        clean = memo.of(values)
        for row in memo.depending(values):
            value, met = values[row], groups.met(groups.of(row))
            clean[row] = self.any(value, met) if is_text else _packed(self.any(msgspec.json.decode(value), met))
        take_out = _without if is_text else _without_in_json
        for row, own in cookies.items():
            if clean[row] is not None:
                clean[row] = take_out(clean[row], own.values)
        return clean

    def _clean_headers(self, columns: Columns, groups: _Groups) -> dict[int, _Cookies]:
        """Gives the cookies of each measurement that has any."""
        clean = list(columns["headers"])
        told: dict[int, list[Header]] = {}
        secret: dict[int, list[str]] = {}
        for row, text in enumerate(clean):
            if text in _NOTHING:
                continue
            headers = _HEADERS.decode(text)
            told[row] = self._told(headers, groups, row)
            for name, value in headers:
                if name in SECRET_HEADERS:
                    secret.setdefault(groups.of(row), []).append(value)
        cookies = {group: own for group, values in secret.items() if (own := _Cookies.of(values)).values}
        for row, headers in told.items():
            clean[row] = dumps(headers)
            its = cookies.get(groups.of(row)) if cookies else None
            if its is not None and its.may_be_in(clean[row]):
                clean[row] = dumps([(name, _without(text, its.values)) for name, text in headers])
        columns["headers"] = clean
        return cookies

    def _told(self, headers: Sequence[Header], groups: _Groups, row: int) -> list[Header]:
        """The headers of one response."""
        told = self._headers.of(headers)
        for at in self._headers.depending(headers):
            name, text = headers[at]
            told[at] = (name, self._redactor.text(text, groups.met(groups.of(row))))
        return told

    def _header(self, header: Header) -> tuple[Header, bool]:
        name, text = header
        if name in SECRET_HEADERS:
            return (name, COOKIE), False
        if name in _CLIENT_HEADERS:
            return (name, OWN), False
        clean, holds_more = self._redactor.looked_at(text)
        return (name, clean), holds_more

    def _first_bytes(self, said: Any, protocol: Any, groups: _Groups, row: int) -> str:
        text = str(said)
        if protocol == ProtocolName.STUN:
            return text[:_STUN_HEADER]
        try:
            spoken = bytes.fromhex(text)
        except ValueError:
            return self._redactor.text(text)
        met = groups.met(groups.of(row))
        clean = self._redactor.text(self._redactor.text(spoken.decode("latin-1"), met)).encode("latin-1")
        return self._redactor.text(clean.hex())


class _Cookies(NamedTuple):
    """The values of cookies, as far as they are long enough to be told from other text: the longest first."""

    values: tuple[str, ...]
    spelled: tuple[str, ...]
    """The same as they are, and as they stand inside JSON."""

    @classmethod
    def of(cls, headers: Iterable[str]) -> _Cookies:
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


class _Groups:
    """Which rows are of one measurement, and what it met."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        ids = columns["measurement_id"]
        self._starts = [0, *compress(range(1, len(ids)), map(ne, ids[1:], ids))]
        self._met: dict[int, frozenset[str]] = {}
        self._written = [values for name in _BY_A_SERVER if not is_absent(values := columns[name])]

    def of(self, row: int) -> int:
        return bisect_right(self._starts, row) - 1

    def rows(self, group: int) -> range:
        ends = (*self._starts[group + 1 : group + 2], len(self._columns["measurement_id"]))
        return range(self._starts[group], ends[0])

    def tell(self, group: int, cookies: _Cookies) -> bool:
        """Whether what a server wrote in it may name these."""
        rows = self.rows(group)
        texts = (str(text) for column in self._written for text in column[rows.start : rows.stop] if text)
        return cookies.may_be_in("\n".join(texts))

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
            if answers[row] not in _NOTHING:
                yield from (answer["value"] for answer in msgspec.json.decode(answers[row]))


def _characters(value: Any) -> int:
    """Characters of a text, or of the text of a header; of anything else, more than are remembered."""
    if isinstance(value, tuple):
        value = value[1]
    return len(value) if isinstance(value, str) else _LONGEST + 1


@cache
def texts_of(table: Table) -> tuple[tuple[str, Kind], ...]:
    """The columns of a table in which there may be anything."""
    pointing = {column for column, _, _ in table.foreign_keys}
    kinds = (Kind.TEXT, Kind.LIST, Kind.OBJECT)
    return tuple(
        (each.name, each.kind)
        for each in table.columns
        if each.kind in kinds and not each.words and each.name not in _NO_TEXT | pointing | {"first_bytes"}
    )


def _packed(value: Any) -> str:
    return dumps(value) if value else str(value)


def _without_in_json(text: Any, cookies: Sequence[str]) -> str:
    return _packed(_without(msgspec.json.decode(text), cookies))


def _without(value: Any, cookies: Sequence[str]) -> Any:
    """A text, or a list of them, without the values of cookies."""
    if isinstance(value, list):
        return [_without(each, cookies) for each in value]
    for cookie in cookies if isinstance(value, str) else ():
        value = value.replace(cookie, COOKIE)
    return value
