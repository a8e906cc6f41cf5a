"""A control under abuse."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.abuse.clients import CLIENTS
from tests.abuse.world import ROOT, forbidden_hits
from tests.reliability.job import Figure, Job, at_least, at_most, none_of

_SECONDS = 60
_MOST_MEGABYTES = 64
_MOST_PATIENCE = 30


def _run() -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="abuse-") as folder:
        words = ("unshare", "--user", "--map-root-user", "--net", sys.executable, "-m", "tests.abuse.world")
        subprocess.run([*words, folder, str(_SECONDS)], cwd=ROOT, check=True, timeout=600)
        said = json.loads((Path(folder) / "said.json").read_text())
    honest, forbidden = said["clients"]["honest"], said["clients"]["forbidden"]
    answered = sum(sum(each["statuses"].values()) for each in said["clients"].values())
    return (
        Figure(what="requests answered", value=f"{answered:,}"),
        Figure(
            what="a second, on what the abusers leave of the machine",
            value=f"{answered / said['seconds']:,.0f}",
        ),
        Figure(
            what="for each second of a processor that it was given",
            value=f"{answered / said['processor_seconds']:,.0f}",
        ),
        none_of("times it fell over", int(not said["alive"] or said["status"] != 0)),
        at_least("honest questions answered meanwhile", honest["statuses"].get("200", 0), 3),
        none_of("honest questions that were not answered", len(honest["wrong"])),
        at_most("longest wait of an honest one", honest["slowest"], _MOST_PATIENCE, "s"),
        at_least("rounds of all forbidden addresses and ports", forbidden["statuses"].get("200", 0), 3),
        none_of("connections to one of them", len(forbidden["wrong"]) + len(forbidden_hits(said["hits"]))),
        at_most("memory over the idle server", said["memory_more"] / 2**20, _MOST_MEGABYTES, "MiB"),
        at_most("descriptors", said["descriptors_most"], sum(n for _, n in CLIENTS.values()) + 200, "", 0),
    )


JOB = Job(
    title="A control under abuse",
    how=f"A real `probe control serve --open`, for {_SECONDS} s: requests as fast as it takes them, 1,200 clients that"
    " send a byte at a time or never read, giant and nested JSON, requests for private addresses by name, redirect,"
    " rebinding and every spelling, and one honest client. All of them share the machine's cores, and one Python"
    " process answers: that, and not the network, bounds the requests a second. Behind a web server that limits"
    " requests by address ([control.md](control.md)) it never sees most of them.",
    run=_run,
)
