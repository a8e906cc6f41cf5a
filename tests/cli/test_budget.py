"""A day's budget of bytes and connections: what is begun, what is not, and what a day has cost by its rows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from probe.budget import ANSWER, COSTS, RESERVED, Budget, Meter, Traffic
from probe.cli.settings import SCHEDULED_BUDGET, BudgetTable, Config, budget
from probe.consent import agree
from probe.model import StepName
from probe.store import Filter, Store
from probe.words import SPOKEN_OVER
from tests.cli.alone import ask
from tests.cli.lists import write_list
from tests.exports.world import fill
from tests.lab.lab import Finished, World
from tests.lab.people import CONTROL_URL, control, lines, probe
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import Access, Drop, Rule, Spec, To
from tests.store.examples import BEGIN

NAMES = [f"n{number}.example" for number in range(8)]


def test_what_was_recorded_is_what_was_spent(tmp_path: Path) -> None:
    """Counted in the rows of the file, or one measurement at a time: the same; of others' measurements nothing."""
    fill(tmp_path / "probe.sqlite")
    with Store.open(tmp_path / "probe.sqlite") as store:
        meter = Meter(Budget())
        for result in store.results(Filter()):
            meter.spend(result.measurement, len(result.controls))
        (check,) = store.store_checks(Filter())
        meter.spend(check.questions[0].measurement, 0)
        assert store.usage(BEGIN) == meter.used
        assert store.usage(BEGIN + timedelta(days=3)) == Traffic()
    # seven measurements of the same rows (a second answer to a question, a connect, a handshake, a page, a STUN), five
    # answers of controls
    each = Traffic(bytes=6_000 + 600 + 52, connections=2)
    assert meter.used == Traffic(bytes=7 * each.bytes + 5 * ANSWER.bytes, connections=7 * each.connections)
    with Store.open(tmp_path / "probe.sqlite") as theirs, Store.open(tmp_path / "mine.sqlite") as mine:
        from probe.imports.datasets import merge_database

        merge_database(mine, theirs.path)
        assert mine.usage(BEGIN).connections == 0


def test_every_operation_has_a_price() -> None:
    transports = {StepName.DNS: ("udp", "tcp", "tls", "https"), StepName.GREETING: ("udp", "tcp", "tls")}
    assert set(COSTS) == {(step, each) for step in StepName for each in transports.get(step, (None,))}
    assert {scheme for schemes in SPOKEN_OVER.values() for scheme in schemes} <= {"udp", "tcp", "tls", "https", "http"}


ADMITS = (
    (Budget(), Traffic(bytes=1 << 60, connections=1 << 60), 64, True),
    (Budget(bytes=10 * RESERVED.bytes), Traffic(), 9, True),
    (Budget(bytes=10 * RESERVED.bytes), Traffic(), 10, False),
    (Budget(bytes=10 * RESERVED.bytes), Traffic(bytes=1), 9, False),
    (Budget(bytes=10), Traffic(), 0, True),  # the only one under way may take more than is left
    (Budget(bytes=10), Traffic(bytes=9), 0, True),
    (Budget(bytes=10), Traffic(bytes=10), 0, False),
    (Budget(connections=10), Traffic(connections=9), 0, True),
    (Budget(connections=10), Traffic(connections=10), 0, False),
    (Budget(bytes=100, connections=10), Traffic(bytes=100), 0, False),
)


@pytest.mark.parametrize(("limits", "used", "under_way", "admits"), ADMITS)
def test_when_another_may_begin(limits: Budget, used: Traffic, under_way: int, admits: bool) -> None:
    assert Meter(limits, used).admits(under_way) is admits


def test_which_budget_it_is() -> None:
    config = Config(budget=BudgetTable(bytes=5, connections=0))
    assert budget(None, None, Config(), scheduled=False) == Budget()
    assert budget(None, None, Config(), scheduled=True) == SCHEDULED_BUDGET
    assert budget(None, None, config, scheduled=True) == Budget(bytes=5)
    assert budget(7, 8, config, scheduled=True) == Budget(bytes=7, connections=8)
    assert budget(0, None, config, scheduled=True) == Budget()


@pytest.fixture(scope="module")
def guarded(country: World) -> Iterator[World]:
    """A world with a control, and eight sites."""
    with control(country, "--timeout", "2"):
        yield country


def run(world: World, database: Path, *words: str, **env: str) -> Finished:
    path = write_list(world.home / "eight.toml", [f"https://{name}/" for name in NAMES])
    options = ("--targets", str(path), "--control", CONTROL_URL, "--timeout", "2", "--json", "--db", str(database))
    return probe(world, "run", *options, *words, **env)


def test_once_it_is_used_up_nothing_is_begun(guarded: World) -> None:
    sites = tuple(https(name, at(number + 1)) for number, name in enumerate(NAMES))
    count = Rule(when=To(addresses=tuple(at(number + 1) for number in range(8))), do=Drop())
    guarded.become(Spec(sites=sites))
    database = guarded.home / "budget.sqlite"
    first = run(guarded, database, "--budget-connections", "3")
    assert first.returncode == 4
    measured = len(lines(first))
    assert 3 <= measured < 8
    assert f"of 3 connections): {8 - measured} of 8 targets were not measured" in first.stderr
    assert "`probe run --resume` measures the rest" in first.stderr
    assert ask(database, "SELECT finished_at FROM run") == [{"finished_at": None}]

    guarded.become(Spec(sites=sites, rules=(count,)))
    again = run(guarded, database, PROBE_BUDGET_CONNECTIONS="3")
    assert (again.returncode, again.stdout, guarded.fired()) == (4, "", (0,))
    assert "8 of 8 targets were not measured" in again.stderr

    guarded.become(Spec(sites=sites))
    metrics = guarded.home / "budget.prom"
    bytes_used = run(guarded, database, "--budget-bytes", "20000", "--metrics", str(metrics))
    assert bytes_used.returncode == 4
    assert "of 20000 bytes" in bytes_used.stderr
    assert "probe_run_complete 0" in metrics.read_text()
    rest = run(guarded, database, "--resume", "--budget-bytes", "0")
    assert (rest.returncode, len(lines(rest)) + len(lines(bytes_used))) == (0, 8)


BUSCTL = "#!/bin/sh\necho u 1\n"


def test_a_scheduled_run_does_not_measure_over_a_metered_line(guarded: World) -> None:
    sites = tuple(https(name, at(number + 1)) for number, name in enumerate(NAMES))
    guarded.become(Spec(sites=sites, access=Access()))
    agree(guarded.home / "data" / "probe", "probe", datetime.now(UTC))
    folder = guarded.home / "bin"
    folder.mkdir()
    (folder / "busctl").write_text(BUSCTL)
    (folder / "busctl").chmod(0o755)
    path = {"PATH": f"{folder}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"}
    database = guarded.home / "metered.sqlite"
    refused = run(guarded, database, "--scheduled", **path)
    assert (refused.returncode, refused.stdout) == (75, "")
    assert "over a connection that is set to be metered, where a scheduled run would cost you" in refused.stderr
    assert ask(database, "SELECT * FROM measurement") == []
    for words, env in ((("--scheduled", "--allow-metered"), {}), (("--scheduled",), {"PROBE_ALLOW_METERED": "1"})):
        allowed = run(guarded, database, *words, **path, **env)
        assert (allowed.returncode, len(lines(allowed))) == (0, 8)
    by_hand = run(guarded, database, **path)
    assert by_hand.returncode == 0
    assert "what is measured costs its owner" in by_hand.stderr
    shown = probe(guarded, "doctor", "--db", str(database), **path)
    assert "NO   metered" in shown.stdout
