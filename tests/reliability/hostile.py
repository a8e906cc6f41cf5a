"""Every hostile server, visited alone by a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.hostile.world import ALONE, CASES, ROOT
from tests.reliability.job import Figure, Job, at_least, at_most, none_of

_MOST_MEGABYTES = 64
_MOST_SECONDS = 60


def _run() -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        words = ("unshare", "--user", "--map-root-user", "--net", sys.executable, "-m", "tests.hostile.world")
        subprocess.run([*words, folder, "--one-by-one"], cwd=ROOT, check=True, timeout=3600)
        said = json.loads((Path(folder) / "said.json").read_text())
    calm = said["checks"].pop("calm")
    more = {name: (check["peak"] - calm["peak"]) / 2**20 for name, check in said["checks"].items()}
    worst, slowest = max(more, key=more.__getitem__), max(said["checks"].values(), key=lambda check: check["seconds"])
    crashed = [name for name, check in said["checks"].items() if check["status"] not in (0, 4)]
    return (
        at_least("hostile servers and resolvers", len(said["checks"]), len(CASES)),
        none_of("that ended the program otherwise than with a verdict", len(crashed)),
        none_of("connections to an address or port that may not be connected to", len(said["hits"])),
        Figure(what="memory for a server that is not hostile", value=f"{calm['peak'] / 2**20:,.1f} MiB"),
        at_most(f"memory over that, at most (`{worst}`)", more[worst], _MOST_MEGABYTES, "MiB"),
        at_most(f"time with `--timeout {ALONE:g}`, at most", slowest["seconds"], _MOST_SECONDS, "s"),
    )


JOB = Job(
    title="Hostile servers",
    how="`probe check` is sent to each of the servers and resolvers of `tests/hostile/`, one process for one of them:"
    " bombs, floods, drips, lies, loops, redirects inwards, huge certificates, script and formulas in every text.",
    run=_run,
)
