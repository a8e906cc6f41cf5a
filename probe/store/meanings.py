"""What each column means, in a sentence: the docstrings of the model's fields, and of the store's own columns a text.

Law: nothing is written twice. The docstrings are read from the source of the program, which is beside this file.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from probe.model import DETAILS
from probe.store.schema import TABLES

_SOURCES = ("host.py", "register.py", "storefront.py", "model.py", "observation.py", "service.py")

# The record of the model that each table holds.
_RECORDS: dict[str, tuple[str, ...]] = {
    "vantage": ("Vantage",),
    "run": ("Run",),
    "target": ("Target",),
    "measurement": ("Measurement",),
    "control_measurement": ("Measurement",),
    "observation": ("Observation", *(detail.__name__ for detail in DETAILS.values())),
    "control_observation": ("Observation", *(detail.__name__ for detail in DETAILS.values())),
    "verdict": ("Verdict",),
    "reason": ("Reason",),
    "service_verdict": ("ServiceVerdict",),
    "store_measurement": ("Measurement",),
    "store_observation": ("Observation", *(detail.__name__ for detail in DETAILS.values())),
    "listing": ("StoreCheck", "Reason"),
    "listing_question": ("Question", "Reason"),
    "register": ("Register",),
    "register_entry": ("Entry",),
}
# Columns that only the database has.
_OF_THE_STORE: dict[str, str] = {
    "run.id": "a version 7 UUID: sorted by time",
    "run.name": "a label: when, what, where from",
    "target.name": "the target as it is written: `https://host/path`, `tcp://host:port`, `udp://host:port`, `dns://host`",
    "measurement.title": "a label: target and time",
    "control_measurement.title": "a label: target and time",
    "control_measurement.id": "the control's own id, after which `~` marks the databases by which its addresses were"
    " looked up here; one measurement of its may stand beside many of ours",
    "observation.step": "`dns`, `tcp`, `tls`, `http`, `quic` or `greeting`",
    "control_observation.step": "`dns`, `tcp`, `tls`, `http`, `quic` or `greeting`",
    "comparison.number": "1 for the first control that was asked, and so on",
    "verdict.title": "a label: outcome, methods, confidence",
    "verdict.made_at": "when the rules were applied, UTC",
    "service_verdict.title": "a label: service, outcome, methods, confidence",
    "service_verdict.made_at": "when it was concluded, UTC",
    "reason.number": "1 for the reason that decided",
    "body.sha256": "of the decoded body as far as it was read; `observation.body_sha256` names it",
    "body.length": "bytes, before compression",
    "body.compressed": "the body, as zlib writes it (RFC 1950)",
    "mark.name": "`exported_until`: measurements begun before that moment are in an export, so `probe db prune` may"
    " remove them",
    "mark.value": "a moment, UTC",
    "certificate.sha256": "of the certificate; `observation.certificates` names it",
    "certificate.der": "the certificate, DER",
    "store_measurement.title": "a label: target and time",
    "store_observation.step": "the same words as in `observation`",
    "listing.id": "number of the row",
    "listing.title": "a label: service, store, country, listing",
    "listing.made_at": "when the rules were applied, UTC",
    "listing_question.number": "1 for the question about the country in question",
    "source.id": "number of the row",
    "source.name": "the name of the file or folder that runs were imported from",
    "source.kind": "`database` or `dataset`",
    "source.sha256": "of the file; of a dataset, of its `SHA256SUMS`",
    "source.signed_by": "the public key that a dataset is signed with",
    "source.imported_at": "when it was imported first, UTC",
    "register.id": "number of the row",
    "register.process": "of an import that goes on, as in `run`; else empty",
    "register_key.key": "a name, a wildcard, a page, an address or a prefix, in the spelling of `target`",
    "register_key.beside": "1 for what only stands in the entry beside what it lists",
    "register_key.line": "of `register_entry`",
}


def meaning(table: str, column: str) -> str:
    """Of a column that points at another table, which; of the store's own, the text above; of the model's, the
    docstring of the field. Raises StopIteration where there is none, which no table of ours has."""
    points_at = {name: other for name, other, _ in TABLES[table].foreign_keys}
    if column in points_at:
        return f"row of `{points_at[column]}`"
    if f"{table}.{column}" in _OF_THE_STORE:
        return _OF_THE_STORE[f"{table}.{column}"]
    if column == "id" and table in ("vantage", "target", "verdict", "service_verdict"):
        return "number of the row"
    meanings = field_meanings(*_SOURCES)
    return next(meanings[f"{each}.{column}"] for each in _RECORDS[table] if f"{each}.{column}" in meanings)


@cache
def field_meanings(*modules: str) -> Mapping[str, str]:
    """The docstring that follows each field of the modules' records, and each word of their lists, by `Record.field`.
    A module is named by its file below the program's folder."""
    meanings: dict[str, str] = {}
    files = [Path(__file__).parents[1] / name for name in modules]
    for record in [each for file in files for each in ast.parse(file.read_text(encoding="utf-8")).body]:
        if not isinstance(record, ast.ClassDef):
            continue
        for field, text in zip(record.body, record.body[1:], strict=False):
            named: ast.expr | None = field.target if isinstance(field, ast.AnnAssign) else None
            if isinstance(field, ast.Assign):
                named = field.targets[0]
            if isinstance(named, ast.Name) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                meanings[f"{record.name}.{named.id}"] = " ".join(str(text.value.value).split())
    return meanings
