"""`probe db publish`: a copy of the database for everybody, ready for Datasette."""

from __future__ import annotations

from typing import Annotated

import typer

from probe.cli import options
from probe.cli.errors import Status, say
from probe.cli.exporting import LICENCE, Creators, Licence, Output, Redact, check_licence, made_from, redactor_for


def publish_database(
    output: Output,
    bodies: Annotated[bool, typer.Option("--bodies", help="With pages, redacted, and certificates.")] = False,
    redact: Redact = None,
    licence: Licence = LICENCE,
    creator: Creators = None,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """A redacted copy of the database with metadata.yaml beside it, for Datasette. The same is replaced as in
    `probe export`. The folder is there whole or not at all."""
    from probe.exports import DATABASE, METADATA, About, Redacted, publish
    from probe.store import Filter

    check_licence(licence)
    about = About(licence=licence, creators=tuple(creator or ()), format="sqlite", bodies=bodies)
    with made_from(output, db, config) as (store, seen), store.dataset(Filter()) as dataset:
        redacted = Redacted(dataset, redactor_for(redact or [], dataset), bodies=bodies)
        publish(redacted, output, about, seen)
    say(f"show it with: datasette serve {output / DATABASE} --metadata {output / METADATA}")
    return Status.OK
