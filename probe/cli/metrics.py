"""`probe run --metrics FILE`: the file that Prometheus' node_exporter reads, replaced after each run, in one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from probe.cli.errors import Status, say
from probe.files import replace_file
from probe.model import Outcome, Result, Run
from probe.report.prometheus import RunReport, metrics_text
from probe.service import ServiceVerdict
from probe.store import Store

_READABLE = 0o644  # by the exporter, which is another user


@dataclass(slots=True)
class Tally:
    """What of a run is counted while it goes on."""

    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    run: Run | None = None
    complete: bool = False
    """All of its targets are measured."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    durations: dict[str, float] = field(default_factory=dict)
    services: Sequence[ServiceVerdict] = ()

    def take(self, result: Result) -> None:
        """Another target is measured."""
        self.outcomes[result.verdict.outcome] += 1
        service = result.measurement.target.service
        if service is not None:
            self.durations[service] = max(result.measurement.runtime, self.durations.get(service, 0.0))

    def write(self, path: Path, store: Store | None, status: Status) -> None:
        """Writes what became of the run. Where that cannot be written it is told, and the run is what it was."""
        wanted = {need.service for need in self.run.services} if self.run else set()
        known = store.last_success() if store is not None else {}
        report = RunReport(
            started_at=self.began,
            ended_at=datetime.now(UTC),
            status=status,
            complete=self.complete,
            outcomes=self.outcomes,
            services=self.services,
            durations=self.durations,
            last_success={service: moment for service, moment in known.items() if service in wanted},
        )
        try:
            replace_file(path, metrics_text(report).encode(), mode=_READABLE)
        except OSError as error:
            say(f"--metrics {path}: cannot be written: {(error.strerror or str(error)).lower()}")
