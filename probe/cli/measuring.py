"""`probe check` and `probe run`: measure now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status
from probe.cli.keeping import keep_small

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probe.cli.app_stores import StoresJob
    from probe.cli.job import Job
    from probe.cli.settings import Config
    from probe.model import Service, Target
    from probe.run import Pace

_CONCURRENCY = 64
_RATE = 20.0
_PER_HOST = 4
_NOT_UPLOADED_AFTER = frozenset({Status.OFFLINE, Status.SIGINT, Status.SIGTERM})
"""A run without a network, or where it must not be used, and one that somebody has stopped."""
_JITTER = 0.5
"""Seconds: enough that two probes started by the same timer do not march in step."""


def check(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...",
            help="A domain, a URL, tcp://host:port, tls://host:port, udp://host:port, or a service.",
        ),
    ],
    json: options.Json = False,
    by_service: options.Services = False,
    no_save: Annotated[bool, typer.Option("--no-save", help="Record nothing.")] = False,
    lists: options.Lists = None,
    stores: options.Stores = False,
    country: options.Country = None,
    locate: options.Locate = False,
    control: options.Controls = None,
    resolver: options.ResolverAddress = None,
    doh: options.SecureResolverUrl = None,
    networks: options.NetworkFiles = None,
    timeout: options.Timeout = None,
    fingerprints: options.FingerprintFiles = None,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Measure targets now, all at once, and say whether they are reachable."""
    from dataclasses import replace

    from probe.cli.session import carry_out
    from probe.cli.settings import database, load_config
    from probe.cli.sources import known_services, sources
    from probe.run import Pace
    from probe.targets import TargetError, named, resolve

    files = load_config(config)
    known = known_services(files.config)
    services = sources(lists, files.config).lists.services if lists else known.services
    try:
        found = resolve(targets, services)
    except TargetError as error:
        raise Refusal(str(error), Status.USAGE) from None
    whole = named(targets, services)
    if by_service and not whole:
        raise Refusal("--services: none of the targets is a service; `probe targets list` shows them", Status.USAGE)
    asked = _stores(stores, country, found, services, files.config)
    job = _job(
        "check",
        found,
        services=whole,
        by_service=by_service,
        config=files.config,
        control=control,
        resolver=resolver,
        doh=doh,
        networks=networks,
        timeout=timeout,
        fingerprints=fingerprints,
        database=None if no_save else database(db, files.config),
        pace=Pace(concurrency=len(found)),
        jitter=0.0,
        json=json,
        locate=locate,
        recorded={"lists": known.name},
    )
    return carry_out(replace(job, stores=asked))


def _stores(
    wanted: bool, country: str | None, targets: Sequence[Target], services: Sequence[Service], config: Config
) -> StoresJob | None:
    """What the app stores are to be asked; None where the user did not say so."""
    from probe.cli.app_stores import stores_job
    from probe.country import country as code_of

    if not wanted:
        if country is not None:
            raise Refusal("--country goes with --stores", Status.USAGE)
        return None
    if country is None:
        raise Refusal("--stores: name the country whose stores are asked about, as in --country RU", Status.USAGE)
    try:
        code = code_of(country)
    except ValueError as error:
        raise Refusal(f"--country: {error}", Status.USAGE) from None
    job = stores_job(targets, services, code, config.stores)
    if not job.apps:
        typer.echo("probe: --stores: no service of these targets has an [app] in its list: no store is asked", err=True)
    return job


def run(
    targets: options.Lists = None,
    service: Annotated[
        list[str] | None, typer.Option("--service", help="Only this service of the lists. May be repeated.")
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency",
            envvar="PROBE_CONCURRENCY",
            min=1,
            help="Measurements at once.",
            show_default=str(_CONCURRENCY),
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate", envvar="PROBE_RATE", min=0.01, help="New measurements a second.", show_default=f"{_RATE:g}"
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            envvar="PROBE_WORKERS",
            min=1,
            max=64,
            help="Processes that measure; the rate and the number at once are of all together.",
            show_default="one for each core where the lists have 2,000 targets or more, else one",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Finish the last run that was cut short.")] = False,
    scheduled: Annotated[
        bool,
        typer.Option(
            "--scheduled",
            help="A timer starts it: measure nothing without `probe consent`, where the way out is a VPN or is paid for"
            " by the byte, or beyond the day's budget. A run that systemd starts looks at all but the consent in any"
            " case.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List every host, port and address that would be contacted; send nothing.")
    ] = False,
    metrics: Annotated[
        Path | None,
        typer.Option(
            "--metrics",
            envvar="PROBE_METRICS",
            help="Afterwards write what became of the run into this file, for Prometheus' node_exporter.",
            show_default=False,
        ),
    ] = None,
    allow_vpn: Annotated[
        bool | None,
        typer.Option(
            "--allow-vpn/--no-allow-vpn",
            envvar="PROBE_ALLOW_VPN",
            help="Let a scheduled run measure through a VPN.",
            show_default="no",
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            envvar="PROBE_KEEP",
            min=0,
            metavar="MEGABYTES",
            help="After a scheduled run, let the oldest pages and then the oldest measurements go where the database"
            " holds more; 0: let it grow.",
            show_default="180",
        ),
    ] = None,
    allow_metered: Annotated[
        bool | None,
        typer.Option(
            "--allow-metered/--no-allow-metered",
            envvar="PROBE_ALLOW_METERED",
            help="Let a scheduled run measure over a line that is paid for by the byte.",
            show_default="no",
        ),
    ] = None,
    budget_bytes: options.BudgetBytes = None,
    budget_connections: options.BudgetConnections = None,
    json: options.Json = False,
    by_service: options.Services = False,
    locate: options.Locate = False,
    control: options.Controls = None,
    resolver: options.ResolverAddress = None,
    doh: options.SecureResolverUrl = None,
    networks: options.NetworkFiles = None,
    timeout: options.Timeout = None,
    fingerprints: options.FingerprintFiles = None,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Measure whole target lists, and record what was found."""
    from dataclasses import replace

    from probe.cli.conduct import workers_for
    from probe.cli.consenting import require_consent
    from probe.cli.contacts import show_contacts
    from probe.cli.session import carry_out
    from probe.cli.settings import budget, database, is_scheduled, kept_megabytes, load_config
    from probe.cli.sources import sources
    from probe.cli.uploading import upload_after_run
    from probe.run import Pace

    files = load_config(config)
    if scheduled and not dry_run:
        require_consent(files.config)
    chosen = sources(targets, files.config)
    lists = chosen.of_services(service or [])
    pace = Pace(
        concurrency=concurrency or files.config.concurrency or _CONCURRENCY,
        rate=rate or files.config.rate or _RATE,
        per_host=_PER_HOST,
    )
    job = _job(
        "run",
        lists.targets,
        services=lists.services,
        by_service=by_service,
        config=files.config,
        control=control,
        resolver=resolver,
        doh=doh,
        networks=networks,
        timeout=timeout,
        fingerprints=fingerprints,
        database=database(db, files.config),
        pace=pace,
        jitter=_JITTER,
        json=json,
        locate=locate,
        recorded=chosen.settings,
        resume=resume,
    )
    if dry_run:
        return show_contacts(job)
    by_itself = is_scheduled(scheduled)
    job = replace(
        job,
        scheduled=by_itself,
        allow_vpn=files.config.allow_vpn if allow_vpn is None else allow_vpn,
        allow_metered=files.config.allow_metered if allow_metered is None else allow_metered,
        budget=budget(budget_bytes, budget_connections, files.config, scheduled=by_itself),
        metrics=metrics,
        workers=workers_for(len(job.targets), workers or files.config.workers),
    )
    status = carry_out(job)
    if scheduled and job.database is not None and status not in _NOT_UPLOADED_AFTER:
        upload_after_run(job.database, files.config)
    if scheduled and job.database is not None:  # after the upload, for which all of the run is packed
        keep_small(job.database, kept_megabytes(keep, files.config), datetime.now(UTC))
    return status


def _job(
    command: str,
    targets: Sequence[Target],
    *,
    services: tuple[Service, ...],
    by_service: bool,
    config: Config,
    control: list[str] | None,
    resolver: str | None,
    doh: str | None,
    networks: list[Path] | None,
    timeout: float | None,
    fingerprints: list[Path] | None,
    database: Path | None,
    pace: Pace,
    jitter: float,
    json: bool,
    locate: bool,
    recorded: Mapping[str, Any],
    resume: bool = False,
) -> Job:
    from probe.cli import settings
    from probe.cli.job import Job
    from probe.steps.network import Timeouts

    seconds = timeout or config.timeout
    known = settings.known_networks(networks, config)
    return Job(
        command=command,
        targets=targets,
        services=tuple(service.need for service in services),
        by_service=by_service,
        vantage=settings.vantage(config, known),
        controls=settings.controls(control or [], config),
        resolvers=settings.resolvers(resolver, config),
        secure_resolver=settings.secure_resolver(doh, config),
        networks=known,
        fingerprints=settings.fingerprints(fingerprints, config),
        timeouts=Timeouts() if seconds is None else Timeouts.of(seconds),
        pace=pace,
        jitter=jitter,
        database=database,
        json=json,
        locate=locate,
        settings=recorded,
        resume=resume,
    )
