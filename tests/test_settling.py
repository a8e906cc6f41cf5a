"""A result is given at once, and for good once nothing that the run may learn of its host can change its verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from probe import settling
from probe.classify import Ground, classify
from probe.classify.fingerprint_files import shipped
from probe.failure import Failure as F
from probe.model import Measurement, Result
from probe.settling import Settling
from tests.classify.stories import CONTROL, HERE, HTTP, HTTPS, ONLINE, REAL, REAL6, Saw, well, well_in_clear

DONE = replace(well().measured(HTTPS, HERE), id="done")
DARK = replace(Saw().dns(REAL).tcp(REAL, F.GENERIC_TIMEOUT).measured(HTTPS, HERE), id="dark", bodies={"x": b"body"})
PLAIN = replace(well_in_clear().measured(HTTP, HERE), id="plain")
OVER_IPV6 = replace(Saw().dns(REAL6, kind="AAAA").tcp(REAL6, F.CONNECTION_RESET).measured(HTTPS, HERE), id="ipv6")
_WELL = Saw().dns(REAL6, kind="AAAA").tcp(REAL6).tls(REAL6).http(REAL6)
THEIRS, REACHED = _WELL.measured(HTTPS, CONTROL), replace(_WELL.measured(HTTPS, HERE), id="reached")


class Story:
    """A run, and what its sink was given: the measurement, whether for good, and the verdict's first reason."""

    def __init__(self) -> None:
        self.given: list[tuple[str, bool, str]] = []
        self.results: list[Result] = []
        self.ground = Ground(ONLINE)
        self.settling = Settling(ground=self.ground, fingerprints=shipped(), sink=self.sink)

    async def sink(self, result: Result, settled: bool) -> None:
        self.given.append((result.measurement.id, settled, result.verdict.reasons[0].code))
        self.results.append(result)

    async def add(self, mine: Measurement, *controls: Measurement) -> None:
        self.ground.learn(mine, controls)
        await self.settling.add(mine, controls)


def test_what_proves_itself_is_settled_at_once() -> None:
    story = Story()
    asyncio.run(story.add(DONE))
    assert story.given == [("done", True, "tls.verified_page")]


def test_what_may_be_a_portals_doing_waits_for_a_proof() -> None:
    async def run(story: Story) -> None:
        await story.add(DARK)
        await story.add(PLAIN)
        assert [(each[0], each[1]) for each in story.given] == [("dark", False), ("plain", False)]
        await story.add(DONE)

    story = Story()
    asyncio.run(run(story))
    assert story.given[2:] == [
        ("done", True, "tls.verified_page"),
        ("dark", True, "control.none"),
        ("plain", True, "control.none"),
    ]


def test_the_end_settles_the_rest() -> None:
    async def run(story: Story) -> None:
        story.ground.host = replace(story.ground.host, rewritten_to=(REAL,))
        await story.add(DARK)
        await story.settling.finish()
        await story.settling.finish()

    story = Story()
    asyncio.run(run(story))
    assert story.given == [("dark", False, "control.none"), ("dark", True, "host.captive_portal")]
    assert story.ground.host.captive_portal is True
    judged = story.results[-1]
    assert judged.verdict == classify(judged.measurement, judged.controls, story.ground.host)
    assert [bool(result.measurement.bodies) for result in story.results] == [True, False]  # they need be kept once


def test_ipv6_is_waited_for_where_it_alone_could_tell() -> None:
    async def run(story: Story) -> None:
        assert story.settling.may_be_blocked(OVER_IPV6, [THEIRS])
        await story.add(OVER_IPV6, THEIRS)
        await story.add(REACHED)

    story = Story()
    asyncio.run(run(story))
    assert story.given == [
        ("ipv6", False, "host.ipv6_unproven"),
        ("reached", True, "tls.verified_page"),
        ("ipv6", True, "tcp.reset"),
    ]


def test_what_was_not_given_when_the_run_was_stopped_is_given_at_its_end() -> None:
    async def run(story: Story) -> None:
        adding = asyncio.create_task(story.add(DONE))
        await asyncio.sleep(0)
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding
        story.settling.sink = story.sink
        await story.settling.finish()

    async def never(result: Result, settled: bool) -> None:
        await asyncio.Event().wait()

    story = Story()
    story.settling.sink = never
    asyncio.run(run(story))
    assert story.given == [("done", True, "tls.verified_page")]


def test_a_page_known_by_its_body_is_still_known_at_the_end() -> None:
    """Most bodies need not be kept until then; the one that the verdict stands on must be."""
    body = b"<p>Access is limited</p><script>ga('create', 'UA-42895529-7')</script>"
    known = replace(Saw().dns(REAL).tcp(REAL).page(REAL, body).measured(HTTP, HERE), id="known")
    elsewhere = Saw().dns("192.31.196.9").tcp("192.31.196.9").page("192.31.196.9", b"<p>Welcome</p>")

    async def run(story: Story) -> None:
        story.ground.host = replace(story.ground.host, rewritten_to=(REAL,))
        await story.add(known)
        await story.add(replace(elsewhere.measured(HTTP, HERE), id="elsewhere"))
        await story.settling.finish()

    story = Story()
    asyncio.run(run(story))
    given = [each for each in story.given if each[0] == "known"]
    assert given == [("known", False, "http.known_block_page"), ("known", True, "http.known_block_page")]


class Shelved(Story):
    """A run whose results wait on a shelf, as the database keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.laid: list[str] = []
        self.fetched = 0
        self.settling.shelf = self

    def lay(self, measurement_id: str) -> None:
        self.laid.append(measurement_id)

    async def fetch(self, measurement_ids: Sequence[str]) -> Sequence[Result]:
        self.fetched += len(measurement_ids)
        by_id = {result.measurement.id: result for result in self.results}
        return [by_id[each] for each in measurement_ids]


def _many(count: int) -> list[Measurement]:
    return [replace(PLAIN, id=str(UUID(int=number))) for number in range(count)]


@pytest.mark.parametrize("proven", [True, False])
def test_of_very_many_that_wait_most_wait_on_the_shelf(proven: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "MOST_OPEN", 5)
    monkeypatch.setattr(settling, "_AT_ONCE", 3)
    many, story = _many(20), Shelved()

    async def run() -> None:
        for each in many:
            await story.add(each)
        assert (len(story.laid), len(story.settling._open), story.fetched) == (15, 5, 0)
        if proven:
            await story.add(DONE)
            assert story.fetched == 15
        await story.settling.finish()
        await story.settling.finish()

    asyncio.run(run())
    for_good = [key for key, settled, _ in story.given if settled]
    assert sorted(for_good) == sorted([each.id for each in many] + (["done"] if proven else []))
    assert story.fetched == 15


def test_what_was_not_reached_stays_on_the_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "MOST_OPEN", 0)
    many, story = _many(4), Shelved()

    async def run() -> None:
        for each in many:
            await story.add(each)
        given = len(story.given)

        async def stopped(result: Result, settled: bool) -> None:
            await Story.sink(story, result, settled)
            if len(story.given) == given + 2:
                raise asyncio.CancelledError

        story.settling.sink = stopped
        with pytest.raises(asyncio.CancelledError):
            await story.add(replace(DONE, id=str(UUID(int=9))))
        story.settling.sink = story.sink
        await story.settling.finish()

    asyncio.run(run())
    for_good = {key for key, settled, _ in story.given if settled}
    assert for_good == {each.id for each in many} | {str(UUID(int=9))}
