"""The verbs that measure and read back, as a user or a script sees them (contract: Command line, `--json`)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.alone import ask, files_below
from tests.lab.lab import Finished, World
from tests.lab.people import CONTROL_NAME, CONTROL_URL, control, lines, outcomes, probe
from tests.lab.scenarios.scenario import at, at6, both, http, https
from tests.lab.spec import (
    PROVIDER_RESOLVER,
    PUBLIC_RESOLVER,
    Access,
    Answer,
    Drop,
    Lie,
    Page,
    Reset,
    Rule,
    Sni,
    Spec,
    To,
)

_TEXT = (str,)
_TEXT_OR_NONE = (str, type(None))
LINE: dict[str, tuple[type, ...]] = {
    "measurement_id": _TEXT,
    "run_id": _TEXT,
    "target": _TEXT,
    "service": _TEXT_OR_NONE,
    "vantage": (dict,),
    "started_at": _TEXT,
    "runtime": (float,),
    "outcome": _TEXT,
    "methods": (list,),
    "confidence": _TEXT_OR_NONE,
    "reasons": (list,),
    "rules_version": _TEXT,
    "controls": (list,),
    "observations": (list,),
}
VANTAGE: dict[str, tuple[type, ...]] = {"name": _TEXT, "country": _TEXT, "asn": (int,), "network": _TEXT_OR_NONE}
REASON: dict[str, tuple[type, ...]] = {"code": _TEXT, "text": _TEXT, "observations": (list,)}
OBSERVATION: dict[str, tuple[type, ...]] = {
    "id": (int,),
    "step": _TEXT,
    "started": (float,),
    "runtime": (float,),
    "attempt": (int,),
    "hop": (int,),
    "failure": _TEXT_OR_NONE,
}
COLUMNS = {
    "dns": {"hostname", "query_type", "resolver_address", "rcode", "answers"},
    "tcp": {"address", "port"},
    "tls": {"address", "port", "server_name", "tls_version", "certificates"},
    "http": {"address", "url", "method", "status", "headers", "title", "body_length"},
}
PROXY = at(240)
DARK = at(241)
TITLE = "\x1b]0;owned\x07 \x1b[2J\x1b[31mred\x9b31m \u202egpj.exe"
HOSTILE = Page(title=TITLE, headers=(("Server", "evil\x9b31m"),))
TOWN = Spec(
    sites=(
        *both("line.me", at(1), at6(1)),
        *both("wechat.com", at(2)),
        https("censored.example", at(3)),
        https("hostile.example", at(4), page=HOSTILE),
        http("quiet.example", DARK),
        https("renamed.example", at(5)),
        http("secret.example", at(6), page=Page(status=403)),
    ),
    lies=(Lie(name="renamed.example", answer=Answer.NXDOMAIN),),
    rules=(Rule(when=Sni(name="censored.example"), do=Reset()), Rule(when=To(addresses=(PROXY,)), do=Drop())),
    dark=(DARK,),
)
FEW = ("HTTPS://LINE.ME", "censored.example", "http://quiet.example/")
_OPTIONS = ("--control", CONTROL_URL)


@pytest.fixture(scope="module")
def town(lab: None) -> Iterator[World]:
    """The world of most tests here, with a control."""
    with World(TOWN) as world, control(world, "--timeout", "3"):
        yield world


def check(world: World, name: str, *words: str, **env: str) -> Finished:
    """Checks into the database of this name."""
    return probe(world, "check", *words, *_OPTIONS, "--db", str(world.home / name), **{"PROBE_TIMEOUT": "3", **env})


@pytest.fixture(scope="module")
def few(town: World) -> Finished:
    """A check of a few targets that end differently, in `few.sqlite`."""
    return check(town, "few.sqlite", *FEW, "--json", PROBE_VANTAGE_ASN="12389")


def results(world: World, *words: str, name: str = "few.sqlite") -> list[dict[str, Any]]:
    done = probe(world, "results", "--json", *words, "--db", str(world.home / name))
    assert (done.returncode, done.stderr) == (0, "")
    return lines(done)


def by_id(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {line["measurement_id"]: line for line in found}


def assert_form(row: dict[str, Any], form: dict[str, tuple[type, ...]]) -> None:
    wrong = {key: row.get(key, "missing") for key, types in form.items() if type(row.get(key, ...)) not in types}
    assert wrong == {}


def test_three_hundred_targets_at_once(town: World) -> None:
    healthy = [f"h{number}.example" for number in range(145)]
    dark = [f"d{number}.example" for number in range(10)]
    sites = [site for number, name in enumerate(healthy) for site in both(name, at(number + 1))]
    sites += [https(name, at(number + 200)) for number, name in enumerate(dark)]
    town.become(Spec(sites=tuple(sites), dark=tuple(at(number + 200) for number in range(10))))
    try:
        done = check(town, "many.sqlite", *healthy, *(f"https://{name}/" for name in dark), "--json")
    finally:
        town.become(TOWN)
    expected = {f"{scheme}://{name}/": "ok" for name in healthy for scheme in ("http", "https")}
    expected |= {f"https://{name}/": "down" for name in dark}
    found = lines(done)
    assert done.returncode == 4, done.stderr
    assert len(found) == 300
    assert outcomes(found) == expected
    database = town.home / "many.sqlite"
    kept = ask(
        database,
        """SELECT measurement.id, target.name, count(observation.id) AS observed FROM measurement
           JOIN target ON target.id = measurement.target_id
           LEFT JOIN observation ON observation.measurement_id = measurement.id GROUP BY measurement.id""",
    )
    assert {row["id"]: (row["name"], row["observed"]) for row in kept} == {
        line["measurement_id"]: (line["target"], len(line["observations"])) for line in found
    }
    assert len({line["run_id"] for line in found}) == 1
    command = f"probe results --json --db {database} | head -n 1"
    read = town.run(["bash", "-c", command])
    assert len(read.stdout.splitlines()) == 1
    assert read.stderr == ""  # the reader has gone away, which is nobody's fault


def test_a_line_has_the_form_of_the_contract(town: World, few: Finished) -> None:
    assert few.returncode == 3, few.stderr
    found = lines(few)
    targets = ["https://line.me/", "https://censored.example/", "http://censored.example/", "http://quiet.example/"]
    assert sorted(line["target"] for line in found) == sorted(targets)
    for line in found:
        assert set(line) == set(LINE)
        assert_form(line, LINE)
        assert set(line["vantage"]) == set(VANTAGE)
        assert_form(line["vantage"], VANTAGE)
        assert (line["vantage"]["country"], line["vantage"]["asn"]) == ("RU", 12389)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["started_at"])
        assert line["runtime"] > 0
        assert (line["service"] == "line") == ("line.me" in line["target"])
        assert line["controls"] == [CONTROL_NAME]
        assert (line["confidence"] is not None) == bool(line["methods"]) == (line["outcome"] == "blocked")
        assert_observations(line)
    assert outcomes(found)["https://censored.example/"] == "blocked"
    assert outcomes(found)["https://line.me/"] == "ok"
    assert outcomes(found)["http://quiet.example/"] == "down"


def assert_observations(line: dict[str, Any]) -> None:
    rows = line["observations"]
    assert [row["id"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows
    for row in rows:
        assert_form(row, OBSERVATION)
        assert set(row) >= COLUMNS[row["step"]]
        assert 0 <= row["started"] <= row["started"] + row["runtime"] <= line["runtime"] + 0.001
    assert line["reasons"]
    for reason in line["reasons"]:
        assert set(reason) == set(REASON)
        assert_form(reason, REASON)
        assert re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", reason["code"])
        assert set(reason["observations"]) <= {row["id"] for row in rows}


def test_results_are_what_was_printed(town: World, few: Finished) -> None:
    assert by_id(results(town)) == by_id(lines(few))
    begun = [line["started_at"] for line in results(town)]
    assert begun == sorted(begun)


def test_results_can_be_filtered(town: World, few: Finished) -> None:
    found = lines(few)
    again = lines(check(town, "few.sqlite", "secret.example", "http://line.me", "--json"))
    everything = [*found, *again]
    line_me = [line for line in everything if "line.me" in line["target"]]
    run, second = found[0]["run_id"], min(line["started_at"] for line in again)
    expected = {
        (): everything,
        ("--service", "line"): line_me,
        ("--service", "wechat"): [],
        ("--target", "HTTPS://LINE.ME"): [line for line in line_me if line["target"] == "https://line.me/"],
        ("--target", "LINE.me"): line_me,
        ("--outcome", "blocked"): [line for line in everything if line["outcome"] == "blocked"],
        ("--outcome", "down"): [line for line in everything if line["outcome"] == "down"],
        ("--since", second): again,
        ("--since", "2099-01-01"): [],
        ("--run", run): found,
        ("--run", "none"): [],
        ("--run", run, "--service", "line", "--outcome", "ok"): [line for line in found if line["service"] == "line"],
    }
    for words, wanted in expected.items():
        assert (words, by_id(results(town, *words))) == (words, by_id(wanted))
    assert {"ok", "blocked", "down"} <= {line["outcome"] for line in everything}


def test_explain(town: World, few: Finished) -> None:
    database = ("--db", str(town.home / "few.sqlite"))
    found = lines(few)
    blocked = next(line for line in found if line["outcome"] == "blocked")
    ids = [line["measurement_id"] for line in results(town)]
    unique = next(
        blocked["measurement_id"][:length]
        for length in range(1, 37)
        if sum(each.startswith(blocked["measurement_id"][:length]) for each in ids) == 1
    )
    text = probe(town, "explain", unique, *database)
    assert (text.returncode, text.stderr) == (0, "")
    for part in (blocked["target"], "BLOCKED", blocked["confidence"], *(r["text"] for r in blocked["reasons"])):
        assert part in text.stdout
    for heading in ("What would change it:", "Side by side, at", "to find out what it is that fails:"):
        assert heading in text.stdout
    for row in blocked["observations"]:
        assert re.search(rf"^ +{row['id']} .*{re.escape(row['failure'] or '')}", text.stdout, re.MULTILINE)
    told = lines(probe(town, "explain", blocked["measurement_id"], "--json", *database))
    assert len(told) == 1
    assert {key: told[0][key] for key in LINE} == blocked
    (beside,) = told[0]["control_measurements"]
    assert beside["vantage"]["name"] == CONTROL_NAME
    assert [row["id"] for row in beside["observations"]] == list(range(1, len(beside["observations"]) + 1))
    for wrong in ("nothing", ids[0][:4], ""):
        done = probe(town, "explain", wrong, *database)
        assert (wrong, done.returncode, done.stdout) == (wrong, 2, "")
        assert len(done.stderr.splitlines()) == 1


def test_every_form_of_a_target(town: World) -> None:
    forms = {
        "wechat.com": ("https://wechat.com/", "http://wechat.com/"),
        "tcp://LINE.me:443": ("tcp://line.me:443",),
        "tls://line.me:443": ("tls://line.me:443",),
        "dns://line.me": ("dns://line.me",),
        f"tcp://[{at6(1)}]:443": (f"tcp://[{at6(1)}]:443",),
        f"http://[{at6(1)}]/a?b=c": (f"http://[{at6(1)}]/a?b=c",),
        f"http://{at(1)}": (f"http://{at(1)}/",),
        "https://line.me:443/": ("https://line.me/",),
        "https://LINE.me": ("https://line.me/",),  # the same once more: measured once
    }
    done = check(town, "forms.sqlite", *forms, "--json")
    found = {line["target"]: line for line in lines(done)}
    assert sorted(line["target"] for line in lines(done)) == sorted(
        {name for names in forms.values() for name in names}
    )
    assert {line["outcome"] for line in found.values()} == {"ok"}, done.stdout
    assert done.returncode == 0
    steps = {name: {row["step"] for row in line["observations"]} for name, line in found.items()}
    assert steps["https://wechat.com/"] == {"dns", "tcp", "tls", "http"}
    assert steps["http://wechat.com/"] == {"dns", "tcp", "http"}
    assert steps["tls://line.me:443"] == {"dns", "tcp", "tls"}
    assert steps["tcp://line.me:443"] == {"dns", "tcp"}
    assert steps["dns://line.me"] == {"dns"}
    assert steps[f"tcp://[{at6(1)}]:443"] == {"tcp"}
    assert steps[f"http://{at(1)}/"] == {"tcp", "http"}
    assert {row["address"] for row in found[f"tcp://[{at6(1)}]:443"]["observations"]} == {at6(1)}
    assert {found[name]["service"] for name in forms["wechat.com"]} == {"wechat"}


def test_a_service_is_all_its_targets(town: World) -> None:
    """None of its names exists in this town, here or at the control, but for one."""
    shown = lines(probe(town, "targets", "show", "line", "--json"))[0]
    names = {target["target"] for target in shown["targets"]}
    done = check(town, "service.sqlite", "LINE", "--json")
    found = lines(done)
    assert sorted(line["target"] for line in found) == sorted(names)
    assert {line["service"] for line in found} == {"line"}
    assert outcomes(found)["https://line.me/"] == "ok"
    assert "blocked" not in outcomes(found).values()
    assert done.returncode == 4


@pytest.mark.parametrize("target", ["https://line.me/", "https://censored.example/"])
def test_text_for_people(town: World, few: Finished, target: str) -> None:
    done = probe(town, "check", target, *_OPTIONS, "--no-save")
    line = next(line for line in lines(few) if line["target"] == target)
    first, *why = done.stdout.splitlines()
    assert first.split()[:2] == [line["outcome"].upper(), target]
    assert why
    assert "\x1b" not in done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == {"ok": 0, "blocked": 3}[line["outcome"]]


def test_nothing_is_kept_of_a_check_with_no_save(town: World) -> None:
    home = town.home / "unsaved"
    home.mkdir()
    places = {name: str(home / name) for name in ("HOME", "XDG_DATA_HOME", "STATE_DIRECTORY", "TMPDIR")}
    done = town.run(["probe", "check", "http://line.me/", *_OPTIONS, "--no-save", "--json"], env=places, cwd=home)
    assert done.returncode == 0, done.stderr
    assert [line["outcome"] for line in lines(done)] == ["ok"]
    assert files_below(home) == set()


def test_proxies_in_the_environment_are_not_used(town: World) -> None:
    town.become(TOWN)  # and counts from nought
    proxy = f"http://{PROXY}:3128"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    done = check(town, "proxy.sqlite", "line.me", "--json", **dict.fromkeys(names, proxy))
    assert done.returncode == 0, done.stderr
    assert [line["controls"] for line in lines(done)] == [[CONTROL_NAME], [CONTROL_NAME]]
    assert town.fired() == (0, 0)
    ask_proxy = f"import socket; socket.create_connection(({PROXY!r}, 3128), 0.2)"
    assert town.run([sys.executable, "-c", ask_proxy]).returncode == 1
    assert town.fired()[1] > 0  # whoever asks the proxy is counted


def test_the_resolver_that_was_named_is_asked(town: World) -> None:
    def asked(*words: str, **env: str) -> tuple[str, set[tuple[str, int]]]:
        (line,) = lines(check(town, "resolver.sqlite", "https://renamed.example/", "--json", *words, **env))
        rows = [row for row in line["observations"] if row["step"] == "dns" and row["attempt"] == 1]
        return line["outcome"], {(row["resolver_address"], row["resolver_port"]) for row in rows}

    outcome, resolvers = asked()
    assert outcome == "blocked"
    assert (PROVIDER_RESOLVER, 53) in resolvers
    public = ("ok", {(PUBLIC_RESOLVER, 53)})
    assert asked("--resolver", PUBLIC_RESOLVER) == public
    assert asked("--resolver", f"{PUBLIC_RESOLVER}:53", PROBE_RESOLVER=PROVIDER_RESOLVER) == public
    assert asked(PROBE_RESOLVER=PUBLIC_RESOLVER) == public


def test_a_configuration_file_is_in_force(town: World) -> None:
    folder = town.home / "config" / "probe"
    folder.mkdir(parents=True)
    path = folder / "probe.toml"
    path.write_text(
        f'control = ["{CONTROL_URL}"]\nresolver = "{PUBLIC_RESOLVER}"\ntimeout = 3.0\n'
        f'database = "{town.home}/config.sqlite"\n[vantage]\nname = "cellar"\nasn = 7\nnetwork = "Example"\n'
    )
    try:
        done = probe(town, "check", "https://renamed.example/", "--json")
    finally:
        path.unlink()
    (line,) = lines(done)
    assert (line["outcome"], line["controls"]) == ("ok", [CONTROL_NAME])
    assert line["vantage"] == {"name": "cellar", "country": "RU", "asn": 7, "network": "Example"}
    assert by_id(results(town, name="config.sqlite")) == by_id([line])


def test_what_a_hostile_server_says_stays_off_the_terminal(town: World) -> None:
    done = check(town, "hostile.sqlite", "https://hostile.example/", "--json")
    assert [c for c in done.stdout if c < " " and c != "\n"] == []
    (line,) = lines(done)
    exchange = next(row for row in line["observations"] if row["step"] == "http" and row["failure"] is None)
    assert exchange["title"] == TITLE
    assert json.dumps(exchange["headers"]).count("31m") == 1
    database = ("--db", str(town.home / "hostile.sqlite"))
    told = probe(town, "explain", line["measurement_id"], *database)
    assert "red" in told.stdout  # the harmless part of the title is shown
    plain = check(town, "hostile.sqlite", "https://hostile.example/")
    for text in (told.stdout, probe(town, "results", *database).stdout, plain.stdout, plain.stderr, done.stderr):
        assert [c for c in text if not c.isprintable() and c != "\n"] == []


@pytest.mark.parametrize("words", [("--timeout", "0.3"), ("--config", "zero.toml")], ids=["flag", "configuration"])
def test_no_deadline_makes_a_healthy_target_blocked(town: World, words: tuple[str, str]) -> None:
    (town.home / "zero.toml").write_text("timeout = 0\n")
    town.become(replace(TOWN, access=Access(delay=0.2)))
    try:
        done = probe(town, "check", "http://line.me/", *_OPTIONS, "--no-save", *words)
    finally:
        town.become(TOWN)
    assert "BLOCKED" not in done.stdout


def test_the_database_opens_with_every_reference_whole(town: World, few: Finished) -> None:
    path: Path = town.home / "few.sqlite"
    assert ask(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert ask(path, "PRAGMA foreign_key_check") == []
    assert ask(path, "SELECT count(*) AS unfinished FROM run WHERE finished_at IS NULL") == [{"unfinished": 0}]
