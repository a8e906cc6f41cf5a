"""The texts of a dataset without what is a volunteer's own, a column at a time.

Law: every text passes a Redactor; only ids, hashes, times and closed vocabularies do not. What a text becomes is
remembered where it depends on nothing but itself. What a server wrote may name no address that its measurement did not
meet, and no cookie: that is found out measurement by measurement.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from probe.exports.shape import SHAPES, Kind, Table
from probe.form import dumps
from probe.model import ProtocolName
from probe.redaction import COOKIE, OWN, SECRET_HEADERS, Redactor

Columns = dict[str, list[Any]]
"""The values of each column, row by row, as the database has them: JSON in texts."""

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
_STUN_HEADER = 40  # hexadecimal digits; what follows holds the address of who asked
_SHORTEST_COOKIE = 6
_REMEMBERED = 20_000
"""Texts of one column."""
_LONGEST = 2048
"""Characters of a text that is remembered."""
_NONE = (None, False)
_NOTHING = frozenset((None, "", "[]", "{}"))


class _Memo(dict[Any, Any]):
    """What a text becomes, and whether that depends on its measurement; each is found out once."""

    def __init__(self, clean: Callable[[Any], tuple[Any, bool]]) -> None:
        super().__init__()
        self._clean = clean

    def __missing__(self, value: Any) -> tuple[Any, bool]:
        found = self._clean(value)
        if isinstance(value, str) and len(value) <= _LONGEST:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[value] = found
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

    def clean(self, table: Table, columns: Columns) -> None:
        """Of any table but one of observations."""
        for column, _ in texts_of(table):
            memo = self._memos[table.name, column]
            columns[column] = [value if value is None else memo[value][0] for value in columns[column]]

    def clean_observations(self, table: Table, columns: Columns) -> None:
        """Of a table of observations: all rows of each measurement in it, one after the other."""
        groups = _Groups(dict(columns))
        cookies = self._clean_headers(columns, groups)
        repeated = {row: own for group, own in cookies.items() if groups.tell(group, own) for row in groups.rows(group)}
        for column, _ in texts_of(table):
            if column in _BY_A_SERVER:
                columns[column] = self._by_a_server(table, column, columns[column], groups, repeated)
            elif column != "headers":
                memo = self._memos[table.name, column]
                columns[column] = [value if value is None else memo[value][0] for value in columns[column]]
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
        self, table: Table, column: str, values: Sequence[Any], groups: _Groups, cookies: Mapping[int, Sequence[str]]
    ) -> list[Any]:
        memo, is_text = self._memos[table.name, column], dict(texts_of(table))[column] is Kind.TEXT
        found = [_NONE if value is None else memo[value] for value in values]
        clean = [each for each, _ in found]
        for row in [row for row, (_, depends) in enumerate(found) if depends]:
            value, met = values[row], groups.met(groups.of(row))
            clean[row] = self.any(value, met) if is_text else _packed(self.any(msgspec.json.decode(value), met))
        take_out = _without if is_text else _without_in_json
        for row, own in cookies.items():
            if clean[row] is not None:
                clean[row] = take_out(clean[row], own)
        return clean

    def _clean_headers(self, columns: Columns, groups: _Groups) -> dict[int, tuple[str, ...]]:
        """Gives the cookies of each measurement that has any."""
        read = {row: msgspec.json.decode(text) for row, text in enumerate(columns["headers"]) if text not in _NOTHING}
        secret: dict[int, list[Any]] = {}
        for row, headers in read.items():
            if any(name in SECRET_HEADERS for name, _ in headers):
                secret.setdefault(groups.of(row), []).append(headers)
        cookies = {group: _cookies(each) for group, each in secret.items()}
        clean = list(columns["headers"])
        for row, headers in read.items():
            told = [[name, self._header(name, text, groups, row)] for name, text in headers]
            clean[row] = dumps(told)
            own = cookies.get(groups.of(row), ()) if cookies else ()
            if _holds(clean[row], own):
                clean[row] = dumps([[name, _without(text, own)] for name, text in told])
        columns["headers"] = clean
        return {group: own for group, own in cookies.items() if own}

    def _header(self, name: str, text: str, groups: _Groups, row: int) -> str:
        if name in SECRET_HEADERS:
            return COOKIE
        if name in _CLIENT_HEADERS:
            return OWN
        clean, holds_more = self._redactor.looked_at(text)
        return self._redactor.text(text, groups.met(groups.of(row))) if holds_more else clean

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


class _Groups:
    """Which rows are of one measurement, and what it met."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        ids = columns["measurement_id"]
        self._starts = [row for row, each in enumerate(ids) if not row or each != ids[row - 1]]
        self._met: dict[int, frozenset[str]] = {}

    def of(self, row: int) -> int:
        return bisect_right(self._starts, row) - 1

    def rows(self, group: int) -> range:
        ends = (*self._starts[group + 1 : group + 2], len(self._columns["measurement_id"]))
        return range(self._starts[group], ends[0])

    def tell(self, group: int, cookies: Sequence[str]) -> bool:
        """Whether what a server wrote in it may name these."""
        rows = self.rows(group)
        columns = (self._columns[name][rows.start : rows.stop] for name in _BY_A_SERVER)
        return _holds("\n".join([str(text) for column in columns for text in column if text is not None]), cookies)

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


def _cookies(all_headers: Sequence[Any]) -> tuple[str, ...]:
    """The values of the cookies that were set, as far as they are long enough to be told from other text."""
    found: dict[str, None] = {}
    for name, text in (header for headers in all_headers for header in headers):
        if name in SECRET_HEADERS:
            pair = text.partition(";")[0]
            value = pair.partition("=")[2].strip('" ') or pair
            if len(value) >= _SHORTEST_COOKIE and value != COOKIE:
                found[value] = None
    return tuple(sorted(found, key=len, reverse=True))


def _holds(text: str, cookies: Sequence[str]) -> bool:
    """Whether one of them may be in a text, as it is or inside JSON."""
    return any(cookie in text or dumps(cookie)[1:-1] in text for cookie in cookies)


def _without_in_json(text: Any, cookies: Sequence[str]) -> str:
    return _packed(_without(msgspec.json.decode(text), cookies))


def _without(value: Any, cookies: Sequence[str]) -> Any:
    """A text, or a list of them, without the values of cookies."""
    if isinstance(value, list):
        return [_without(each, cookies) for each in value]
    for cookie in cookies if isinstance(value, str) else ():
        value = value.replace(cookie, COOKIE)
    return value
