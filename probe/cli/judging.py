"""`probe classify`: old measurements, today's rules.

Law: a database is given today's verdicts; a dataset is evidence, and stays as it is. What is printed of either is the
same, wherever its rows are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli import engines, options
from probe.cli.errors import Refusal, Status

if TYPE_CHECKING:
    from probe.classify import Anew, Fingerprints
    from probe.model import Host, Result, Target, Verdict
    from probe.service import Need, ServiceVerdict
    from probe.store import Store
    from probe.store.engines.spark_results import Told

_BATCH = 500
"""Verdicts a transaction."""


class Place(StrEnum):
    """Where datasets are judged."""

    SQLITE = "sqlite"
    SPARK = "spark"


@dataclass(slots=True)
class _Counts:
    """What became of all of them."""

    judged: int = 0
    moved: int = 0
    services: int = 0


def classify(
    context: typer.Context,
    datasets: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DATASET...]",
            help="Datasets that this program exported, in place of the database. They stay as they are.",
            show_default="the database",
        ),
    ] = None,
    engine: Annotated[
        Place | None,
        typer.Option(
            "--engine",
            help="Where datasets are judged: `sqlite`, in a database here that is thrown away; `spark`, for Parquet"
            " datasets, in the workers of --master (the extra `spark`). The result is the same.",
            show_default="sqlite",
        ),
    ] = None,
    master: engines.MasterOption = None,
    json: options.Json = False,
    fingerprints: options.FingerprintFiles = None,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Recompute every verdict from the recorded observations, and say what changed. No fact is touched. Datasets are
    judged one after the other, each by itself, and nothing is written: it is only said what would change."""
    from probe.classify import rules_version
    from probe.cli import settings
    from probe.cli.records import open_database

    known = settings.fingerprints(fingerprints, settings.load_config(config).config)
    engines.check_engine(engines.EngineName(engine) if engine else None, master)
    counts = _Counts()
    if not datasets:
        if engine is Place.SPARK:
            raise Refusal("--engine spark: name the Parquet datasets that it is to read", Status.USAGE)
        with open_database(db, config) as store:
            _judge(store, known, counts, json=json)
    else:
        source = context.get_parameter_source("db")
        if source is not None and source.name == "COMMANDLINE":  # in the environment, it is not meant for this call
            raise Refusal("--db: a database is judged by itself; leave it out, or the datasets", Status.USAGE)
        named = list(dict.fromkeys(datasets))
        if engine is Place.SPARK:
            _judge_on_spark(named, master or "", known, counts, json=json)
        else:
            _judge_here(named, known, counts, json=json)
    told = f"{counts.judged} measurements judged again by rules {rules_version(known)}: {counts.moved} verdicts changed"
    kept = " Nothing is written: datasets stay as they are." if datasets else ""
    typer.echo(f"{told}, {counts.services} of whole services.{kept}", err=True)
    return Status.OK


def _judge(store: Store, known: Fingerprints, counts: _Counts, *, json: bool) -> None:
    """Gives a database today's verdicts."""
    from probe.classify import judge_anew
    from probe.store import Filter

    hosts: dict[str | None, Host] = {}
    waiting: list[Verdict] = []
    for before in store.results(Filter(), with_bodies=True):
        run_id = before.measurement.run_id
        if run_id is not None and run_id not in hosts:
            hosts[run_id] = store.run(run_id).host
        anew = judge_anew(before, hosts.get(run_id), known)
        line = _line(anew, json=json)
        if line is not None:
            print(line)
        counts.judged += 1
        counts.moved += anew.moved
        if anew.was:
            waiting.append(anew.after.verdict)
        if len(waiting) >= _BATCH:
            store.add_verdicts(waiting)
            waiting = []
    store.add_verdicts(waiting)
    counts.services += _judge_services(store, known)


def _judge_services(store: Store, known: Fingerprints) -> int:
    """Concludes again what follows for whole services; of how many it is another thing.

    A run that was killed before it had concluded anything has its verdicts from now on."""
    from probe.classify import judge_services_anew, rules_version
    from probe.store import Filter

    moved = 0
    for run in store.runs():
        before = {verdict.service: verdict for _, verdict in store.service_verdicts(Filter(run_id=run.id))}
        found = store.judged(run.id) if run.services else []
        changed, others = judge_services_anew(run.id, run.services, found, before, rules_version(known))
        store.add_service_verdicts(changed)
        moved += others
    return moved


def _judge_here(datasets: Sequence[Path], known: Fingerprints, counts: _Counts, *, json: bool) -> None:
    """Each in a database that is thrown away."""
    from tempfile import TemporaryDirectory

    from probe.imports.datasets import merge_dataset
    from probe.imports.files import UnreadableError
    from probe.store import Store, StoreError

    found = engines.checked_datasets(datasets)
    other = [f"{path}: is no dataset; a database is named with --db" for path in datasets if path not in found]
    if other:
        raise Refusal("\n".join(other), Status.USAGE)
    for dataset in found.values():
        with TemporaryDirectory(prefix="probe-") as folder:
            try:
                with Store.open(Path(folder) / "probe.sqlite") as store:
                    merge_dataset(store, dataset)
                    _judge(store, known, counts, json=json)
            except (StoreError, UnreadableError) as error:
                raise Refusal(str(error), Status.CONFIGURATION) from None


def _judge_on_spark(datasets: Sequence[Path], master: str, known: Fingerprints, counts: _Counts, *, json: bool) -> None:
    """Each in the workers."""
    from probe.classify import rules_version
    from probe.store import StoreError
    from probe.store.engines.spark_results import spark_results

    try:
        with engines.on_spark(datasets, master) as cluster:
            for path in datasets:
                with spark_results(cluster, path, partial(_told, known, json=json)) as results:
                    for line in results.lines():
                        print(line)
                    judged, moved = results.counts()
                    counts.judged += judged
                    counts.moved += moved
                    counts.services += results.services(partial(_moved_services, rules_version(known)))
    except StoreError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None


def _told(known: Fingerprints, before: Result, host: Host | None, *, json: bool) -> Told:
    """What a worker makes of a measurement."""
    from probe.classify import judge_anew
    from probe.store.engines.spark_results import Told

    anew = judge_anew(before, host, known)
    return Told(line=_line(anew, json=json), moved=anew.moved, verdict=anew.after.verdict)


def _moved_services(
    version: str,
    run_id: str,
    needs: Sequence[Need],
    found: Sequence[tuple[Target, Verdict]],
    before: Mapping[str, ServiceVerdict],
) -> int:
    """What a worker makes of a run."""
    from probe.classify import judge_services_anew

    return judge_services_anew(run_id, needs, found, before, version)[1]


def _line(anew: Anew, *, json: bool) -> str | None:
    """What is printed of a measurement: with --json a line of each, else of each whose verdict says another thing."""
    from probe.form import dumps, result_json
    from probe.report.terminal import moved_line

    if json:
        return dumps({**result_json(anew.after), "was": dict(anew.was) or None})
    return moved_line(anew.before, anew.after) if anew.moved else None
