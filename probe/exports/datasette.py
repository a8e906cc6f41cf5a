"""What Datasette is told of a published database: what each table, view and column means, in which unit, what to count
by, and the questions that are ready to be asked.

Law: pure, and of the rows alone: no clock. A column is described by the model, never here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from probe import __version__
from probe.exports.files import Seen
from probe.exports.package import LICENCES, About, column_meaning, creators_of
from probe.exports.shape import SHAPES, Kind
from probe.model import Outcome
from probe.store import QUESTIONS
from probe.store.schema import TABLES

_DESCRIPTIONS: Mapping[str, str] = {
    "vantage": "From where it was measured.",
    "run": "One call of the program, with what was known of its host.",
    "target": "What was measured: a page, a port or a name.",
    "measurement": "One check of one target at one time.",
    "observation": "One operation on the network each: what was done, what came, how long it took.",
    "control_measurement": "The same targets, measured by control vantage points.",
    "control_observation": "What the control vantage points saw.",
    "comparison": "Which control measurements stand beside which measurement.",
    "verdict": "What the rules concluded of a measurement; by newer rules again, and the highest number counts.",
    "reason": "Why a verdict is as it is; the first reason decided.",
    "service_verdict": "What was concluded of a service as a whole, in one run.",
    "listing": "Whether an app store lists a service's app in a country.",
    "listing_question": "What an app store was asked for that, about which country.",
    "store_measurement": "The exchanges with app stores.",
    "store_observation": "One operation on the network each, in asking an app store.",
    "certificate": "Certificates as they were shown.",
    "body": "Pages as they came, compressed.",
    "source": "Files that runs were imported from. Not published.",
    "run_source": "Which runs came from which file. Not published.",
    "mark": "Notes of the program to itself. Not published.",
    "register": "Official registers of what is to be blocked. Not published.",
    "register_entry": "The entries of the registers. Not published.",
    "register_key": "By which names and addresses the entries are found. Not published.",
    "v_latest": "What is known now: the newest verdict for each target and vantage point.",
    "v_service": "The same counted for each service and vantage point, and what was concluded of the service in the"
    " newest run that measured it whole.",
}
_METHODS: Mapping[str, str] = {"array": "methods"}
_FACETS: Mapping[str, tuple[str | Mapping[str, str], ...]] = {
    "vantage": ("country", "asn"),
    "run": ("command", "vantage_id"),
    "target": ("service", "role", "scheme"),
    "measurement": ("vantage_id",),
    "observation": ("step", "failure"),
    "control_measurement": ("vantage_id",),
    "control_observation": ("step", "failure"),
    "verdict": ("outcome", "confidence", _METHODS),
    "reason": ("code",),
    "service_verdict": ("outcome", "service", _METHODS),
    "listing": ("listing", "service", "store", "country"),
    "listing_question": ("said", "country"),
    "store_observation": ("step", "failure"),
    "v_latest": ("outcome", "country", "service"),
    "v_service": ("outcome", "country", "service"),
}
_NEWEST_FIRST: Mapping[str, str] = {
    "run": "started_at", "measurement": "started_at", "control_measurement": "started_at", "v_latest": "started_at",
}  # fmt: skip
_BYTES = frozenset({"body_length", "bytes_received", "bytes_sent", "length", "received"})
_SECONDS = frozenset({"refresh_seconds"})
"""Besides every column of no whole numbers."""
_VIEWS: Mapping[str, Mapping[str, str | tuple[str, str]]] = {
    "v_latest": {
        "target": ("target", "name"), "service": ("target", "service"), "vantage": ("vantage", "name"),
        "country": ("vantage", "country"), "asn": ("vantage", "asn"), "network": ("vantage", "network"),
        "outcome": ("verdict", "outcome"), "methods": ("verdict", "methods"), "confidence": ("verdict", "confidence"),
        "started_at": ("measurement", "started_at"), "reason_code": ("reason", "code"),
        "reason_text": ("reason", "text"), "measurement_id": ("verdict", "measurement_id"),
    },
    "v_service": {
        "service": ("target", "service"), "vantage": ("vantage", "name"), "country": ("vantage", "country"),
        "asn": ("vantage", "asn"), "network": ("vantage", "network"),
        "targets": "how many targets of the service were measured",
        **{word.value: f"of how many of them the newest verdict is `{word}`" for word in Outcome},
        "started_at": "when the newest of the measurements was begun, UTC",
        "outcome": ("service_verdict", "outcome"), "methods": ("service_verdict", "methods"),
        "confidence": ("service_verdict", "confidence"), "text": ("service_verdict", "text"),
        "run_id": "row of `run`: the newest that measured the service whole",
        "run_started_at": ("run", "started_at"),
    },
}  # fmt: skip
"""Of each column of a view, the column of a table that it is, or what it counts."""
_PLAIN_KEY = re.compile(r"[a-z][a-z0-9_]*")


def metadata(about: About, seen: Seen, counts: Mapping[str, int]) -> dict[str, Any]:
    """The content of `metadata.yaml`. `counts`: the rows of each table; what has none is hidden."""
    licence, url = LICENCES[about.licence]
    return {
        "title": about.title,
        "description": f"{seen.measurements} measurements, from {seen.first} to {seen.last}, published by"
        f" probe {__version__}. Times are UTC, durations seconds. What is of the volunteers themselves was replaced.",
        "license": licence,
        "license_url": url,
        "source": ", ".join(creators_of(about)),
        "databases": {
            "probe": {
                "queries": {
                    name: {"title": each.title, "description": each.description, "sql": each.sql.strip()}
                    for name, each in QUESTIONS.items()
                },
                "tables": {
                    **{name: _table(name, hidden=not counts.get(name)) for name in TABLES},
                    **{name: _view(name) for name in _VIEWS},
                },
            }
        },
    }


def _table(name: str, *, hidden: bool) -> dict[str, Any]:
    columns = TABLES[name].columns
    label = next((column for column in ("name", "title") if column in columns), None)
    units = {column: unit for column, kind in columns.items() if (unit := _unit(column, kind)) is not None}
    told: dict[str, Any] = {"description": _DESCRIPTIONS[name]}
    if hidden:
        told["hidden"] = True
    told["columns"] = {column: _meaning(name, column) for column in columns}
    if units:
        told["units"] = units
    if label is not None and columns.get("id"):
        told["label_column"] = label
    return {**told, "sortable_columns": list(_sortable(name)), **_shown(name)}


def _view(name: str) -> dict[str, Any]:
    columns = _VIEWS[name]
    told = {column: each if isinstance(each, str) else _meaning(*each) for column, each in columns.items()}
    sortable = [column for column in columns if column not in ("methods", "text", "reason_text")]
    return {"description": _DESCRIPTIONS[name], "columns": told, "sortable_columns": sortable, **_shown(name)}


def _shown(name: str) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if name in _FACETS:
        shown["facets"] = list(_FACETS[name])
    if name in _NEWEST_FIRST:
        shown["sort_desc"] = _NEWEST_FIRST[name]
    return shown


def _meaning(table: str, column: str) -> str:
    if (table, column) == ("body", "compressed"):
        return f"{column_meaning('body', 'body')}; as zlib writes it (RFC 1950)"
    return column_meaning(table, column)


def _unit(column: str, kind: type) -> str | None:
    if kind is float or column in _SECONDS:
        return "s"
    return "B" if kind is int and column in _BYTES else None


def _sortable(name: str) -> Iterator[str]:
    """The columns in whose order there is a sense."""
    if name not in SHAPES:
        yield from TABLES[name].columns
        return
    for column in SHAPES[name].columns:
        if column.kind not in (Kind.LIST, Kind.OBJECT, Kind.BYTES):
            yield column.name


def yaml(content: Mapping[str, Any]) -> str:
    """Objects, lists and scalars as YAML: one key a line, a text of several lines as it is, every other as JSON has it,
    which is YAML too."""
    return "\n".join(_lines(content, 0)) + "\n"


def _lines(content: Mapping[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    for key, value in content.items():
        name = key if _PLAIN_KEY.fullmatch(key) else _json(key)
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}:"
            yield from _lines(value, depth + 1)
        elif isinstance(value, str) and "\n" in value:
            yield f"{indent}{name}: |-"
            yield from (f"{indent}  {line}" for line in value.split("\n"))
        else:
            yield f"{indent}{name}: {_json(value)}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
