"""Runs on hosts that are not as they should be: what is measured, what is noted, and that a verdict is never theirs."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from probe.consent import agree
from tests.cli.alone import ask
from tests.cli.lists import write_list
from tests.lab.lab import Finished, Running, World
from tests.lab.needs import clock
from tests.lab.people import CONTROL_URL, NOBODY_URL, codes, control, lines, outcomes, probe
from tests.lab.scenarios.portals import ONE, PORTALS, TWO
from tests.lab.scenarios.scenario import FORBIDDEN, at, at6, both, http, https
from tests.lab.spec import (
    CONTROL,
    PROVIDER_RESOLVER,
    Access,
    Certificate,
    Drop,
    Ending,
    IPv6,
    Lie,
    Name,
    Page,
    Redirect,
    Rule,
    Spec,
    To,
)

PORTAL = next(scenario.spec for scenario in PORTALS if scenario.id == "captive-portal")
ADVERTS = at(70)
_FREE = Spec(sites=(https("free.example", at(71)),))


@pytest.fixture(scope="module")
def guarded(country: World) -> Iterator[World]:
    """A world with a control."""
    with control(country, "--timeout", "2"):
        yield country


@pytest.fixture
def database(country: World, request: pytest.FixtureRequest) -> Path:
    return country.home / f"{request.node.name}.sqlite"


def check(world: World, database: Path, *words: str, url: str = CONTROL_URL, **env: str) -> Finished:
    return probe(world, "check", *words, "--control", url, "--timeout", "2", "--db", str(database), **env)


def hosts(database: Path) -> list[dict[str, Any]]:
    """What each run noted of its host, the oldest first."""
    return [json.loads(row["host"]) for row in ask(database, "SELECT host FROM run ORDER BY started_at")]


def assert_recomputable(world: World, database: Path, printed: list[dict[str, Any]]) -> None:
    """What was printed is what is recorded, and what is concluded again from the rows."""
    judged = lines(probe(world, "classify", "--json", "--db", str(database)))
    assert [line.pop("was") for line in judged] == [None] * len(judged)
    by_id = {line["measurement_id"]: line for line in printed}
    assert {line["measurement_id"]: line for line in judged} == by_id
    recorded = lines(probe(world, "results", "--json", "--db", str(database)))
    assert {line["measurement_id"]: line for line in recorded} == by_id


def test_a_login_page_is_told_in_words(guarded: World, database: Path) -> None:
    guarded.become(PORTAL)
    done = check(guarded, database, f"http://{ONE}/")
    head, why = done.stdout.splitlines()
    assert (done.returncode, head.split()) == (4, ["INCONCLUSIVE", f"http://{ONE}/"])
    assert "log in" in why
    assert sum("log in" in line for line in done.stderr.splitlines()) == 1
    printed = lines(check(guarded, database, ONE, TWO, f"tcp://{TWO}:80", "--json"))
    assert {line["outcome"] for line in printed} == {"inconclusive"}
    assert {tuple(codes(line)) for line in printed} == {("host.captive_portal",)}
    assert [host["captive_portal"] for host in hosts(database)] == [True, True]
    first = lines(probe(guarded, "results", "--json", "--target", f"http://{ONE}/", "--db", str(database)))[:1]
    assert_recomputable(guarded, database, [*first, *printed])


def half_done(world: World, database: Path) -> Running:
    """A check of two sites in clear, one of which never answers; the other's verdict is recorded, and not settled."""
    sites = (http("first.example", at(1)), http("silent.example", at(2), page=Page(ending=Ending.SILENCE)))
    world.become(Spec(sites=sites))
    words = ["probe", "check", "http://first.example/", "http://silent.example/", "--control", "none", "--json"]
    running = world.start([*words, "--timeout", "100", "--db", str(database)])
    end = time.monotonic() + 60
    while not (database.exists() and ask(database, "SELECT name FROM sqlite_master WHERE name = 'verdict'")):
        assert time.monotonic() < end
    while not ask(database, "SELECT id FROM verdict"):
        assert time.monotonic() < end
        assert not running.has_ended(0.05), running.stderr()
    assert running.stdout() == ""
    return running


def test_what_a_killed_run_had_not_settled_is_recorded(country: World, database: Path) -> None:
    running = half_done(country, database)
    running.signal(signal.SIGKILL)
    running.wait(30)
    (kept,) = lines(probe(country, "results", "--json", "--db", str(database)))
    assert (kept["target"], kept["outcome"], codes(kept)) == ("http://first.example/", "inconclusive", ["control.none"])
    assert kept["observations"]
    assert_recomputable(country, database, [kept])


def test_what_a_stopped_run_had_not_settled_is_printed(country: World, database: Path) -> None:
    running = half_done(country, database)
    running.signal(signal.SIGTERM)
    done = running.wait(30)
    assert done.returncode == 143
    assert [line["target"] for line in lines(done)] == ["http://first.example/"]
    assert "1 of 2" in done.stderr
    assert_recomputable(country, database, lines(done))


def test_an_ipv6_that_leads_nowhere_is_not_waited_for_long(guarded: World, database: Path) -> None:
    names = [f"dual{number}.example" for number in range(6)]
    sites = tuple(https(name, at(number + 1), at6(number + 1)) for number, name in enumerate(names))
    guarded.become(Spec(sites=(*sites, https("six.example", at6(9))), access=Access(ipv6=IPv6.NOWHERE)))
    path = write_list(guarded.home / "dual.toml", [f"https://{name}/" for name in (*names, "six.example")])
    words = ("run", "--targets", str(path), "--control", CONTROL_URL, "--timeout", "1", "--concurrency", "1", "--json")
    done = probe(guarded, *words, "--db", str(database))
    printed = lines(done)
    assert outcomes(printed) == {f"https://{n}/": "ok" for n in names} | {"https://six.example/": "inconclusive"}
    six = next(line for line in printed if "six" in line["target"])
    assert set(codes(six)) & {"host.no_route", "host.ipv6_unproven"}
    tried = {line["target"] for line in printed if line is not six for row in line["observations"] if is_ipv6(row)}
    assert len(tried) == 3
    assert "IPv6 leads nowhere" in done.stderr
    assert [host["ipv6_works"] for host in hosts(database)] == [False]
    assert_recomputable(guarded, database, printed)


def is_ipv6(row: dict[str, Any]) -> bool:
    return row["step"] == "tcp" and ":" in row["address"]


def test_only_ipv6_fails(guarded: World, database: Path) -> None:
    """Here IPv6 is shown to work by another target: then what fails over it counts."""
    sites = (https("six.example", at6(1)), https("other.example", at(2), at6(2)))
    guarded.become(Spec(sites=sites, rules=(Rule(when=To(addresses=(at6(1),)), do=Drop()),)))
    alone = lines(check(guarded, database, "https://six.example/", "--json"))
    assert [(line["outcome"], codes(line)) for line in alone] == [("inconclusive", ["host.ipv6_unproven"])]
    beside = lines(check(guarded, database, "https://six.example/", "https://other.example/", "--json"))
    assert outcomes(beside) == {"https://six.example/": "blocked", "https://other.example/": "ok"}
    assert_recomputable(guarded, database, [*alone, *beside])


def test_a_resolver_that_denies_a_name_by_rewriting_it(guarded: World, database: Path) -> None:
    """It is singled out only where another name is not treated alike."""
    lies = (Lie(name="denied.example", addresses=(ADVERTS,)), Lie(name="", addresses=(ADVERTS,), only_dead=True))
    sites = (
        *both("denied.example", at(1)),
        *both("other.example", at(2)),
        *both("adverts.example", ADVERTS, page=FORBIDDEN),
    )
    guarded.become(Spec(sites=sites, lies=lies))
    alone = lines(check(guarded, database, "http://denied.example/", "--json"))
    assert [(line["outcome"], codes(line)[0]) for line in alone] == [("inconclusive", "host.resolver_intercepts")]
    beside = lines(check(guarded, database, "http://denied.example/", "http://other.example/", "--json"))
    assert outcomes(beside) == {"http://denied.example/": "blocked", "http://other.example/": "ok"}
    (denied,) = [line for line in beside if "denied" in line["target"]]
    assert (denied["methods"], codes(denied)[-1]) == (["dns"], "host.resolver_rewrites")
    assert "dns.rewritten" in codes(denied)
    assert [host["resolver_intercepts"] for host in hosts(database)] == [True, False]
    assert_recomputable(guarded, database, [*alone, *beside])


def test_no_more_than_one_question_about_a_name_that_cannot_exist(guarded: World, database: Path) -> None:
    """The resolver is asked for the root, for that name, and, from one socket, for both types of the target's name."""
    count = Rule(when=To(addresses=(PROVIDER_RESOLVER,), protocol="udp"), do=Redirect(address=PROVIDER_RESOLVER))
    guarded.become(Spec(sites=_FREE.sites, rules=(count,)))
    assert check(guarded, database, "https://free.example/").returncode == 0
    assert guarded.fired() == (3,)
    assert [host["resolver_rewrites_nxdomain"] for host in hosts(database)] == [False]


def run_scheduled(world: World, database: Path, *words: str, **env: str) -> Finished:
    path = write_list(world.home / "free.toml", ["https://free.example/"])
    agree(world.home / "data" / "probe", "probe", datetime.now(UTC))
    options = ("--targets", str(path), "--control", CONTROL_URL, "--timeout", "2", "--json", "--db", str(database))
    return probe(world, "run", *options, *words, **env)


def test_a_scheduled_run_does_not_measure_through_a_vpn(guarded: World, database: Path, tunnels: None) -> None:
    count = Rule(when=To(addresses=(at(71), "192.52.193.66")), do=Drop())
    guarded.become(Spec(sites=_FREE.sites, rules=(count,), access=Access(vpn=True)))
    config = guarded.home / "no_vpn.toml"
    config.write_text("allow_vpn = false\n")
    for words, env in (
        (("--scheduled",), {}),
        ((), {"INVOCATION_ID": "0123"}),
        (("--scheduled", "--config", str(config)), {}),
        (("--scheduled", "--no-allow-vpn"), {"PROBE_ALLOW_VPN": "1"}),
    ):
        done = run_scheduled(guarded, database, *words, **env)
        assert (words, done.returncode, done.stdout) == (words, 75, "")
        (sentence,) = done.stderr.splitlines()
        assert "VPN (tun)" in sentence
    assert guarded.fired() == (0,)
    assert ask(database, "SELECT id FROM measurement") == []
    assert {host["vpn"] for host in hosts(database)} == {"tun"}


def test_a_run_measures_through_a_vpn_where_somebody_wants_it(guarded: World, database: Path, tunnels: None) -> None:
    guarded.become(Spec(sites=_FREE.sites, access=Access(vpn=True)))
    config = guarded.home / "vpn.toml"
    config.write_text("allow_vpn = true\n")
    for words, env in (
        ((), {}),
        (("--scheduled", "--allow-vpn"), {}),
        (("--scheduled", "--config", str(config)), {}),
        (("--scheduled",), {"PROBE_ALLOW_VPN": "1"}),
    ):
        done = run_scheduled(guarded, database, *words, **env)
        assert (words, done.returncode) == (words, 0)
        assert [codes(line) for line in lines(done)] == [["tls.verified_page", "host.vpn"]]
        assert "VPN (tun)" in done.stderr
    guarded.become(_FREE)
    done = run_scheduled(guarded, database, "--scheduled")
    assert (done.returncode, [codes(line) for line in lines(done)]) == (0, [["tls.verified_page"]])


def test_a_run_that_is_resumed_elsewhere(guarded: World, database: Path, tunnels: None) -> None:
    """Each measurement is judged by the ground that it stood on."""
    sites = (_FREE.sites[0], https("silent.example", at(72), page=Page(ending=Ending.SILENCE)))
    guarded.become(Spec(sites=sites, access=Access(vpn=True)))
    path = write_list(guarded.home / "moved.toml", ["https://free.example/", "https://silent.example/"])
    options = ("--targets", str(path), "--control", NOBODY_URL, "--json", "--db", str(database))
    running = guarded.start(["probe", "run", *options, "--timeout", "100"])
    end = time.monotonic() + 60
    while "free.example" not in running.stdout():
        assert time.monotonic() < end
        assert not running.has_ended(0.05), running.stderr()
    running.signal(signal.SIGKILL)
    first = lines(running.wait(30))
    guarded.become(Spec(sites=sites))
    second = lines(probe(guarded, "run", *options, "--timeout", "1", "--resume"))
    assert [codes(line) for line in first] == [["tls.verified_page", "host.vpn"]]
    assert [codes(line) for line in second] == [["control.none"]]
    (host,) = hosts(database)
    assert (host["vpn"], host["before"]["vpn"]) == (None, "tun")
    assert_recomputable(guarded, database, [*first, *second])


def test_a_clock_that_is_wrong_is_said_once(guarded: World, database: Path, clocks: None) -> None:
    sites = tuple(https(f"brief{n}.example", at(n + 1), certificate=Certificate.BRIEF) for n in range(2))
    guarded.become(Spec(sites=(*sites, http("plain.example", at(9)))))
    targets = ("https://brief0.example/", "https://brief1.example/", "http://plain.example/")
    done = check(guarded, database, *targets, "--json", **clock("+30d"))
    assert outcomes(lines(done)) == dict.fromkeys(targets, "ok")  # 30 days from now they are still good
    done = check(guarded, database, *targets, "--json", **clock("+365d"))
    found = {line["target"]: codes(line) for line in lines(done)}
    late = ["host.clock_wrong", "host.clock_off"]
    assert found == {targets[0]: late, targets[1]: late, targets[2]: ["http.same_page"]}
    assert sum("365 days ahead" in line for line in done.stderr.splitlines()) == 1
    assert [round(host["clock_offset"] / 86_400) for host in hosts(database)] == [30, 365]


def doctor(world: World, *words: str, **env: str) -> tuple[int, dict[str, tuple[bool, str]]]:
    """The exit status, and what is said under each name."""
    done = probe(world, "doctor", "--json", "--db", str(world.home / "doctor.sqlite"), *words, **env)
    assert done.stderr == ""
    return done.returncode, {finding["name"]: (finding["good"], finding["text"]) for finding in lines(done)}


_NAMES = [
    *("resolver", "clock", "ipv4", "ipv6", "vpn", "metered", "captive portal", "control", "trusted roots", "networks"),
    *("target lists", "database", "disk", "open files", "consent", "timer"),
]
_COUNT = Rule(when=To(addresses=(at(71), at6(71))), do=Drop())
"""Of what goes to a target."""


def test_doctor_finds_nothing_wrong(guarded: World) -> None:
    guarded.become(Spec(sites=_FREE.sites, rules=(_COUNT,)))
    status, said = doctor(guarded, "--control", CONTROL_URL)
    assert (status, list(said), [name for name in said if not said[name][0]]) == (0, _NAMES, [])
    assert "works" in said["ipv4"][1]
    assert said["clock"][1].startswith("as the control's")
    assert guarded.fired() == (0,)


WRONG: dict[str, tuple[Spec, set[str], str]] = {
    "a login page": (PORTAL, {"captive portal", "control"}, "login"),
    "a login page and true names": (replace(PORTAL, lies=()), {"captive portal", "control"}, "login"),
    "no control": (Spec(rules=(Rule(when=To(port=8080), do=Drop()),)), {"control"}, "did not answer"),
    "a vpn": (Spec(access=Access(vpn=True)), {"vpn"}, "(tun)"),
    "no network": (Spec(access=Access(online=False)), {"resolver", "ipv4", "control"}, "no route"),
}


@pytest.mark.parametrize(("spec", "names", "words"), WRONG.values(), ids=WRONG)
def test_doctor_says_what_is_wrong(
    guarded: World, spec: Spec, names: set[str], words: str, request: pytest.FixtureRequest
) -> None:
    if spec.access.vpn:
        request.getfixturevalue("tunnels")
    guarded.become(spec)
    status, said = doctor(guarded, "--control", CONTROL_URL)
    assert {name for name in said if not said[name][0]} == names
    assert status == (75 if not spec.access.online else 4)
    assert any(words in said[name][1] for name in names)


def test_doctor_knows_a_resolver_that_rewrites(guarded: World) -> None:
    guarded.become(Spec(sites=_FREE.sites, lies=(Lie(name="", addresses=(ADVERTS,), only_dead=True),)))
    status, said = doctor(guarded, "--control", CONTROL_URL)
    assert (status, ADVERTS in said["resolver"][1]) == (0, True)


def test_doctor_knows_a_wrong_clock(guarded: World, clocks: None) -> None:
    guarded.become(_FREE)
    status, said = doctor(guarded, "--control", CONTROL_URL, **clock("-400d"))
    assert (status, said["clock"][0]) == (4, False)
    assert "400 days behind" in said["clock"][1]
    assert {name for name in said if not said[name][0]} == {"clock"}


def test_doctor_knows_a_wrong_clock_by_a_control_it_cannot_talk_to(guarded: World, clocks: None) -> None:
    guarded.become(Spec(sites=(https("control.example", at(73), certificate=Certificate.BRIEF),)))
    status, said = doctor(guarded, "--control", "https://control.example", **clock("+365d"))
    assert (status, {name for name in said if not said[name][0]}) == (4, {"clock", "control"})
    assert "one of the two is wrong" in said["clock"][1]


@pytest.mark.parametrize(("ipv6", "good"), [(IPv6.WORKS, True), (IPv6.NOWHERE, False), (IPv6.NONE, True)])
def test_doctor_knows_an_ipv6_that_leads_nowhere(guarded: World, ipv6: IPv6, good: bool) -> None:
    """The control has a name, and addresses of both kinds."""
    name = Name(name="control.example", addresses=CONTROL)
    guarded.become(Spec(names=(name,), access=Access(ipv6=ipv6)))
    with control(guarded, "--listen", "[::]:8090", name="dual", port=8090):
        _, said = doctor(guarded, "--control", "http://control.example:8090")
    assert (said["ipv6"][0], "works" in said["ipv6"][1]) == (good, ipv6 is IPv6.WORKS)
    assert "works" in said["ipv4"][1]
