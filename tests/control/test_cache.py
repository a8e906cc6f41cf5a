"""What is shared, how long it is kept, and what is never kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from probe.control.cache import Answer, Measurements, Unmeasured
from probe.model import Measurement, Scheme, Target, Vantage
from probe.steps.errors import HostExhaustedError


def named(host: str) -> Target:
    return Target(scheme=Scheme.DNS, host=host, port=None)


class Ground:
    """Counts measurements; the clock stands still until it is set."""

    def __init__(self, *, error: Exception | None = None, ttl: float = 300, kept: int = 100, running: int = 10) -> None:
        self.now = 0.0
        self.error = error
        self.begun: list[str] = []
        self.at_once = self.most_at_once = 0
        self.gate = asyncio.Event()
        self.cache = Measurements(
            measure=self.measure,
            ttl=ttl,
            deadline=60,
            most_running=running,
            most_kept=kept,
            clock=lambda: self.now,
        )

    async def measure(self, target: Target, addresses: tuple[str, ...]) -> Measurement:
        self.begun.append(target.host)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        if self.error is not None:
            raise self.error
        return Measurement(
            id=f"{target.host}-{len(self.begun)}",
            run_id=None,
            target=target,
            vantage=Vantage(name="here"),
            started_at=datetime(2026, 11, 24, tzinfo=UTC),
            runtime=0.1,
            observations=(),
            bodies={"x": b"large"},
            certificates={"y": b"large"},
        )

    async def ask(self, host: str, *addresses: str) -> Answer:
        future = self.cache.ask(named(host), addresses)
        await asyncio.wait((future,))
        return future.result()


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await body()

    asyncio.run(whole())


def test_one_under_way_is_shared_and_outlives_who_asked_first() -> None:
    async def body() -> None:
        ground = Ground()
        async with ground.cache.running():
            first = asyncio.create_task(ground.ask("a"))
            others = [asyncio.create_task(ground.ask("a")) for _ in range(5)]
            await asyncio.sleep(0)
            first.cancel()
            with suppress(asyncio.CancelledError):
                await first
            ground.gate.set()
            answers = await asyncio.gather(*others)
        assert ground.begun == ["a"]
        assert {answer.id for answer in answers if isinstance(answer, Measurement)} == {"a-1"}
        assert (ground.cache.made, ground.cache.hits, ground.cache.in_flight) == (1, 5, 0)

    run(body)


def test_the_order_of_addresses_does_not_matter_and_the_addresses_do() -> None:
    async def body() -> None:
        ground = Ground()
        ground.gate.set()
        async with ground.cache.running():
            for addresses in [("1", "2"), ("2", "1"), ("1",), ()]:
                await ground.ask("a", *addresses)
        assert len(ground.begun) == 3

    run(body)


@pytest.mark.parametrize(("later", "begun"), [(299.0, 1), (300.0, 2)])
def test_fresh_for_so_long_and_no_longer(later: float, begun: int) -> None:
    async def body() -> None:
        ground = Ground()
        ground.gate.set()
        async with ground.cache.running():
            await ground.ask("a")
            ground.now = later
            await ground.ask("a")
        assert len(ground.begun) == begun

    run(body)


def test_the_oldest_makes_room() -> None:
    async def body() -> None:
        ground = Ground(kept=2)
        ground.gate.set()
        async with ground.cache.running():
            for host in "abcd":
                await ground.ask(host)
            assert len(ground.cache._kept) <= 3
            await ground.ask("d")
            await ground.ask("a")
        assert ground.begun == ["a", "b", "c", "d", "a"]

    run(body)


def test_bodies_and_certificates_are_not_kept() -> None:
    async def body() -> None:
        ground = Ground()
        ground.gate.set()
        async with ground.cache.running():
            answer = await ground.ask("a")
        assert isinstance(answer, Measurement)
        assert (answer.bodies, answer.certificates) == ({}, {})

    run(body)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(HostExhaustedError("EMFILE"), "no descriptors"), (ZeroDivisionError("a bug"), "this control failed")],
)
def test_an_error_of_its_own_is_told_and_never_kept(error: Exception, reason: str) -> None:
    async def body() -> None:
        ground = Ground(error=error)
        ground.gate.set()
        async with ground.cache.running():
            answers = [await ground.ask("a"), await ground.ask("a")]
        assert all(isinstance(answer, Unmeasured) and reason in answer.reason for answer in answers)
        assert len(ground.begun) == 2

    run(body)


def test_only_so_many_run_at_once() -> None:
    async def body() -> None:
        ground = Ground(running=3)
        async with ground.cache.running():
            futures = [ground.cache.ask(named(f"host{n}"), ()) for n in range(20)]
            assert ground.cache.in_flight == 20
            await asyncio.sleep(0)
            ground.gate.set()
            await asyncio.wait(futures)
        assert ground.most_at_once == 3
        assert len(ground.begun) == 20

    run(body)


def test_stopping_tells_all_who_wait_even_those_not_begun() -> None:
    async def body() -> None:
        ground = Ground()
        async with ground.cache.running():
            begun = ground.cache.ask(named("a"), ())
            await asyncio.sleep(0)
            futures = [begun, ground.cache.ask(named("b"), ())]
        futures.append(ground.cache.ask(named("c"), ()))
        for future in futures:
            answer = future.result()
            assert isinstance(answer, Unmeasured)
            assert "stopping" in answer.reason
        assert ground.cache.in_flight == 0

    run(body)
