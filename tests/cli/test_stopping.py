"""Runs that are stopped, killed, resumed, or beside each other: what was finished is there, and nothing twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.alone import ask
from tests.cli.lists import write_list
from tests.lab.lab import Running, World
from tests.lab.people import lines, probe
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import PROVIDER_RESOLVER, Drop, Ending, Page, Rule, Spec, To

QUICK = tuple(f"https://quick{number}.example/" for number in range(6))
SLOW = tuple(f"https://slow{number}.example/" for number in range(6))
_SILENT = Page(ending=Ending.SILENCE)


def village(slow: Page) -> Spec:
    """Six sites that answer, and six with this page."""
    sites = [https(f"quick{number}.example", at(number + 1)) for number in range(6)]
    return Spec(sites=(*sites, *(https(f"slow{number}.example", at(number + 11), page=slow) for number in range(6))))


@pytest.fixture
def stuck(country: World) -> Iterator[World]:
    """A world in which half the targets never answer."""
    country.become(village(_SILENT))
    yield country
    country.become(Spec())


@pytest.fixture
def database(country: World, request: pytest.FixtureRequest) -> Path:
    return country.home / f"{request.node.name}.sqlite"


@pytest.fixture
def words(stuck: World, database: Path) -> tuple[str, ...]:
    """A run over both halves."""
    path = write_list(stuck.home / "village.toml", [*QUICK, *SLOW])
    return ("run", "--targets", str(path), "--control", "none", "--timeout", "200", "--json", "--db", str(database))


def start(world: World, *words: str) -> Running:
    """Starts a run, and waits until everything that answers has been printed."""
    running = world.start(["probe", *words])
    end = time.monotonic() + 60
    while running.stdout().count("\n") < len(QUICK):
        assert not running.has_ended(0.05), running.stderr()
        assert time.monotonic() < end, running.stderr()
    return running


def measured(database: Path) -> list[str]:
    """The target of every measurement, which has its observations and its verdict."""
    rows = ask(
        database,
        """SELECT target.name FROM measurement JOIN target ON target.id = measurement.target_id
           WHERE EXISTS (SELECT 1 FROM observation WHERE measurement_id = measurement.id)
           AND EXISTS (SELECT 1 FROM verdict WHERE measurement_id = measurement.id)""",
    )
    assert ask(database, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert len(rows) == ask(database, "SELECT count(*) AS n FROM measurement")[0]["n"]
    return sorted(row["name"] for row in rows)


def runs(database: Path) -> list[dict[str, Any]]:
    return ask(database, "SELECT id, finished_at IS NOT NULL AS finished FROM run ORDER BY started_at")


def assert_resumed(world: World, words: tuple[str, ...], database: Path) -> None:
    """The rest is measured under the id of the run that was cut short, and then there is nothing left to do."""
    (cut,) = runs(database)
    assert not cut["finished"]
    assert measured(database) == sorted(QUICK)
    services = ("results", "--services", "--json", "--db", str(database))
    assert probe(world, *services).stdout == ""  # half a service is no service
    world.become(village(Page()))
    done = probe(world, *words, "--resume")
    assert done.returncode == 0, done.stderr
    assert sorted(line["target"] for line in lines(done)) == sorted(SLOW)
    assert {line["run_id"] for line in lines(done)} == {cut["id"]}
    assert measured(database) == sorted([*QUICK, *SLOW])
    (village_whole,) = lines(probe(world, *services))
    assert (village_whole["outcome"], village_whole["roles"][0]["ok"]) == ("ok", 12)
    assert [(run["id"], run["finished"]) for run in runs(database)] == [(cut["id"], 1)]
    again = probe(world, *words, "--resume")
    assert (again.returncode, again.stdout) == (0, "")
    assert "resume" in again.stderr
    assert len(runs(database)) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_stopped_run_keeps_what_was_finished(
    stuck: World, words: tuple[str, ...], database: Path, number: signal.Signals
) -> None:
    running = start(stuck, *words)
    running.signal(number)
    done = running.wait(30)
    assert done.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], done.stderr
    assert sorted(line["target"] for line in lines(done)) == sorted(QUICK)
    assert {line["outcome"] for line in lines(done)} == {"ok"}
    assert "6 of 12" in done.stderr
    assert_resumed(stuck, words, database)


def test_a_killed_run_keeps_what_was_finished(stuck: World, words: tuple[str, ...], database: Path) -> None:
    running = start(stuck, *words)
    running.signal(signal.SIGKILL)
    assert running.wait(30).returncode == -signal.SIGKILL
    assert_resumed(stuck, words, database)


def test_a_second_signal_loses_nothing(stuck: World, words: tuple[str, ...], database: Path) -> None:
    running = start(stuck, *words)
    for _ in range(2):
        running.signal(signal.SIGINT)
    done = running.wait(30)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert_resumed(stuck, words, database)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_stopped_check(stuck: World, database: Path, number: signal.Signals) -> None:
    options = ("--control", "none", "--timeout", "200", "--json", "--db", str(database))
    running = start(stuck, "check", *QUICK, *SLOW, *options)
    running.signal(number)
    done = running.wait(30)
    assert done.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], done.stderr
    assert sorted(line["target"] for line in lines(done)) == sorted(QUICK)
    assert measured(database) == sorted(QUICK)
    resumed = probe(stuck, "run", "--resume", "--control", "none", "--db", str(database))
    assert (resumed.returncode, resumed.stdout) == (0, "")  # a check is asked for anew, not resumed
    assert len(runs(database)) == 1


def test_the_run_that_goes_on_is_not_taken_over(stuck: World, words: tuple[str, ...], database: Path) -> None:
    running = start(stuck, *words)
    done = probe(stuck, *words, "--resume")
    assert (done.returncode, done.stdout) == (0, "")
    assert not running.has_ended()
    running.signal(signal.SIGTERM)
    assert running.wait(30).returncode == 143
    assert measured(database) == sorted(QUICK)


def test_two_runs_at_once_on_one_database(stuck: World, words: tuple[str, ...], database: Path) -> None:
    stuck.become(village(Page(delay=0.5)))
    both = [stuck.start(["probe", *words]) for _ in range(2)]
    done = [running.wait(90) for running in both]
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    for each in done:
        assert sorted(line["target"] for line in lines(each)) == sorted([*QUICK, *SLOW])
        assert len({line["run_id"] for line in lines(each)}) == 1
    assert measured(database) == sorted([*QUICK, *SLOW] * 2)
    assert [run["finished"] for run in runs(database)] == [1, 1]
    assert {run["id"] for run in runs(database)} == {lines(each)[0]["run_id"] for each in done}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_stopped_while_the_resolver_is_waited_for(stuck: World, database: Path, number: signal.Signals) -> None:
    stuck.become(Spec(rules=(Rule(when=To(addresses=(PROVIDER_RESOLVER,), protocol="udp"), do=Drop()),)))
    running = stuck.start(["probe", "check", QUICK[0], "--control", "none", "--db", str(database)])
    end = time.monotonic() + 30
    while stuck.fired() == (0,):  # the resolver is asked once everything else is ready
        assert time.monotonic() < end
    running.signal(number)
    done = running.wait(30)
    assert done.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
