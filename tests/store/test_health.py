"""Stale targets: those that nobody, nowhere, has reached for days. A block is none, and one success ends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from probe.failure import Failure
from probe.model import (
    DnsDetail,
    HttpDetail,
    Measurement,
    Observation,
    Outcome,
    Result,
    Scheme,
    Target,
    TcpDetail,
    Vantage,
)
from probe.store import Store
from probe.store.health import LAST_STEP
from probe.targets import parse_one
from tests.store.examples import BEGIN, a_run, a_verdict

HERE, THERE = Vantage(name="home", country="RU"), Vantage(name="school", country="IR")
CONTROL, SECOND = Vantage(name="free", country="NL"), Vantage(name="lab", country="CH")

_DNS = DnsDetail(hostname="a.example", query_type="A", resolver_address="192.0.2.53", resolver_port=53, transport="udp")
_TCP = TcpDetail(address="192.0.2.1", port=443)
_HTTP = HttpDetail(address="192.0.2.1", port=443, url="https://a.example/", status=500)
FAILED = (Observation(id=1, started=0.0, runtime=0.1, failure=Failure.DNS_NXDOMAIN, detail=_DNS),)
# Resolves and connects, and goes no further.
CONNECTED = (
    Observation(id=1, started=0.0, runtime=0.1, detail=_DNS),
    Observation(id=2, started=0.1, runtime=0.1, detail=_TCP),
)
ANSWERED = (*CONNECTED, Observation(id=3, started=0.2, runtime=0.1, detail=_HTTP))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "probe.sqlite") as store:
        store.begin_run(a_run())
        yield store


class Diary:
    """What was measured, day by day."""

    def __init__(self, store: Store) -> None:
        self.store, self.number = store, 0

    def note(
        self,
        target: str | Target,
        days: Sequence[float],
        outcome: Outcome = Outcome.DOWN,
        *,
        here: Vantage = HERE,
        controls: Sequence[tuple[Vantage, Sequence[Observation]]] = ((CONTROL, FAILED),),
    ) -> None:
        wanted = parse_one(target) if isinstance(target, str) else target
        for day in days:
            self.number += 1
            mine = self._measured(wanted, here, day, FAILED)
            seen = [
                replace(self._measured(wanted, where, day, observed), id=f"{self.number:04}-{where.name}", run_id=None)
                for where, observed in controls
            ]
            self.store.add([Result(measurement=mine, controls=tuple(seen), verdict=a_verdict(mine.id, outcome))])

    def _measured(self, target: Target, where: Vantage, day: float, observed: Sequence[Observation]) -> Measurement:
        return Measurement(
            id=f"{self.number:04}",
            run_id="run-1",
            target=target,
            vantage=where,
            started_at=BEGIN + timedelta(days=day),
            runtime=1.0,
            observations=tuple(observed),
        )


@pytest.fixture
def diary(store: Store) -> Diary:
    return Diary(store)


WEEK = range(8)
DEAD = "https://dead.example/"


def stale(store: Store, days: float = 7) -> list[str]:
    return [each.target for each in store.unreached(days)]


def test_what_failed_everywhere_for_a_week(store: Store, diary: Diary) -> None:
    service = replace(parse_one(DEAD), service="chat")
    diary.note(service, WEEK, controls=((CONTROL, FAILED), (SECOND, CONNECTED)))
    diary.note(service, [2, 5], Outcome.INCONCLUSIVE, here=THERE)
    diary.note(service, [3], Outcome.BLOCKED, here=THERE)  # a block page in the place of a name that is dead for all
    (found,) = store.unreached(7)
    assert (found.target, found.service, found.retired) == (DEAD, "chat", None)
    assert (found.since, found.until) == (BEGIN, BEGIN + timedelta(days=7))
    assert (found.measurements, found.vantages, found.controls) == (11, 2, 2)
    assert found.failures == (Failure.DNS_NXDOMAIN,)
    assert stale(store, 6) == [DEAD]
    assert stale(store, 8) == []


def test_what_is_not_stale(store: Store, diary: Diary) -> None:
    diary.note("https://blocked.example/", WEEK, Outcome.BLOCKED, controls=((CONTROL, ANSWERED),))
    diary.note("https://young.example/", range(7))
    diary.note("https://once.example/", [0])
    diary.note("https://alone.example/", WEEK, controls=())
    diary.note("https://hardly.example/", WEEK, controls=())
    diary.note("https://hardly.example/", [4])
    diary.note("https://elsewhere.example/", WEEK)
    diary.note("https://elsewhere.example/", [6], Outcome.OK, here=THERE, controls=())
    diary.note("https://geo.example/", WEEK)
    diary.note("https://geo.example/", [7.5], Outcome.REFUSED, controls=())
    diary.note("https://second.example/", WEEK, controls=((CONTROL, FAILED), (SECOND, ANSWERED)))
    diary.note("https://back.example/", [0, 9])
    diary.note("https://back.example/", [8], Outcome.OK, controls=())
    assert stale(store) == []


def test_a_success_is_where_it_begins_anew(store: Store, diary: Diary) -> None:
    diary.note(DEAD, [0, 1], Outcome.OK, controls=((CONTROL, ANSWERED),))
    diary.note(DEAD, range(2, 10))
    (found,) = store.unreached(7)
    assert (found.since, found.measurements) == (BEGIN + timedelta(days=2), 8)
    assert stale(store, 8) == []


def test_how_far_a_control_must_come(store: Store, diary: Diary) -> None:
    """To the target's own last step: a port that opens is enough for tcp://, and a page with an error for a page."""
    diary.note("tcp://port.example:5222", WEEK, controls=((CONTROL, CONNECTED),))
    diary.note("dns://name.example", WEEK, controls=((CONTROL, CONNECTED),))
    diary.note("https://error.example/", WEEK, controls=((CONTROL, ANSWERED),))
    diary.note("https://half.example/", WEEK, controls=((CONTROL, CONNECTED),))
    diary.note("tls://half.example:443", WEEK, controls=((CONTROL, CONNECTED),))
    assert sorted(stale(store)) == ["https://half.example/", "tls://half.example:443"]


def test_every_scheme_has_a_last_step() -> None:
    """Or else nothing that a control completes would count, and its targets would all look stale."""
    assert set(LAST_STEP) == set(Scheme)


def test_services_that_were_closed_come_last(store: Store, diary: Diary) -> None:
    diary.note(replace(parse_one("https://a.example/"), service="a", retired=date(2019, 5, 31)), WEEK)
    diary.note("https://nobody.example/", WEEK)
    diary.note(replace(parse_one("https://z.example/"), service="z"), WEEK)
    found = list(store.unreached(7))
    assert [each.service for each in found] == ["z", None, "a"]
    assert [each.retired for each in found] == [None, None, "2019-05-31"]


def test_a_verdict_judged_again_counts(store: Store, diary: Diary) -> None:
    diary.note(DEAD, WEEK)
    assert stale(store) == [DEAD]
    store.add_verdicts([a_verdict("0004", Outcome.OK, rules_version="2")])
    assert stale(store) == []
