"""The package on a Debian that boots, as docs/volunteers.md says it line by line: from nothing to a run, and back.

Opt-in (`make boot`): it needs root, systemd-nspawn, debootstrap and a mirror of Debian, and takes some minutes. The
tests are one story, told in their order.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.demo import COUNTRY
from tests.lab.lab import Finished, World
from tests.lab.people import CONTROL_URL, control
from tests.lab.spec import PROVIDER_RESOLVER, Access
from tests.packaging.machine import Machine, unable

ROOT = Path(__file__).resolve().parents[2]
VOLUNTEERS, CONTROL_OPERATORS = ROOT / "docs" / "volunteers.md", ROOT / "docs" / "control.md"
STATE = "/var/lib/private/probe"
DATABASE = f"{STATE}/probe.sqlite"
CONFIG = f'control = ["{CONTROL_URL}"]\n[vantage]\nname = "attic"\ncountry = "RU"\n'
_ACCEPTED = {"probe doctor": (0, 4)}
"""Statuses of lines that may end otherwise than with 0: this machine has no database of networks, and is young."""


@pytest.fixture(scope="module")
def package() -> Path:
    """The newest package in the folder that PROBE_BOOT names."""
    folder = os.environ.get("PROBE_BOOT")
    if folder is None:
        pytest.skip("boots a machine: make boot")
    if (missing := unable()) is not None:
        pytest.fail(missing)
    return max(Path(folder).glob("*.deb"), key=lambda path: path.stat().st_mtime)


@pytest.fixture(scope="module")
def world(package: Path, lab: None) -> Iterator[World]:
    with World(COUNTRY) as made, control(made):
        yield made


@pytest.fixture(scope="module")
def machine(world: World, package: Path) -> Iterator[Machine]:
    """A volunteer's Debian in the censored country, and the package beside it."""
    with Machine(world.start(["sleep", "3600"]).pid) as made:
        (made.root / "etc" / "resolv.conf").write_text(f"nameserver {PROVIDER_RESOLVER}\n")
        with (made.root / "etc" / "ssl" / "certs" / "ca-certificates.crt").open("a") as roots:
            roots.write((world.home / "roots.pem").read_text())
        (made.root / "root" / "dist").mkdir()
        shutil.copy(package, made.root / "root" / "dist")
        sudo = made.root / "usr" / "local" / "bin" / "sudo"
        sudo.write_text('#!/bin/sh\nexec "$@"\n')
        sudo.chmod(0o755)
        yield made


def lines(heading: str, page: Path = VOLUNTEERS) -> list[str]:
    """The commands of a section of a page."""
    section = re.split(r"^## ", page.read_text("utf-8"), flags=re.MULTILINE)
    (text,) = (each for each in section if each.startswith(f"{heading}\n"))
    blocks = re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    rows = [row.partition(" #")[0].strip() for block in blocks for row in block.splitlines()]
    return [row for row in rows if re.match(r"(sudo|probe|systemctl|rm|openssl) ", row) and "--user" not in row]


def follow(machine: Machine, heading: str, page: Path = VOLUNTEERS) -> dict[str, Finished]:
    """Does what the section says; every line of it must work."""
    done = {}
    for line in lines(heading, page):
        done[line] = machine.run(f"cd /root && {apt(line)}", timeout=300)
        assert done[line].returncode in _ACCEPTED.get(line, (0,)), (line, done[line])
    assert done
    return done


def shown(machine: Machine, unit: str, *names: str) -> tuple[str, ...]:
    return tuple(machine.run(f"systemctl show {unit} --value --property={name}").stdout.strip() for name in names)


def ran(machine: Machine) -> tuple[str, ...]:
    """Starts a run, waits for its end, and tells how it ended."""
    machine.run("systemctl start probe.service", timeout=300)
    return shown(machine, "probe.service", "Result", "ExecMainStatus")


def journal(machine: Machine, unit: str) -> str:
    return machine.run(f"journalctl --no-pager --output=cat --unit='{unit}'").stdout


def count(machine: Machine, table: str = "measurement") -> int:
    """Rows of a table, read as the volunteer's root; 0 where there is no database."""
    code = f"import sqlite3; print(sqlite3.connect('{DATABASE}').execute('SELECT count(*) FROM {table}').fetchone()[0])"
    done = machine.run(f'test -e {DATABASE} && python3 -c "{code}"')
    return int(done.stdout or 0)


def wait_for(condition: str, machine: Machine, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while machine.run(condition).returncode != 0:
        assert time.monotonic() < end, condition
        time.sleep(0.2)


def tree(machine: Machine) -> set[str]:
    """The files that a package may leave behind: none of the system's own records and caches."""
    passed = (
        "/proc|/sys|/dev|/run|/tmp|/var/tmp|/var/log|/var/cache|/var/lib/dpkg|/var/lib/apt|/var/lib/systemd|/root/dist"
    )
    prune = " -o ".join(f"-path {each}" for each in passed.split("|"))
    found = machine.run(f"find / \\( {prune} \\) -prune -o -print").stdout.splitlines()
    stamps = machine.run("find /var/lib/systemd/timers").stdout.splitlines()
    return {*found, *(each for each in stamps if "probe" in each)}


BEFORE: set[str] = set()


def test_it_is_installed_and_enables_nothing(machine: Machine) -> None:
    BEFORE.update(tree(machine))
    (done,) = follow(machine, "Install").values()
    assert "nothing is enabled" in done.stdout
    assert machine.run("systemctl is-enabled probe.timer probe-control.service").stdout.split() == ["disabled"] * 2
    assert machine.run("systemctl is-active probe.timer").stdout.strip() == "inactive"
    assert len(machine.run("probe targets list").stdout.splitlines()) > 20
    assert machine.run("test -e /var/lib/probe").returncode != 0
    completed = "COMP_WORDS=(probe targets ch); COMP_CWORD=2; _probe_completion probe; echo ${COMPREPLY[@]}"
    bash = machine.run(f"bash -c '. /usr/share/bash-completion/completions/probe; {completed}'")
    assert bash.stdout.split() == ["check"]
    assert machine.run("systemd-analyze verify probe.service probe.timer probe-control.service").stderr == ""


def test_without_consent_no_run_starts(machine: Machine) -> None:
    assert ran(machine) == ("exit-code", "5")
    assert count(machine) == 0
    assert "a scheduled run needs consent" in journal(machine, "probe.service")
    wait_for("journalctl --output=cat --unit='probe-failure@*' | grep 'probe.service failed'", machine)


def test_the_timer_starts_a_run(machine: Machine) -> None:
    (machine.root / "etc" / "probe").mkdir()
    (machine.root / "etc" / "probe" / "probe.toml").write_text(CONFIG)
    told = follow(machine, "Before anything else")
    assert "https://www.wechat.com/" in told["probe run --dry-run"].stdout
    dropped = machine.root / "etc" / "systemd" / "system" / "probe.timer.d"
    dropped.mkdir()
    (dropped / "now.conf").write_text("[Timer]\nRandomizedDelaySec=0\nAccuracySec=1s\n")
    # The last run was before the last time that the timer names: it is made up for at once.
    machine.run("mkdir -p /var/lib/systemd/timers && touch -d '7 hours ago' /var/lib/systemd/timers/stamp-probe.timer")
    machine.run("systemctl daemon-reload && systemctl reset-failed")
    follow(machine, "Agree, and let it run")
    wait_for("systemctl is-active probe.service | grep -q activating", machine)
    wait_for("systemctl is-active probe.service | grep -qv activating", machine, 300)
    assert shown(machine, "probe.service", "Result", "ExecMainStatus") == ("success", "3")
    assert "BLOCKED       https://www.wechat.com/ (tls, confirmed)" in journal(machine, "probe.service")


def test_its_results_are_read(machine: Machine) -> None:
    follow(machine, "Look")
    follow(machine, "It stays small")
    read = machine.run(f"probe results --json --service wechat --db {DATABASE}").stdout.splitlines()
    found = {row["target"]: row for row in map(json.loads, read)}
    assert found["https://www.wechat.com/"]["outcome"] == "blocked"
    assert found["https://www.wechat.com/"]["vantage"]["name"] == "attic"
    # What root has read with is the service's still: it writes on.
    before = count(machine, "run")
    assert ran(machine) == ("success", "3")
    assert count(machine, "run") == before + 1


def test_what_an_owner_adds_to_the_unit(machine: Machine) -> None:
    """Pruning, and figures for Prometheus: as they stand on the page."""
    dropped = machine.root / "etc" / "systemd" / "system" / "probe.service.d"
    dropped.mkdir()
    added = re.findall(r"^```\n(\[Service\]\n.*?)^```", VOLUNTEERS.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert any("PROBE_METRICS" in text for text in added)
    for number, text in enumerate(added):
        (dropped / f"{number}.conf").write_text(text)
    machine.run("mkdir -p /var/lib/prometheus/node-exporter && systemctl daemon-reload")
    assert ran(machine) == ("success", "3")
    figures = machine.run("cat /var/lib/prometheus/node-exporter/probe.prom").stdout
    assert 'probe_service_outcome{service="wechat",outcome="blocked"} 1' in figures
    if any("db prune" in text for text in added):
        assert "nothing was removed" in journal(machine, "probe.service")
    machine.run("rm -r /etc/systemd/system/probe.service.d /var/lib/prometheus && systemctl daemon-reload")


def test_a_run_is_stopped_in_the_middle(machine: Machine) -> None:
    before, runs = count(machine), count(machine, "run")
    whole = before // runs
    machine.run("systemctl start --no-block probe.service")
    while count(machine) < before + 20:
        time.sleep(0.2)
    machine.run("systemctl stop probe.service")
    assert shown(machine, "probe.service", "Result", "ExecMainStatus") == ("success", "143")
    assert before + 20 <= count(machine) < before + whole
    assert machine.run(f"probe db stats --db {DATABASE}").returncode == 0


def test_without_a_network_nothing_is_measured(machine: Machine, world: World) -> None:
    before = count(machine)
    world.become(replace(COUNTRY, access=Access(online=False)))
    try:
        assert ran(machine) == ("success", "75")
    finally:
        world.become(COUNTRY)
    assert count(machine) == before


def test_a_full_state_directory(machine: Machine) -> None:
    """The room ends in the middle of a run: one line says so, and what was recorded before is there."""
    before = count(machine)
    size = int(machine.run(f"du -sk {STATE}").stdout.split()[0]) + 400
    small = f"cp -a {STATE} /root/kept && mount -t tmpfs -o size={size}k,mode=0700 none {STATE}"
    copied = f"cp -a /root/kept/. {STATE} && chown --reference=/root/kept {STATE} && rm -r /root/kept"
    done = machine.run(f"{small} && {copied}")
    assert done.returncode == 0, done
    machine.run("journalctl --rotate && journalctl --vacuum-time=1s")
    assert ran(machine) == ("exit-code", "1")
    said = journal(machine, "probe.service")
    assert "full" in said
    assert "Traceback" not in said
    assert count(machine) > before
    assert machine.run(f"umount {STATE}").returncode == 0
    assert ran(machine) == ("success", "3")


def test_it_is_there_after_a_boot_and_an_upgrade(machine: Machine) -> None:
    machine.shut_down()
    machine.boot()
    asked = "systemctl is-active probe.timer && systemctl is-enabled probe.timer"
    assert machine.run(asked).stdout.split() == ["active", "enabled"]
    machine.run("systemctl start --no-block probe.service")
    assert machine.run("dpkg --install /root/dist/*.deb").returncode == 0
    assert machine.run(asked).stdout.split() == ["active", "enabled"]
    assert shown(machine, "probe.service", "Result") == ("success",)


def test_a_control_with_a_token(machine: Machine) -> None:
    """The other unit: a secret that only root can read reaches it."""
    follow(machine, "As a service", CONTROL_OPERATORS)
    code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/healthz').read().decode())"
    wait_for(f'python3 -c "{code}" | grep \'"status": *"ok"\'', machine)
    assert machine.run("systemctl disable --now probe-control.service").returncode == 0
    assert shown(machine, "probe-control.service", "Result") == ("success",)


def test_it_is_removed_without_a_trace(machine: Machine) -> None:
    steps = lines("Stop, and leave no trace")
    removal = next(number for number, line in enumerate(steps) if "apt remove" in line)
    for number, line in enumerate(steps[: removal + 1]):
        if number == removal:  # the package stops what goes on
            machine.run("systemctl enable --now probe.timer && systemctl start --no-block probe.service")
        assert machine.run(f"cd /root && {apt(line)}").returncode == 0, line
    left = tree(machine) - BEFORE
    kept = ("/var/lib/probe", "/var/lib/private/probe", "/etc/probe", "/etc/systemd/system/probe.timer.d", "/root/")
    assert [each for each in left if not each.startswith(kept) and "stamp" not in each] == []
    assert DATABASE in left
    assert machine.run("systemctl list-units --all --no-legend 'probe*'").stdout == ""
    for line in steps[removal + 1 :]:
        assert machine.run(f"cd /root && {apt(line)}").returncode == 0, line
    assert tree(machine) - BEFORE <= {"/root/.local", "/root/.local/share"}


def apt(line: str) -> str:
    """Without a person who answers its questions."""
    return line.replace("apt ", "apt --yes ")
