"""`probe collect serve`: be the collector that probes upload to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status, say

if TYPE_CHECKING:
    from probe.control.serving import Tls

app = typer.Typer(help="A collector of what probes upload.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    pass


@app.command("serve")
def serve(
    listen: Annotated[str, typer.Option("--listen", help="Where to listen, HOST:PORT.")],
    token_file: Annotated[
        Path,
        typer.Option(
            "--token-file",
            help="Who may send: a token a line, and after it the public key that must have signed, where it is to be"
            " one and no other.",
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Option("--parcels", help="Where parcels are kept.", show_default="beside the database"),
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option("--tls-certificate", help="Serve HTTPS with this certificate chain, PEM.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="And this key, PEM.")] = None,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """Take what probes upload, keep it, and merge it into the database."""
    import asyncio

    from probe.cli.control import address_of, cannot_listen
    from probe.cli.settings import database, load_config
    from probe.collect.access import read_senders
    from probe.collect.depot import Depot
    from probe.collect.server import build
    from probe.control import serving
    from probe.store import Store, StoreError

    host, port = address_of("--listen", listen)
    tls = _tls(tls_certificate, tls_key)
    path = database(db, load_config(config).config)
    try:
        senders = read_senders(token_file)
        store = Store.open(path)
    except (OSError, ValueError, StoreError) as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None
    with store:
        depot = Depot(folder or path.with_name(f"{path.name}-parcels"), store)
        try:
            depot.open()
        except BlockingIOError:
            raise Refusal(
                f"--parcels {depot.folder}: another collector keeps its parcels there", Status.FAILED
            ) from None
        except OSError as error:
            raise Refusal(f"--parcels {depot.folder}: {error.strerror}", Status.CONFIGURATION) from None
        made = build(depot, senders, say)
        try:
            asyncio.run(serving.serve(made, host, port, tls=tls, listening=lambda url: say(f"listening on {url}")))
        except OSError as error:
            raise cannot_listen("--listen", listen, error) from None
    return Status.OK


def _tls(certificate: Path | None, key: Path | None) -> Tls | None:
    """Certificate and key, which must belong together. Raises Refusal."""
    from probe.control.serving import Tls

    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise Refusal("--tls-certificate and --tls-key go together", Status.USAGE)
    tls = Tls(certificate=certificate, key=key)
    try:
        tls.check()
    except OSError as error:
        text = f"--tls-certificate {certificate} --tls-key {key}: {error.strerror or error}"
        raise Refusal(text, Status.CONFIGURATION) from None
    return tls
