"""`probe control serve`: be a control vantage point."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status, say

if TYPE_CHECKING:
    from probe.control.neutral import NeutralPort

app = typer.Typer(help="A control vantage point.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    pass


@app.command("serve")
def serve(
    listen: Annotated[str, typer.Option("--listen", help="Where to listen, HOST:PORT.")],
    targets: options.Lists = None,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="Tokens, one a line: who sends one may ask for any public host."),
    ] = None,
    open_to_all: Annotated[bool, typer.Option("--open", help="Anyone may ask for any public host.")] = False,
    ttl: Annotated[
        float, typer.Option("--ttl", min=0, max=3600, help="Seconds for which a measurement serves all.")
    ] = 300.0,
    ports: Annotated[
        str | None, typer.Option("--ports", help="Ports that may be connected to, separated by commas.")
    ] = None,
    neutral_tls: Annotated[
        str | None,
        typer.Option(
            "--neutral-tls", metavar="HOST:PORT", help="Also answer TLS handshakes here, under any server name."
        ),
    ] = None,
    neutral_http: Annotated[
        str | None,
        typer.Option("--neutral-http", metavar="HOST:PORT", help="Also answer HTTP in clear here, under any name."),
    ] = None,
    resolver: options.ResolverAddress = None,
    networks: options.NetworkFiles = None,
    timeout: options.Timeout = None,
    config: options.ConfigFile = None,
) -> int:
    """Measure for others what they cannot reach: serve the control protocol over HTTP."""
    import asyncio

    from probe.cli.settings import known_networks, load_config, resolvers, vantage
    from probe.cli.sources import sources
    from probe.control import access, limits, server, serving
    from probe.control.neutral import Neutral
    from probe.run import affordable
    from probe.steps.host import public_roots, system_roots
    from probe.steps.network import Network, Timeouts

    host, port = address_of("--listen", listen)
    settings = load_config(config).config
    seconds = timeout or settings.timeout
    try:
        tokens = access.read_tokens(token_file) if token_file else frozenset()
        roots = system_roots()
    except (OSError, ValueError) as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None
    network = Network(
        resolvers=resolvers(resolver, settings),
        roots=roots,
        public_roots=public_roots(),
        networks=known_networks(networks, settings),
        timeouts=Timeouts() if seconds is None else Timeouts.of(seconds),
    )
    asked = server.ControlSettings(
        ttl=ttl,
        ports=_ports(ports) if ports else limits.PORTS,
        tokens=tokens,
        open=open_to_all,
        in_flight=min(server.ControlSettings().in_flight, affordable()),
    )
    listed = access.listed_in(sources(targets, settings).lists.targets)
    if open_to_all:
        say("--open: anyone who reaches this port may have any public host measured.")
    with ExitStack() as stack:
        neutral = Neutral(
            tls=_neutral(stack, "--neutral-tls", neutral_tls), http=_neutral(stack, "--neutral-http", neutral_http)
        )
        made = server.build(asked, network, vantage(settings, network.networks), listed, neutral)
        try:
            asyncio.run(serving.serve(made, host, port, listening=lambda url: say(f"listening on {url}")))
        except OSError as error:
            raise cannot_listen("--listen", listen, error) from None
    return Status.OK


def _neutral(stack: ExitStack, flag: str, text: str | None) -> NeutralPort | None:
    from probe.control.neutral import NeutralPort

    if text is None:
        return None
    host, port = address_of(flag, text)
    try:
        ground = NeutralPort.open(host, port, secure=flag == "--neutral-tls")
    except OSError as error:
        raise cannot_listen(flag, text, error) from None
    stack.callback(ground.sock.close)
    say(f"neutral ground on {ground.url}")
    return ground


def cannot_listen(flag: str, text: str, error: OSError) -> Refusal:
    """An address that cannot be had."""
    return Refusal(f"{flag} {text}: {error.strerror or error}", Status.USAGE)


def address_of(flag: str, text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT. Raises Refusal."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise Refusal(f"{flag} {text}: give HOST:PORT, as in 127.0.0.1:8080 (port 0 takes a free one)", Status.USAGE)
    return host.strip("[]"), int(port)


def _ports(text: str) -> frozenset[int]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and 0 < int(word) < 65536 for word in words):
        raise Refusal(f"--ports {text}: give numbers from 1 to 65535, separated by commas", Status.USAGE)
    return frozenset(map(int, words))
