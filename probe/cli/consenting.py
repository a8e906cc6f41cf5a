"""`probe consent`: what a scheduled run does, in plain words, and whether the owner of this machine agrees to it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status, say

if TYPE_CHECKING:
    from probe.cli.settings import Config
    from probe.consent import Agreement, Contacts

_OF_THE_SYSTEM = (Path("/var/lib/probe"), Path("/var/lib/private/probe"))
"""What STATE_DIRECTORY is in the system's service, as systemd spells it with and without DynamicUser."""


def consent(
    agree: Annotated[bool, typer.Option("--agree", help="Record that you agree.")] = False,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take it back: scheduled runs do not start.")] = False,
    system: Annotated[
        bool, typer.Option("--system", help="For the service of the whole machine (root), not for your own user.")
    ] = False,
    control: options.Controls = None,
    json: options.Json = False,
    db: options.Database = None,
    config: options.ConfigFile = None,
) -> int:
    """What a scheduled run contacts and records, and who may notice; and record that you agree to it."""
    from probe.cli.settings import consent_folder, load_config
    from probe.consent import ConsentError, agreement, text

    if agree and withdraw:
        raise Refusal("--agree --withdraw: one or the other", Status.USAGE)
    folder = consent_folder(system=system)
    contacts = _contacts(load_config(config).config, control or [], db, system=system)
    upload = contacts.upload
    if withdraw:
        _take_back(folder)
    elif not json:
        print(text(contacts))
        agree = agree or _says_yes()
    if agree:
        _record(folder, upload)
    try:
        found, why = agreement(folder, upload), None
    except ConsentError as error:
        found, why = None, str(error)
    if json:
        _print_json(contacts, folder, found, why)
    elif found is not None:
        say(f"agreed on {found.agreed_at:%Y-%m-%d} (version {found.version}), recorded in {folder}; --withdraw ends it")
    else:
        say(f"not agreed: {why}. Scheduled runs do not start. --agree records that you agree, in {folder}")
    return Status.OK


def require_consent(config: Config, what: str = "a scheduled run needs consent") -> None:
    """Raises Refusal where nobody has agreed to scheduled runs as the settings have them."""
    from probe.cli.settings import consent_folder, upload_url
    from probe.consent import ConsentError, agreement

    folder = consent_folder()
    try:
        agreement(folder, upload_url(config))
    except ConsentError as error:
        verb = "sudo probe consent --system" if folder in _OF_THE_SYSTEM else "probe consent"
        text = f"{what}, and {error}: read `{verb}`, then agree with `{verb} --agree`"
        raise Refusal(text, Status.CONFIGURATION) from None


def _contacts(config: Config, control: list[str], db: Path | None, *, system: bool) -> Contacts:
    from probe.checks.follow_up import OTHER_NAME
    from probe.cli.settings import SYSTEM_STATE, controls, database, kept_megabytes, upload_url
    from probe.cli.sources import sources
    from probe.consent import Contacts

    targets = sources(None, config).lists.targets
    named = db is not None or config.database is not None
    return Contacts(
        targets=len(targets),
        hosts=len({target.host for target in targets}),
        controls=controls(control, config),
        other_name=OTHER_NAME,
        database=SYSTEM_STATE / "probe.sqlite" if system and not named else database(db, config),
        megabytes=kept_megabytes(None, config),
        upload=upload_url(config),
    )


def _says_yes() -> bool:
    """Asks, where somebody is there to answer."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return input("Do you agree? Type yes, or anything else for no: ").strip().casefold() == "yes"


def _record(folder: Path, upload: str | None) -> None:
    from probe import __version__
    from probe.consent import agree

    try:
        agree(folder, f"probe {__version__}", datetime.now(UTC), upload)
    except OSError as error:
        raise Refusal(f"{folder}: the agreement cannot be recorded: {error.strerror}", Status.CONFIGURATION) from None


def _take_back(folder: Path) -> None:
    from probe.consent import withdraw

    try:
        withdraw(folder)
    except OSError as error:
        raise Refusal(f"{folder}: the agreement cannot be taken back: {error.strerror}", Status.CONFIGURATION) from None


def _print_json(contacts: Contacts, folder: Path, found: Agreement | None, why: str | None) -> None:
    from probe.consent import CONSENT_VERSION, FILE_NAME, text
    from probe.form import dumps, time_text

    told: dict[str, Any] = {
        "agreed": found is not None,
        "agreed_at": time_text(found.agreed_at) if found else None,
        "why_not": why,
        "version": CONSENT_VERSION,
        "file": str(folder / FILE_NAME),
        "targets": contacts.targets,
        "hosts": contacts.hosts,
        "controls": list(contacts.controls),
        "database": str(contacts.database),
        "keep_megabytes": contacts.megabytes,
        "upload": contacts.upload,
        "text": text(contacts),
    }
    print(dumps(told))
