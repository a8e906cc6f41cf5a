"""Without a network: 75, one sentence, nothing on stdout, and not one packet to a target."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli import alone
from tests.cli.lists import write_list
from tests.lab.lab import World
from tests.lab.people import CONTROL_URL, codes, control, lines, probe
from tests.lab.scenarios.scenario import at, at6, https
from tests.lab.spec import CONTROL, PROVIDER_RESOLVER, Access, Drop, Reject, Rule, Spec, To

TARGETS = ("line.me", f"http://{at(1)}/", f"tcp://[{at6(1)}]:80")
SITE = https("line.me", at(1), at6(1))
_COUNT = Rule(when=To(addresses=(at(1), at6(1), CONTROL[0])), do=Drop())
_NO_SAVE = ("--no-save", "--control", CONTROL_URL)


def resolver_rule(do: Drop | Reject) -> Rule:
    return Rule(when=To(addresses=(PROVIDER_RESOLVER,), protocol="udp"), do=do)


OFFLINE = {
    "no route": Spec(sites=(SITE,), rules=(_COUNT,), access=Access(online=False)),
    "a silent resolver": Spec(sites=(SITE,), rules=(_COUNT, resolver_rule(Drop()))),
    "no resolver": Spec(sites=(SITE,), rules=(_COUNT, resolver_rule(Reject(why="port_unreachable")))),
}


@pytest.mark.parametrize("spec", OFFLINE.values(), ids=OFFLINE)
def test_nothing_is_contacted(country: World, spec: Spec) -> None:
    country.become(spec)
    words = ("probe", "check", *TARGETS, *_NO_SAVE)
    done, told = [each.wait(15) for each in (country.start(words), country.start([*words, "--json"]))]
    assert (done.returncode, done.stdout) == (75, "")
    assert len(done.stderr.splitlines()) == 1
    assert "no network" in done.stderr
    assert told.returncode == 75
    assert [line["outcome"] for line in lines(told)] == ["inconclusive"] * 4
    assert {code for line in lines(told) for code in codes(line)} == {"host.offline"}
    assert [line["observations"] for line in lines(told)] == [[]] * 4
    assert country.fired()[0] == 0


def test_of_a_service_nothing_is_known(country: World) -> None:
    country.become(OFFLINE["no route"])
    done = probe(country, "check", "imo", *_NO_SAVE, "--services", "--json")
    assert [(row["service"], row["outcome"], row["text"]) for row in lines(done)] == [
        ("imo", "inconclusive", "web undecided")
    ]
    assert done.returncode == 75


def test_what_is_contacted_is_counted(country: World) -> None:
    """Or else the counts above would say nothing."""
    country.become(Spec(sites=(SITE,), rules=(_COUNT,)))
    for address in (at(1), at6(1)):
        before = country.fired()[0]
        code = f"import socket; socket.create_connection(({address!r}, 443), 0.2)"
        assert country.run([sys.executable, "-c", code]).returncode == 1
        assert country.fired()[0] > before


def test_a_run_without_a_network_can_be_resumed_with_one(country: World) -> None:
    country.become(OFFLINE["no route"])
    path = write_list(country.home / "one.toml", ["https://line.me/"])
    database = country.home / "resumed.sqlite"
    words = ("run", "--targets", str(path), "--control", "none", "--json", "--db", str(database))
    assert probe(country, *words).returncode == 75
    assert alone.ask(database, "SELECT count(*) AS n FROM measurement") == [{"n": 0}]
    (run,) = alone.ask(database, "SELECT id, finished_at FROM run")
    assert run["finished_at"] is None
    country.become(Spec(sites=(SITE,)))
    done = probe(country, *words, "--resume")
    assert done.returncode == 0, done.stderr
    assert [(line["run_id"], line["outcome"]) for line in lines(done)] == [(run["id"], "ok")]


def test_a_run_in_an_empty_namespace(home: Path) -> None:
    done = alone.run(home, "run")
    assert (done.returncode, done.stdout) == (75, "")
    assert len(done.stderr.splitlines()) == 1
    told = alone.run(home, "results", "--json")
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_doctor(country: World) -> None:
    country.become(Spec(sites=(SITE,)))
    database = ("--db", str(country.home / "doctor.sqlite"))
    with control(country):
        well = probe(country, "doctor", "--json", "--control", CONTROL_URL, *database)
        assert (well.returncode, well.stderr) == (0, "")
        found = {finding["name"]: finding for finding in lines(well)}
        assert {"resolver", "ipv4", "ipv6", "trusted roots", "control", "database"} <= set(found)
        assert all(finding["good"] is True for finding in found.values())
        assert all(set(finding) == {"name", "good", "text"} for finding in lines(well))
        text = probe(country, "doctor", "--control", CONTROL_URL, *database)
        assert text.returncode == 0
        assert [line.split()[0] for line in text.stdout.splitlines()] == ["ok"] * len(found)
    dead = probe(country, "doctor", "--json", "--control", CONTROL_URL, *database)
    assert dead.returncode == 4
    assert [finding["name"] for finding in lines(dead) if not finding["good"]] == ["control"]
    text = probe(country, "doctor", "--control", CONTROL_URL, "--db", str(country.home))
    assert text.returncode == 4
    assert [line.split()[1] for line in text.stdout.splitlines() if line.startswith("NO")] == ["control", "database"]
    country.become(Spec(sites=(SITE,), rules=OFFLINE["no route"].rules, access=Access(online=False)))
    offline = probe(country, "doctor", "--json", "--control", CONTROL_URL, *database)
    assert (offline.returncode, offline.stderr) == (75, "")
    assert {"resolver", "ipv4", "control"} <= {f["name"] for f in lines(offline) if not f["good"]}
    assert country.fired() == (0,)
