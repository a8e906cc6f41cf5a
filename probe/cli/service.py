"""`probe service`: the timer and services that let systemd start runs.

Law: nothing is written before consent, nothing is enabled or started here, and every change is told.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from probe.cli import options
from probe.cli.errors import Refusal, Status, say

app = typer.Typer(help="Runs by a systemd timer.", no_args_is_help=True, rich_markup_mode=None)

User = Annotated[bool, typer.Option("--user", help="For your own user's service manager, not for the whole machine.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]

_SYSTEM_FOLDER = Path("/etc/systemd/system")
_PACKAGES = Path("/usr/lib/systemd")
"""Where packages of the distribution put their units, for the system and for users."""
_TIMER = "probe.timer"
_SERVERS = ("probe-control.service", "probe-collect.service")
_RUNNING = Path("/run/systemd/system")
"""There where systemd is the first process (sd_booted(3))."""
_HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - what the unit does not see
_SHOWN = ("UnitFileState", "ActiveState", "Result", "ExecMainStatus", "NextElapseUSecRealtime", "LastTriggerUSec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """A service manager, and where its administrator's units are."""

    user: bool
    folder: Path

    @classmethod
    def of(cls, *, user: bool) -> Manager:
        if not user:
            return cls(user=user, folder=_SYSTEM_FOLDER)
        home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        return cls(user=user, folder=home / "systemd" / "user")

    def place(self, name: str) -> Path:
        """Where systemd finds a unit: the administrator's, else the package's; or where it is to be written."""
        own, packaged = self.folder / name, _PACKAGES / self.folder.name / name
        return packaged if packaged.exists() and not own.exists() else own

    @property
    def systemctl(self) -> tuple[str, ...]:
        return ("systemctl", "--user") if self.user else ("systemctl",)

    @property
    def answers(self) -> bool:
        """Whether there is one to talk to."""
        return _RUNNING.is_dir() and shutil.which("systemctl") is not None

    def tell(self, *words: str, dry_run: bool = False) -> None:
        """Runs systemctl where there is a manager, and says so; what it refuses is told and changes nothing here."""
        if not self.answers:
            return
        command = [*self.systemctl, *words]
        if dry_run:
            print("would run", *command)
            return
        print("running", *command)
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - words of our own
        if done.returncode != 0:
            say(f"{' '.join(command)}: {done.stderr.strip() or f'ended with {done.returncode}'}")

    def show(self, unit: str) -> Mapping[str, str]:
        """What the manager says of a unit."""
        command = [*self.systemctl, "show", unit, f"--property={','.join(_SHOWN)}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - words of our own
        pairs = (line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return {name: value for name, value in pairs if value}


@app.command("install")
def install(user: User = False, dry_run: DryRun = False) -> int:
    """Put the units where systemd looks for them. They are neither enabled nor started."""
    manager = Manager.of(user=user)
    _require_consent(manager)
    for name, text in _units(manager).items():
        found, path = manager.place(name), manager.folder / name
        if _written(found) == text:
            print(f"unchanged {found}")
            continue
        print(f"{'would write' if dry_run else 'wrote'} {path}")
        if not dry_run:
            _write(path, text)
    manager.tell("daemon-reload", dry_run=dry_run)
    start = " ".join([*manager.systemctl, "enable", "--now", _TIMER])
    say(f"nothing is enabled yet; to measure every six hours from now on: {start}")
    if user:
        say("it measures while you are logged in; `loginctl enable-linger` lets it do so always")
    return Status.OK


@app.command("status")
def status(user: User = False, json: options.Json = False) -> int:
    """Is there consent, are the units there, when did the timer last start a run, and when will it next?"""
    from probe.cli.settings import consent_folder, load_config, upload_url
    from probe.consent import ConsentError, agreement
    from probe.form import dumps, time_text

    manager = Manager.of(user=user)
    try:
        found = agreement(consent_folder(system=not user), upload_url(load_config(None).config))
        agreed, why = time_text(found.agreed_at), None
    except ConsentError as error:
        agreed, why = None, str(error)
    there = {name: _state(manager.place(name), text) for name, text in _units(manager, anywhere=True).items()}
    units = (
        (_TIMER, "probe.service")
        if user
        else (_TIMER, "probe.service", "probe-control.service", "probe-collect.service")
    )
    shown = {unit: dict(manager.show(unit)) for unit in units} if manager.answers else None
    if json:
        told = {"agreed_at": agreed, "folder": str(manager.folder), "units": there, "systemd": shown}
        print(dumps(told))
        return Status.OK
    print(f"consent    {f'since {agreed}' if agreed else f'none: {why}'}")
    for name, state in there.items():
        print(f"unit       {manager.place(name)}: {state}")
    for unit, values in (shown or {}).items():
        print(f"systemd    {unit}: {', '.join(f'{key} {value}' for key, value in values.items())}")
    if shown is None:
        print("systemd    does not run here")
    return Status.OK


@app.command("remove")
def remove(user: User = False, dry_run: DryRun = False) -> int:
    """Stop the timer and take the units away; those of a package are only stopped. Database and consent stay."""
    from probe.cli.settings import consent_folder

    manager = Manager.of(user=user)
    there = [path for name in _names(manager) if (path := manager.place(name)).exists()]
    for path in there:
        if not path.name.endswith("@.service"):
            manager.tell(*(("disable", "--now") if _installs(path) else ("stop",)), path.name, dry_run=dry_run)
    for path in there:
        if path.parent != manager.folder:
            print(f"left {path}, which belongs to a package")
            continue
        print(f"{'would remove' if dry_run else 'removed'} {path}")
        if not dry_run:
            _remove(path)
    if there:
        manager.tell("daemon-reload", dry_run=dry_run)
    else:
        say(f"no unit of this program is in {manager.folder}")
    say(f"what was measured and your consent stay in {consent_folder(system=not user)}")
    return Status.OK


def _require_consent(manager: Manager) -> None:
    from probe.cli.settings import consent_folder, load_config, upload_url
    from probe.consent import ConsentError, agreement

    verb = "probe consent" if manager.user else "sudo probe consent --system"
    try:
        agreement(consent_folder(system=not manager.user), upload_url(load_config(None).config))
    except ConsentError as error:
        text = f"nothing is installed without consent, and {error}: read `{verb}`, then agree with `{verb} --agree`"
        raise Refusal(text, Status.CONFIGURATION) from None


def _units(manager: Manager, *, anywhere: bool = False) -> Mapping[str, str]:
    """The units as they are to be. `anywhere`: even for a program that the service would not see."""
    from probe.units import units

    program = Path(sys.executable).parent / "probe"
    if not anywhere:
        _check(program, manager)
    try:
        return units(program, user=manager.user)
    except OSError as error:
        raise Refusal(f"the units of this installation are missing: {error}", Status.FAILED) from None


def _names(manager: Manager) -> tuple[str, ...]:
    from probe.units import SYSTEM_UNITS, USER_UNITS

    return tuple(Path(name).name for name in (USER_UNITS if manager.user else SYSTEM_UNITS))


def _check(program: Path, manager: Manager) -> None:
    """Raises Refusal for a program that the service could not start."""
    if not os.access(program, os.X_OK):
        text = f"{program}: not there, so a service could not start it; install this program with pipx or as a package"
        raise Refusal(text, Status.CONFIGURATION)
    if manager.user:
        return
    needed = (program, Path(sys.prefix), Path(sys.base_prefix), Path(__file__))
    for path in needed:
        hidden = next((each for each in _HIDDEN if path.resolve().is_relative_to(each)), None)
        if hidden is not None:
            text = (
                f"{path}: the system's service does not see {hidden}; install this program elsewhere, as in"
                " docs/volunteers.md, or use --user"
            )
            raise Refusal(text, Status.CONFIGURATION)


def _written(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _state(path: Path, text: str) -> str:
    written = _written(path)
    return "absent" if written is None else "installed" if written == text else "another version"


def _installs(path: Path) -> bool:
    """Whether a unit can be enabled."""
    return "[Install]" in (_written(path) or "")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o644)
    except OSError as error:
        raise _cannot_write(path, error) from None


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path: Path, error: OSError) -> Refusal:
    way_out = "; run it as root, or with --user" if isinstance(error, PermissionError) else ""
    return Refusal(f"{path}: {(error.strerror or str(error)).lower()}{way_out}", Status.CONFIGURATION)
