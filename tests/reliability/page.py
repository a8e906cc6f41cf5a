"""`docs/reliability.md`: one section a job, in the order of the table.

Law: a job that was not run this time keeps the section that it has. The page bears no date: it is committed with what
it was measured on.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.reliability.job import Figure, Job

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- job: {} -->", "<!-- /job -->"
_SECTION = re.compile(r"<!-- job: ([\w-]+) -->\n(.*?)<!-- /job -->\n", re.DOTALL)
_HEAD = """\
# Reliability, in figures

Written by `make reliability`, which does all of this anew and takes about an hour; `make reliability JOB=name` does one
part. The tests (`make test`) do the same on a smaller scale. Everything happens in namespaces of its own on one
machine; no packet leaves it. Times and sizes are this machine's; counts hold anywhere.

"""


def written(jobs: Mapping[str, Job], found: Mapping[str, Sequence[Figure]], before: str) -> str:
    """The page with these new figures, and the sections that it had before of the jobs that were not run."""
    sections = dict(_SECTION.findall(before))
    sections |= {name: _section(name, jobs[name], figures) for name, figures in found.items()}
    there = [name for name in jobs if name in sections]
    return _HEAD + "\n".join(f"{_BEGIN.format(name)}\n{sections[name]}{_END}\n" for name in there)


def _section(name: str, job: Job, figures: Sequence[Figure]) -> str:
    rows = [f"| {each.what} | {each.value} | {_judged(each)} |" for each in figures]
    head = (f"## {job.title}", "", f"{job.how} (`JOB={name}`, on {machine()})", "")
    return "\n".join((*head, "| | measured | promised |", "|---|---|---|", *rows)) + "\n"


def _judged(figure: Figure) -> str:
    if not figure.promised:
        return ""
    return figure.promised if figure.kept else f"{figure.promised}: **not kept**"


def machine() -> str:
    """The machine in general words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = os.cpu_count() or 1
    python = platform.python_version().rpartition(".")[0]
    return f"{platform.system()}, {cores} core{'s' * (cores > 1)}, {memory:.0f} GiB of memory, Python {python}"
