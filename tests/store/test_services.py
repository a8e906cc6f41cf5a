"""What was concluded of whole services: kept with the run, read back equal, the newest in the view."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from probe.model import Confidence, Method, Outcome, Role, Scheme, Target
from probe.service import Need, RoleVerdict, ServiceVerdict
from probe.store import Filter, Store, StoreError
from tests.store.examples import BEGIN, TARGET, a_result, a_run, a_verdict

NEEDS = (
    Need(service="wechat", targets=2, all_of=(Role.WEB,), any_of=(Role.LONG_LINK, Role.SHORT_LINK)),
    Need(service="bbm", targets=1, retired=date(2019, 5, 31), retired_reason="закрыт"),
)
BLOCKED = ServiceVerdict(
    run_id="run-1",
    service="wechat",
    outcome=Outcome.BLOCKED,
    methods=(Method.DNS, Method.TCP),
    confidence=Confidence.LIKELY,
    text="web works, app endpoints blocked (dns, tcp)",
    roles=(
        RoleVerdict(role=Role.WEB, needed=True, outcome=Outcome.OK, targets=1, ok=1),
        RoleVerdict(
            role=Role.LONG_LINK,
            needed=True,
            outcome=Outcome.BLOCKED,
            methods=(Method.DNS, Method.TCP),
            confidence=Confidence.LIKELY,
            targets=3,
            blocked=2,
            down=1,
        ),
    ),
    rules_version="1",
)
DOWN = ServiceVerdict(run_id="run-1", service="bbm", outcome=Outcome.DOWN, text="closed", rules_version="1")
OK = replace(BLOCKED, outcome=Outcome.OK, methods=(), confidence=None, text="web works", roles=BLOCKED.roles[:1])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "probe.sqlite") as store:
        store.begin_run(a_run(services=NEEDS))
        yield store


def read(store: Store, **wanted: object) -> list[ServiceVerdict]:
    return [verdict for _, verdict in store.service_verdicts(Filter(**wanted))]  # type: ignore[arg-type]


def test_verdicts_on_services_come_back_equal(store: Store) -> None:
    store.add_service_verdicts([BLOCKED, DOWN])
    found = list(store.service_verdicts(Filter()))
    assert [verdict for _, verdict in found] == [DOWN, BLOCKED]
    assert [run for run, _ in found] == [a_run(services=NEEDS)] * 2
    assert store.run("run-1").services == NEEDS
    assert [run.id for run in store.runs()] == ["run-1"]


def test_a_later_conclusion_takes_the_place_of_one_by_the_same_rules(store: Store) -> None:
    store.add_service_verdicts([BLOCKED])
    store.add_service_verdicts([OK])
    assert read(store) == [OK]
    other_rules = replace(BLOCKED, rules_version="2")
    store.add_service_verdicts([other_rules])
    assert read(store) == [other_rules]
    connection = sqlite3.connect(store.path)
    assert connection.execute("SELECT count(*) FROM service_verdict").fetchone() == (2,)


def test_they_are_narrowed_as_results_are(store: Store) -> None:
    store.begin_run(a_run("run-2", services=NEEDS, started_at=BEGIN + timedelta(days=1)))
    later = replace(OK, run_id="run-2")
    store.add_service_verdicts([BLOCKED, DOWN, later])
    assert read(store) == [DOWN, BLOCKED, later]
    assert read(store, service="wechat") == [BLOCKED, later]
    assert read(store, outcome="blocked") == [BLOCKED]
    assert read(store, since=BEGIN + timedelta(hours=1)) == [later]
    assert read(store, run_id="run-1") == [DOWN, BLOCKED]
    assert read(store, run_id="none") == []


def test_none_is_kept_of_a_run_that_is_not_there(store: Store) -> None:
    with pytest.raises(StoreError, match="there is no run run-9"):
        store.add_service_verdicts([BLOCKED, replace(DOWN, run_id="run-9")])
    assert read(store) == []


def test_what_a_run_has_concluded_of_its_targets(store: Store) -> None:
    store.begin_run(a_run("run-2"))
    other = Target(scheme=Scheme.TCP, host="wechat.example", port=8080, service="wechat", role=Role.WEB)
    no_part_of_it = Target(scheme=Scheme.TCP, host="wechat.example", port=81, service="wechat")
    store.add([a_result("m-4", target=no_part_of_it)])
    store.add([a_result("m-1"), a_result("m-2", target=other, outcome=Outcome.OK), a_result("m-3", run_id="run-2")])
    store.add_verdicts([a_verdict("m-2", Outcome.DOWN, rules_version="2")])
    assert sorted(store.judged("run-1"), key=lambda each: each[0].name) == [
        (TARGET, a_verdict("m-1")),
        (other, a_verdict("m-2", Outcome.DOWN, rules_version="2")),
    ]


def test_the_view_shows_the_newest_run_that_measured_a_service_whole(store: Store) -> None:
    def shown() -> list[tuple[object, ...]]:
        connection = sqlite3.connect(store.path)
        columns = "service, vantage, targets, blocked, outcome, confidence, text, run_id"
        return connection.execute(f"SELECT {columns} FROM v_service").fetchall()

    store.add([a_result("m-1")])
    assert shown() == [("wechat", "home", 1, 1, None, None, None, None)]
    store.add_service_verdicts([BLOCKED, DOWN])
    assert shown() == [("wechat", "home", 1, 1, "blocked", "likely", BLOCKED.text, "run-1")]
    store.begin_run(a_run("run-0", services=NEEDS, started_at=BEGIN - timedelta(days=1)))
    store.add_service_verdicts([replace(OK, run_id="run-0")])  # concluded later, of older facts
    assert shown() == [("wechat", "home", 1, 1, "blocked", "likely", BLOCKED.text, "run-1")]
    store.begin_run(a_run("run-2", services=NEEDS, started_at=BEGIN + timedelta(days=1)))
    store.add([a_result("m-2", run_id="run-2", minutes=1500, outcome=Outcome.OK)])
    store.add_service_verdicts([replace(OK, run_id="run-2")])
    assert shown() == [("wechat", "home", 1, 0, "ok", None, OK.text, "run-2")]


def test_the_newest_are_those_that_no_later_one_replaces(store: Store) -> None:
    """Of many runs, services and rules, the same as when each verdict is compared with every other."""
    outcomes = tuple(Outcome)
    made = []
    for number in range(12):
        run = a_run(f"r-{number}", services=NEEDS, started_at=BEGIN + timedelta(hours=number % 5))
        store.begin_run(run)
        for rules in range(1 + number % 3):
            for service in ("wechat", "bbm", "line")[: 1 + (number + rules) % 3]:
                outcome = outcomes[(number + 2 * rules + len(service)) % len(outcomes)]
                blocked = BLOCKED if outcome is Outcome.BLOCKED else DOWN
                made.append(
                    replace(blocked, run_id=run.id, service=service, outcome=outcome, rules_version=str(rules + 1))
                )
    store.add_service_verdicts(made)
    begun = {run.id: run.started_at for run in store.runs()}
    newest = [
        each
        for number, each in enumerate(made)
        if not any((each.run_id, each.service) == (other.run_id, other.service) for other in made[number + 1 :])
    ]
    newest.sort(key=lambda each: (begun[each.run_id], each.run_id, each.service))
    assert len(made) > len(newest) > 20
    assert read(store) == newest
    assert read(store, service="bbm") == [each for each in newest if each.service == "bbm"]
    assert read(store, run_id="r-5") == [each for each in newest if each.run_id == "r-5"]
    successes: dict[str, datetime] = {}
    for each in newest:
        if each.outcome is Outcome.OK:
            successes[each.service] = max(begun[each.run_id], successes.get(each.service, BEGIN))
    assert store.last_success() == successes
    assert len(successes) > 1
