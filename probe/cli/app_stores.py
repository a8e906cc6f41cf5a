"""`probe check --stores`: asks the app stores about the apps of the services that are checked.

Law: nobody is asked unless the user said so. A question is measured as any target is, and what follows from the answers
is printed and recorded apart from the verdicts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from probe.classify import Ground, heard, judge_listing
from probe.cli.errors import Refusal, Status
from probe.cli.settings import StoresTable
from probe.model import App, Result, Service, Target
from probe.plan import Task
from probe.run import Pace, Runner
from probe.storefront import STORES, AppStore, Question, Said, StoreCheck, apps_of, compared_with, page_of
from probe.targets import TargetError, parse_one

_PACE = Pace(concurrency=8, per_host=2)
"""A store turns away whoever asks for much at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoresJob:
    """Which apps are asked about, for which country, and where."""

    apps: Mapping[str, App]
    """By the id of the service."""
    country: str
    endpoints: Mapping[AppStore, str]


def stores_job(targets: Sequence[Target], services: Sequence[Service], country: str, table: StoresTable) -> StoresJob:
    """The apps of the services that targets belong to. Raises Refusal for an endpoint that cannot be asked."""
    wanted = {target.service for target in targets}
    named = {AppStore.APPLE: table.apple, AppStore.GOOGLE: table.google}
    endpoints = {store: named[store] or form.endpoint for store, form in STORES.items()}
    for store, endpoint in endpoints.items():
        try:
            good = parse_one(page_of(store, "1", country, endpoint)).name.startswith("https://")
        except TargetError:
            good = False
        if not good or any(sign in endpoint for sign in "?#"):
            example = f"give https:// and a host, as in {STORES[store].endpoint}"
            raise Refusal(f"the configuration's stores.{store} {endpoint}: {example}", Status.CONFIGURATION)
    apps = {service.id: service.app for service in services if service.id in wanted and service.app is not None}
    return StoresJob(apps=apps, country=country, endpoints=endpoints)


async def ask_stores(job: StoresJob, runner: Runner, done: Callable[[StoreCheck], Awaitable[None]]) -> bool:
    """Asks about every app, and gives each finding to `done`; False when it was stopped before the end."""
    for service, app in job.apps.items():
        for store, own_id in apps_of(app).items():
            found = await _ask(job, runner, store, own_id)
            if found is None:
                return False
            await done(judge_listing(service, store, own_id, job.country, found))
    return True


async def _ask(job: StoresJob, runner: Runner, store: AppStore, app: str) -> list[Question] | None:
    """The answers about an app, that about the country in question first; None when it was stopped. Only an app that is
    not listed there is compared."""
    found = await _put(job, runner, store, [(job.country, app)])
    if found is None or found[0].said is not Said.NOT_LISTED:
        return found
    others = [(country, app) for country in compared_with(job.country)]
    more = await _put(job, runner, store, [(job.country, STORES[store].own_app), *others])
    return None if more is None else [*found, *more]


async def _put(
    job: StoresJob, runner: Runner, store: AppStore, wanted: Sequence[tuple[str, str]]
) -> list[Question] | None:
    """Puts questions, each about an app in a country, side by side, and gives the answers in their order."""
    pages = {parse_one(page_of(store, app, country, job.endpoints[store])): (country, app) for country, app in wanted}
    asked: dict[Target, Result] = {}

    async def sink(result: Result, settled: bool) -> None:
        target = result.measurement.target
        first = asked.setdefault(target, result)  # a result that comes again comes without its bodies
        asked[target] = replace(result, measurement=first.measurement)

    # What this host is was concluded with the targets, and no verdict on them may change by what a store does.
    ground = Ground(runner.ground.host)
    asking = replace(runner, sink=sink, pace=_PACE, ground=ground, locate=False, shelf=None)
    if not await asking.run([Task(target=target, delay=0.0) for target in pages]):
        return None
    return [heard(store, app, country, asked[target]) for target, (country, app) in pages.items()]
