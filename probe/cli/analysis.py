"""`probe compare`, `probe timeline` and `probe report`: what many runs and vantage points say together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status, say

if TYPE_CHECKING:
    from rich.console import Console

    from probe.analysis import By, Gathered
    from probe.history import Judged
    from probe.store import Histories

_DAYS = 7.0
_SHOWN = 0o644  # the page is made to be shown
_WIDE = 160
"""Columns where no terminal says how many it has."""

Databases = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[DB...]",
        help="Databases of this program, or datasets that it exported; read only.",
        show_default="--db",
    ),
]
Subject = Annotated[str | None, typer.Option("--service", help="Of this service only; with --targets, of this target.")]
Targets = Annotated[bool, typer.Option("--targets", help="Each target for itself, in place of services as a whole.")]
Window = Annotated[
    float,
    typer.Option("--window", metavar="DAYS", min=0.0, max=36500.0, help="Days before the newest verdict that are now."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """Databases that are being read, and what was gathered from them."""

    histories: Histories
    gathered: Gathered
    kind: str
    """What the verdicts are on: `service` or `target`."""


def compare(
    databases: Databases = None,
    window: Window = _DAYS,
    by: Annotated[str, typer.Option("--by", help="network or country.")] = "network",
    service: Subject = None,
    targets: Targets = False,
    json: options.Json = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Services and networks: who can reach what now, since when, how sure. Several databases are read as one."""
    from probe.analysis import cell_json, compare_each, places_of
    from probe.form import dumps
    from probe.report.comparison import comparison

    place = _by(by)
    with _open(databases, db, config, targets=targets, subject=service) as found:
        gathered = found.gathered
        if gathered.newest is None:
            return Status.OK
        begin = gathered.newest - timedelta(days=window)
        cells = compare_each(gathered.series(), begin, places_of(gathered.points, place))
        if json:
            for cell in cells:
                print(dumps(cell_json(cell, found.kind, found.histories.evidence)))
        elif shown := list(cells):
            _console().print(comparison(shown, found.kind))
    return Status.OK


def timeline(
    databases: Databases = None,
    service: Subject = None,
    targets: Targets = False,
    json: options.Json = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """When each block began and ended, in each network, and by which measurements that is known."""
    from probe.analysis import block_json, places_of, timeline_each
    from probe.form import dumps
    from probe.report.comparison import block_lines, evidence_line

    with _open(databases, db, config, targets=targets, subject=service) as found:
        blocks = timeline_each(found.gathered.series(), places_of(found.gathered.points))
        ask, any_block = found.histories.evidence, False
        if json:
            for block in blocks:
                print(dumps(block_json(block, found.kind, ask)))
            return Status.OK
        out = _console()
        for block in blocks:
            any_block = True
            out.print(*block_lines(block), sep="\n", soft_wrap=True)
            for word, edge in (("begin", block.begin), ("end", block.end)):
                for verdict in edge.verdicts if edge else ():
                    ids = [each.measurement_id for each in verdict.told_by(ask(verdict))]
                    out.print(evidence_line(word, verdict.started_at, ids), soft_wrap=True)
        if found.gathered.newest is not None and not any_block:
            say("no block: nothing was seen blocked twice in a row, and no block proved itself")
    return Status.OK


def report(
    output: Annotated[Path, typer.Option("--output", metavar="FILE.html", help="Where the page goes.")],
    databases: Databases = None,
    window: Window = _DAYS,
    service: Subject = None,
    targets: Targets = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """A page of it for people, in one file: who can reach what now, and when each block began and ended."""
    from probe import __version__
    from probe.analysis import by_place
    from probe.analysis import compare as compared
    from probe.analysis import timeline as timed
    from probe.report.page import Facts, document

    with _open(databases, db, config, targets=targets, subject=service) as found:
        rows = found.gathered.rows
        if not rows:
            raise Refusal(f"{output}: not written, since there is nothing to show", Status.FAILED)
        places = by_place(rows)
        facts = Facts(
            cells=compared(rows, timedelta(days=window)),
            blocks=timed(rows),
            seen={key: sorted(chain(*heard.values()), key=_begun) for key, heard in places.items()},
            kind=found.kind,
            days=window,
            databases=[history.name for history in found.histories.all],
            rules_versions=found.gathered.rules_versions,
            software=f"probe {__version__}",
        )
        _write(output, document(facts, found.histories.evidence), [each.path for each in found.histories.all])
    return Status.OK


def _begun(row: Judged) -> datetime:
    return row.started_at


def _write(output: Path, text: str, databases: list[Path]) -> None:
    """Puts the page there whole, or not at all."""
    from probe.files import replace_file

    if any(output.exists() and output.samefile(path) for path in databases):
        raise Refusal(f"--output {output}: is one of the databases; name another file", Status.USAGE)
    if output.exists() and not output.is_file():
        raise Refusal(f"--output {output}: is not a file; name one", Status.USAGE)
    try:
        replace_file(output, text.encode("utf-8"), mode=_SHOWN)
    except OSError as error:
        raise Refusal(f"--output {output}: cannot be written: {error.strerror}", Status.FAILED) from None


@contextmanager
def _open(
    databases: list[Path] | None, db: Path | None, config: Path | None, *, targets: bool, subject: str | None
) -> Iterator[_Open]:
    """The databases that were named, or else the user's own."""
    from probe.analysis import gather
    from probe.cli.settings import database, load_config
    from probe.store import Histories, StoreError

    named = databases or [database(db, load_config(config).config)]
    kind = "target" if targets else "service"
    try:
        with _as_databases(named) as paths, Histories(paths) as histories:
            gathered = gather(histories.all, targets=targets, subject=subject)
            if gathered.newest is None and kind == "service" and subject is None:
                gathered, kind = gather(histories.all, targets=True), "target"
                if gathered.newest is not None:
                    say("no verdict on any service is recorded: here is each target for itself (--targets)")
            _remark(gathered, kind, subject)
            yield _Open(histories=histories, gathered=gathered, kind=kind)
    except StoreError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None


@contextmanager
def _as_databases(named: list[Path]) -> Iterator[list[Path]]:
    """The same, with a database that is thrown away in the place of each dataset."""
    from tempfile import TemporaryDirectory

    from probe.imports import UnreadableError
    from probe.imports.datasets import write_verdicts

    with TemporaryDirectory(prefix="probe-") as folder:
        paths, wrong = [], []
        for number, path in enumerate(named):
            if not path.is_dir():
                paths.append(path)
                continue
            paths.append(Path(folder) / str(number) / path.absolute().name)
            paths[-1].parent.mkdir()
            try:
                write_verdicts(path, paths[-1])
            except UnreadableError as error:
                wrong.append(str(error))
        if wrong:
            raise Refusal("\n".join(wrong), Status.CONFIGURATION)
        yield paths


def _remark(gathered: Gathered, kind: str, subject: str | None) -> None:
    """What the reader must know of the rows as a whole."""
    if gathered.newest is None:
        of = f" on {subject}" if subject else ""
        hint = "; --targets shows targets that were measured by themselves" if kind == "service" else ""
        say(f"no verdict{of} is recorded{hint}")
    if len(gathered.rules_versions) > 1:
        versions = ", ".join(gathered.rules_versions)
        say(f"the verdicts are by several versions of the rules ({versions}); `probe classify --db FILE` makes one")


def _by(text: str) -> By:
    from probe.analysis import By

    if text not in tuple(By):
        raise Refusal(f"--by {text}: give one of {', '.join(By)}", Status.USAGE)
    return By(text)


def _console() -> Console:
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDE
    return Console(highlight=False, markup=False, emoji=False, width=width)
