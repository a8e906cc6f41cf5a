"""The units: closed as far as can be, free of faults; put in place and taken away only as the owner says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.consent import agree
from probe.units import SYSTEM_UNITS, USER_UNITS, units
from tests.cli import alone
from tests.lab.lab import Finished

PROGRAM = Path(sys.executable).parent / "probe"
EXPOSURE = 1.2
_IN_A_HOUSE_OF_ITS_OWN = """
set -e
at=$1; shift
mount -t tmpfs none /var/lib
mount -t tmpfs none /etc/systemd
mount -t tmpfs none /usr/lib/systemd
mount -t tmpfs none "$(dirname "$at")"
mkdir -p "$at" "$at-python"
mount --bind . "$at"
mount --bind "$BASE" "$at-python"
cd "$at"
export PYTHONHOME="$at-python"
"$at/$PYTHON" -m probe consent --system --agree >/dev/null
exec sh -c "$@"
"""


@pytest.fixture
def judge() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here (Debian package systemd)")


def written(folder: Path, *, user: bool = False) -> list[Path]:
    """The units as they are installed."""
    for name, text in units(PROGRAM, user=user).items():
        (folder / name).write_text(text)
    return sorted(folder.iterdir())


def analyze(*words: str | Path) -> Finished:
    done = subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, timeout=60)
    return Finished(returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


def exposures(folder: Path) -> dict[str, float]:
    """What systemd says of each service, written to this folder: 0 is closed, 10 is open."""
    exposures: dict[str, float] = {}
    for path in written(folder):
        if path.suffix == ".service":
            done = analyze("security", "--offline=true", "--no-pager", path)
            found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
            assert found is not None, done
            exposures[path.name] = float(found[1])
    return exposures


@pytest.mark.parametrize("user", [False, True])
def test_systemd_finds_no_fault_in_the_units(judge: None, tmp_path: Path, user: bool) -> None:
    done = analyze("verify", *written(tmp_path, user=user))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_finds_faults(judge: None, tmp_path: Path) -> None:
    """Or else the test above would say nothing."""
    (tmp_path / "probe.service").write_text("[Service]\nType=oneshot\nExecStart=/nowhere\nProtectHomes=yes\n")
    done = analyze("verify", tmp_path / "probe.service")
    assert "ProtectHomes" in done.stderr
    assert done.returncode != 0


def test_the_services_are_closed(judge: None, tmp_path: Path) -> None:
    found = exposures(tmp_path)
    assert len(found) == 4
    assert {name: exposure for name, exposure in found.items() if exposure > EXPOSURE} == {}


def test_what_is_no_failure_of_the_unit() -> None:
    for user in (False, True):
        text = units(PROGRAM, user=user)["probe.service"]
        assert "\nSuccessExitStatus=3 4 75 143\n" in text
        assert f"\nExecStart={PROGRAM} run --scheduled\n" in text
        assert "/usr/bin/probe" not in text


def test_a_path_is_one_word() -> None:
    text = units(Path('/opt/100% "mine"/probe'), user=True)["probe.service"]
    assert '\nExecStart="/opt/100%% \\"mine\\"/probe" run --scheduled\n' in text


def test_units_of_a_user(home: Path) -> None:
    folder = home / "config" / "systemd" / "user"
    names = {Path(name).name for name in USER_UNITS}
    refused = alone.run(home, "service", "install", "--user")
    assert (refused.returncode, refused.stdout, folder.exists()) == (5, "", False)
    assert "`probe consent --agree`" in refused.stderr
    agree(home / "state", "probe", datetime.now(UTC))

    tried = alone.run(home, "service", "install", "--user", "--dry-run")
    assert (tried.returncode, folder.exists()) == (0, False)
    assert {Path(line.split()[-1]).name for line in tried.stdout.splitlines() if "would write" in line} == names

    done = alone.run(home, "service", "install", "--user")
    assert done.returncode == 0
    assert "nothing is enabled yet; to measure every six hours from now on: systemctl --user enable" in done.stderr
    assert {path.name for path in folder.iterdir()} == names  # and no link of `enable`
    assert {name: (folder / name).read_text() for name in names} == units(PROGRAM, user=True)
    again = alone.run(home, "service", "install", "--user")
    assert again.stdout.count("unchanged") == len(names)

    (folder / "probe.timer").write_text("[Timer]\n")
    (told,) = alone.read(alone.run(home, "service", "status", "--user", "--json"))
    assert told["units"] == {"probe.service": "installed", "probe.timer": "another version"}
    assert told["agreed_at"] is not None

    alone.run(home, "service", "remove", "--user", "--dry-run")
    assert len(list(folder.iterdir())) == len(names)
    gone = alone.run(home, "service", "remove", "--user")
    assert gone.returncode == 0
    assert list(folder.iterdir()) == []
    assert (home / "state" / "consent.json").exists()
    assert "no unit" in alone.run(home, "service", "remove", "--user").stderr


def in_a_house(home: Path, at: str, script: str) -> Finished:
    """Runs a script as root of a machine of its own, where this checkout is at another place."""
    python = Path(sys.executable).relative_to(alone.ROOT)
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c", _IN_A_HOUSE_OF_ITS_OWN, "sh"]
    env = {**alone.environment(home), "PYTHON": str(python), "BASE": sys.base_prefix}
    del env["STATE_DIRECTORY"]
    done = subprocess.run([*command, at, script], env=env, cwd=alone.ROOT, capture_output=True, text=True, timeout=60)
    return Finished(returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


def test_units_of_the_machine(home: Path) -> None:
    if not Path(sys.executable).is_relative_to(alone.ROOT):
        pytest.skip("the virtual environment is not in the checkout, so it cannot be shown at another place")
    script = "$PYTHON -m probe service install && ls /etc/systemd/system && grep ^ExecStart= /etc/systemd/system/*"
    done = in_a_house(home, "/opt/probe", f"{script} && $PYTHON -m probe service remove && ls /etc/systemd/system")
    assert done.returncode == 0, done
    assert "ExecStart=/opt/probe/.venv/bin/probe run --scheduled" in done.stdout
    assert done.stdout.count("wrote /etc/systemd/system/") == len(SYSTEM_UNITS)
    assert done.stdout.splitlines()[-len(SYSTEM_UNITS) :] == [f"removed /etc/systemd/system/{n}" for n in SYSTEM_UNITS]
    assert "stay in /var/lib/probe" in done.stderr
    hidden = in_a_house(home, "/home/me", "$PYTHON -m probe service install")
    assert hidden.returncode == 5
    assert "the system's service does not see /home; install this program elsewhere" in hidden.stderr


def test_units_of_a_package_are_used_as_they_are(home: Path) -> None:
    if not Path(sys.executable).is_relative_to(alone.ROOT):
        pytest.skip("the virtual environment is not in the checkout, so it cannot be shown at another place")
    script = (
        "$PYTHON -m probe service install >/dev/null && mv /etc/systemd/system /usr/lib/systemd/system"
        " && for verb in install status remove; do $PYTHON -m probe service $verb; done; ls -A /etc/systemd"
    )
    done = in_a_house(home, "/opt/probe", script)
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    places = [f"/usr/lib/systemd/system/{name}" for name in SYSTEM_UNITS]
    assert [line for line in lines if line.startswith("unchanged ")] == [f"unchanged {each}" for each in places]
    assert [line.split()[1:] for line in lines if line.startswith("unit ")] == [[f"{e}:", "installed"] for e in places]
    assert lines[-len(places) :] == [f"left {each}, which belongs to a package" for each in places]
