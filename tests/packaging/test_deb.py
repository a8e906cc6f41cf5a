"""What the package's scripts do with a service manager: nothing is enabled, and an upgrade disables nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from probe.units import SYSTEM_UNITS, USER_UNITS
from tests.cli.alone import ROOT

DEBIAN = ROOT / "debian"
LIB = "/usr/lib/reachability-probe"
_RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >>"$RECORD"\n'
_A_MACHINE = """
set -e
mount -t tmpfs none /run
mount -t tmpfs none /var/lib
mount -t tmpfs none /etc
mount -t tmpfs none /usr/lib/systemd
mkdir /usr/lib/systemd/system
cp systemd/probe* /usr/lib/systemd/system
mkdir -p /run/systemd/system /var/lib/other /var/lib/probe /var/lib/private/probe /etc/probe
mkdir -p /etc/systemd/system/probe.timer.d
sh "$@"
find /var/lib /etc -mindepth 1
"""
_STATE = {"/var/lib/probe", "/var/lib/private/probe", "/etc/probe", "/etc/systemd/system/probe.timer.d"}

SERVERS = sorted(unit for unit in SYSTEM_UNITS if unit.startswith("probe-") and "@" not in unit)

STEPS: dict[str, tuple[str, str, list[str]]] = {
    "a first installation": (
        "postinst",
        "configure",
        ["systemctl daemon-reload", "systemctl try-restart probe.timer probe-*.service"],
    ),
    "an upgrade": ("prerm", "upgrade 0.2", ["systemctl stop probe.service"]),
    "a removal": (
        "prerm",
        "remove",
        [
            "systemctl stop probe.service",
            "systemctl stop probe.timer probe-*.service",
            *(f"systemctl --quiet disable {unit}" for unit in ("probe.timer", *SERVERS)),
        ],
    ),
    "after a removal": ("postrm", "remove", ["systemctl daemon-reload", "systemctl reset-failed probe*"]),
    "a purge": ("postrm", "purge", ["systemctl daemon-reload", "systemctl reset-failed probe*"]),
}


@pytest.mark.parametrize(("script", "words", "asked"), STEPS.values(), ids=STEPS)
def test_what_is_asked_of_the_service_manager(
    script: str, words: str, asked: list[str], lab: None, tmp_path: Path
) -> None:
    for name in ("systemctl", "py3compile", "py3clean"):
        (tmp_path / name).write_text(_RECORD)
        (tmp_path / name).chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin:/usr/sbin:/sbin", "RECORD": str(tmp_path / "record")}
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _A_MACHINE, "sh"]
    done = subprocess.run(
        [*command, DEBIAN / script, *words.split()], env=env, cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = (tmp_path / "record").read_text().splitlines()
    assert [line for line in told if line.startswith("systemctl")] == asked
    assert ("probe consent" in done.stdout) is (words == "configure")
    there = {line for line in done.stdout.splitlines() if line.startswith("/")}
    assert "/var/lib/other" in there
    assert there & _STATE == (set() if words == "purge" else _STATE)


def test_the_parts_fit() -> None:
    """The launcher sees the folder that the package has, and the units start the launcher."""
    build = (DEBIAN / "build").read_text()
    assert f"lib=$root{LIB}\n" in build
    assert f'sys.path.insert(0, "{LIB}")' in (DEBIAN / "probe").read_text()
    for unit in {*SYSTEM_UNITS, *USER_UNITS} - {"probe.timer", "probe-failure@.service"}:
        assert "\nExecStart=/usr/bin/probe " in (ROOT / "systemd" / unit).read_text()
    named = set(re.findall("@[A-Z_]+@", (DEBIAN / "control").read_text()))
    assert named == set(re.findall("s/(@[A-Z_]+@)/", build))


def test_the_manual_page_has_no_fault() -> None:
    if shutil.which("man") is None:
        pytest.skip("there is no man here (Debian package man-db)")
    command = ["man", "--warnings", "--encoding=UTF-8", "--local-file", "--pager=cat", "docs/probe.1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    shown = re.sub(r".\x08", "", done.stdout)
    for words in ("probe db prune", "--older-than", "PROBE_CONTROL", "EXIT STATUS", "inconclusive"):
        assert words in shown
