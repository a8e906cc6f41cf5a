"""`probe targets update` and `probe targets bundle`: target lists that stay fresh, and who makes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status, say

if TYPE_CHECKING:
    from probe.cli.settings import Config
    from probe.targets import Bundle

_SECONDS = 60.0
_DAYS = 180


def update(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE|URL",
            help="A bundle: a file, or an https:// URL. Default: the url of [targets] in the configuration.",
        ),
    ] = None,
    json: options.Json = False,
    config: options.ConfigFile = None,
) -> int:
    """Install newer target lists, signed with the key of [targets] in the configuration. Ends with 4 where the bundle
    is not newer than the one that is installed, with 5 where it must not be used; nothing is changed then."""
    from probe.cli.settings import load_config
    from probe.form import dumps, time_text

    settings = load_config(config).config
    key, place = _key(settings), source or settings.targets.url
    if place is None:
        raise Refusal("give a FILE or a URL, or set [targets] url in the configuration", Status.USAGE)
    installed = _install(place, _content(place, settings), key)
    if json:
        times = {"made_at": time_text(installed.made_at), "expires_at": time_text(installed.expires_at)}
        print(dumps({"version": installed.version, **times, "services": len(installed.services())}))
    return Status.OK


def _key(config: Config) -> str:
    """The key that is pinned. Raises Refusal where none is, before anybody is asked for a bundle."""
    from probe.targets import BundleError
    from probe.targets.bundle import read_public_key

    key = config.targets.key
    if key is None:
        text = "no key is set that could have signed a bundle: [targets] key in the configuration"
        raise Refusal(text, Status.CONFIGURATION)
    try:
        read_public_key(key)
    except BundleError as error:
        raise Refusal(f"[targets] key in the configuration: {error}", Status.CONFIGURATION) from None
    return key


def _install(place: str, content: bytes, key: str) -> Bundle:
    from datetime import UTC, datetime

    from probe.cli.settings import installed_lists
    from probe.targets import BundleError, NotNewerError, install

    folder = installed_lists()
    try:
        installed = install(folder, content, key, datetime.now(UTC))
    except NotNewerError as error:
        raise Refusal(f"{place}: {error}", Status.NOT_OK) from None
    except BundleError as error:
        raise Refusal(f"{place}: {error}", Status.CONFIGURATION) from None
    except OSError as error:
        raise Refusal(f"{folder}: cannot be written: {error.strerror}", Status.CONFIGURATION) from None
    say(f"installed in {folder}: {bundle_line(installed)}")
    return installed


def bundle(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The service files.")],
    key: Annotated[Path, typer.Option("--key", help="The Ed25519 key to sign with, PEM.")],
    output: Annotated[Path, typer.Option("--output", help="The bundle.")],
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="Days for which it may be used.")] = _DAYS,
    version: Annotated[
        int | None,
        typer.Option("--version", min=1, help="Higher than that of every bundle before.", show_default="the time"),
    ] = None,
) -> int:
    """Make a bundle of the service files of a folder, for others to install. Prints the public key."""
    from datetime import UTC, datetime, timedelta

    from probe.files import replace_file
    from probe.targets import BundleError, TargetListError
    from probe.targets.bundle import Bundle, pack, public_text, read_private_key
    from probe.targets.installed import texts_of

    now = datetime.now(UTC)
    try:
        signing = read_private_key(key.read_bytes())
        made = Bundle(
            version=version or int(f"{now:%Y%m%d%H%M%S}"),
            made_at=now,
            expires_at=now + timedelta(days=days),
            texts=texts_of(folder),
        )
        replace_file(output, pack(made, signing))
    except (BundleError, TargetListError) as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None
    except OSError as error:
        raise Refusal(f"{error.filename or output}: {error.strerror}", Status.CONFIGURATION) from None
    print(public_text(signing))
    say(f"{output}: {bundle_line(made)}")
    return Status.OK


def bundle_line(bundle: Bundle) -> str:
    """`bundle 20261124000000, made 2026-11-24, to be used until 2027-05-23`."""
    return f"bundle {bundle.version}, made {bundle.made_at:%Y-%m-%d}, to be used until {bundle.expires_at:%Y-%m-%d}"


def _content(place: str, config: Config) -> bytes:
    """The bytes of a file, or at a URL. Raises Refusal."""
    import asyncio

    from probe.cli.settings import resolvers
    from probe.fetch import FetchError, fetch, is_here
    from probe.steps.host import look
    from probe.targets.bundle import LARGEST

    if "://" not in place:
        try:
            with Path(place).open("rb") as file:
                return file.read(LARGEST + 1)
        except OSError as error:
            raise Refusal(f"{place}: cannot be read: {error.strerror}", Status.CONFIGURATION) from None
    if not is_here(place):
        host, _ = asyncio.run(look(resolvers(None, config), ()))
        if not host.online:
            text = f"This machine has no network: {host.why_offline}. Nothing was fetched."
            raise Refusal(text, Status.OFFLINE)
    try:
        return asyncio.run(fetch(place, longest=LARGEST, seconds=_SECONDS))
    except FetchError as error:
        raise Refusal(str(error), Status.FAILED) from None
