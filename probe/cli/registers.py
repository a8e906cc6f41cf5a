"""`probe register`: official registers of blocked resources, to be set beside verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status, say

if TYPE_CHECKING:
    from probe.store import Store

app = typer.Typer(help="Official registers of blocked resources.", no_args_is_help=True, rich_markup_mode=None)


@app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A dump of Roskomnadzor's register, or a CSV file; gzipped or not."),
    ],
    name: Annotated[str, typer.Option("--name", help="What it is called here; one of this name is replaced.")],
    country: Annotated[str, typer.Option("--country", help="Where it is in force, two letters.")],
    json: options.Json = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Index a register, in the place of an earlier one of the same name. Ends with 0 when every line was read, 4 when
    lines were damaged, 5 when the file is no whole register: then the earlier one stays as it was."""
    from probe.cli.settings import database, load_config
    from probe.form import dumps, register_json
    from probe.imports.files import UnreadableError
    from probe.imports.registers import RegisterFile
    from probe.report.registers import register_line
    from probe.store import StoreError

    name, code = _name(name), _country(country)
    path = database(db, load_config(config).config)
    try:
        read = RegisterFile.open(file)
        with _open(path) as store:
            made = store.replace_register(read.register(name, code), read.entries(), lambda: read.damaged)
    except UnreadableError as error:
        raise Refusal(f"not imported: {error}", Status.CONFIGURATION) from None
    except StoreError as error:
        raise Refusal(f"not imported: {error}", Status.FAILED) from None
    for skipped in read.first_damaged:
        say(f"damaged: {skipped}")
    if read.damaged > len(read.first_damaged):
        say(f"{read.damaged - len(read.first_damaged)} more lines are damaged")
    print(dumps(register_json(made)) if json else register_line(made))
    return Status.NOT_OK if made.damaged else Status.OK


@app.command("list")
def list_registers(json: options.Json = False, db: options.Database = None, config: options.ConfigFile = None) -> int:
    """The registers in the database: how old, how large."""
    from probe.cli.records import open_database
    from probe.form import dumps, register_json
    from probe.report.registers import register_line

    with open_database(db, config) as store, store.registers() as registers:
        for register in registers.all:
            print(dumps(register_json(register)) if json else register_line(register))
        if not registers.all:
            say(_NONE)
    return Status.OK


@app.command("lookup")
def lookup(
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="As for `probe check`. Nothing is asked of the network.")
    ],
    json: options.Json = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Are these targets in a register, by which entry, and since when? An address is looked up only where the target is
    one; `probe results` looks up those that a measurement saw."""
    from probe.cli.records import open_database
    from probe.cli.settings import load_config
    from probe.cli.sources import known_services
    from probe.form import dumps, standing_json
    from probe.register import wanted
    from probe.report.registers import standing_line
    from probe.targets import TargetError, resolve

    try:
        found = resolve(targets, known_services(load_config(config).config).services)
    except TargetError as error:
        raise Refusal(str(error), Status.USAGE) from None
    with open_database(db, config) as store, store.registers() as registers:
        if not registers.all:
            say(_NONE)
        for target in found:
            standings = registers.standings(wanted(target))
            if json:
                told = [standing_json(standing) for standing in standings]
                print(dumps({"target": target.name, "service": target.service, "registers": told}))
                continue
            for standing in standings:
                print(f"{target.name}: {standing_line(standing)}")
    return Status.OK


_NONE = "No register is in the database (`probe register import FILE --name NAME --country CC`)."


def _open(path: Path) -> Store:
    """The database at this path, made where there is none."""
    from probe.store import Store, StoreError

    try:
        return Store.open(path)
    except StoreError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None


def _name(text: str) -> str:
    name = text.strip()
    if not name or not name.isprintable() or len(name) > 80:
        raise Refusal(f"--name {text[:80]!r}: give a short name, such as rkn", Status.USAGE)
    return name


def _country(text: str) -> str:
    from probe.country import country

    try:
        return country(text)
    except ValueError as error:
        raise Refusal(f"--country: {error}", Status.USAGE) from None
