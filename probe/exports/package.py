"""What goes beside the tables: the description of the dataset for programs and for people.

Law: pure, and of the rows alone: no clock. `datapackage.json` is a Data Package (frictionless, version 1),
`datacite.json` the metadata that a DOI is registered with (DataCite 4.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from probe import __version__
from probe.exports.files import Resource, Seen
from probe.exports.shape import Column, Kind, Table
from probe.failure import Failure
from probe.redaction import COOKIE, HARDWARE, NAME, OTHER, OWN, PRIVATE
from probe.store.meanings import meaning
from probe.store.migrations import SCHEMA_VERSION

LICENCES: Mapping[str, tuple[str, str]] = {
    "CC-BY-4.0": ("Creative Commons Attribution 4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "CC-BY-SA-4.0": ("Creative Commons Attribution-ShareAlike 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "CC-BY-NC-4.0": (
        "Creative Commons Attribution-NonCommercial 4.0",
        "https://creativecommons.org/licenses/by-nc/4.0/",
    ),
    "CC-BY-NC-SA-4.0": (
        "Creative Commons Attribution-NonCommercial-ShareAlike 4.0",
        "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    ),
    "CC0-1.0": ("Creative Commons Zero 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "ODbL-1.0": ("Open Data Commons Open Database License 1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
    "ODC-By-1.0": ("Open Data Commons Attribution License 1.0", "https://opendatacommons.org/licenses/by/1-0/"),
}
"""Licences that a dataset can have, by their SPDX id."""
PACKAGE = "datapackage.json"
DICTIONARY = "data-dictionary.md"
CITATION = "datacite.json"
_TYPES = {Kind.LIST: "array", Kind.OBJECT: "object", Kind.BYTES: "string", Kind.TIME: "datetime"}
_IN_TEXT = {Kind.LIST: "string", Kind.OBJECT: "string"}
_MARKS: Mapping[str, str] = {
    OWN: "an address of the volunteer",
    PRIVATE: "an address of somebody's own network, or a resolver in it",
    OTHER: "an address that only a server named, and that was not met in the measurement",
    NAME: "a name of the volunteer's machine",
    HARDWARE: "a hardware address",
    COOKIE: "the value of a cookie",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the one who exports says of the dataset."""

    licence: str = "CC-BY-4.0"
    """One of LICENCES."""
    creators: tuple[str, ...] = ()
    title: str = "Reachability of messaging services"
    format: str = "jsonl"
    filters: Mapping[str, str] | None = None
    """What it was narrowed to."""
    bodies: bool = False


def files_beside(
    about: About, seen: Seen, resources: Sequence[Resource], sums: Mapping[str, tuple[int, str]]
) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file. `sums` are size and SHA-256 of the files there are, by their path."""
    yield PACKAGE, _json(_package(about, seen, resources, sums))
    yield DICTIONARY, ("\n".join(_dictionary(about, resources)) + "\n").encode()
    yield CITATION, _json(_citation(about, seen))


def _json(content: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _package(
    about: About, seen: Seen, resources: Sequence[Resource], sums: Mapping[str, tuple[int, str]]
) -> dict[str, Any]:
    title, url = LICENCES[about.licence]
    present = {resource.name for resource in resources}
    return {
        "profile": "data-package",
        "name": "reachability",
        "title": about.title,
        "description": f"{seen.measurements} measurements, from {seen.first} to {seen.last}, by probe {__version__}."
        f" The columns are in {DICTIONARY}.",
        "version": __version__,
        "licenses": [{"name": about.licence, "title": title, "path": url}],
        "contributors": [{"title": name, "role": "author"} for name in creators_of(about)],
        "keywords": ["censorship", "network measurement", "messaging"],
        "resources": [_resource(resource, sums, present) for resource in resources],
        "probe": {
            "software": f"probe {__version__}",
            "schema_version": SCHEMA_VERSION,
            "rules_versions": sorted(seen.rules),
            "format": about.format,
            "measurements": seen.measurements,
            "first": seen.first,
            "last": seen.last,
            "countries": sorted(seen.countries),
            "filters": dict(about.filters or {}),
            "bodies": about.bodies,
            "redacted": dict(_MARKS),
        },
    }


def _resource(resource: Resource, sums: Mapping[str, tuple[int, str]], present: set[str]) -> dict[str, Any]:
    one = resource.paths[0] if len(resource.paths) == 1 else None
    described: dict[str, Any] = {
        "name": resource.name,
        "path": one or list(resource.paths),
        "format": resource.format,
        "mediatype": resource.mediatype,
        "encoding": "utf-8",
        "bytes": sum(sums[path][0] for path in resource.paths),
    }
    if one:
        described["hash"] = f"sha256:{sums[one][1]}"
    if resource.table is not None:
        if resource.format == "parquet":  # the parts tell their types themselves, better than a Table Schema can
            described["type"] = "file"
        else:
            described["profile"] = "tabular-data-resource"
        described["schema"] = _schema(resource.table, resource.format, present)
    if resource.format == "csv":
        described["dialect"] = {"delimiter": ",", "lineTerminator": "\n", "doubleQuote": True, "header": True}
    return described


def _schema(table: Table, form: str, present: set[str]) -> dict[str, Any]:
    """Table Schema. Of a Parquet table its parts have no columns of their own."""
    pointing = [
        {"fields": column, "reference": {"resource": other, "fields": there}}
        for column, other, there in table.foreign_keys
        if other in present
    ]
    return {
        "fields": [_field(table, column, form) for column in table.columns],
        "missingValues": [""],
        "primaryKey": list(table.key),
        **({"foreignKeys": pointing} if pointing else {}),
    }


def _field(table: Table, column: Column, form: str) -> dict[str, Any]:
    kind = _TYPES.get(column.kind, column.kind.value)
    if form == "parquet":
        kind = _IN_TEXT.get(column.kind, kind)
    must: dict[str, Any] = {"enum": list(column.words)} if column.words else {}
    if not column.nullable and column.kind not in (Kind.TEXT, Kind.BYTES):  # empty is none to a reader of CSV
        must["required"] = True
    field: dict[str, Any] = {"name": column.name, "type": kind, "description": column_meaning(table.name, column.name)}
    if column.kind is Kind.TIME and form != "parquet":
        field["format"] = "%Y-%m-%dT%H:%M:%S.%fZ"
    if column.kind is Kind.BYTES and form != "parquet":
        field["format"] = "binary"
    return {**field, "constraints": must} if must else field


def column_meaning(table: str, column: str) -> str:
    """What a column of a dataset means."""
    if (table, column) == ("body", "body"):
        return "the body; where it was redacted, `sha256` and `length` are still those of what came"
    return meaning(table, column)


def _dictionary(about: About, resources: Sequence[Resource]) -> Iterator[str]:
    yield "# Data dictionary"
    yield ""
    yield f"Written by probe {__version__}. Times are UTC, ISO 8601 with `Z`; durations are seconds; lists and objects"
    yield "are JSON; bytes are base64 (in Parquet they are bytes)."
    for resource in resources:
        yield ""
        yield f"## `{resource.name}`"
        yield f"{resource.rows} rows, in `{resource.paths[0] if len(resource.paths) == 1 else f'{resource.name}/'}`."
        if resource.table is None:
            yield "OONI's data format 0.2.0, test web_connectivity: its specification says what each key means."
            continue
        yield ""
        yield "| column | type | meaning |"
        yield "|---|---|---|"
        for column in resource.table.columns:
            null = ", or null" if column.nullable else ""
            yield f"| `{column.name}` | {column.kind}{null} | {column_meaning(resource.table.name, column.name)} |"
    yield ""
    yield "## What was replaced"
    yield ""
    yield "| word | in the place of |"
    yield "|---|---|"
    for mark, text in _MARKS.items():
        yield f"| `{mark}` | {text} |"
    if not about.bodies:
        yield ""
        yield "Pages are not in it; `body_sha256` says which it was."
    yield ""
    yield "## Failure words"
    yield ", ".join(f"`{word}`" for word in Failure)


def _citation(about: About, seen: Seen) -> dict[str, Any]:
    title, url = LICENCES[about.licence]
    day = date.fromisoformat((seen.last or "2017-05-01")[:10])
    return {
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Network measurements"},
        "titles": [{"title": about.title}],
        "creators": [{"name": name} for name in creators_of(about)],
        "publisher": {"name": creators_of(about)[0]},
        "publicationYear": str(day.year),
        "dates": [{"date": f"{(seen.first or '')[:10]}/{day}", "dateType": "Collected"}] if seen.first else [],
        "version": __version__,
        "rightsList": [{"rights": title, "rightsUri": url, "rightsIdentifier": about.licence}],
        "formats": [about.format],
        "geoLocations": [{"geoLocationPlace": each} for each in sorted(seen.countries) if each != "ZZ"],
        "descriptions": [
            {
                "description": f"{seen.measurements} measurements of whether messaging services can be reached.",
                "descriptionType": "Abstract",
            }
        ],
    }


def creators_of(about: About) -> tuple[str, ...]:
    """Who is to be cited."""
    return about.creators or ("Volunteers of probe",)
