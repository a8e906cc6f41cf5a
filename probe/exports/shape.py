"""The tables of a dataset and their columns: those of the database, but for bodies, which are not compressed.

Law: derived from the schema, never spelled again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from probe.store.datasets import DATASET_TABLES, IN_PARTS
from probe.store.schema import TABLES, TIME_COLUMNS, dataset_columns


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "datetime"
    """UTC, ISO 8601 with `Z`."""
    LIST = "array"
    """JSON."""
    OBJECT = "object"
    """JSON."""
    BYTES = "bytes"
    """In a text, base64."""


_OBJECTS = frozenset({("run", "host"), ("run", "settings")})
_LISTS = frozenset({"services", "roots", "methods", "controls", "observations", "roles"})
_KINDS: Mapping[type, Kind] = {
    str: Kind.TEXT,
    int: Kind.INTEGER,
    float: Kind.NUMBER,
    bool: Kind.BOOLEAN,
    tuple: Kind.LIST,
    bytes: Kind.BYTES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table in a dataset."""

    name: str
    kind: Kind
    nullable: bool
    words: tuple[str, ...] = ()
    """The words that it is limited to; empty where it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of a dataset."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    foreign_keys: tuple[tuple[str, str, str], ...]
    """Column, the table it points at, the column there."""

    @property
    def in_parts(self) -> bool:
        """Whether it grows with every measurement."""
        return self.name in IN_PARTS


def _table(name: str) -> Table:
    table = TABLES[name]
    columns = []
    for column, stored in dataset_columns(name).items():
        kind = _KINDS[stored]
        kind = Kind.OBJECT if (name, column) in _OBJECTS else Kind.LIST if column in _LISTS else kind
        kind = Kind.TIME if column in TIME_COLUMNS else kind
        words = tuple(word.value for word in (table.words or {}).get(column, ()))
        columns.append(Column(name=column, kind=kind, nullable=column in table.nullable, words=words))
    return Table(name=name, columns=tuple(columns), key=table.key, foreign_keys=table.foreign_keys)


SHAPES: Mapping[str, Table] = {name: _table(name) for name in DATASET_TABLES}
