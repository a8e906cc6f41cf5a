"""`probe db publish`: a copy of the database for everybody, ready for Datasette."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status, say
from probe.cli.exporting import LICENCE, check_licence, ended_by_sigterm, progress, redactor_for


def publish_database(
    output: Annotated[Path, typer.Option("--output", help="A folder that is empty, or not there yet.")],
    bodies: Annotated[bool, typer.Option("--bodies", help="With pages, redacted, and certificates.")] = False,
    redact: Annotated[
        list[str] | None,
        typer.Option("--redact", help="An address of yours, or a name, to be replaced too. May be repeated."),
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="Under which it may be used; an SPDX id.")] = LICENCE,
    creator: Annotated[
        list[str] | None, typer.Option("--creator", help="Who is to be cited. May be repeated.", show_default=False)
    ] = None,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """A redacted copy of the database with metadata.yaml beside it, for Datasette. The same is replaced as in
    `probe export`. The folder is there whole or not at all."""
    from probe.cli.records import open_database
    from probe.exports import DATABASE, METADATA, About, ExportError, Redacted, Seen, check_output, publish
    from probe.store import Filter, StoreError

    check_licence(licence)
    about = About(licence=licence, creators=tuple(creator or ()), format="sqlite", bodies=bodies)
    try:
        check_output(output)
    except ExportError as error:
        raise Refusal(f"--output {error}", Status.USAGE) from None
    with open_database(db, config) as store, progress() as tell, ended_by_sigterm():
        seen = Seen(tell=tell)
        try:
            with store.dataset(Filter()) as dataset:
                redacted = Redacted(dataset, redactor_for(redact or [], dataset), bodies=bodies)
                publish(redacted, output, about, seen)
        except (ExportError, StoreError) as error:
            raise Refusal(str(error), Status.FAILED) from None
    say(f"{output}: {seen.measurements} measurements, from {seen.first} to {seen.last}")
    say(f"show it with: datasette serve {output / DATABASE} --metadata {output / METADATA}")
    return Status.OK
