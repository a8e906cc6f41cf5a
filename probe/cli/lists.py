"""`probe targets`: the target lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli import bundles, health, options, stubs
from probe.cli.errors import Refusal, Status, say

app = typer.Typer(help="The target lists.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_services(targets: options.Lists = None, json: options.Json = False, config: options.ConfigFile = None) -> int:
    """The services, with how many targets each has; and how many targets lists from elsewhere have."""
    from probe.cli.settings import load_config
    from probe.cli.sources import sources
    from probe.form import dumps, service_json

    chosen = sources(targets, load_config(config).config)
    if chosen.bundle is not None:
        say(f"these lists are of {bundles.bundle_line(chosen.bundle)}")
    for service in chosen.lists.services:
        if json:
            print(dumps(service_json(service)))
            continue
        closed = f", closed {service.retired}" if service.retired else ""
        print(f"{service.id:<16} {service.title} ({len(service.endpoints)} targets{closed})")
    others = chosen.lists.others
    if others and json:
        print(dumps({"service": None, "targets": [{"target": each.name, "service": each.service} for each in others]}))
    elif others:
        print(f"{'-':<16} of no service file ({len(others)} targets)")
    return Status.OK


@app.command("show")
def show(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="Its id, as `probe targets list` shows it.")],
    targets: options.Lists = None,
    json: options.Json = False,
    config: options.ConfigFile = None,
) -> int:
    """One service: every target, what it is for, where it is known from, and how sure that is."""
    from probe.cli.settings import load_config
    from probe.cli.sources import sources
    from probe.form import dumps, service_json
    from probe.storefront import apps_of

    services = sources(targets, load_config(config).config).lists.services
    found = next((each for each in services if each.id == service.lower()), None)
    if found is None:
        known = ", ".join(each.id for each in services)
        raise Refusal(f"no service {service!r} in the lists (known: {known})", Status.USAGE)
    if json:
        print(dumps(service_json(found)))
        return Status.OK
    print(f"{found.title}, by {found.operator}, {found.homepage}")
    if found.retired:
        print(f"closed {found.retired}: {found.retired_reason or 'by its operator'}")
    for name, roles in (("all of", found.all_of), ("any of", found.any_of)):
        if roles:
            print(f"works when {name} these do: {', '.join(roles)}")
    if found.app:
        print(f"app: {', '.join(f'{store} {app}' for store, app in apps_of(found.app).items())}")
    for endpoint in found.endpoints:
        target, own = endpoint.target, ", root of its own" if endpoint.target.roots else ""
        known = f"{endpoint.purpose}{own} [{endpoint.source}]"
        print(f"  {target.name:<48} {target.role or '':<12} {target.certainty:<11} {known}")
    for each in found.unmeasured:
        print(f"  not measured: {each.address}, {each.purpose}: {each.why} [{each.source}]")
    return Status.OK


@app.command("check")
def check_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files or folders.")],
    json: options.Json = False,
) -> int:
    """Are these target lists right? Every fault with its file, line or key, and reason."""
    from probe.form import dumps
    from probe.targets import check

    problems = check(files)
    for problem in problems:
        if json:
            print(dumps({"problem": problem}))
        else:
            say(problem)
    if problems:
        return Status.CONFIGURATION
    typer.echo("No fault found.", err=True)
    return Status.OK


app.command("add")(stubs.add)
app.command("health")(health.health)
app.command("update")(bundles.update)
app.command("bundle")(bundles.bundle)
