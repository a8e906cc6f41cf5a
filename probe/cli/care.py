"""`probe db`: care of the database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status, say
from probe.cli.publishing import publish_database

if TYPE_CHECKING:
    from probe.store import Stats

app = typer.Typer(help="Care of the database.", no_args_is_help=True, rich_markup_mode=None)

RETENTION = "90d"
"""How long measurements are kept, where `prune` is not told otherwise."""
BODY_RETENTION = "30d"
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_LONGEST = 36_500  # days


@app.command("stats")
def stats(json: options.Json = False, db: options.Database = None, config: options.ConfigFile = None) -> int:
    """How large the database is, and what is in it."""
    from probe.cli.records import open_database
    from probe.cli.settings import load_config, upload_url
    from probe.cli.uploading import waiting
    from probe.form import dumps

    uploads = upload_url(load_config(config).config) is not None
    with open_database(db, config) as store:
        found, path = store.stats(), store.path
        waits = waiting(store) if uploads else None
    if json:
        print(dumps({**_stats_json(path, found), "upload": asdict(waits) if waits else None}))
        return Status.OK
    log = f", and {_size(found.log)} in its log" if found.log else ""
    print(f"{path}: {_size(found.file)}{log}, of which {_size(found.free)} free; schema {found.schema}")
    print(
        f"measurements from {_day(found.oldest)} to {_day(found.newest)}; exported until {_day(found.exported_until)}"
    )
    print(f"bodies: {found.rows['body']}, {_size(found.body_bytes)} ({_size(found.body_bytes_unpacked)} unpacked)")
    if waits is not None:
        print(f"upload: {waits}")
    for table, rows in found.rows.items():
        print(f"{rows:>12}  {table}")
    return Status.OK


@app.command("prune")
def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Measurements begun longer ago: 90d, 12w, 36h.")
    ] = RETENTION,
    bodies_older_than: Annotated[
        str, typer.Option("--bodies-older-than", metavar="AGE", help="Pages that only older measurements have.")
    ] = BODY_RETENTION,
    unexported: Annotated[
        bool, typer.Option("--unexported", help="Also what was not exported, and so is nowhere else.")
    ] = False,
    json: options.Json = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Remove old measurements, and pages sooner. What was not exported stays, unless you say otherwise."""
    from probe.cli.records import open_database
    from probe.form import dumps, time_text

    now = datetime.now(UTC)
    before = now - _age("--older-than", older_than)
    bodies_before = now - _age("--bodies-older-than", bodies_older_than)
    with open_database(db, config) as store, _refusing():
        done = store.prune(before, bodies_before, unexported=unexported)
    if json:
        told = {"before": time_text(before), "bodies_before": time_text(bodies_before), "removed": done.rows}
        print(dumps({**told, "body_bytes": done.body_bytes, "not_exported": done.not_exported}))
        return Status.OK
    for table, rows in done.rows.items():
        size = f" ({_size(done.body_bytes)})" if table == "body" else ""
        print(f"{rows:>12}  {table}{size}")
    if done.rows:
        say("the file keeps its size and uses the room again; `probe db vacuum` gives it back to the disk")
    else:
        say("nothing was removed")
    if done.not_exported:
        say(f"old enough, but not exported, and so kept: {done.not_exported} measurements (--unexported)")
    return Status.OK


@app.command("vacuum")
def vacuum(json: options.Json = False, db: options.Database = None, config: options.ConfigFile = None) -> int:
    """Give the room of what was removed back to the disk. Needs as much room again while it works."""
    from probe.cli.records import open_database
    from probe.form import dumps

    with open_database(db, config) as store, _refusing():
        before = store.stats()
        store.vacuum()
        after = store.stats()
    sizes = {"bytes_before": before.file + before.log, "bytes_after": after.file + after.log}
    if json:
        print(dumps(sizes))
    else:
        print(f"{store.path}: {_size(sizes['bytes_before'])} before, {_size(sizes['bytes_after'])} now")
    return Status.OK


@app.command("migrate")
def migrate(json: options.Json = False, db: options.Database = None, config: options.ConfigFile = None) -> int:
    """Bring the database of an older program to today's schema. Every verb that opens it does so, too."""
    from probe.cli.settings import database, load_config
    from probe.form import dumps
    from probe.store import Store, StoreError

    path = database(db, load_config(config).config)
    try:
        before, after = Store.migrate(path)
    except StoreError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None
    if json:
        print(dumps({"from": before, "to": after}))
    elif before == after:
        print(f"{path}: schema {after}, nothing to do")
    else:
        print(f"{path}: from schema {before} to {after}")
    return Status.OK


app.command("publish")(publish_database)


@contextmanager
def _refusing() -> Iterator[None]:
    from probe.store import StoreError

    try:
        yield
    except StoreError as error:
        raise Refusal(str(error), Status.FAILED) from None


def _age(flag: str, text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([hdw])", text.strip(), re.ASCII)
    if found is not None:
        age = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if age <= timedelta(days=_LONGEST):
            return age
    raise Refusal(f"{flag} {text}: give a number of hours, days or weeks, as in 36h, 90d or 12w", Status.USAGE)


def _stats_json(path: Path, found: Stats) -> dict[str, Any]:
    from probe.form import time_text

    def moment(at: datetime | None) -> str | None:
        return time_text(at) if at else None

    return {
        "database": str(path),
        "schema": found.schema,
        "bytes": found.file,
        "log_bytes": found.log,
        "free_bytes": found.free,
        "oldest": moment(found.oldest),
        "newest": moment(found.newest),
        "exported_until": moment(found.exported_until),
        "bodies": {"count": found.rows["body"], "bytes": found.body_bytes, "unpacked": found.body_bytes_unpacked},
        "rows": dict(found.rows),
    }


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "never"


def _size(count: int) -> str:
    """Bytes, for people."""
    size, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
