"""`probe classify`: old measurements, today's rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from probe.cli import options
from probe.cli.errors import Status

if TYPE_CHECKING:
    from probe.classify import Fingerprints
    from probe.model import Result, Verdict
    from probe.service import ServiceVerdict
    from probe.store import Store

_BATCH = 500
"""Verdicts a transaction."""


def classify(
    json: options.Json = False,
    fingerprints: options.FingerprintFiles = None,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Recompute every verdict from the recorded observations, and say what changed. No fact is touched."""
    from probe.classify import rules_version
    from probe.cli import settings
    from probe.cli.records import open_database
    from probe.form import dumps, result_json, verdict_json
    from probe.report.terminal import moved_line

    known = settings.fingerprints(fingerprints, settings.load_config(config).config)
    judged = moved = 0
    waiting: list[Verdict] = []
    with open_database(db, config) as store:
        for before, after in _judged_again(store, known):
            judged += 1
            was = verdict_json(before.verdict)
            changed = {name for name, value in verdict_json(after.verdict).items() if was[name] != value}
            if changed:
                waiting.append(after.verdict)
            if json:
                print(dumps({**result_json(after), "was": {name: was[name] for name in sorted(changed)} or None}))
            elif changed & {"outcome", "methods", "confidence"}:
                print(moved_line(before, after))
            moved += bool(changed & {"outcome", "methods", "confidence"})
            if len(waiting) >= _BATCH:
                store.add_verdicts(waiting)
                waiting = []
        store.add_verdicts(waiting)
        services = _judge_services(store, rules_version(known))
    told = f"{judged} measurements judged again by rules {rules_version(known)}: {moved} verdicts changed"
    typer.echo(f"{told}, {services} of whole services.", err=True)
    return Status.OK


def _judge_services(store: Store, rules_version: str) -> int:
    """Concludes again what follows for whole services; how many outcomes, methods or confidences changed.

    A run that was killed before it had concluded anything has its verdicts from now on."""
    from probe.classify import judge
    from probe.store import Filter

    moved = 0
    for run in store.runs():
        before = {verdict.service: verdict for _, verdict in store.service_verdicts(Filter(run_id=run.id))}
        found = store.judged(run.id) if run.services else []
        verdicts = [v for need in run.services if (v := judge(need, run.id, found, rules_version)) is not None]
        changed = [verdict for verdict in verdicts if verdict != before.get(verdict.service)]
        store.add_service_verdicts(changed)
        moved += sum(_gist(verdict) != _gist(before.get(verdict.service)) for verdict in changed)
    return moved


def _gist(verdict: ServiceVerdict | None) -> object:
    return (verdict.outcome, verdict.methods, verdict.confidence) if verdict is not None else None


def _judged_again(store: Store, known: Fingerprints) -> Iterator[tuple[Result, Result]]:
    """Each result as it is recorded, and as it would be concluded today."""
    from dataclasses import replace

    from probe.classify import classify as judge
    from probe.model import Host
    from probe.store import Filter

    hosts: dict[str | None, Host] = {}
    for before in store.results(Filter(), with_bodies=True):
        run_id = before.measurement.run_id
        if run_id is not None and run_id not in hosts:
            hosts[run_id] = store.run(run_id).host
        host = (hosts.get(run_id) or Host(online=True)).at(before.measurement.started_at)
        yield before, replace(before, verdict=judge(before.measurement, before.controls, host, known))
