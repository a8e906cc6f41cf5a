"""Verdicts on whole services, as a person and a script see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.alone import ask
from tests.lab.lab import Finished, World
from tests.lab.people import CONTROL_URL, control, lines, probe
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import Reset, Rule, Site, Spec, To

LINK, GOOD, DEAD = at(2), at(3), at(4)
SPEC = Spec(
    sites=(
        https("www.chat.example", at(1)),
        Site(name="link.chat.example", addresses=(LINK,), port=5222, certificate=None, silent=True),
        https("www.talk.example", GOOD),
    ),
    rules=(Rule(when=To(addresses=(LINK,)), do=Reset()),),
)
HEAD = 'title = "{0}"\noperator = "x"\nhomepage = "https://{0}.example/"\ndomains = ["{0}.example"]\n'
ENDPOINT = '[[endpoint]]\ntarget = "{}"\nrole = "{}"\npurpose = "x"\ncertainty = "documented"\nsource = "x"\n'
WEB, APP = (
    ENDPOINT.format("https://www.chat.example/", "web"),
    ENDPOINT.format("tcp://link.chat.example:5222", "long_link"),
)
LISTS = {
    "chat": HEAD.format("chat") + WEB + APP,
    "talk": HEAD.format("talk") + ENDPOINT.format("https://www.talk.example/", "web"),
    "gone": "retired = 2019-05-31\n" + HEAD.format("gone") + ENDPOINT.format("https://www.gone.example/", "web"),
}
TEXTS = {
    "chat": "web works, app endpoints blocked (tcp)",
    "gone": "closed on 2019-05-31: by its owner",
    "talk": "web works",
}
FORM = {
    "service", "run_id", "vantage", "started_at", "outcome", "methods", "confidence", "text", "roles", "rules_version",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(country: World) -> Iterator[Path]:
    country.become(SPEC)
    made = country.home / "services"
    made.mkdir()
    for name, text in LISTS.items():
        (made / f"{name}.toml").write_text(text)
    with control(country, "--timeout", "3"):
        yield made


def run(world: World, folder: Path, *words: str, name: str = "services.sqlite") -> Finished:
    options = ("--control", CONTROL_URL, "--timeout", "3", "--db", str(world.home / name))
    return probe(world, "run", "--targets", str(folder), *words, *options)


def results(world: World, *words: str, name: str = "services.sqlite") -> Finished:
    return probe(world, "results", "--services", *words, "--db", str(world.home / name))


def by_service(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["service"]: row for row in rows}


def test_a_person_sees_the_services_after_their_targets(country: World, folder: Path) -> None:
    done = run(country, folder)
    targets, services = done.stdout.split("\n\n")
    assert len([line for line in targets.splitlines() if not line.startswith(" ")]) == 4
    assert services.splitlines() == [
        f"BLOCKED       chat (tcp, likely): {TEXTS['chat']}",
        f"DOWN          gone: {TEXTS['gone']}",
        f"OK            talk: {TEXTS['talk']}",
    ]
    only = run(country, folder, "--services")
    assert only.stdout == services
    assert done.returncode == only.returncode == 3


def test_json_has_one_line_a_target_unless_services_are_asked_for(country: World, folder: Path) -> None:
    targets = run(country, folder, "--json", name="json.sqlite")
    assert len(lines(targets)) == 4
    assert {"target", "observations"} <= set(lines(targets)[0])
    services = run(country, folder, "--json", "--services", name="json.sqlite")
    found = by_service(lines(services))
    assert len(lines(services)) == 3
    assert {service: row["text"] for service, row in found.items()} == TEXTS
    assert all(set(row) == FORM for row in found.values())
    chat = found["chat"]
    assert (chat["outcome"], chat["methods"], chat["confidence"]) == ("blocked", ["tcp"], "likely")
    assert (chat["vantage"]["country"], chat["started_at"][-1]) == ("RU", "Z")
    assert [(role["role"], role["needed"], role["outcome"], role["targets"]) for role in chat["roles"]] == [
        ("web", True, "ok", 1),
        ("long_link", True, "blocked", 1),
    ]
    assert (found["gone"]["outcome"], found["gone"]["roles"]) == ("down", [])
    assert services.returncode == targets.returncode == 3
    read = lines(results(country, "--json", "--run", chat["run_id"], name="json.sqlite"))
    assert by_service(read) == found


def test_they_are_read_back(country: World, folder: Path) -> None:
    run(country, folder, "--services", name="read.sqlite")
    told = results(country, name="read.sqlite")
    assert (told.returncode, told.stderr) == (0, "")
    assert [line[21:] for line in told.stdout.splitlines()] == [
        f"BLOCKED       chat (tcp, likely): {TEXTS['chat']}",
        f"DOWN          gone: {TEXTS['gone']}",
        f"OK            talk: {TEXTS['talk']}",
    ]
    blocked = results(country, "--outcome", "blocked", "--json", name="read.sqlite")
    assert list(by_service(lines(blocked))) == ["chat"]
    assert results(country, "--service", "talk", "--outcome", "blocked", name="read.sqlite").stdout == ""
    rows = ask(country.home / "read.sqlite", "SELECT service, targets, ok, blocked, down, outcome, text FROM v_service")
    assert {row["service"]: (row["outcome"], row["text"]) for row in rows} == {
        service: (outcome, TEXTS[service])
        for service, outcome in (("chat", "blocked"), ("gone", "down"), ("talk", "ok"))
    }


def test_of_a_service_that_was_not_measured_as_a_whole_nothing_is_said(country: World, folder: Path) -> None:
    words = ("https://line.me/", "--control", "none", "--db", str(country.home / "half.sqlite"))
    done = probe(country, "check", *words)
    assert "\n\n" not in done.stdout
    assert results(country, name="half.sqlite").stdout == ""


def test_a_checked_service(country: World, folder: Path) -> None:
    """Of the shipped lists, none of whose names is in this world."""
    done = probe(country, "check", "imo", "https://www.talk.example/", "--control", CONTROL_URL, "--no-save")
    assert done.stdout.splitlines()[-2:] == ["", "DOWN          imo: web down"]
    only = probe(country, "check", "imo", "--control", CONTROL_URL, "--no-save", "--services", "--json")
    assert [(row["service"], row["outcome"], row["text"]) for row in lines(only)] == [("imo", "down", "web down")]
    assert done.returncode == only.returncode == 4
