"""What became of a run, as Prometheus text for node_exporter's textfile collector. Names are blackbox_exporter's, where
it has one for the same thing.

Law: pure. No address and no name of a place is in it: a service's id and an outcome are the only labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from probe.model import Outcome
from probe.service import ServiceVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A run that has ended, one way or another."""

    started_at: datetime
    ended_at: datetime
    status: int
    """What the process exits with."""
    complete: bool
    """All of its targets were measured."""
    outcomes: Iterable[Outcome] | Mapping[Outcome, int]
    """Of its targets."""
    services: Sequence[ServiceVerdict]
    durations: Mapping[str, float]
    """By service, seconds that the longest measurement of its targets took."""
    last_success: Mapping[str, datetime]
    """By service, when the newest run began in which it worked."""


def metrics_text(run: RunReport) -> str:
    """The whole file."""
    lines: list[str] = []
    for name, meaning, samples in _families(run):
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
        lines += [f"{name}{labels} {value}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"


def _families(run: RunReport) -> Iterator[tuple[str, str, Mapping[str, float]]]:
    """Name, meaning and samples, in the order in which they are written."""
    verdicts = {_labels(service=each.service): each.outcome for each in run.services}
    counted = Counter(run.outcomes)
    yield (
        "probe_success",
        "Whether the service works from here.",
        {k: int(v is Outcome.OK) for k, v in verdicts.items()},
    )
    yield (
        "probe_service_outcome",
        "1 for what was concluded of the service, 0 for everything else.",
        {
            _labels(service=each.service, outcome=outcome): int(each.outcome is outcome)
            for each in run.services
            for outcome in Outcome
        },
    )
    yield (
        "probe_duration_seconds",
        "How long the longest measurement of the service's targets took.",
        {_labels(service=service): round(seconds, 6) for service, seconds in sorted(run.durations.items())},
    )
    yield (
        "probe_last_success_timestamp_seconds",
        "When the newest run began in which the service worked.",
        {_labels(service=service): moment.timestamp() for service, moment in sorted(run.last_success.items())},
    )
    targets = {_labels(outcome=outcome): counted[outcome] for outcome in Outcome}
    yield "probe_targets", "Targets measured in the run, by outcome.", targets
    yield "probe_run_complete", "Whether all targets of the run were measured.", {"": int(run.complete)}
    yield "probe_run_exit_status", "The exit status of the run (docs/cli.md).", {"": run.status}
    yield "probe_run_start_timestamp_seconds", "When the run began.", {"": run.started_at.timestamp()}
    seconds = max(0.0, (run.ended_at - run.started_at).total_seconds())
    yield "probe_run_duration_seconds", "How long the run took.", {"": seconds}


def _labels(**values: str) -> str:
    """Source: Prometheus, Exposition formats, Text-based format."""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in values.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
