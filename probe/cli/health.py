"""`probe targets health`: which targets a list should lose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probe.cli import options
from probe.cli.errors import Status, say

if TYPE_CHECKING:
    from probe.store import Unreached

_DAYS = 7
_HEAD = ("service", "target", "failing since", "until", "measured", "places", "controls", "failures")


def health(
    days: Annotated[int, typer.Option("--days", min=1, help="Days for which nobody has reached it.")] = _DAYS,
    targets: Annotated[
        list[Path] | None,
        typer.Option("--targets", help="Only what is in this list. May be repeated.", show_default="all measured"),
    ] = None,
    json: options.Json = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Targets that have failed everywhere for a week, at the controls too: stale, not blocked."""
    from probe.cli.records import open_database
    from probe.cli.settings import load_config
    from probe.cli.sources import sources
    from probe.form import dumps

    wanted = None
    if targets:
        wanted = {target.name for target in sources(targets, load_config(config).config).lists.targets}
    with open_database(db, config) as store:
        found = [each for each in store.unreached(days) if wanted is None or each.target in wanted]
    if json:
        for each in found:
            print(dumps(_json(each)))
    elif found:
        print("\n".join(_table([_HEAD, *map(_cells, found)])))
    say(f"{len(found)} targets that nobody has reached over {days} days")
    return Status.OK


def _json(row: Unreached) -> dict[str, Any]:
    from probe.form import time_text

    return {
        "target": row.target,
        "service": row.service,
        "retired": row.retired,
        "since": time_text(row.since),
        "until": time_text(row.until),
        "measurements": row.measurements,
        "vantages": row.vantages,
        "controls": row.controls,
        "failures": list(row.failures),
    }


def _cells(row: Unreached) -> tuple[str, ...]:
    from probe.report.safe import safe

    closed = f" (closed {row.retired})" if row.retired else ""
    return (
        safe(row.service or "-") + closed,
        safe(row.target),
        f"{row.since:%Y-%m-%d}",
        f"{row.until:%Y-%m-%d}",
        str(row.measurements),
        str(row.vantages),
        str(row.controls),
        ", ".join(row.failures),
    )


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as what is in them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
