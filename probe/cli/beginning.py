"""How a run begins: as a new one, or where one that was cut short had come to.

Law: it is recorded before anything is measured; of several that a timer started, one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from probe import __version__
from probe.cli.job import Job
from probe.identity import new_id
from probe.model import Host, Run, Target
from probe.store import Store, process_token
from probe.targets import without


class GoesOnError(Exception):
    """Another scheduled run is at work."""

    def __init__(self, since: datetime) -> None:
        super().__init__(since)
        self.since = since


def begin(job: Job, host: Host, store: Store | None) -> tuple[Run | None, Sequence[Target]]:
    """The run that this job is, recorded, and which of its targets are still to be measured. Raises GoesOnError where a
    timer started it while another such run goes on."""
    now = datetime.now(UTC)
    if job.resume and store is not None:
        unfinished = store.unfinished_run()
        if unfinished is None or not store.take_over_run(unfinished, process_token()):
            return None, ()
        left = without(job.targets, store.measured(unfinished.id))
        here = replace(host, since=now, before=unfinished.host) if len(left) < len(job.targets) else host
        return replace(unfinished, host=here, vantage=job.vantage), left
    run = Run(
        id=new_id(now),
        command=job.command,
        vantage=job.vantage,
        host=host,
        started_at=now,
        process=process_token(),
        software=f"probe {__version__}",
        settings={
            "controls": list(job.controls),
            "concurrency": job.pace.concurrency,
            "rate": job.pace.rate,
            "workers": job.workers,
            "timeout_tcp": job.timeouts.tcp,
            "locate": job.locate,
            "targets": len(job.targets),
            "scheduled": job.scheduled,
            "networks": job.networks.described(),
            **job.settings,
        },
        services=job.services,
    )
    if store is not None and job.scheduled:
        if (since := store.begin_scheduled(run)) is not None:
            raise GoesOnError(since)
    elif store is not None:
        store.begin_run(run)
    return run, job.targets
