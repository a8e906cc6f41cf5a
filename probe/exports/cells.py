"""The texts of a dataset without what is a volunteer's own, a column at a time.

Law: every text passes a Redactor; only ids, hashes, times and closed vocabularies do not. What a text becomes is
remembered where it depends on nothing but itself. What a server wrote may name no address that its measurement did not
meet, and no cookie: that is found out measurement by measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from probe.exports.groups import Groups
from probe.exports.headers import Cookies, Headers
from probe.exports.memo import NOTHING, Columns, Memo, is_absent
from probe.exports.shape import SHAPES, Kind, Table
from probe.form import dumps
from probe.model import ProtocolName
from probe.redaction import Redactor

_NO_TEXT = frozenset(
    {"body_sha256", "certificates", "id", "public_key_sha256", "root_sha256", "roots", "rules_version"}
)
"""Columns with ids and hashes, besides those that point at another row."""
_BY_A_SERVER = frozenset(
    {"alternative_names", "error", "excerpt", "issuer", "outline", "refresh", "subject", "title", "url"}
)
"""Columns of an observation that a server may have written what it likes into."""
_IN_JSON = frozenset(column.name for column in SHAPES["observation"].columns if column.kind is not Kind.TEXT)
"""Columns whose texts stand in JSON, or that are no texts."""
_LOOKED_AT_APART = frozenset({"first_bytes", "headers"})
_STUN_HEADER = 40  # hexadecimal digits; what follows holds the address of who asked


class Cells:
    """Replaces what is a volunteer's own in the columns of tables."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._memos = {
            name: {column: Memo(self._cleaner(name, column, kind)) for column, kind in _texts_of(table)}
            for name, table in SHAPES.items()
        }
        self._headers = Headers(redactor)

    def clean(self, table: Table, columns: Columns) -> None:
        """Of any table but one of observations."""
        for column, memo in self._memos[table.name].items():
            columns[column] = memo.of(columns[column])

    def clean_observations(self, table: Table, columns: Columns) -> None:
        """Of a table of observations: all rows of each measurement in it, one after the other."""
        groups = Groups(dict(columns), _BY_A_SERVER)
        columns["headers"], cookies = self._headers.clean(columns["headers"], groups)
        told = ((group, own) for group, own in cookies.items() if own.may_be_in(groups.written(group)))
        repeated = {row: own for group, own in told for row in groups.rows(group)}
        for column, memo in self._memos[table.name].items():
            values = columns[column]
            if column not in _BY_A_SERVER:
                columns[column] = memo.of(values)
            elif not is_absent(values):
                columns[column] = self._by_a_server(memo, values, groups, repeated, is_text=column not in _IN_JSON)
        said, protocols = columns["first_bytes"], columns["protocol"]
        columns["first_bytes"] = [
            self._first_bytes(each, protocols[row], groups, row) if each else each for row, each in enumerate(said)
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
        if value in NOTHING:
            return value, False
        read = msgspec.json.decode(value)
        clean = self.any(read)
        return _packed(clean), met is not None and self.any(read, met) != clean

    def _by_a_server(
        self, memo: Memo, values: Sequence[Any], groups: Groups, cookies: Mapping[int, Cookies], *, is_text: bool
    ) -> list[Any]:
        clean = memo.of(values)
        for row in memo.depending(values):
            value, met = values[row], groups.met(groups.of(row))
            clean[row] = self.any(value, met) if is_text else _packed(self.any(msgspec.json.decode(value), met))
        for row, own in cookies.items():
            if clean[row] is not None:
                text = clean[row]
                clean[row] = own.taken_out(text) if is_text else _packed(own.taken_out(msgspec.json.decode(text)))
        return clean

    def _first_bytes(self, said: Any, protocol: Any, groups: Groups, row: int) -> str:
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


def _texts_of(table: Table) -> Iterator[tuple[str, Kind]]:
    """The columns of a table in which there may be anything."""
    apart = _NO_TEXT | _LOOKED_AT_APART | {column for column, _, _ in table.foreign_keys}
    for each in table.columns:
        if each.kind in (Kind.TEXT, Kind.LIST, Kind.OBJECT) and not each.words and each.name not in apart:
            yield each.name, each.kind


def _packed(value: Any) -> str:
    return dumps(value) if value else str(value)
