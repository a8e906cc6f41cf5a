"""Two hundred runs killed with SIGKILL."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults.kills import kill_runs
from tests.faults.village import villages
from tests.reliability.job import Figure, Job, at_least, none_of

_KILLS = 200


def _run() -> Sequence[Figure]:
    with villages() as world:
        found = kill_runs(world, _KILLS, seed=1, at_once=2)
    return (
        at_least("runs killed", found.kills, _KILLS),
        at_least("measurements that they had told of", found.told, _KILLS),
        none_of("of those, not in the database as they were told", found.lost),
        none_of("measurements without their observations, verdict or controls", found.torn),
        none_of("databases in which SQLite finds a fault", found.unsound),
        none_of("targets not measured, or twice, after `--resume`", found.gaps),
        none_of("next runs that did not end as they should", found.wrong),
    )


JOB = Job(
    title="Killed at any moment",
    how="Real runs, new and resumed ones, end by `kill -9`, half of them at any moment between the start of the process"
    " and its end, the others while results are recorded; ten after another on one database, which nobody else puts"
    " right in between. Then all are resumed.",
    run=_run,
)
