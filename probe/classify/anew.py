"""Old measurements by today's rules: what is concluded of them now, and what of that is another.

Law: pure, and the same wherever the rows are: in a database here, or in the workers of a cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from probe.classify.classify import classify
from probe.classify.fingerprints import Fingerprints
from probe.classify.service import judge
from probe.form import verdict_json
from probe.model import Host, Result, Target, Verdict
from probe.service import Need, ServiceVerdict

_GIST = ("outcome", "methods", "confidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anew:
    """A measurement with the verdict that is recorded, and with today's."""

    before: Result
    after: Result
    was: Mapping[str, object]
    """Of the verdict that is recorded, the columns that are others today."""

    @property
    def moved(self) -> bool:
        """Whether what it says is another thing, and not only why."""
        return any(column in self.was for column in _GIST)


def judge_anew(before: Result, host: Host | None, fingerprints: Fingerprints | None = None) -> Anew:
    """A measurement by today's rules; `host` is that of its run."""
    measurement = before.measurement
    ground = (host or Host(online=True)).at(measurement.started_at)
    after = replace(before, verdict=classify(measurement, before.controls, ground, fingerprints))
    was, now = verdict_json(before.verdict), verdict_json(after.verdict)
    return Anew(before=before, after=after, was={name: was[name] for name in sorted(was) if was[name] != now[name]})


def judge_services_anew(
    run_id: str,
    needs: Iterable[Need],
    found: Sequence[tuple[Target, Verdict]],
    before: Mapping[str, ServiceVerdict],
    rules_version: str,
) -> tuple[list[ServiceVerdict], int]:
    """What follows for the services of a run from the verdicts on its targets, where it is not what was concluded
    `before`, by the services' ids; and of how many services it says another thing."""
    verdicts = [v for need in needs if (v := judge(need, run_id, found, rules_version)) is not None]
    changed = [verdict for verdict in verdicts if verdict != before.get(verdict.service)]
    return changed, sum(_gist(verdict) != _gist(before.get(verdict.service)) for verdict in changed)


def _gist(verdict: ServiceVerdict | None) -> object:
    return tuple(getattr(verdict, column) for column in _GIST) if verdict is not None else None
