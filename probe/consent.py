"""What the owner of a machine agrees to before it measures on its own, and whether they have.

Law: nothing is measured on a schedule without it. An agreement is to one version of the text: when what the program
does changes, the text changes with its number, and is asked for anew. Only this module reads and writes the file.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

CONSENT_VERSION = 1
FILE_NAME = "consent.json"
_LARGEST = 1 << 16

_TEXT = """\
What `probe` does on this machine, before you let it run by itself

CONTACTED  A run asks for {targets} pages and ports of messaging services, at {hosts} hosts, as
           their apps and web sites do, and asks this machine's resolver for their names. Redirects
           lead to further hosts, and where something fails the same services are asked again in
           other ways, once by the name {other_name}. {controls}
           `probe run --dry-run` lists every host, port and address, and sends nothing.
RECORDED   What was answered, or how it failed, and when: names, addresses, certificates, pages,
           and the name, country and network that you gave this place. The file is
           {database}
           {kept}
UPLOADED   {upload}
NOTICED BY Your provider and whoever watches your line sees which services are asked for, and at what
           times. The services see your address. Where messaging services are blocked, asking for many
           of them at once may draw attention to you, and may be against the law. Somebody who
           searches this machine finds the program and what it has recorded.
           Do not run it where being noticed would put you or somebody else at risk.
"""
_CONTROLS = "Control vantage points learn which ones you ask for:\n           {urls}."
_KEPT = "Where it holds more than {megabytes} MB the oldest goes (`keep`), exported or not."
_NOT_KEPT = "It grows with every run."
_NO_CONTROLS = "No control is set."
_NO_UPLOAD = "Nothing. No result leaves this machine unless you send it yourself."
_UPLOAD = """To {url}
           after each scheduled run: what `probe run` has recorded, now and before, without the pages.
           Addresses and names of this machine and of its network are replaced, and a key made here
           signs it. Who keeps that collector sees your address, and may publish the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """What the text says of this machine's settings."""

    targets: int
    hosts: int
    controls: tuple[str, ...]
    other_name: str
    """Asked for beside a service's own name, to find out whether the name is what is blocked."""
    database: Path
    megabytes: int
    """What the database is kept at; 0: it grows."""
    upload: str | None = None
    """The URL of the collector; absent where nothing is uploaded."""


class Agreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That somebody agreed, as the file holds it."""

    version: int
    """Of the text."""
    agreed_at: datetime
    software: str
    """Name and version of the program that showed it."""
    upload: str | None = None
    """Where results go, as the text said; absent where it said nowhere."""


class ConsentError(Exception):
    """There is no agreement that counts. The text is one sentence."""


def text(contacts: Contacts) -> str:
    """What is agreed to, one screen."""
    urls = ",\n           ".join(contacts.controls)
    return _TEXT.format(
        targets=contacts.targets,
        hosts=contacts.hosts,
        other_name=contacts.other_name,
        controls=_CONTROLS.format(urls=urls) if contacts.controls else _NO_CONTROLS,
        database=contacts.database,
        kept=_KEPT.format(megabytes=contacts.megabytes) if contacts.megabytes else _NOT_KEPT,
        upload=_UPLOAD.format(url=contacts.upload) if contacts.upload else _NO_UPLOAD,
    )


def agreement(folder: Path, upload: str | None = None) -> Agreement:
    """The agreement to today's text, with this URL in it. Raises ConsentError, saying why, where there is none."""
    path = folder / FILE_NAME
    try:
        with path.open("rb") as file:
            found = msgspec.json.decode(file.read(_LARGEST), type=Agreement)
    except FileNotFoundError:
        raise ConsentError("nobody has agreed to it on this machine") from None
    except OSError as error:
        raise ConsentError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConsentError(f"{path} is no agreement: {error}") from None
    if found.version != CONSENT_VERSION:
        raise ConsentError(
            f"what was agreed to is version {found.version} of the text, and this is version {CONSENT_VERSION}"
        )
    if found.upload != upload:
        raise ConsentError(f"what was agreed to is {_uploads(found.upload)}, and the settings say {_uploads(upload)}")
    return found


def _uploads(url: str | None) -> str:
    return f"to upload to {url}" if url is not None else "to upload nothing"


def agree(folder: Path, software: str, now: datetime, upload: str | None = None) -> Path:
    """Records the agreement to today's text, in one step. Returns its file; raises OSError.

    Root may do this in a folder of the service's own, so that nothing that stands there is followed or written into,
    as `files.replace_file` would.
    """
    path = folder / FILE_NAME
    folder.mkdir(parents=True, exist_ok=True)
    written = msgspec.json.encode(Agreement(version=CONSENT_VERSION, agreed_at=now, software=software, upload=upload))
    descriptor, name = tempfile.mkstemp(prefix=".consent-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(written + b"\n")
            os.fchmod(file.fileno(), 0o644)  # the service, whose user is another one, must read what root wrote
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def withdraw(folder: Path) -> bool:
    """Takes the agreement back; False where there was none. Raises OSError."""
    try:
        (folder / FILE_NAME).unlink()
    except FileNotFoundError:
        return False
    return True
