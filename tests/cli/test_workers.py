"""A run by several workers finds what a run by one process finds, and loses as little."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.alone import ask
from tests.cli.lists import write_list
from tests.cli.test_stopping import QUICK, SLOW, assert_resumed, measured, start, village
from tests.lab.lab import Finished, Running, World
from tests.lab.people import CONTROL_URL, control, lines, probe
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import Ending, Lie, Page, Reset, Rule, Site, Sni, Spec

MIXED = (
    *(f"https://good{number}.example/" for number in range(6)),
    "https://cut.example/",
    "https://lied.example/",
    "https://gone.example/",
    "http://plain.example/",
    "dns://good0.example",
    "tcp://good1.example:443",
)


def mixed() -> Spec:
    """Sites that work, one that the censor knows by its name, one that its resolver lies about, one that is no more."""
    sites = [https(f"good{number}.example", at(number + 1)) for number in range(6)]
    return Spec(
        sites=(
            *sites,
            https("cut.example", at(10)),
            https("lied.example", at(11)),
            Site(name="plain.example", addresses=(at(12),), port=80, certificate=None),
        ),
        lies=(Lie(name="lied.example", addresses=("10.10.34.36",)),),
        rules=(Rule(when=Sni(name="cut.example"), do=Reset()),),
    )


@pytest.fixture
def database(country: World, request: pytest.FixtureRequest) -> Path:
    return country.home / f"{request.node.name}.sqlite"


@pytest.fixture
def stuck(country: World) -> Iterator[World]:
    """A world in which half the targets never answer."""
    country.become(village(Page(ending=Ending.SILENCE)))
    yield country
    country.become(Spec())


@pytest.fixture
def words(stuck: World, database: Path) -> tuple[str, ...]:
    """A run over both halves, by two workers."""
    path = write_list(stuck.home / "village.toml", [*QUICK, *SLOW])
    options = ("--control", "none", "--timeout", "200", "--json", "--db", str(database))
    return ("run", "--targets", str(path), "--workers", "2", *options)


def workers_of(running: Running) -> list[int]:
    """The ids of its workers."""
    return [int(word) for word in Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()]


def has_ended(pid: int, within: float = 10.0) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_the_verdicts_are_the_same(country: World) -> None:
    country.become(mixed())
    path = country.home / "mixed.txt"
    path.write_text("\n".join(MIXED))
    found = {}
    with control(country):
        for workers in ("1", "3"):
            database = country.home / f"mixed-{workers}.sqlite"
            options = ("--control", CONTROL_URL, "--workers", workers, "--json", "--db", str(database))
            done = probe(country, "run", "--targets", str(path), *options)
            assert done.returncode == 3, done.stderr
            found[workers] = gist(done)
            assert measured(database) == sorted(MIXED)
            (run,) = ask(database, "SELECT settings ->> 'workers' AS workers, host, finished_at FROM run")
            assert (str(run["workers"]), run["finished_at"] is not None) == (workers, True)
            stored = ask(database, "SELECT count(*) AS n FROM comparison")[0]["n"]
            assert stored == len(MIXED)
    assert found["3"] == found["1"]
    assert {outcome for outcome, *_ in found["1"].values()} == {"ok", "blocked", "down"}
    country.become(Spec())


def gist(done: Finished) -> dict[str, tuple[object, ...]]:
    return {
        line["target"]: (line["outcome"], line["methods"], line["confidence"], [r["code"] for r in line["reasons"]])
        for line in lines(done)
    }


def test_a_stopped_run_keeps_what_was_finished(stuck: World, words: tuple[str, ...], database: Path) -> None:
    running = start(stuck, *words)
    workers = workers_of(running)
    assert len(workers) == 2
    for pid in (running.pid, *workers):
        os.kill(pid, signal.SIGTERM)  # as a service manager does, to all of them
    done = running.wait(30)
    assert done.returncode == 143, done.stderr
    assert sorted(line["target"] for line in lines(done)) == sorted(QUICK)
    assert "6 of 12" in done.stderr
    assert all(map(has_ended, workers))
    assert_resumed(stuck, words, database)


def test_workers_end_with_a_run_that_is_killed(stuck: World, words: tuple[str, ...], database: Path) -> None:
    running = start(stuck, *words)
    workers = workers_of(running)
    running.signal(signal.SIGKILL)
    assert running.wait(30).returncode == -signal.SIGKILL
    assert all(map(has_ended, workers))
    assert_resumed(stuck, words, database)


def test_a_worker_that_is_killed_ends_the_run_and_takes_only_its_own(
    stuck: World, words: tuple[str, ...], database: Path
) -> None:
    running = start(stuck, *words)
    workers = workers_of(running)
    os.kill(workers[0], signal.SIGKILL)
    done = running.wait(30)
    assert done.returncode == 1, done.stderr
    assert f"the worker process {workers[0]} was ended by SIGKILL: 6 of 12 not measured" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(line["target"] for line in lines(done)) == sorted(QUICK)
    assert has_ended(workers[1])
    assert_resumed(stuck, words, database)


def test_where_there_is_nothing_to_do_workers_go_home(country: World, database: Path) -> None:
    options = ("--workers", "2", "--control", "none", "--db", str(database))
    done = probe(country, "run", "--resume", *options)
    assert (done.returncode, done.stdout) == (0, "")
