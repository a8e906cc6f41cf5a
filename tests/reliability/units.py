"""How closed the services are, as systemd judges them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.cli.test_service import EXPOSURE, exposures
from tests.reliability.job import Figure, Job, at_most


def _run() -> Sequence[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        found = exposures(Path(folder))
    return tuple(at_most(f"`{name}`", exposure, EXPOSURE, "of 10") for name, exposure in found.items())


JOB = Job(
    title="Exposure of the services",
    how="`systemd-analyze security --offline=true` of each unit as it is installed: 0 is closed, 10 is open.",
    run=_run,
)
