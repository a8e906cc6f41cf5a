"""`make bench`: what a check costs here and elsewhere, in one run, interleaved, on loopback.

    python -m bench [--quick] [--only PART ...]

Parts: cpu, profile. Prints tables of ratios beside those that are asked for, and fails on no number.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import profile
from bench.contenders import CONTENDERS, Bench
from bench.cpu import compare, table
from bench.ground import enter, furnish, is_inside
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
            bench = Bench(home=home, servers=servers)
            for part in options.only or PARTS:
                PARTS[part](bench, options)
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--quick", action="store_true", help="one short round: figures within a fifth, in a minute")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="only this part; may be repeated")
    parser.add_argument("--contender", action="append", help="of part cpu only this one; may be repeated")
    return parser.parse_args(arguments)


def _cpu(bench: Bench, options: argparse.Namespace) -> None:
    chosen = [each for each in CONTENDERS if not options.contender or each.key in options.contender]
    few, many, rounds = (50, 300, 1) if options.quick else (100, 1500, 5)
    costs = compare(bench, chosen, few=few, many=many, rounds=rounds)
    print(f"CPU for each target, median of {rounds} rounds, {many} targets less {few}")
    show(table(costs, chosen))


def _profile(bench: Bench, options: argparse.Namespace) -> None:
    few, many = (50, 300) if options.quick else (100, 1500)
    print("Where it goes")
    show(profile.table(profile.profile(bench, few=few, many=many)))


PARTS = {"cpu": _cpu, "profile": _profile}


def show(rows: Sequence[Sequence[str]]) -> None:
    """Prints a table."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
