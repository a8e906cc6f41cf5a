"""`probe compare`, `probe timeline` and `probe report`: what many runs and vantage points say together."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from probe.cli import engines, options
from probe.cli.errors import Refusal, Status, say

if TYPE_CHECKING:
    from rich.console import Console

    from probe.analysis import By, Gathered
    from probe.history import Block, Cell, Judged
    from probe.store import Histories

T = TypeVar("T")

_DAYS = 7.0
_TOGETHER = 1000
"""Cells or blocks whose evidence is asked for at once."""
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
    engine: engines.EngineOption = None,
    master: engines.MasterOption = None,
    json: options.Json = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Services and networks: who can reach what now, since when, how sure. Several databases are read as one."""
    from probe.analysis import cell_json, compare_each, places_of
    from probe.form import dumps
    from probe.history import Cell
    from probe.report.comparison import comparison

    place = _by(by)
    with _open(databases, db, config, engine, master, targets=targets, subject=service) as found:
        gathered = found.gathered
        if gathered.newest is None:
            return Status.OK
        work = partial(compare_each, begin=gathered.newest - timedelta(days=window))
        cells = gathered.each(work, places_of(gathered.points, place), Cell)
        if json:
            for some in _some(cells):
                ask = found.histories.evidence(_shown(some))
                for cell in some:
                    print(dumps(cell_json(cell, found.kind, ask)))
        elif shown := list(cells):
            _console().print(comparison(shown, found.kind))
    return Status.OK


def timeline(
    databases: Databases = None,
    service: Subject = None,
    targets: Targets = False,
    engine: engines.EngineOption = None,
    master: engines.MasterOption = None,
    json: options.Json = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """When each block began and ended, in each network, and by which measurements that is known."""
    from probe.analysis import block_json, places_of, timeline_each
    from probe.form import dumps
    from probe.history import Block
    from probe.report.comparison import block_lines, evidence_line

    with _open(databases, db, config, engine, master, targets=targets, subject=service) as found:
        blocks = found.gathered.each(timeline_each, places_of(found.gathered.points), Block)
        any_block, out = False, _console()
        for some in _some(blocks):
            any_block = True
            ask = found.histories.evidence(_shown(some))
            for block in some:
                if json:
                    print(dumps(block_json(block, found.kind, ask)))
                    continue
                out.print(*block_lines(block), sep="\n", soft_wrap=True)
                for word, edge in (("begin", block.begin), ("end", block.end)):
                    for verdict in edge.verdicts if edge else ():
                        ids = [each.measurement_id for each in verdict.told_by(ask(verdict))]
                        out.print(evidence_line(word, verdict.started_at, ids), soft_wrap=True)
        if found.gathered.newest is not None and not any_block and not json:
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
        ask = found.histories.evidence([*_shown(facts.cells), *_shown(facts.blocks)])
        _write(output, document(facts, ask), databases or [each.path for each in found.histories.all])
    return Status.OK


def _some(found: Iterable[T]) -> Iterator[list[T]]:
    """As many as are shown at once, and then the next ones."""
    going = iter(found)
    return iter(lambda: list(islice(going, _TOGETHER)), [])


def _shown(found: Iterable[Cell | Block]) -> list[Judged]:
    return [verdict for each in found for verdict in each.shown]


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
    databases: list[Path] | None,
    db: Path | None,
    config: Path | None,
    engine: engines.EngineName | None = None,
    master: str | None = None,
    *,
    targets: bool,
    subject: str | None,
) -> Iterator[_Open]:
    """The databases that were named, or else the user's own."""
    from probe.analysis import gather
    from probe.cli.settings import database, load_config
    from probe.store import Histories, StoreError

    named = databases or [database(db, load_config(config).config)]
    kind = "target" if targets else "service"
    try:
        with (
            engines.opened(named, engine, master) as files,
            Histories(files.paths, files.engine) as histories,
        ):
            gathered = gather(histories.all, targets=targets, subject=subject, cluster=files.cluster)
            if gathered.newest is None and kind == "service" and subject is None:
                gathered, kind = gather(histories.all, targets=True, cluster=files.cluster), "target"
                if gathered.newest is not None:
                    say("no verdict on any service is recorded: here is each target for itself (--targets)")
            _remark(gathered, kind, subject)
            yield _Open(histories=histories, gathered=gathered, kind=kind)
    except StoreError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None


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
