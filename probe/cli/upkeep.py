"""What a machine needs to measure for years: a database that is whole, room for it, consent, a timer that goes.

Law: it looks and changes nothing; no database is made here. Each answer that is a NO says what to do.
"""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probe.cli.settings import Config

_ROOM = 200_000_000
"""Bytes: what a year of runs every six hours takes at most, with measurements kept as long as by default."""
_DESCRIPTORS = 1024
"""What a run with its default concurrency may have open, by far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One question to the host, and its answer."""

    name: str
    good: bool
    """Nothing here keeps this machine from measuring well."""
    text: str


def of_database(path: Path) -> Finding:
    """Is it whole, can it be written, how large is it?"""
    from probe.store import Store, StoreError

    name = "database"
    if not path.exists():
        folder = _above(path)
        good = folder.is_dir() and os.access(folder, os.W_OK)
        text = f"{path} will be made by the first run" if good else f"{path} cannot be made: {folder} cannot be written"
        return Finding(name=name, good=good, text=text)
    try:
        with Store.open(path, create=False) as store:
            damage, stats = store.damage(), store.stats()
    except StoreError as error:
        return Finding(name=name, good=False, text=str(error))
    if damage is not None:
        text = f"{path} is damaged ({damage}): put it aside, `probe export` what can still be read, and begin a new one"
        return Finding(name=name, good=False, text=text)
    size = f"{_megabytes(stats.file + stats.log)}, {stats.rows['measurement']} measurements"
    if not os.access(path, os.W_OK):
        return Finding(name=name, good=False, text=f"{path}: {size}, whole, but this user may only read it")
    return Finding(name=name, good=True, text=f"{path}: {size}, whole, can be written")


def of_room(path: Path) -> Finding:
    """Is there room on the disk for what runs will record?"""
    folder = _above(path)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(name="disk", good=False, text=f"{folder}: {(error.strerror or str(error)).lower()}")
    text = f"{_megabytes(free)} free at {folder}"
    if free < _ROOM:
        text += f", and a year may take {_megabytes(_ROOM)}: make room, `probe db prune`, or set another `database`"
    return Finding(name="disk", good=free >= _ROOM, text=text)


def of_descriptors() -> Finding:
    """May a run have as many connections open as it wants?"""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = limit == resource.RLIM_INFINITY
    good = unlimited or limit >= _DESCRIPTORS
    text = "no limit" if unlimited else f"{limit} at once"
    if not good:
        text += f": raise it (ulimit -n {_DESCRIPTORS}), or set a lower `concurrency`"
    return Finding(name="open files", good=good, text=text)


def of_schedule(config: Config, *, system: bool) -> Iterator[Finding]:
    """Is there consent to scheduled runs, and does a timer start them?"""
    from probe.cli.service import Manager
    from probe.cli.settings import consent_folder, upload_url
    from probe.consent import ConsentError, agreement

    manager = Manager.of(user=not system)
    timer = manager.show("probe.timer") if manager.answers else {}
    goes = timer.get("ActiveState") == "active"
    verb = "sudo probe consent --system" if system else "probe consent"
    try:
        since = agreement(consent_folder(system=system), upload_url(config)).agreed_at
        yield Finding(name="consent", good=True, text=f"to scheduled runs since {since:%Y-%m-%d}")
    except ConsentError as error:
        text = f"{error}, so scheduled runs do not start: `{verb}`"
        yield Finding(name="consent", good=not goes, text=text)
    good, text = _timer(timer, manager.show("probe.service") if goes else {}, " ".join(manager.systemctl))
    if not manager.answers:
        text = "systemd does not run here, so nothing is started by itself"
    yield Finding(name="timer", good=good, text=text)


def _timer(timer: Mapping[str, str], service: Mapping[str, str], systemctl: str) -> tuple[bool, str]:
    """What the service manager says of the timer, and of the last run that it started."""
    enabled, state = timer.get("UnitFileState"), timer.get("ActiveState")
    if state != "active":
        if enabled == "enabled":
            return False, f"enabled, but it does not go ({state}): {systemctl} start probe.timer"
        how = f"{systemctl} enable --now probe.timer" if enabled else "no unit is installed"
        return True, f"not enabled, so nothing is started by itself ({how})"
    last = timer.get("LastTriggerUSec", "never")
    result = service.get("Result", "success")
    if result != "success":
        why = f"{result} {service.get('ExecMainStatus', '')}".strip()
        return False, f"the last run ({last}) failed ({why}): journalctl --unit probe.service shows why"
    return True, f"last run: {last}; next one: {timer.get('NextElapseUSecRealtime', 'not known')}"


def _above(path: Path) -> Path:
    """The nearest folder above a path that is there."""
    return next((each for each in path.absolute().parents if each.exists()), Path("/"))


def _megabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
