"""`probe consent` and `probe run --dry-run`: what would be done, before anything is, and nothing without a yes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from probe.consent import FILE_NAME, ConsentError, agreement
from probe.targets import shipped, targets_of
from tests.cli import alone
from tests.cli.lists import write_list
from tests.lab.lab import World
from tests.lab.people import CONTROL_URL, probe
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import CONTROL, PROVIDER_RESOLVER, Drop, Redirect, Rule, Spec, To

HOSTS = {target.host for target in targets_of(shipped())}


def agreed(home: Path) -> bool:
    return (home / "state" / FILE_NAME).exists()


def test_it_is_told_recorded_and_taken_back(home: Path) -> None:
    told = alone.run(home, "consent")
    assert told.returncode == 0
    for said in (f"{len(HOSTS)} hosts", "--dry-run", str(home / "state" / "probe.sqlite"), "Nothing. No result leaves"):
        assert said in told.stdout
    assert len(told.stdout.splitlines()) <= 24
    assert max(map(len, told.stdout.splitlines())) <= 110
    assert "not agreed: nobody has agreed" in told.stderr
    assert not agreed(home)

    refused = alone.run(home, "run", "--scheduled")
    assert (refused.returncode, refused.stdout) == (5, "")
    (sentence,) = refused.stderr.splitlines()
    assert "nobody has agreed to it" in sentence
    assert "`probe consent --agree`" in sentence
    assert alone.files_below(home) == {"roots.pem"}

    (yes,) = alone.read(alone.run(home, "consent", "--agree", "--json"))
    assert (yes["agreed"], yes["version"], yes["hosts"]) == (True, 1, len(HOSTS))
    assert yes["file"] == str(home / "state" / FILE_NAME)
    assert json.loads((home / "state" / FILE_NAME).read_text())["agreed_at"] == yes["agreed_at"]
    assert alone.run(home, "run", "--scheduled").returncode == 75  # goes on to find that there is no network

    (no,) = alone.read(alone.run(home, "consent", "--withdraw", "--json"))
    assert (no["agreed"], agreed(home)) == (False, False)
    assert alone.run(home, "run", "--scheduled").returncode == 5
    assert alone.run(home, "consent", "--withdraw", "--agree").returncode == 2


@pytest.mark.parametrize(("word", "means"), [("yes", True), ("Yes ", True), ("y", False), ("", False)])
def test_somebody_at_a_terminal_is_asked(home: Path, word: str, means: bool) -> None:
    ours, theirs = pty.openpty()
    command = [*alone.PROBE, "consent"]
    process = subprocess.Popen(
        command, env=alone.environment(home), cwd=alone.ROOT, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, f"{word}\n".encode())
    shown = b""
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:
        pass  # the other end of a terminal is closed
    os.close(ours)
    assert process.wait(30) == 0
    assert b"Type yes" in shown
    assert agreed(home) is means


WRONG = {
    "another version": ('{"version": 0, "agreed_at": "2026-11-24T00:00:00Z", "software": "probe"}', "version 0"),
    "no agreement": ("yes", "is no agreement"),
    "no time": ('{"version": 1, "software": "probe"}', "is no agreement"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_agreement_to_this_text_does_not_count(tmp_path: Path, case: str) -> None:
    written, why = WRONG[case]
    (tmp_path / FILE_NAME).write_text(written)
    with pytest.raises(ConsentError, match=why):
        agreement(tmp_path)


def test_the_systems_service_says_how_its_owner_agrees(home: Path) -> None:
    done = alone.run(home, "run", "--scheduled", STATE_DIRECTORY="/var/lib/private/probe")
    assert done.returncode == 5
    assert "`sudo probe consent --system --agree`" in done.stderr
    (told,) = alone.read(alone.run(home, "consent", "--system", "--json"))
    assert (told["file"], told["database"]) == ("/var/lib/probe/consent.json", "/var/lib/probe/probe.sqlite")


TARGETS = (
    "https://a.example/",
    "https://a.example/x",
    "tcp://192.31.196.7:5222",
    "udp://b.example:3478",
    "dns://c.example",
)


def test_a_dry_run_lists_everything_and_sends_nothing(home: Path) -> None:
    path = write_list(home / "mine.toml", TARGETS)
    words = ("run", "--dry-run", "--scheduled", "--targets", path, "--resolver", "192.31.196.53:5353", "--doh")
    words += ("https://192.31.196.54/dns-query", "--control", "https://control.example", "--control")
    words += ("ooni+http://[2620:4f:8000::1]:8080",)
    before = alone.files_below(home)
    told = alone.run(home, *words, "--json")
    assert told.returncode == 0
    rows = alone.read(told)
    assert [(row["kind"], row["host"], row["port"], row["transport"], row["address"]) for row in rows] == [
        ("resolver", "192.31.196.53", 5353, "udp", "192.31.196.53"),
        ("resolver", "192.31.196.53", 5353, "tcp", "192.31.196.53"),
        ("resolver", "192.31.196.53", 853, "tcp", "192.31.196.53"),
        ("secure_resolver", "192.31.196.54", 443, "tcp", "192.31.196.54"),
        ("control", "control.example", 443, "tcp", None),
        ("control", "2620:4f:8000::1", 8080, "tcp", "2620:4f:8000::1"),
        ("name", "c.example", None, None, None),
        ("target", "192.31.196.7", 5222, "tcp", "192.31.196.7"),
        ("target", "a.example", 443, "tcp", None),
        ("target", "b.example", 3478, "udp", None),
    ]
    assert rows[8]["purpose"] == "https://a.example/ https://a.example/x"
    assert alone.files_below(home) == before  # no database either
    shown = alone.run(home, *words)
    assert len(shown.stdout.splitlines()) == len(rows)
    assert shown.stderr.startswith("Nothing was sent. A run would measure 5 targets at 4 hosts")


def test_a_dry_run_sends_no_packet(country: World) -> None:
    """Not to targets, controls or the resolver; a run that is none reaches all of them."""
    rules = (
        Rule(when=To(addresses=(at(1),)), do=Drop()),
        Rule(when=To(addresses=(CONTROL[0],)), do=Drop()),
        Rule(when=To(addresses=(PROVIDER_RESOLVER,), protocol="udp"), do=Redirect(address=PROVIDER_RESOLVER)),
    )
    country.become(Spec(sites=(https("line.me", at(1)),), rules=rules))
    path = write_list(country.home / "dry.toml", ["https://line.me/"])
    words = (
        "run",
        "--targets",
        str(path),
        "--control",
        CONTROL_URL,
        "--timeout",
        "1",
        "--db",
        str(country.home / "dry.sqlite"),
    )
    assert probe(country, *words, "--dry-run").returncode == 0
    assert country.fired() == (0, 0, 0)
    assert probe(country, *words).returncode == 4
    assert all(country.fired())


def test_a_dry_run_of_the_shipped_lists_names_every_host(home: Path) -> None:
    rows = alone.read(alone.run(home, "run", "--dry-run", "--json"))
    assert {row["host"] for row in rows if row["kind"] in ("target", "name")} == HOSTS
