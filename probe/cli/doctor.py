"""`probe doctor`: can this host measure well, and if not, what is in the way?

Law: only the host itself, its resolvers and the controls are contacted; without a network nobody is. A control is
measured as a target is, so that what works from here is told by the very steps that a run will take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli import options
from probe.cli.errors import Status
from probe.cli.upkeep import Finding, of_database, of_descriptors, of_room, of_schedule

if TYPE_CHECKING:
    from probe.certificate import Roots
    from probe.classify import Ground
    from probe.cli.settings import Config
    from probe.model import Host, Measurement, Target
    from probe.steps.network import Network, Resolver

_SECONDS = 5.0
"""For one operation: a user waits."""
_STALE_DAYS = 365
"""After which a database of networks names too many that are somebody else's now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was found out."""

    host: Host
    controls: tuple[Finding, ...]
    impostor: bool
    """Something that is no control answered in a control's place."""
    reached: tuple[Measurement, ...]
    """The controls, measured as targets."""


def doctor(
    json: options.Json = False,
    control: options.Controls = None,
    resolver: options.ResolverAddress = None,
    networks: options.NetworkFiles = None,
    system: Annotated[
        bool, typer.Option("--system", help="Consent, timer and database of the whole machine's service, not your own.")
    ] = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Can this host measure? Resolver, clock, IPv4, IPv6, VPN, metered line, captive portal, control, trusted roots,
    networks, target lists; database, room on the disk, open files; consent and timer; what waits to be uploaded.
    Contacts no target, and changes nothing."""
    from probe.cli.settings import SYSTEM_STATE, controls, database, load_config, resolvers
    from probe.form import dumps
    from probe.report.safe import safe

    settings = load_config(config).config
    path = SYSTEM_STATE / "probe.sqlite" if system and db is None else database(db, settings)
    roots, about_roots = _roots()
    found = asyncio.run(_examine(controls(control or [], settings), resolvers(resolver, settings), roots))
    findings = (
        _resolver(found.host),
        _clock(found),
        _ipv4(found),
        _ipv6(found),
        _vpn(found.host),
        _metered(found.host),
        _portal(found),
        *found.controls,
        about_roots,
        *_networks(networks, settings),
        _lists(settings),
        of_database(path),
        of_room(path),
        of_descriptors(),
        *of_schedule(settings, system=system),
        *_upload(path, settings),
    )
    for finding in findings:
        if json:
            print(dumps(asdict(finding)))
        else:
            print(f"{'ok ' if finding.good else 'NO '}  {finding.name:<14} {safe(finding.text)}")
    if not found.host.online:
        return Status.OFFLINE
    return Status.OK if all(finding.good for finding in findings) else Status.NOT_OK


async def _examine(urls: tuple[str, ...], resolvers: tuple[Resolver, ...], roots: Roots | None) -> Examined:
    from probe.certificate import Roots
    from probe.classify import Ground
    from probe.steps.host import look
    from probe.steps.network import Network, Timeouts

    host, resolvers = await look(resolvers, ())
    if not urls or not host.online:
        text = (
            "not asked, since there is no network"
            if urls
            else "none is set, so a failure here cannot be told from an outage (--control URL)"
        )
        return Examined(host=host, controls=(_about_control(text, good=False),), impostor=False, reached=())
    network = Network(
        resolvers=resolvers,
        roots=roots or Roots((), "nowhere"),
        timeouts=Timeouts.of(_SECONDS),
        attempts=1,
    )
    ground = Ground(host)
    asked = [await _ask_control(url, network, ground, secure=roots is not None) for url in urls]
    return Examined(
        host=ground.conclude(),
        controls=tuple(finding for finding, _, _ in asked),
        impostor=any(impostor for _, impostor, _ in asked),
        reached=tuple(measurement for _, _, measurement in asked),
    )


async def _ask_control(
    url: str, network: Network, ground: Ground, *, secure: bool
) -> tuple[Finding, bool, Measurement]:
    """What a control says of itself, whether something else answers in its place, and the way to it."""
    from probe.checks import measure
    from probe.control import clients_of
    from probe.model import Vantage
    from probe.report.terminal import where

    (client,) = clients_of([url], network.now)
    async with client:
        said = await client.describe()
    ground.hear(client.clock_offset, client.impostor)
    measurement = await measure(_target_of(url, secure=secure), network, vantage=Vantage(name="here"))
    ground.learn(measurement, ())
    text = where(said.vantage) if said else "; ".join(client.problems) or "does not answer"
    return _about_control(f"{url}: {text}", good=said is not None), client.impostor, measurement


def _about_control(text: str, *, good: bool) -> Finding:
    return Finding(name="control", good=good, text=text)


def _target_of(url: str, *, secure: bool) -> Target:
    """A control's host and port, as a target."""
    from urllib.parse import urlsplit

    from probe.model import DEFAULT_PORTS, Scheme, Target
    from probe.ooni import HELPER_PREFIX

    parts = urlsplit(url.removeprefix(HELPER_PREFIX))
    scheme = Scheme.TLS if parts.scheme == Scheme.HTTPS and secure else Scheme.TCP
    return Target(scheme=scheme, host=parts.hostname or "", port=parts.port or DEFAULT_PORTS[Scheme(parts.scheme)])


def _resolver(host: Host) -> Finding:
    text = host.why_offline or f"answers ({', '.join(host.resolvers)})"
    if host.resolver_rewrites_nxdomain:
        text += f", but gives {' and '.join(host.rewritten_to[:3])} for a name that cannot exist; verdicts allow for it"
    return Finding(name="resolver", good=host.online, text=text)


def _clock(found: Examined) -> Finding:
    from probe.classify import clock
    from probe.failure import Failure

    host = found.host
    if host.clock_offset is not None:
        text = f"{clock(host)}: set it" if host.clock_wrong else f"as the control's, by {abs(host.clock_offset):.0f} s"
        return Finding(name="clock", good=not host.clock_wrong, text=text)
    rows = [row for measurement in found.reached for row in measurement.observations]
    if any(row.failure is Failure.SSL_INVALID_CERTIFICATE for row in rows):
        text = "a control's certificate is not valid at this machine's time: one of the two is wrong"
        return Finding(name="clock", good=False, text=text)
    return Finding(name="clock", good=True, text="not compared, since no control has answered")


def _ipv4(found: Examined) -> Finding:
    text = _way(routed=found.host.ipv4, made=_connects(found, 4))
    return Finding(name="ipv4", good=found.host.ipv4 or found.host.ipv6, text=text)


def _ipv6(found: Examined) -> Finding:
    """No IPv6 is common and no fault; one that leads nowhere costs time, and makes sites look ill."""
    made = _connects(found, 6)
    if made and not any(made) and any(_connects(found, 4)):
        text = "there is a route, but it leads nowhere: a control was reached over IPv4 only"
        return Finding(name="ipv6", good=False, text=text)
    return Finding(name="ipv6", good=True, text=_way(routed=found.host.ipv6, made=made))


def _way(*, routed: bool, made: list[bool]) -> str:
    if any(made):
        return "works: a control was reached over it"
    return "there is a route" if routed else "no route, so its addresses are not tried"


def _connects(found: Examined, version: int) -> list[bool]:
    """For each connection to a control over one version of IP, whether it was made."""
    from probe.model import TcpDetail

    return [
        row.failure is None
        for measurement in found.reached
        for row in measurement.observations
        if isinstance(row.detail, TcpDetail) and (":" in row.detail.address) is (version == 6)
    ]


def _vpn(host: Host) -> Finding:
    if host.vpn is None:
        text = "none seen; one on the router would not be"
        return Finding(name="vpn", good=True, text=text)
    text = f"the way out leads through one ({host.vpn}): what is measured is its network, not your provider's"
    return Finding(name="vpn", good=False, text=text)


def _metered(host: Host) -> Finding:
    text = "not known to be"
    if host.metered is not None:
        text = f"the way out leads over {host.metered}: a scheduled run measures nothing (--allow-metered)"
    return Finding(name="metered", good=host.metered is None, text=text)


def _portal(found: Examined) -> Finding:
    name, host = "captive portal", found.host
    if host.captive_portal or (found.impostor and host.captive_portal is None):
        text = (
            "something else answers in a control's place: this network may want a login first; open a page in a browser"
        )
        return Finding(name=name, good=False, text=text)
    text = (
        "none: a control answered as itself" if host.captive_portal is False else "none seen; no control has answered"
    )
    return Finding(name=name, good=True, text=text)


def _roots() -> tuple[Roots | None, Finding]:
    from probe.steps.host import system_roots

    name = "trusted roots"
    try:
        roots = system_roots()
    except (OSError, ValueError) as error:
        return None, Finding(name=name, good=False, text=str(error))
    return roots, Finding(name=name, good=True, text=f"{len(roots.certificates)} from {roots.source}")


def _networks(flags: list[Path] | None, config: Config) -> Iterator[Finding]:
    from probe.cli.errors import Refusal
    from probe.cli.settings import known_networks

    name = "networks"
    try:
        found = known_networks(flags, config).databases
    except Refusal as error:
        yield Finding(name=name, good=False, text=str(error))
        return
    for database in found:
        days = (datetime.now(UTC) - database.built).days
        text = f"{database.kind} of {database.built:%Y-%m-%d}, {days} days old ({database.source})"
        stale = "; networks have changed hands since: get a newer one" if days > _STALE_DAYS else ""
        yield Finding(name=name, good=not stale, text=text + stale)
    if not found:
        text = "no database is set (--networks FILE), so whose network an address is in stays unknown"
        yield Finding(name=name, good=True, text=text)


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


def _upload(path: Path, config: Config) -> Iterator[Finding]:
    """Nothing where nothing is to be uploaded. That some of it waits is no fault, that it was tried in vain is."""
    from probe.cli.errors import Refusal
    from probe.cli.settings import upload_url
    from probe.cli.uploading import public_key, waiting
    from probe.store import Store, StoreError
    from probe.upload import outbox_of

    name = "upload"
    try:
        url, key = upload_url(config), public_key(config)
        if url is None:
            return
        if not path.exists():
            yield Finding(name=name, good=True, text=f"to {url}; nothing is measured yet")
            return
        with Store.open(path, create=False) as store:
            text = f"to {url}, signed with {key or 'a key that is made with the first'}; {waiting(store)}"
    except (Refusal, StoreError) as error:
        yield Finding(name=name, good=False, text=str(error))
        return
    yield Finding(name=name, good=not outbox_of(path).troubles(), text=text)
