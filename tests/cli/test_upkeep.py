"""What `probe doctor` says of a machine that is to measure for years."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.cli.upkeep import of_database
from probe.consent import agree
from probe.store import Store
from tests.cli import alone
from tests.lab.lab import Finished

_A_MACHINE = """
set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/system "$HOME/small"
mount -t tmpfs -o size="$ROOM" none "$HOME/small"
ulimit -n "$FILES"
exec "$PYTHON" -m probe doctor --json --db "$HOME/small/probe.sqlite"
"""
_SYSTEMCTL = """#!/bin/sh
case "$*" in
"--user show probe.timer"*) cat "$HOME/timer" ;;
"--user show probe.service"*) cat "$HOME/service" ;;
*) exit 1 ;;
esac
"""
_GOES = "UnitFileState=enabled\nActiveState=active\nLastTriggerUSec=yesterday\nNextElapseUSecRealtime=tomorrow\n"


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "below" / "probe.sqlite"
    found = of_database(path)
    assert (found.good, "will be made" in found.text, list(tmp_path.iterdir())) == (True, True, [])
    (tmp_path / "file").write_text("")
    found = of_database(tmp_path / "file" / "probe.sqlite")
    assert (found.good, "cannot be written" in found.text) == (False, True)


def test_a_database_that_is_whole_and_one_that_is_not(tmp_path: Path) -> None:
    path = tmp_path / "probe.sqlite"
    Store.open(path).close()
    found = of_database(path)
    assert (found.good, ", 0 measurements, whole, can be written" in found.text) == (True, True)
    content = bytearray(path.read_bytes())
    page = 4096
    assert len(content) > 4 * page
    for number in range(3, len(content) // page):
        content[number * page : number * page + 64] = b"\xff" * 64
    path.write_bytes(content)
    found = of_database(path)
    assert not found.good
    assert "damaged" in found.text or "malformed" in found.text
    path.write_bytes(b"some other file")
    assert not of_database(path).good


def doctor(
    home: Path, timer: str, service: str, *, room: str = "300m", files: int = 4096
) -> dict[str, tuple[bool, str]]:
    """What is said on a machine with a service manager that says this of the timer and of the last run."""
    (home / "timer").write_text(timer)
    (home / "service").write_text(service)
    (home / "systemctl").write_text(_SYSTEMCTL)
    (home / "systemctl").chmod(0o755)
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c", _A_MACHINE]
    env = {**alone.environment(home), "ROOM": room, "FILES": str(files), "PYTHON": sys.executable}
    env["PATH"] = f"{home}:{env['PATH']}"
    done = subprocess.run(command, env=env, cwd=alone.ROOT, capture_output=True, text=True, timeout=60)
    finished = Finished(returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)
    assert (finished.returncode, finished.stderr) == (75, "")
    return {each["name"]: (each["good"], each["text"]) for each in alone.read(finished)}


def test_a_machine_in_order(home: Path) -> None:
    agree(home / "state", "probe", datetime.now(UTC))
    said = doctor(home, _GOES, "Result=success\nExecMainStatus=3\n")
    assert {said[name][0] for name in ("database", "disk", "open files", "consent", "timer")} == {True}
    assert said["timer"][1] == "last run: yesterday; next one: tomorrow"
    assert said["consent"][1].startswith("to scheduled runs since 20")


def test_a_machine_on_which_all_is_wrong(home: Path) -> None:
    said = doctor(home, _GOES, "Result=exit-code\nExecMainStatus=5\n", room="1m", files=256)
    assert [name for name in ("database", "disk", "open files", "consent", "timer") if said[name][0]] == ["database"]
    assert "make room" in said["disk"][1]
    assert said["open files"][1].startswith("256 at once: raise it")
    assert "nobody has agreed" in said["consent"][1]
    assert "the last run (yesterday) failed (exit-code 5)" in said["timer"][1]


@pytest.mark.parametrize(
    ("timer", "good", "words"),
    [
        ("UnitFileState=disabled\nActiveState=inactive\n", True, "systemctl --user enable --now probe.timer"),
        ("ActiveState=inactive\n", True, "no unit is installed"),
        ("UnitFileState=enabled\nActiveState=inactive\n", False, "systemctl --user start probe.timer"),
    ],
)
def test_a_timer_that_does_not_go(home: Path, timer: str, good: bool, words: str) -> None:
    said = doctor(home, timer, "")
    assert (said["timer"][0], words in said["timer"][1]) == (good, True)
    assert said["consent"][0]  # nothing asks for it
