"""`probe import`: what others measured. OONI's measurements are judged by our rules; databases and datasets are taken
over as they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status, say

if TYPE_CHECKING:
    from probe.classify import Fingerprints
    from probe.imports.datasets import Brought
    from probe.imports.recording import Skipped
    from probe.store import Store

_MOST_TOLD = 50
"""Skipped records that are told one by one; the rest is only counted."""


def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE|DIR...",
            help="A database of this program, a dataset that it exported (csv, jsonl, parquet), or OONI measurements"
            " (JSON, JSONL, gzipped or not).",
        ),
    ],
    key: Annotated[
        str | None, typer.Option("--key", help="Only datasets that are signed with this public key.")
    ] = None,
    json: options.Json = False,
    fingerprints: options.FingerprintFiles = None,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Others' measurements into the database: those of other vantage points with their verdicts, whole or not at all;
    of OONI web_connectivity, telegram, whatsapp, signal and facebook_messenger. What is there already is not added
    again. Ends with 0 when everything was read, 4 when records were skipped, 5 when a file could not be read at all;
    what could be read is recorded in each case."""
    from probe.cli import settings
    from probe.store import Store, StoreError
    from probe.targets import TargetListError

    chosen = settings.load_config(config).config
    path, known = settings.database(db, chosen), settings.fingerprints(fingerprints, chosen)
    try:
        store = Store.open(path)
    except StoreError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None
    with store:
        try:
            return _import(store, files, known, key, json=json)
        except TargetListError as error:
            raise Refusal(str(error), Status.CONFIGURATION) from None
        except StoreError as error:
            raise Refusal(f"not recorded: {error}", Status.FAILED) from None


def _import(store: Store, files: list[Path], known: Fingerprints, key: str | None, *, json: bool) -> int:
    from rich.console import Console

    from probe.form import dumps, result_json
    from probe.imports.files import UnreadableError
    from probe.imports.recording import Importer
    from probe.report.terminal import result_line, summary

    out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    importer = Importer(store, _Teller(), known)
    outcomes, unreadable = [], 0
    for path in dict.fromkeys(files):
        try:
            brought = _merge(store, path, key)
            if brought is not None:
                _tell_source(path, brought, json=json)
                continue
            for result in importer.read_file(path):
                outcomes.append(result.verdict.outcome)
                if json:
                    print(dumps(result_json(result)))
                else:
                    out.print(result_line(result))
        except UnreadableError as error:
            unreadable += 1
            say(str(error))
    if not importer.touched:
        return Status.CONFIGURATION if unreadable else Status.OK
    counts = f"{importer.imported} imported, {importer.known} known already, {importer.skipped} skipped"
    say(f"{counts}. {summary(outcomes)}." if outcomes else f"{counts}.")
    if unreadable:
        return Status.CONFIGURATION
    return Status.NOT_OK if importer.skipped else Status.OK


def _merge(store: Store, path: Path, key: str | None) -> Brought | None:
    """What came of a database or a dataset; None where the path is neither. Raises UnreadableError."""
    from probe.imports.datasets import PACKAGE, checked, is_database, merge_database, merge_dataset
    from probe.imports.files import UnreadableError

    if path.is_dir():
        if not (path / PACKAGE).is_file():
            raise UnreadableError(f"{path}: holds no {PACKAGE}, so it is no dataset; name the files in it one by one")
        return merge_dataset(store, checked(path, key))
    if path.name == PACKAGE and path.is_file():
        return merge_dataset(store, checked(path.parent, key))
    if key is not None:
        raise UnreadableError(f"{path}: is no dataset, and --key asks for a signed one")
    return merge_database(store, path) if is_database(path) else None


def _tell_source(path: Path, brought: Brought, *, json: bool) -> None:
    from dataclasses import asdict

    from probe.form import dumps

    source, merged = brought.source, brought.merged
    if json:
        print(dumps({**asdict(source), "imported": merged.imported, "known": merged.known}))
    signed = f", signed with {source.signed_by}" if source.signed_by else ""
    say(f"{path}: {merged.imported} imported, {merged.known} known already{signed}")


class _Teller:
    """Tells of skipped records, as long as somebody can read them."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, skipped: Skipped) -> None:
        self._told += 1
        if self._told <= _MOST_TOLD:
            say(f"skipped {skipped}")
        elif self._told == _MOST_TOLD + 1:
            say("more were skipped; they are counted only")
