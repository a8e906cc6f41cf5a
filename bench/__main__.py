"""`make bench`: what a check costs here and elsewhere, in one run, interleaved, on loopback.

    python -m bench [--quick] [--names N] [--only PART ...] [--page FILE]

Prints tables of ratios beside those that are asked for, and fails on no number. A full run of all parts, half an hour
or more for the sake of the million names, writes `docs/performance.md`; a run of some parts does so with `--page`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bench import page, profile, volume
from bench.contenders import CONTENDERS, Bench, FailedError
from bench.cpu import compare, table
from bench.ground import enter, furnish, is_inside
from bench.page import Section
from bench.servers import serving


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    if not is_inside():
        print(f"bench: cannot make a network here: {enter(arguments)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        furnish(home)
        with serving(home) as servers:
            print(f"Pages by {servers.web}, names by {servers.names}, all on loopback of a network of its own.")
            bench, sections = Bench(home=home, servers=servers), list[Section]()
            for part in options.only or PARTS:
                sections.append(PARTS[part](bench, options))
                _show(sections[-1])
            path = options.page
            if path is None and not (options.quick or options.only or options.contender):
                path = page.PATH
            if path is not None:
                page.write(path, sections, servers)
                print(f"{path} is written.")
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--quick", action="store_true", help="short and only once: figures within a fifth, in minutes")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="only this part; may be repeated")
    parser.add_argument("--names", type=int, help="so many in the very long list; a million, or 20,000 with --quick")
    parser.add_argument(
        "--page", type=Path, help="write what was found into this page, in place of what it says of these parts"
    )
    parser.add_argument("--contender", action="append", help="of part cpu only this one; may be repeated")
    return parser.parse_args(arguments)


def _cpu(bench: Bench, options: argparse.Namespace) -> Section:
    chosen = [each for each in CONTENDERS if not options.contender or each.key in options.contender]
    few, many, rounds = (50, 300, 1) if options.quick else (100, 1500, 5)
    costs = compare(bench, chosen, few=few, many=many, rounds=rounds)
    return Section(
        title="CPU for each check",
        says=f"Of the client's process alone, as the kernel counts it; median of {rounds} rounds. Each program runs on"
        f" a list of {many} targets and on one of {few}, and the difference is divided, so that no start is in it."
        " Every target is a name of its own and a fresh connection. A full check is two DNS queries, TCP, TLS verified,"
        " HTTP, the verdict, and its rows in SQLite. `theirs / ours` names in brackets what it is compared with: https,"
        " http, names, engine.",
        rows=table(costs, chosen),
    )


def _profile(bench: Bench, options: argparse.Namespace) -> Section:
    few, many = (50, 300) if options.quick else (100, 1500)
    found = profile.profile(bench, few=few, many=many)
    return Section(
        title="Where it goes",
        says=f"By the room whose code runs, or has called what runs; {profile.next_factors(found)}",
        rows=profile.table(found),
    )


def _volume(title: str, says: str, measure: Callable[..., Iterator[volume.Figure]], bench: Bench, options) -> Section:  # type: ignore[no-untyped-def]
    try:
        rows = [(f.what, f.value, f.asked, f.remark) for f in measure(bench, options)]
    except FailedError as error:
        rows = [("not measured", "-", "", str(error))]
    return Section(title=title, says=says, rows=[("", "", "asked", ""), *rows])


PARTS: dict[str, Callable[[Bench, argparse.Namespace], Section]] = {
    "cpu": _cpu,
    "profile": _profile,
    "delay": partial(_volume, "Wall time", "All targets at once, at a server that is slow to answer.", volume.delayed),
    "memory": partial(_volume, "Memory in flight", "What the resident memory grows by with each.", volume.held),
    "million": partial(_volume, "A very long list", "One process, 1,000 measurements at once.", volume.million),
    "workers": partial(_volume, "More than one core", "The same list with `--workers 1` and 2.", volume.workers),
}


def _show(section: Section) -> None:
    """Prints a table."""
    print(f"\n{section.title}", flush=True)
    widths = [max(len(row[column]) for row in section.rows) for column in range(len(section.rows[0]))]
    for row in section.rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  " + "  ".join(cells).rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
