"""Every fault of `tests/faults`, and those that take their time: the whole minute, the lost network, a long suspend."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tests.faults.faults import FAULTS, Fault, Suffered, disks, locked_for_good, resolver_dead, suffer, suspended_for
from tests.faults.village import villages
from tests.reliability.job import Figure, Job

# In the place of the shortened ones.
_IN_FULL: Mapping[str, Fault] = {
    "locked-long": replace(
        FAULTS["locked-long"], title="another process keeps the database locked for good", happens=locked_for_good
    ),
    "suspend": replace(FAULTS["suspend"], title="suspended for a minute in the middle", happens=suspended_for(60.0)),
    "resolver-dead": replace(FAULTS["resolver-dead"], happens=resolver_dead),
}


_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")


def _figures(suffered: Suffered) -> Iterator[Figure]:
    wrong = list(suffered.wrong())
    line = _MOMENT.sub("…", suffered.line.removeprefix("probe: "))
    said = f", “{line}”" if line else ""
    for each in wrong:
        print(f"  {suffered.fault.title}: {each}", flush=True)
    yield Figure(
        what=suffered.fault.title,
        value=f"{len(suffered.told)} told, {suffered.after.lacks(suffered.told)} lost; exit {suffered.done.returncode}"
        f"{said}",
        promised="nothing lost, file whole, next run right",
        kept=not wrong,
    )


def _run() -> Sequence[Figure]:
    found: list[Figure] = []
    with villages() as world, disks(world):
        for name, fault in {**FAULTS, **_IN_FULL}.items():
            if (missing := fault.needs()) is not None:
                raise RuntimeError(missing)
            suffered = suffer(world, fault, world.home / name / "probe.sqlite")
            shown = replace(suffered.done, stderr=suffered.done.stderr.replace(str(world.home), "…"))
            found += _figures(replace(suffered, done=shown))
    return found


JOB = Job(
    title="Faults in the middle of a run",
    how="Each is made for real while a run over sixteen sites goes on, and taken away again; then what was cut short is"
    " resumed, and all of it measured once more.",
    run=_run,
)
