"""Databases as runs would have recorded them: a run for each letter (see `rows`), of a service with two targets."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from probe.classify import judge
from probe.model import (
    Confidence,
    Measurement,
    Method,
    Outcome,
    Reason,
    Result,
    Role,
    Run,
    Scheme,
    Target,
    Vantage,
    Verdict,
)
from probe.service import Need
from probe.store import Store
from tests.analysis.rows import BEGIN, HOME, HOUR, judged
from tests.store.examples import a_run

NEED = Need(service="line", targets=2, all_of=(Role.WEB, Role.LONG_LINK))


def targets(service: str) -> tuple[Target, Target]:
    web = Target(scheme=Scheme.HTTPS, host=f"{service}.example", port=443, service=service, role=Role.WEB)
    link = Target(scheme=Scheme.TCP, host=f"link.{service}.example", port=995, service=service, role=Role.LONG_LINK)
    return web, link


def record(
    path: Path,
    letters: str,
    vantage: Vantage = HOME,
    *,
    need: Need = NEED,
    prefix: str = "",
    begin: datetime = BEGIN,
    concluded: bool = True,
    rules_version: str = "1",
) -> Path:
    """Adds the runs to the database at `path`; gives the path. What is blocked is the long link."""
    with Store.open(path) as store:
        for number, letter in enumerate(letters):
            if letter == " ":
                continue
            run_id, started_at = f"{prefix}{vantage.name}-{number}", begin + number * HOUR
            run = a_run(run_id, vantage=vantage, started_at=started_at, services=(need,))
            store.begin_run(run)
            results = [_result(run, target, letter, rules_version) for target in targets(need.service)[: need.targets]]
            store.add(results)
            verdict = judge(need, run_id, store.judged(run_id), rules_version)
            if concluded and verdict is not None:
                store.add_service_verdicts([verdict])
    return path


def _result(run: Run, target: Target, letter: str, rules_version: str) -> Result:
    said = judged(letter)[0]
    spared = said.outcome is Outcome.BLOCKED and target.role is Role.WEB
    outcome = Outcome.OK if spared else said.outcome
    measurement = Measurement(
        id=f"{run.id}-{target.role}",
        run_id=run.id,
        target=target,
        vantage=run.vantage,
        started_at=run.started_at,
        runtime=0.1,
        observations=(),
    )
    blocked = outcome is Outcome.BLOCKED
    verdict = Verdict(
        measurement_id=measurement.id,
        outcome=outcome,
        methods=(Method.TCP,) if blocked else (),
        confidence=(said.confidence or Confidence.POSSIBLE) if blocked else None,
        reasons=(Reason(code="tcp.timeout" if blocked else "tcp.connected", text="As it was."),),
        rules_version=rules_version,
    )
    return Result(measurement=measurement, controls=(), verdict=verdict)
