"""The bundle that is installed on this machine, and which lists are in force: its own, or those of the program.

Law: a bundle is used while the key that is set has signed it and it has not expired, when it is installed and ever
after. One that may not be used changes nothing: the lists that come with the program are then in force, and it is said.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from probe.files import replace_file
from probe.model import Service
from probe.targets.bundle import LARGEST, Bundle, BundleError, unpack
from probe.targets.load import ENDING, files_of, load
from probe.targets.shipped import shipped

_NAME = "lists.bundle"


class NotNewerError(BundleError):
    """The bundle is not newer than the one that is installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The services that words on the command line mean."""

    services: tuple[Service, ...]
    bundle: Bundle | None = None
    """Where they are from; None when they came with the program."""
    problem: str | None = None
    """Why an installed bundle is not used."""

    @property
    def name(self) -> str:
        """`shipped`, or `bundle 20261124000000`."""
        return f"bundle {self.bundle.version}" if self.bundle else "shipped"


def in_force(folder: Path, key: str | None, now: datetime) -> InForce:
    """The lists to work with. Raises TargetListError where somebody has broken the program's own."""
    try:
        bundle = _installed(folder, key)
        if bundle is None:
            return InForce(services=shipped())
        refuse_expired(bundle, now)
        return InForce(services=bundle.services(), bundle=bundle)
    except BundleError as error:
        return InForce(services=shipped(), problem=f"{folder / _NAME}: {error}")


def install(folder: Path, content: bytes, key: str, now: datetime) -> Bundle:
    """Installs a bundle in place of an older one. Raises BundleError, and OSError, having changed nothing."""
    bundle = unpack(content, key)
    refuse_expired(bundle, now)
    bundle.services()
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        _refuse_older(bundle, folder, key)
        replace_file(folder / _NAME, content)
    return bundle


def texts_of(folder: Path) -> dict[str, str]:
    """The service files of a folder, for a bundle. Raises TargetListError with every fault of them, and OSError."""
    load([folder])
    return {path.name.lower(): path.read_bytes().decode("utf-8") for path in files_of([folder], (ENDING,), [])}


def refuse_expired(bundle: Bundle, now: datetime) -> None:
    """Raises BundleError for a bundle whose time is over."""
    if bundle.expires_at <= now:
        raise BundleError(f"version {bundle.version} has expired ({bundle.expires_at:%Y-%m-%d %H:%M} UTC)")


def _refuse_older(bundle: Bundle, folder: Path, key: str) -> None:
    try:
        old = _installed(folder, key)
    except BundleError:  # of a key that is no longer trusted, or damaged: nothing to compare with
        return
    if old is not None and bundle.version <= old.version:
        raise NotNewerError(f"version {bundle.version} is not newer than version {old.version}, which is installed")


def _installed(folder: Path, key: str | None) -> Bundle | None:
    """The bundle that is there, expired or not. Raises BundleError where it is not one that `key` has signed."""
    try:
        with (folder / _NAME).open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror}") from None
    if key is None:
        raise BundleError("no key is set that could have signed it ([targets] key in the configuration)")
    return unpack(content, key)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One installs at a time, so that an older bundle cannot take the place of a newer one."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
