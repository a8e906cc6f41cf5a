"""Several controls beside one measurement: who is waited for, how long, and who is not asked again.

The controls are real clients, asking stand-ins on loopback; nothing here is measured.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from probe import panel
from probe.control.client import ControlClient
from probe.form import observation_json
from probe.model import Measurement, Vantage
from tests.classify.stories import CONTROL, FORGED, HERE, HTTPS, NEIGHBOUR, Saw, well
from tests.control.test_hostile import Exchange, hangs, hostile

FAR = Vantage(name="far", country="SE", asn=64501)
Peer = Callable[[Exchange], Awaitable[None]]


def answers(vantage: Vantage, saw: Saw, pause: float = 0.0) -> Peer:
    """A control that saw this, and takes its time."""

    async def peer(exchange: Exchange) -> None:
        await exchange.begin()
        await asyncio.sleep(pause)
        row = {
            "target": exchange.asks[0]["target"],
            "measurement_id": f"{vantage.name}-{exchange.number}",
            "vantage": {"name": vantage.name, "country": vantage.country, "asn": vantage.asn, "network": None},
            "started_at": "2026-11-24T00:00:00Z",
            "runtime": 0.1,
            "observations": [observation_json(each) for each in saw.rows],
        }
        await exchange.send(json.dumps(row).encode() + b"\n")

    return peer


async def begins_and_hangs(exchange: Exchange) -> None:
    await exchange.begin()
    await asyncio.sleep(3600)


async def measured_here(saw: Saw, pause: float = 0.0) -> Measurement:
    await asyncio.sleep(pause)
    return saw.measured(HTTPS, HERE)


async def names_heard(
    *peers: Peer, here: Saw | None = None, pause: float = 0.0, grace: float = 0.3, silence: float = 3600.0
) -> list[str]:
    """Whose answers there are in the end."""
    async with asyncio.timeout(30):
        return await _names_heard(peers, here or well(), pause, grace, silence, [])


async def _names_heard(
    peers: tuple[Peer, ...], here: Saw, pause: float, grace: float, silence: float, clients: list[ControlClient]
) -> list[str]:
    if len(clients) < len(peers):
        async with hostile(peers[len(clients)]) as control, ControlClient(control.url, silence=silence) as client:
            return await _names_heard(peers, here, pause, grace, silence, [*clients, client])
    _, controls = await panel.beside(measured_here(here, pause), HTTPS, clients, grace)
    return [control.vantage.name for control in controls]


WORKS = answers(CONTROL, well())


@pytest.mark.parametrize(
    ("peers", "heard"),
    [
        ((WORKS,), ["control"]),
        ((WORKS, answers(FAR, well())), ["control", "far"]),
        ((WORKS, answers(FAR, well(), 0.1)), ["control", "far"]),
        ((WORKS, hangs), ["control"]),
        ((WORKS, begins_and_hangs), ["control"]),
        ((begins_and_hangs, WORKS, hangs), ["control"]),
    ],
)
def test_the_silent_ones_are_left_behind_and_the_others_heard(peers: tuple[Peer, ...], heard: list[str]) -> None:
    assert asyncio.run(names_heard(*peers)) == heard


@pytest.mark.parametrize("first", [answers(NEIGHBOUR, well()), answers(FAR, Saw())])
def test_one_that_cannot_decide_alone_cuts_nobody_short(first: Peer) -> None:
    heard = asyncio.run(names_heard(first, answers(CONTROL, well(), 1.0), grace=0.05))
    assert heard[-1] == "control"
    assert len(heard) == 2


def test_the_grace_begins_when_the_measurement_here_is_done() -> None:
    assert asyncio.run(names_heard(WORKS, answers(FAR, well(), 0.5), pause=0.6, grace=0.3)) == ["control", "far"]


def test_the_first_answer_stands_where_the_second_question_is_not_answered() -> None:
    async def peer(exchange: Exchange) -> None:
        if exchange.asks[0].get("addresses"):
            await asyncio.sleep(3600)
        await answers(FAR, well())(exchange)

    forged = Saw().dns(FORGED).tcp(FORGED)

    async def body() -> None:
        async with (
            hostile(WORKS) as one,
            hostile(peer) as other,
            ControlClient(one.url) as a,
            ControlClient(other.url) as b,
        ):
            _, controls = await panel.beside(measured_here(forged), HTTPS, [a, b], 0.3)
            assert [control.vantage.name for control in controls] == ["control", "far"]
            assert one.exchanges[-1].asks[0]["addresses"] == other.exchanges[-1].asks[0]["addresses"] == [FORGED]

    asyncio.run(body())


def test_what_measuring_raises_ends_the_asking_and_is_raised_as_itself() -> None:
    async def fails() -> Measurement:
        await asyncio.sleep(0.05)
        raise ZeroDivisionError

    async def body() -> None:
        async with hostile(hangs) as control, ControlClient(control.url) as client:
            with pytest.raises(ZeroDivisionError):
                await panel.beside(fails(), HTTPS, [client])
            assert not any("_Inquiry" in repr(task.get_coro()) for task in asyncio.all_tasks())

    asyncio.run(body())


def test_one_that_was_silent_once_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probe.control.asking._QUICK_SECONDS", 0.1)

    async def body() -> None:
        async with hostile(hangs) as control, ControlClient(control.url, silence=0.3) as client:
            for _ in range(300):
                _, controls = await panel.beside(measured_here(well()), HTTPS, [client])
                assert controls == ()
            assert len(control.exchanges) == 1
            assert client.problems == [f"control {control.url} did not answer in time"]

    asyncio.run(body())


def test_one_that_fails_at_once_is_asked_again_and_may_recover() -> None:
    async def peer(exchange: Exchange) -> None:
        if exchange.number >= 2:
            await WORKS(exchange)

    async def body() -> None:
        async with hostile(peer) as control, ControlClient(control.url) as client:
            found = [(await panel.beside(measured_here(well()), HTTPS, [client]))[1] for _ in range(3)]
            assert [len(controls) for controls in found] == [0, 0, 1]

    asyncio.run(body())


def test_a_control_that_is_at_work_is_not_given_up_for_one_slow_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probe.control.asking._QUICK_SECONDS", 0.1)

    async def peer(exchange: Exchange) -> None:
        if "slow" in exchange.asks[0]["target"]:
            await begins_and_hangs(exchange)
        await WORKS(exchange)

    async def body() -> None:
        async with hostile(peer) as control, ControlClient(control.url, deadline=0.5) as client:
            slow = asyncio.create_task(client.measure(replace(HTTPS, path="/slow")))
            await asyncio.sleep(0.1)
            assert await client.measure(HTTPS) is not None
            assert await slow is None
            assert await client.measure(HTTPS) is not None

    asyncio.run(body())


def test_what_was_still_waited_for_at_the_end_is_told() -> None:
    async def body() -> None:
        async with hostile(hangs) as control:
            async with ControlClient(control.url) as client:
                asking = asyncio.create_task(client.measure(HTTPS))
                await asyncio.sleep(0.1)
                asking.cancel()
            assert client.problems == [f"control {control.url} had not answered yet when it was no longer waited for"]

    asyncio.run(body())
