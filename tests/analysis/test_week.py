"""The week for which the program was made, at ten volunteers a provider and on a line that loses two packets in a
hundred: what is compared is the truth, and what is told of times is true to the measurement."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from probe.analysis import compare, gather, timeline
from probe.history import Between, Judged
from probe.model import Method, Outcome
from probe.store import Histories
from tests.analysis.week import LISTS, PROBES, REGISTER, is_blocked, record, visits
from tests.lab.may_2017 import PROVIDERS, SERVICES, Provider

METHODS = {"Stub Telecom": Method.DNS, "Blackhole Mobile": Method.TCP, "Inspecting Cable": Method.TLS}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return record(tmp_path_factory.mktemp("week"))


@pytest.fixture(scope="module")
def histories(files: list[Path]) -> Iterator[Histories]:
    with Histories(files) as opened:
        yield opened


@pytest.fixture(scope="module")
def rows(histories: Histories) -> tuple[Judged, ...]:
    return gather(histories.all).rows


def test_packets_were_lost(files: list[Path]) -> None:
    sql = "SELECT sum(failure = 'generic_timeout_error' AND step = 'dns'), sum(step = 'dns') FROM observation"
    for path in files:
        with closing(sqlite3.connect(path)) as connection:
            lost, asked = connection.execute(sql).fetchone()
        assert 0.02 < lost / asked < 0.06


def edges(provider: Provider, service: str, change: datetime) -> dict[str, Between]:
    """For each volunteer the run before a change, and the first of its measurements that had seen it."""
    runs: dict[str, list[datetime]] = {}
    for visit in visits(provider):
        runs.setdefault(visit.vantage.name, []).append(visit.started_at)
    targets = [endpoint.target for each in LISTS for endpoint in each.endpoints]
    mine = [3 * n for n, target in enumerate(targets) if target.service == service]
    first, last = (timedelta(seconds=n) for n in (mine[0], mine[-1]))
    return {
        name: Between(
            earliest=max(each for each in begun if each < change) + first,
            latest=min(each for each in begun if each >= change) + last,
        )
        for name, begun in runs.items()
    }


def test_compare_shows_the_true_matrix(rows: tuple[Judged, ...]) -> None:
    found = {(cell.subject, cell.place.network): cell for cell in compare(rows, timedelta(days=2))}
    assert set(found) == {(service, provider.network) for service in SERVICES for provider in PROVIDERS}
    for provider in PROVIDERS:
        for service in SERVICES:
            cell = found[service, provider.network]
            method = METHODS.get(provider.network)
            blocked = method is not None and is_blocked(service, max(row.started_at for row in rows))
            assert cell.outcome is (Outcome.BLOCKED if blocked else Outcome.OK), (service, provider.network)
            assert cell.methods == ((method,) if blocked else ())
            assert (len(cell.said), cell.settled) == (PROBES, True)
            if blocked:
                since = edges(provider, service, REGISTER[service][0])
                assert cell.since == min(since.values(), key=lambda each: each.latest)


def test_timeline_shows_the_true_begin_and_end_and_nothing_else(rows: tuple[Judged, ...]) -> None:
    blocks = timeline(rows)
    assert {(block.subject, block.place.network) for block in blocks} == {
        (service, network) for service in SERVICES for network in METHODS
    }
    assert len(blocks) == len(SERVICES) * len(METHODS)
    providers = {provider.network: provider for provider in PROVIDERS}
    for block in blocks:
        provider, (begin, end) = providers[block.place.network], REGISTER[block.subject]
        assert block.methods == (METHODS[block.place.network],)
        begun = edges(provider, block.subject, begin)
        assert {span.point.vantage.name: span.begin.when for span in block.spans} == begun
        assert block.begin.when == min(begun.values(), key=lambda each: each.latest)
        assert block.against == ()
        assert (block.end is None) == (end is None)
        if end is not None:
            ended = edges(provider, block.subject, end)
            assert {span.point.vantage.name: span.end and span.end.when for span in block.spans} == ended
            assert block.end is not None
            assert block.end.when.latest == max(each.latest for each in ended.values())


def test_the_evidence_is_what_was_measured(histories: Histories, rows: tuple[Judged, ...], files: list[Path]) -> None:
    for block in timeline(rows):
        for edge in filter(None, (block.begin, block.end)):
            ask = histories.evidence(edge.verdicts)
            for verdict in edge.verdicts:
                told = [each.measurement_id for each in verdict.told_by(ask(verdict))]
                assert told
                assert all(each.startswith(f"{verdict.run_id}-") for each in told)
