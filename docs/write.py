"""Writes the pages of docs/ that the program knows better than anybody: rules.md, cli.md, data-dictionary.md.

python docs/write.py            writes them, and the picture of `make demo` in the README
python docs/write.py --check    ends with 1, naming them, where one is not as the program would write it
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from probe.classify import RULES, RULES_VERSION
from probe.failure import Failure
from probe.model import DETAILS
from probe.store.schema import TABLES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
VERBS = (
    "check", "run", "results", "explain", "classify", "import", "targets list", "targets show", "targets check",
    "targets add", "targets health", "targets update", "targets bundle", "control serve", "doctor",
)  # fmt: skip


def rules() -> Iterator[str]:
    yield f"# Rules, version {RULES_VERSION}"
    yield ""
    yield "Written by the program from the table in `probe/classify/rules.py`."
    yield ""
    yield "The rules are asked in this order, over the observations of a measurement and those of its controls. The"
    yield "first that holds decides the outcome; further `blocked` rules that hold add their method and their reason."
    yield "A reason's code is stable. Where no confidence is given, a failure that was seen twice gives `likely`, once"
    yield "`possible`. With no control, only rules down to `control.none` can hold."
    yield ""
    yield "| code | outcome | method | confidence | what is said |"
    yield "|---|---|---|---|---|"
    for rule in RULES:
        cells = (f"`{rule.code}`", rule.outcome.value, rule.method or "", rule.confidence or "", rule.text)
        yield f"| {' | '.join(cells)} |"


def cli() -> Iterator[str]:
    yield "# Command line"
    yield ""
    yield "Written by the program: what each verb's `--help` says."
    yield ""
    yield "Exit status of `check` and `run`: 0 every target ok; 3 at least one blocked; 4 none blocked, at least one"
    yield "not ok; 2 usage; 5 bad configuration, target list or database; 75 this machine has no network; 1 the program"
    yield "itself failed; 130 and 143 stopped by SIGINT and SIGTERM, what was measured is saved."
    for verb in ("", *VERBS):
        yield ""
        yield f"## `{' '.join(['probe', verb]).strip()}`"
        yield "```"
        yield _help(verb.split())
        yield "```"


def _help(verb: list[str]) -> str:
    wide = {**os.environ, "COLUMNS": "110", "TERM": "dumb"}
    clean = {name: value for name, value in wide.items() if not name.startswith("PROBE_")}
    done = subprocess.run(  # noqa: S603 - our own program
        [str(Path(sys.executable).parent / "probe"), *verb, "--help"],
        env=clean,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.rstrip()


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
}
# Columns that only the database has.
_OF_THE_STORE: dict[str, str] = {
    "run.id": "a version 7 UUID: sorted by time",
    "run.name": "a label: when, what, where from",
    "target.name": "the target as it is written: `https://host/path`, `tcp://host:port`, `dns://host`",
    "measurement.title": "a label: target and time",
    "control_measurement.title": "a label: target and time",
    "control_measurement.id": "the control's own id; one measurement of its may stand beside many of ours",
    "observation.step": "`dns`, `tcp`, `tls` or `http`",
    "control_observation.step": "`dns`, `tcp`, `tls` or `http`",
    "comparison.number": "1 for the first control that was asked, and so on",
    "verdict.title": "a label: outcome, methods, confidence",
    "verdict.made_at": "when the rules were applied, UTC",
    "reason.number": "1 for the reason that decided",
    "body.sha256": "of the decoded body as far as it was read; `observation.body_sha256` names it",
    "body.length": "bytes, before compression",
    "body.compressed": "the body, as zlib writes it (RFC 1950)",
    "certificate.sha256": "of the certificate; `observation.certificates` names it",
    "certificate.der": "the certificate, DER",
}
_KINDS = {str: "text", int: "integer", float: "real", tuple: "JSON text", bytes: "blob", bool: "0 or 1"}


def data_dictionary() -> Iterator[str]:
    meanings = _field_meanings()
    yield "# Data dictionary"
    yield ""
    yield "Written by the program from its schema and model. Times are UTC, ISO 8601 with `Z`; durations are seconds;"
    yield "lists are JSON; an absent value is NULL. `docs/ontology.md` defines the words. The views `v_latest` (the"
    yield "newest verdict for each target and vantage point) and `v_service` (counts of them for each service) show"
    yield "these columns."
    for name, table in TABLES.items():
        yield ""
        yield f"## `{name}`"
        points_at = {column: other for column, other, _ in table.foreign_keys}
        yield "| column | type | meaning |"
        yield "|---|---|---|"
        for column, kind in table.columns.items():
            null = ", or NULL" if column in table.nullable else ""
            meaning = f"row of `{points_at[column]}`" if column in points_at else _meaning(name, column, meanings)
            yield f"| `{column}` | {_KINDS.get(kind, 'text')}{null} | {meaning} |"
    yield ""
    yield "## Failure words"
    yield "The spelling of OONI's df-007."
    yield ""
    yield ", ".join(f"`{word}`" for word in Failure)
    yield ""
    yield "## Columns of each step"
    for step, detail in DETAILS.items():
        yield f"- `{step}`: " + ", ".join(f"`{name}`" for name in detail.__dataclass_fields__)


def _meaning(table: str, column: str, meanings: dict[str, str]) -> str:
    """Of the store's own columns, the text above; of the model's, the docstring of the field. Raises KeyError."""
    if f"{table}.{column}" in _OF_THE_STORE:
        return _OF_THE_STORE[f"{table}.{column}"]
    if column == "id" and table in ("vantage", "target", "verdict"):
        return "number of the row"
    return next(meanings[f"{each}.{column}"] for each in _RECORDS[table] if f"{each}.{column}" in meanings)


def _field_meanings() -> dict[str, str]:
    """The docstring that follows each field of the model's records, by `Record.field`."""
    meanings: dict[str, str] = {}
    for record in ast.parse((ROOT / "probe" / "model.py").read_text(encoding="utf-8")).body:
        if not isinstance(record, ast.ClassDef):
            continue
        for field, text in zip(record.body, record.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                meanings[f"{record.name}.{field.target.id}"] = " ".join(str(text.value.value).split())
    return meanings


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "rules.md": rules,
    "cli.md": cli,
    "data-dictionary.md": data_dictionary,
}


_BEGIN, _END = "<!-- demo: written by `make docs` -->", "<!-- /demo -->"


def readme() -> str:
    """The README with what `make demo` prints now."""
    demo = [sys.executable, "-m", "tests.lab.demo"]
    shown = subprocess.run(demo, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    before, after = text.split(_BEGIN)[0], text.split(_END)[1]
    return f"{before}{_BEGIN}\n```\n{shown.stdout.rstrip()}\n```\n{_END}{after}"


def main() -> int:
    stale = []
    for name, write in PAGES.items():
        page, text = DOCS / name, "\n".join(write()) + "\n"
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                page.write_text(text, encoding="utf-8")
    if "--check" not in sys.argv:
        (ROOT / "README.md").write_text(readme(), encoding="utf-8")
    elif stale:
        print(f"not as the program would write them: {', '.join(stale)}; run: make docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
