"""`probe upload`, and the upload after a scheduled run: what was measured, to the collector of the settings.

Law: off unless a URL is set, and never without the consent that names it. Whatever goes wrong here, the run that was
before is what it was, and what was not acknowledged stays.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from probe.cli import options
from probe.cli.errors import Refusal, Status, say

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from probe.cli.settings import Config
    from probe.store import Store
    from probe.upload import Collector, Delivered

KEY = "upload-key.pem"
"""Of this probe, beside its consent, where no other is named."""
_TOKEN_CREDENTIAL, _KEY_CREDENTIAL = "upload-token", "upload-key"
_LONGEST_SECRET = 1 << 16
_SECONDS_AFTER_A_RUN = 3600.0


def upload(json: options.Json = False, db: options.Database = None, config: options.ConfigFile = None) -> int:
    """Send what `probe run` recorded to the collector of the settings, now: what waits, and what was recorded since.
    Ends with 0 when all of it was acknowledged, with 4 when something still waits, with 5 where no collector, token or
    consent is set."""
    from probe.cli.consenting import require_consent
    from probe.cli.records import open_database
    from probe.cli.settings import load_config, upload_url
    from probe.form import dumps

    settings = load_config(config).config
    if upload_url(settings) is None:
        raise Refusal("no collector is set: [upload] url in the configuration", Status.CONFIGURATION)
    require_consent(settings, "an upload needs consent")
    with open_database(db, config) as store:
        done = _refusing(lambda: _upload(store, settings, at_once=True))
    if json:
        print(dumps(asdict(done)))
    else:
        print(_told(done))
    return Status.NOT_OK if done.waiting else Status.OK


def upload_after_run(database: Path, config: Config) -> None:
    """The same after a scheduled run, as far as the next try is due. Tells on stderr what became of it."""
    from probe.cli.settings import upload_url
    from probe.store import Store, StoreError

    if upload_url(config) is None:
        return
    try:
        with Store.open(database, create=False) as store:
            done = _refusing(lambda: _upload(store, config, at_once=False))
    except (Refusal, StoreError) as error:
        say(f"not uploaded: {error}")
        return
    say(f"upload: {_told(done)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What no collector has acknowledged, and for how long that was tried in vain."""

    parcels: int
    bytes: int
    """Of the parcels."""
    runs_not_packed: int
    tries: int
    since: str | None
    reason: str | None

    def __str__(self) -> str:
        text = f"parcels that wait: {self.parcels} ({self.bytes} bytes); runs not packed: {self.runs_not_packed}"
        return f"{text}; tried {self.tries} times since {self.since}: {self.reason}" if self.tries else text


def waiting(store: Store) -> Waiting:
    """How much of a database waits."""
    from probe.form import time_text
    from probe.upload import outbox_of

    outbox = outbox_of(store.path)
    trouble = min(outbox.troubles().values(), key=lambda each: each.since, default=None)
    return Waiting(
        parcels=len(outbox.waiting()),
        bytes=outbox.size(),
        runs_not_packed=len(store.uploads().to_pack()),
        tries=trouble.tries if trouble else 0,
        since=time_text(trouble.since) if trouble else None,
        reason=trouble.reason if trouble else None,
    )


def public_key(config: Config) -> str | None:
    """By which the collector knows this probe; None where no key was made yet. Raises Refusal for one that is none."""
    from probe.targets.bundle import public_text

    path = _key_file(config)
    return public_text(_read_key(path)) if path.exists() else None


def _upload(store: Store, config: Config, *, at_once: bool) -> Delivered:
    import asyncio

    from probe.cli.exporting import LICENCE, redactor_for
    from probe.exports import About
    from probe.upload import Delivered, deliver, outbox_of, pack_new

    outbox, collector, key = outbox_of(store.path), _collector(config), _key(config)
    redact, about = list(config.upload.redact), About(licence=LICENCE)

    async def all_of_it() -> Delivered:
        """Packs and sends in turns, since there is room for so many parcels only."""
        done = Delivered()
        async with asyncio.timeout(None if at_once else _SECONDS_AFTER_A_RUN):
            while True:
                pack_new(store, outbox, lambda dataset: redactor_for(redact, dataset), about, key)
                done += await deliver(outbox, collector, _now, _tell, at_once=at_once)
                if done.waiting or not store.uploads().to_pack():
                    return done

    with outbox.working():
        try:
            return asyncio.run(all_of_it())
        finally:
            store.uploads().note_acknowledged(outbox.waiting(), _now())


def _refusing(work: Callable[[], Delivered]) -> Delivered:
    from probe.exports import ExportError
    from probe.store import StoreError
    from probe.upload import OutboxBusyError

    try:
        return work()
    except (ExportError, StoreError, OutboxBusyError) as error:
        raise Refusal(str(error), Status.FAILED) from None
    except TimeoutError:
        raise Refusal(f"given up after {_SECONDS_AFTER_A_RUN / 60:.0f} minutes", Status.FAILED) from None
    except OSError as error:
        raise Refusal(f"{error.filename or 'the outbox'}: {error.strerror or error}", Status.FAILED) from None


def _collector(config: Config) -> Collector:
    from probe.cli.settings import upload_url
    from probe.upload import Collector

    url = upload_url(config)
    assert url is not None, "whoever uploads has asked"
    return Collector(url=url, token=_token(config))


def _token(config: Config) -> str:
    """From the environment, else the file of the settings, else systemd's credential."""
    token = os.environ.get("PROBE_UPLOAD_TOKEN")
    if token is None:
        path = _named(config.upload.token_file, _TOKEN_CREDENTIAL)
        if path is None:
            text = "no token is set: [upload] token_file, PROBE_UPLOAD_TOKEN, or the credential upload-token"
            raise Refusal(text, Status.CONFIGURATION)
        token = _content(path).decode("utf-8", "replace")
    token = token.strip()
    if not token or not token.isascii() or len(token.split()) != 1:
        raise Refusal("the token for the upload is not one word of ASCII characters", Status.CONFIGURATION)
    return token


def _key(config: Config) -> Ed25519PrivateKey:
    path = _key_file(config)
    if config.upload.key_file is None and not path.exists():
        _make_key(path)
    return _read_key(path)


def _key_file(config: Config) -> Path:
    from probe.cli.settings import consent_folder

    return _named(config.upload.key_file, _KEY_CREDENTIAL) or consent_folder() / KEY


def _named(setting: str | None, credential: str) -> Path | None:
    """The file of the settings, else of the credentials that systemd has handed over (systemd.exec(5))."""
    if setting is not None:
        return Path(setting).expanduser()
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) / credential if folder and (Path(folder) / credential).exists() else None


def _read_key(path: Path) -> Ed25519PrivateKey:
    from probe.targets import BundleError
    from probe.targets.bundle import read_private_key

    try:
        return read_private_key(_content(path))
    except BundleError as error:
        raise Refusal(f"{path}: {error}", Status.CONFIGURATION) from None


def _make_key(path: Path) -> None:
    """A key of this probe's own, that nobody else can read."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from probe.files import replace_file

    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    before = os.umask(0o077)
    try:
        replace_file(path, pem, mode=0o600)
    finally:
        os.umask(before)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_SECRET)
    except OSError as error:
        raise Refusal(f"{path}: cannot be read: {error.strerror}", Status.CONFIGURATION) from None


def _told(done: Delivered) -> str:
    text = f"parcels acknowledged: {done.parcels}"
    if done.parcels:
        text += f" ({done.imported} measurements were new to the collector, {done.known} known)"
    return f"{text}; parcels that wait: {done.waiting}" if done.waiting else text


def _tell(reason: str) -> None:
    say(f"not acknowledged: {reason}")


def _now() -> datetime:
    return datetime.now(UTC)
