"""`probe run`: which targets of which lists, and the exit status of what was found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.lists import write_list
from tests.lab.lab import Finished, World
from tests.lab.people import CONTROL_URL, control, lines, probe
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import Reset, Rule, Sni, Spec

LISTS = {
    "well": ("https://a.example/", "https://b.example/"),
    "censored": ("https://c.example/",),
    "gone": ("https://gone.example/", "tcp://a.example:443"),
}
_SPEC = Spec(
    sites=tuple(https(f"{letter}.example", at(number + 1)) for number, letter in enumerate("abc")),
    rules=(Rule(when=Sni(name="c.example"), do=Reset()),),
)


@pytest.fixture(scope="module")
def folder(country: World) -> Iterator[Path]:
    """Three lists, in a world with a control."""
    country.become(_SPEC)
    made = country.home / "lists"
    made.mkdir()
    for name, targets in LISTS.items():
        write_list(made / f"{name}.toml", targets)
    with control(country, "--timeout", "3"):
        yield made


def run(world: World, *words: str | Path) -> Finished:
    database = world.home / "lists.sqlite"
    options = ("--control", CONTROL_URL, "--timeout", "3", "--json", "--db", str(database))
    return probe(world, "run", *map(str, words), *options)


def found(done: Finished) -> list[tuple[str, str, str]]:
    return sorted((line["service"], line["target"], line["outcome"]) for line in lines(done))


WELL = [("well", "https://a.example/", "ok"), ("well", "https://b.example/", "ok")]
CENSORED = [("censored", "https://c.example/", "blocked")]
GONE = [("gone", "https://gone.example/", "down"), ("gone", "tcp://a.example:443", "ok")]


def test_all_lists_of_a_folder(country: World, folder: Path) -> None:
    done = run(country, "--targets", folder)
    assert found(done) == sorted([*WELL, *CENSORED, *GONE])
    assert done.returncode == 3
    assert "5 targets: 3 ok, 1 blocked, 1 down" in done.stderr


def test_some_services_of_a_folder(country: World, folder: Path) -> None:
    done = run(country, "--targets", folder, "--service", "well", "--service", "gone", "--concurrency", "1")
    assert found(done) == sorted([*WELL, *GONE])
    assert done.returncode == 4


def test_several_files(country: World, folder: Path) -> None:
    done = run(country, "--targets", folder / "well.toml", "--targets", folder / "censored.toml", "--rate", "1000")
    assert found(done) == sorted([*WELL, *CENSORED])
    assert done.returncode == 3


def test_one_file_in_which_all_is_well(country: World, folder: Path) -> None:
    done = run(country, "--targets", folder / "well.toml")
    assert (found(done), done.returncode) == (WELL, 0)
    run_id = lines(done)[0]["run_id"]
    read = probe(country, "results", "--json", "--run", run_id, "--db", str(country.home / "lists.sqlite"))
    assert sorted(read.stdout.splitlines()) == sorted(done.stdout.splitlines())
