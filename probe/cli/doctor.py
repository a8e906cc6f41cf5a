"""`probe doctor`: can this host measure?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from probe.cli import options
from probe.cli.errors import Status

if TYPE_CHECKING:
    from probe.cli.settings import Config
    from probe.model import Host


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One question to the host, and its answer."""

    name: str
    good: bool
    text: str


def doctor(
    json: options.Json = False,
    control: options.Controls = None,
    resolver: options.ResolverAddress = None,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Can this host measure: network, resolver, trusted roots, control, database? Contacts no target."""
    from probe.cli.settings import controls, load_config, resolvers
    from probe.form import dumps
    from probe.report.safe import safe
    from probe.steps.host import look

    settings = load_config(config).config
    host, _ = asyncio.run(look(resolvers(resolver, settings), ()))
    urls = controls(control or [], settings)
    findings = [
        *_network(host),
        _roots(),
        *asyncio.run(_controls(urls, host)),
        _lists(settings),
        _database(db, settings),
    ]
    for finding in findings:
        if json:
            print(dumps(asdict(finding)))
        else:
            print(f"{'ok ' if finding.good else 'NO '}  {finding.name:<14} {safe(finding.text)}")
    if not host.online:
        return Status.OFFLINE
    return Status.OK if all(finding.good for finding in findings) else Status.NOT_OK


def _network(host: Host) -> Iterator[Finding]:
    answer = host.why_offline or f"answers ({', '.join(host.resolvers)})"
    yield Finding(name="resolver", good=host.online, text=answer)
    yield Finding(name="ipv4", good=host.ipv4 or host.ipv6, text=_route(host.ipv4))
    # No IPv6 is common and no fault: its addresses are then not tried.
    yield Finding(name="ipv6", good=True, text=_route(host.ipv6))


def _route(there: bool) -> str:
    return "there is a route" if there else "no route, so its addresses are not tried"


def _roots() -> Finding:
    from probe.steps.host import system_roots

    try:
        roots = system_roots()
    except (OSError, ValueError) as error:
        return Finding(name="trusted roots", good=False, text=str(error))
    return Finding(name="trusted roots", good=True, text=f"{len(roots.certificates)} from {roots.source}")


async def _controls(urls: tuple[str, ...], host: Host) -> list[Finding]:
    from probe.control import clients_of
    from probe.report.terminal import where

    if not urls:
        text = "none is set, so a failure here cannot be told from an outage (--control URL)"
        return [Finding(name="control", good=False, text=text)]
    if not host.online:
        return [Finding(name="control", good=False, text="not asked, since there is no network")]
    found = []
    for client in clients_of(urls):
        async with client:
            said = await client.describe()
        text = where(said.vantage) if said else "; ".join(client.problems) or "does not answer"
        found.append(Finding(name="control", good=said is not None, text=f"{client.url}: {text}"))
    return found


def _lists(config: Config) -> Finding:
    from datetime import UTC, datetime

    from probe.cli.bundles import bundle_line
    from probe.cli.settings import installed_lists
    from probe.targets import TargetListError, in_force, targets_of

    try:
        found = in_force(installed_lists(), config.targets.key, datetime.now(UTC))
    except TargetListError as error:
        return Finding(name="target lists", good=False, text=str(error))
    held = f"{len(found.services)} services, {len(targets_of(found.services))} targets"
    origin = f"of {bundle_line(found.bundle)}" if found.bundle else "that came with the program"
    unused = f"; a bundle is installed, but not used: {found.problem}" if found.problem else ""
    return Finding(name="target lists", good=found.problem is None, text=f"{held}, {origin}{unused}")


def _database(flag: Path | None, config: Config) -> Finding:
    from probe.cli.settings import database
    from probe.store import Store, StoreError

    path = database(flag, config)
    try:
        Store.open(path).close()
    except StoreError as error:
        return Finding(name="database", good=False, text=str(error))
    return Finding(name="database", good=True, text=f"{path} can be written")
