"""Asking a control that works: batches, lines as they come, the caller's own target."""

from __future__ import annotations

import asyncio

from probe.control.client import ControlClient
from probe.model import Scheme, StepName, Target, Vantage
from tests.control.conftest import Running, Start
from tests.control.world import OTHER, PRIVATE, SITE


def page(path: str = "/", host: str = "site.test") -> Target:
    return Target(scheme=Scheme.HTTP, host=host, port=80, path=path, service="a-service")


def test_a_target_is_measured_for_the_caller(listing: Running) -> None:
    async def body() -> None:
        async with ControlClient(listing.url) as client:
            answer = await client.measure(page(), [OTHER, PRIVATE, "nonsense"])
            assert answer is not None
            assert (answer.target, answer.run_id) == (page(), None)
            assert answer.vantage == Vantage(name="lab-control", country="NL", asn=64500, network="Lab")
            connects = [row.detail for row in answer.observations if row.step is StepName.TCP]
            assert {getattr(detail, "address", None) for detail in connects} == {SITE, OTHER}
            assert client.problems == []

    asyncio.run(body())


def test_hundreds_of_callers_are_answered_in_a_few_requests(start: Start) -> None:
    control = start(in_flight=250)

    async def body() -> None:
        async with ControlClient(control.url) as client:
            targets = [page(f"/?{n}") for n in range(230)]
            answers = await asyncio.gather(*(client.measure(target) for target in targets))
            assert [answer.target if answer else None for answer in answers] == targets
            assert client.problems == []

    asyncio.run(body())
    assert 'route="/v1/measure",status="200"} 3' in control.get("/metrics").text


def test_a_quick_target_does_not_wait_for_a_slow_one(listing: Running) -> None:
    async def body() -> None:
        async with ControlClient(listing.url) as client:
            slow = asyncio.create_task(client.measure(page("/slow?beside")))
            assert await client.measure(page("/quick")) is not None
            assert not slow.done()
            assert await slow is not None

    asyncio.run(body())


def test_the_same_target_with_other_addresses_is_another_question(start: Start) -> None:
    control = start()

    async def body() -> None:
        async with ControlClient(control.url) as client:
            asked: list[list[str]] = [[], [OTHER], [], [OTHER]]
            answers = await asyncio.gather(*(client.measure(page(), addresses) for addresses in asked))
            ids = [answer.id if answer else None for answer in answers]
            assert (ids[0], ids[1]) == (ids[2], ids[3])
            assert len({*ids, None}) == 3

    asyncio.run(body())


def test_a_target_that_is_refused_is_a_problem_once(listing: Running) -> None:
    async def body() -> None:
        async with ControlClient(listing.url) as client:
            hosts = ("unlisted.test", "elsewhere.test", "site.test")
            answers = await asyncio.gather(*(client.measure(page(host=host)) for host in hosts))
            assert [answer is None for answer in answers] == [True, True, False]
            (problem,) = client.problems
            assert "not on the lists" in problem
            assert listing.url in problem

    asyncio.run(body())


def test_a_token_is_sent(listing: Running) -> None:
    async def body() -> None:
        async with ControlClient(listing.url, token="second-token") as client:
            assert await client.measure(page(host="unlisted.test")) is not None

    asyncio.run(body())


def test_a_control_that_is_busy_is_asked_again(start: Start) -> None:
    control = start(in_flight=1)

    async def body() -> None:
        async with ControlClient(control.url) as first, ControlClient(control.url) as second:
            slow = asyncio.create_task(first.measure(page("/slow")))
            await asyncio.sleep(0.2)
            assert control.counted("in_flight") == 1
            assert await second.measure(page()) is not None
            assert await slow is not None
            assert (first.problems, second.problems) == ([], [])

    asyncio.run(body())
    assert 'status="503"' in control.get("/metrics").text


def test_a_control_says_where_it_is(listing: Running) -> None:
    async def body() -> None:
        async with ControlClient(listing.url + "/") as client:
            said = await client.describe()
            assert said is not None
            assert said.vantage == Vantage(name="lab-control", country="NL", asn=64500, network="Lab")
            assert (said.neutral_tls, said.neutral_http) == (None, None)

    asyncio.run(body())


def test_a_caller_that_gives_up_takes_nobody_with_it(listing: Running) -> None:
    async def body() -> None:
        async with ControlClient(listing.url) as client:
            one, two = (asyncio.create_task(client.measure(page("/slow?given-up"))) for _ in range(2))
            await asyncio.sleep(0.1)
            one.cancel()
            assert await two is not None
            assert one.cancelled()

    asyncio.run(body())
