"""`docs/performance.md`: what the benchmark has found, and nothing else. A run of some parts leaves the others as they
are, each with the day on which it was measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.servers import Servers

PATH = Path(__file__).parents[1] / "docs" / "performance.md"
_HEAD = """# Performance: what a check costs

Written by `make bench`, which measures all of it in one run, interleaved, against real servers on loopback of a network
of its own. Figures of one run are of one machine and of what else it did; ratios hold better than figures do. No number
fails the benchmark: beside each stands what is asked for.

Last measured on {machine}, {cores} cores, Linux {kernel}, Python {python}; pages by {web}, names by {names}.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the benchmark."""

    title: str
    says: str
    rows: Sequence[Sequence[str]]
    """The first one is the head."""


def write(path: Path, sections: Sequence[Section], servers: Servers) -> None:
    """Puts these sections in the places of those of the same titles, or after all others."""
    head = _HEAD.format(
        machine=_machine(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        web=servers.web,
        names=servers.names,
    )
    kept = _sections(path.read_text()) if path.exists() else {}
    kept |= {section.title: _markdown(section) for section in sections}
    path.write_text("\n".join([head, *kept.values()]))


def _sections(page: str) -> dict[str, str]:
    """The sections of a page, by their titles."""
    _, *sections = page.split("\n## ")
    return {each.partition("\n")[0]: f"## {each.rstrip()}\n" for each in sections}


def _markdown(section: Section) -> str:
    head, *rows = section.rows
    lines = [_line(head), _line(["---"] * len(head)), *map(_line, rows)]
    measured = f"Measured on {datetime.now(UTC):%Y-%m-%d}."
    return f"## {section.title}\n{section.says} {measured}\n\n" + "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
