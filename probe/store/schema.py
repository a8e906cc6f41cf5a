"""The tables, as literals: what is kept, under which names, and what points at what.

Law: the columns of an observation are those of the model, derived and never spelled again. Lists are JSON text, times
ISO 8601 UTC, durations seconds. A column called `name` or `title` is what a reader such as Datasette shows for a row.
What a control saw and what an app store was asked have the shape of our rows but tables of their own, so that nothing
is read as a check of a target that was none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from probe.model import DETAILS, Certainty, Confidence, Outcome, ProtocolName, Scheme, StepName
from probe.store.views import VIEWS
from probe.storefront import AppStore, Listing, Said

if TYPE_CHECKING:
    from sqlite_utils import Database

_COMMON: Mapping[str, type] = {
    "measurement_id": str,
    "id": int,
    "step": str,
    "started": float,
    "runtime": float,
    "attempt": int,
    "hop": int,
    "experiment": str,
    "hop_limit": int,
    "router": str,
    "failure": str,
    "error": str,
}


def _stored_type(hint: Any) -> type:
    """How a field's type is kept: tuples as JSON text, words as text, the rest as itself; `| None` only makes it
    nullable."""
    if get_origin(hint) is UnionType:
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is tuple:
        return tuple
    return str if issubclass(hint, StrEnum) else hint


TIME_COLUMNS = frozenset({"started_at", "finished_at", "made_at"})
"""Of a dataset's tables, the columns that hold a time."""
DETAIL_COLUMNS: Mapping[str, type] = {
    name: _stored_type(hint) for detail in DETAILS.values() for name, hint in get_type_hints(detail).items()
}
"""Every column of every kind of operation, with the type it is kept as; `tuple` is JSON text."""

OBSERVATION_COLUMNS: tuple[str, ...] = (*_COMMON, *DETAIL_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: what `sqlite_utils` needs to make it, and the words that some columns are limited to."""

    columns: Mapping[str, type]
    pk: str | tuple[str, ...] = "id"
    nullable: tuple[str, ...] = ()
    foreign_keys: tuple[tuple[str, str, str], ...] = ()
    words: Mapping[str, type[StrEnum]] | None = None
    indexes: tuple[tuple[str, ...], ...] = ()
    unique: tuple[str, ...] = ()
    clustered: bool = False
    """The rows stand in the order of the primary key, and have no other number: for tables of millions of rows that are
    found by it alone."""

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return (self.pk,) if isinstance(self.pk, str) else self.pk


def _measurement(*, of_a_run: bool) -> Table:
    """A table of measurements: ours belong to a run, a control's do not."""
    run = {"run_id": str} if of_a_run else {}
    run_key = (("run_id", "run", "id"),) if of_a_run else ()
    return Table(
        columns={
            "id": str,
            "title": str,
            **run,
            "target_id": int,
            "vantage_id": int,
            "started_at": str,
            "runtime": float,
            "lag": float,
        },
        nullable=(*run, "lag"),
        foreign_keys=(*run_key, ("target_id", "target", "id"), ("vantage_id", "vantage", "id")),
        indexes=(*((column,) for column in run), ("target_id",), ("vantage_id",), ("started_at",)),
    )


def _observation(measurements: str) -> Table:
    """A table of observations of the measurements in another table."""
    return Table(
        columns={**_COMMON, **DETAIL_COLUMNS},
        pk=("measurement_id", "id"),
        nullable=("experiment", "hop_limit", "router", "failure", "error", *DETAIL_COLUMNS),
        foreign_keys=(("measurement_id", measurements, "id"),),
        words={"step": StepName},
    )


# In the order in which they must be made: a table comes after those it points at.
TABLES: Mapping[str, Table] = {
    "vantage": Table(
        columns={"id": int, "name": str, "country": str, "asn": int, "network": str},
        nullable=("network",),
        unique=("name", "country", "asn", "network"),
    ),
    "run": Table(
        columns={
            "id": str,
            "name": str,
            "command": str,
            "vantage_id": int,
            "started_at": str,
            "finished_at": str,
            "process": str,
            "software": str,
            "host": str,
            "settings": str,
            "services": str,
        },
        nullable=("finished_at",),
        foreign_keys=(("vantage_id", "vantage", "id"),),
        indexes=(("vantage_id",),),
    ),
    "target": Table(
        columns={
            "id": int,
            "name": str,
            "scheme": str,
            "host": str,
            "port": int,
            "path": str,
            "speaks": str,
            "service": str,
            "role": str,
            "certainty": str,
            "retired": str,
            "roots": str,
        },
        nullable=("port", "speaks", "service", "role", "retired"),
        words={"scheme": Scheme, "speaks": ProtocolName, "certainty": Certainty},
        indexes=(("host",), ("service",)),
        unique=("name", "speaks", "service", "role", "certainty", "retired", "roots"),
    ),
    "measurement": _measurement(of_a_run=True),
    "observation": _observation("measurement"),
    "control_measurement": _measurement(of_a_run=False),
    "control_observation": _observation("control_measurement"),
    "comparison": Table(
        columns={"measurement_id": str, "number": int, "control_measurement_id": str},
        pk=("measurement_id", "number"),
        foreign_keys=(
            ("measurement_id", "measurement", "id"),
            ("control_measurement_id", "control_measurement", "id"),
        ),
        indexes=(("control_measurement_id",),),
    ),
    "verdict": Table(
        columns={
            "id": int,
            "title": str,
            "measurement_id": str,
            "rules_version": str,
            "outcome": str,
            "methods": str,
            "confidence": str,
            "controls": str,
            "made_at": str,
        },
        nullable=("confidence",),
        foreign_keys=(("measurement_id", "measurement", "id"),),
        words={"outcome": Outcome, "confidence": Confidence},
        unique=("measurement_id", "rules_version"),
    ),
    "reason": Table(
        columns={"verdict_id": int, "number": int, "code": str, "text": str, "observations": str},
        pk=("verdict_id", "number"),
        foreign_keys=(("verdict_id", "verdict", "id"),),
    ),
    "service_verdict": Table(
        columns={
            "id": int,
            "title": str,
            "run_id": str,
            "vantage_id": int,
            "service": str,
            "rules_version": str,
            "outcome": str,
            "methods": str,
            "confidence": str,
            "text": str,
            "roles": str,
            "made_at": str,
        },
        nullable=("confidence",),
        foreign_keys=(("run_id", "run", "id"), ("vantage_id", "vantage", "id")),
        words={"outcome": Outcome, "confidence": Confidence},
        indexes=(("service",), ("vantage_id",)),
        unique=("run_id", "service", "rules_version"),
    ),
    "body": Table(columns={"sha256": str, "length": int, "compressed": bytes}, pk="sha256"),
    "certificate": Table(columns={"sha256": str, "der": bytes}, pk="sha256"),
    "source": Table(
        columns={"id": int, "name": str, "kind": str, "sha256": str, "signed_by": str, "imported_at": str},
        nullable=("signed_by",),
        unique=("sha256",),
    ),
    "run_source": Table(
        columns={"run_id": str, "source_id": int},
        pk=("run_id", "source_id"),
        foreign_keys=(("run_id", "run", "id"), ("source_id", "source", "id")),
        indexes=(("source_id",),),
    ),
    "mark": Table(columns={"name": str, "value": str}, pk="name"),
    "store_measurement": _measurement(of_a_run=True),
    "store_observation": _observation("store_measurement"),
    "listing": Table(
        columns={
            "id": int,
            "title": str,
            "run_id": str,
            "service": str,
            "store": str,
            "app": str,
            "country": str,
            "listing": str,
            "code": str,
            "text": str,
            "observations": str,
            "rules_version": str,
            "made_at": str,
        },
        nullable=("run_id",),
        foreign_keys=(("run_id", "run", "id"),),
        words={"store": AppStore, "listing": Listing},
        indexes=(("run_id",), ("service",)),
    ),
    "listing_question": Table(
        columns={
            "listing_id": int,
            "number": int,
            "country": str,
            "app": str,
            "said": str,
            "code": str,
            "text": str,
            "observations": str,
            "store_measurement_id": str,
        },
        pk=("listing_id", "number"),
        nullable=("code", "text", "observations"),
        foreign_keys=(
            ("listing_id", "listing", "id"),
            ("store_measurement_id", "store_measurement", "id"),
        ),
        words={"said": Said},
        indexes=(("store_measurement_id",),),
    ),
    "register": Table(
        columns={
            "id": int,
            "name": str,
            "country": str,
            "form": str,
            "source": str,
            "updated_at": str,
            "imported_at": str,
            "entries": int,
            "damaged": int,
            "process": str,
        },
        nullable=("updated_at", "imported_at"),
    ),
    "register_entry": Table(
        columns={
            "register_id": int,
            "line": int,
            "kind": str,
            "domain": str,
            "url": str,
            "authority": str,
            "decision": str,
            "date": str,
        },
        pk=("register_id", "line"),
        nullable=("domain", "url", "authority", "decision", "date"),
        foreign_keys=(("register_id", "register", "id"),),
        clustered=True,
    ),
    "register_key": Table(
        columns={"register_id": int, "key": str, "beside": bool, "line": int},
        pk=("register_id", "key", "beside", "line"),
        foreign_keys=(("register_id", "register", "id"),),
        clustered=True,
    ),
}


def dataset_columns(table: str) -> dict[str, type]:
    """The columns of a table as datasets have them, in which bodies are not compressed."""
    columns = TABLES[table].columns
    return {"body" if name == "compressed" else name: kind for name, kind in columns.items()}


def create_schema(db: Database) -> None:
    """Makes every table, index and view in an empty database, inside the transaction that is open."""
    for name, table in TABLES.items():
        db.execute(_table_sql(db, name, table))
        for index in table.indexes:
            db.table(name).create_index(index)
        if table.unique:
            key = unique_key(table)
            db.execute(f"CREATE UNIQUE INDEX unique_{name} ON {name} ({', '.join(key)})")
    for name, sql in VIEWS.items():
        db.create_view(name, sql)


def unique_key(table: Table) -> tuple[str, ...]:
    """The expressions that tell one row from another. Two NULLs are never equal to SQL, though two absences are the
    same to us: an absent value counts as an empty blob, which no text equals."""
    return tuple(f"ifnull({column}, x'')" if column in table.nullable else column for column in table.unique)


def _table_sql(db: Database, name: str, table: Table) -> str:
    sql = db.create_table_sql(
        name,
        {column: str if kind is tuple else kind for column, kind in table.columns.items()},
        pk=table.pk,
        foreign_keys=table.foreign_keys,
        not_null=[column for column in table.columns if column not in table.nullable],
    ).rstrip()
    # sqlite-utils keeps CHECK constraints that are there, yet offers no way to ask for one
    for column, words in (table.words or {}).items():
        allowed = ", ".join(f"'{word.value}'" for word in words)
        sql = sql.removesuffix(");").rstrip() + f",\n   CHECK ({column} IN ({allowed}))\n);"
    return f"{sql.removesuffix(';')} WITHOUT ROWID;" if table.clustered else sql
