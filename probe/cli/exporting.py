"""`probe export`: a dataset for researchers, with nothing of the volunteer's own in it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status, say

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from probe.exports import About, Seen, Workers
    from probe.redaction import Redactor
    from probe.store import Dataset, Filter, Store

LICENCE = "CC-BY-4.0"

Output = Annotated[Path, typer.Option("--output", help="A folder that is empty, or not there yet.")]
Redact = Annotated[
    list[str] | None,
    typer.Option("--redact", help="An address of yours, or a name, to be replaced too. May be repeated."),
]
Licence = Annotated[str, typer.Option("--licence", help="Under which it may be used; an SPDX id.")]
Creators = Annotated[
    list[str] | None, typer.Option("--creator", help="Who is to be cited. May be repeated.", show_default=False)
]

_MUCH = 128 << 20
"""Bytes of a database from which on it is worth the while to begin other processes."""
_MOST_WORKERS = 4
_ON_ITS_WAY = timedelta(hours=1)


def export_dataset(
    output: Output,
    form: Annotated[str, typer.Option("--format", help="csv, jsonl, parquet or ooni.")],
    service: Annotated[str | None, typer.Option("--service", help="Of this service.")] = None,
    country: Annotated[str | None, typer.Option("--country", help="From this country, two letters.")] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="ok, blocked, down, refused or inconclusive.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="From this day or moment on (ISO 8601, UTC).")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before this day or moment.")] = None,
    bodies: Annotated[bool, typer.Option("--bodies", help="With the pages, redacted.")] = False,
    redact: Redact = None,
    licence: Licence = LICENCE,
    creator: Creators = None,
    key: Annotated[Path | None, typer.Option("--key", help="The Ed25519 key to sign with, PEM.")] = None,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """A dataset for researchers: tables, what describes them, and the hash of every file. Addresses of this host and
    of its network, its name, and cookies are replaced; behind a translator (NAT) name your public address with
    --redact. The folder is there whole or not at all."""
    from probe.exports import FORMATS, Redacted, export

    about = _about(form, licence, creator, bodies=bodies)
    wanted, about = _wanted(about, service=service, country=country, outcome=outcome, since=since, until=until)
    signing = _key(key)
    with made_from(output, db, config) as (store, seen):
        with _workers(store, form) as workers:
            alike = (lambda: workers.begin(store.path, wanted)) if workers else None
            with store.dataset(wanted, by_day=FORMATS[form].by_day, alike=alike) as dataset:
                redacted = Redacted(dataset, redactor_for(redact or [], dataset), bodies=bodies)
                export(redacted, output, about, seen, signing, workers)
        _remember(store, wanted, seen, form)
    if seen.left_out:
        say(f"{seen.left_out} measurements of what is no page have no form in {form}, and are not in it")
    return Status.OK


@contextmanager
def _workers(store: Store, form: str) -> Iterator[Workers | None]:
    """Other processes, where there is enough to do for them, and each has a processor; None where there is not."""
    from probe.exports import FORMATS, Workers

    count = min(len(os.sched_getaffinity(0)), _MOST_WORKERS)
    if not FORMATS[form].by_day or count < 2 or store.path.stat().st_size < _MUCH:
        yield None
        return
    with Workers(count) as workers:
        yield workers


@contextmanager
def made_from(output: Path, db: Path | None, config: Path | None) -> Iterator[tuple[Store, Seen]]:
    """The user's database, and what is seen of it, while `output` is made of it; then tells what is in it.

    Raises Refusal where `output` cannot be made, or something fails on the way.
    """
    from probe.cli.records import open_database
    from probe.exports import ExportError, Seen, check_output
    from probe.store import StoreError

    try:
        check_output(output)
    except ExportError as error:
        raise Refusal(f"--output {error}", Status.USAGE) from None
    with open_database(db, config) as store, _progress() as tell, _ended_by_sigterm():
        seen = Seen(tell=tell)
        try:
            yield store, seen
        except (ExportError, StoreError) as error:
            raise Refusal(str(error), Status.FAILED) from None
    say(f"{output}: {seen.measurements} measurements, from {seen.first} to {seen.last}")


def _about(form: str, licence: str, creators: list[str] | None, *, bodies: bool) -> About:
    from probe.exports import FORMATS, About

    if form not in FORMATS:
        raise Refusal(f"--format {form}: give one of {', '.join(FORMATS)}", Status.USAGE)
    check_licence(licence)
    return About(licence=licence, creators=tuple(creators or ()), format=form, bodies=bodies)


def check_licence(licence: str) -> None:
    """Raises Refusal for one that is none of those a dataset can have."""
    from probe.exports import LICENCES

    if licence not in LICENCES:
        raise Refusal(f"--licence {licence}: give one of {', '.join(LICENCES)}", Status.USAGE)


def _wanted(
    about: About, *, service: str | None, country: str | None, outcome: str | None, since: str | None, until: str | None
) -> tuple[Filter, About]:
    """Which measurements, and the dataset that says so."""
    from dataclasses import replace

    from probe.cli.records import moment, outcome_of
    from probe.store import Filter

    if country is not None and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise Refusal(f"--country {country}: give two letters, as in ISO 3166-1, or ZZ", Status.USAGE)
    wanted = Filter(
        service=service,
        country=country.upper() if country else None,
        outcome=outcome_of(outcome),
        since=moment("--since", since),
        until=moment("--until", until),
    )
    given = {"service": service, "country": wanted.country, "outcome": outcome, "since": since, "until": until}
    return wanted, replace(about, filters={name: text for name, text in given.items() if text is not None})


def _remember(store: Store, wanted: Filter, seen: Seen, form: str) -> None:
    """Records up to which moment nothing is missing in the exports there are, so that it may be pruned. What was begun
    within the last hour may still be on its way into the database."""
    from dataclasses import replace

    from probe.form import parse_time
    from probe.store import Filter

    before = store.exported_until()
    is_whole = replace(wanted, since=None, until=None) == Filter() and form != "ooni"
    follows = wanted.since is None or (before is not None and wanted.since <= before)
    if is_whole and follows and seen.last is not None:
        until = parse_time(seen.last) - _ON_ITS_WAY
        if before is None or until > before:
            store.mark_exported(until)


def redactor_for(named: list[str], dataset: Dataset) -> Redactor:
    """What is replaced: this host's own, and what the user names."""
    from probe.address import parse
    from probe.classify.fingerprint_files import shipped
    from probe.redaction import Redactor
    from probe.steps.host import own_addresses

    addresses = [text for text in named if parse(text) is not None]
    host = os.uname().nodename.lower()
    common = _common_words() | dataset.labels()
    return Redactor(
        own=[*own_addresses(), *addresses],
        resolvers=dataset.resolvers(),
        names=[
            *(name for name in (host, host.partition(".")[0]) if name not in common),
            *(text for text in named if text not in addresses),
        ],
        signs=[address for each in shipped().all for address in each.addresses],
    )


def _common_words() -> frozenset[str]:
    """Words that stand in every dataset. A host that is called so is not told by its name, and replacing it would
    take the name of a service or of an outcome."""
    from probe import words
    from probe.targets import shipped

    kinds = [kind for kind in vars(words).values() if isinstance(kind, type) and issubclass(kind, StrEnum)]
    return frozenset({"probe", *(word.value for kind in kinds for word in kind), *(each.id for each in shipped())})


def _key(path: Path | None) -> Ed25519PrivateKey | None:
    from probe.targets import BundleError
    from probe.targets.bundle import read_private_key

    try:
        return read_private_key(path.read_bytes()) if path is not None else None
    except OSError as error:
        raise Refusal(f"--key {path}: cannot be read: {error.strerror}", Status.CONFIGURATION) from None
    except BundleError as error:
        raise Refusal(f"--key {path}: {error}", Status.CONFIGURATION) from None


@contextmanager
def _progress() -> Iterator[Callable[[str, int], None]]:
    """How far it is, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda table, rows: None
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:,} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("export", total=None)
        yield lambda table, rows: shown.update(task, description=table, completed=rows)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: what was begun is taken away."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(Status.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
