"""`probe run`: which targets of which lists, and the exit status of what was found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.alone import ask
from tests.cli.lists import write_list
from tests.lab.lab import Finished, World
from tests.lab.people import CONTROL_URL, control, lines, probe
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import CONTROL, Reset, Rule, Sni, Spec

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


TEST_LIST = """url,category_code,category_description,date_added,source,notes\r
https://a.example/,COMT,Communication Tools,2017-04-12,citizenlab,\r
https://b.example:0/,COMT,Communication Tools,2017-04-12,citizenlab,\r
https://A.example,COMT,Communication Tools,2017-04-12,citizenlab,again\r
"""
OONI_RUN = '{"nettests": [{"test_name": "web_connectivity", "inputs": ["https://b.example/"]}]}'


def test_lists_from_elsewhere(country: World, folder: Path) -> None:
    """What could be read is measured and decides the status; what could not is told, and counted with the run."""
    mixed = country.home / "mixed"
    mixed.mkdir()
    (mixed / "global.csv").write_text(TEST_LIST, newline="")
    (mixed / "run.json").write_text(OONI_RUN)
    (country.home / "lines").write_text("# mine\nc.example\ngone.example.\nhttps://never here/\n")
    done = run(country, "--targets", mixed)
    assert sorted((line["target"], line["outcome"]) for line in lines(done)) == [
        ("https://a.example/", "ok"),
        ("https://b.example/", "ok"),
    ]
    assert done.returncode == 0
    assert done.stderr.splitlines()[0].startswith(f"probe: {mixed / 'global.csv'}:3: ")
    recorded = ask(country.home / "lists.sqlite", "SELECT settings FROM run ORDER BY started_at DESC LIMIT 1")
    settings = json.loads(recorded[0]["settings"])
    assert (settings["lists"], settings["bad_lines"], settings["repeated_targets"]) == ("named", 1, 1)

    done = run(country, "--targets", country.home / "lines", "--targets", folder / "well.toml", "--service", "well")
    assert (found(done), done.returncode) == (WELL, 0)
    done = run(country, "--targets", country.home / "lines")
    assert sorted((line["target"], line["outcome"]) for line in lines(done)) == [
        ("http://c.example/", "down"),
        ("http://gone.example/", "down"),
        ("https://c.example/", "blocked"),
        ("https://gone.example/", "down"),
    ]
    assert done.returncode == 3
    assert f"{country.home / 'lines'}:4: " in done.stderr


def test_a_control_measures_what_is_on_such_a_list(country: World, folder: Path) -> None:
    path = country.home / "listed.txt"
    path.write_text("https://a.example/\n")
    url = f"http://{CONTROL[0]}:8090"
    serve = ["probe", "control", "serve", "--listen", "0.0.0.0:8090", "--targets", str(path)]
    running = country.start(serve, host="control")
    country.wait_for(running, CONTROL[0], 8090)
    words = ("https://a.example/", "https://b.example/", "--control", url, "--json", "--no-save")
    compared = {line["target"]: line["controls"] for line in lines(probe(country, "check", *words))}
    assert (len(compared["https://a.example/"]), compared["https://b.example/"]) == (1, [])
    running.stop()
