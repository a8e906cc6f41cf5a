"""What is shared, how long it is kept, and what is never kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from probe.control.cache import Answer, Measurements, Unmeasured
from probe.control.keeping import Newest, size_of
from probe.control.merging import merged
from probe.failure import Failure
from probe.identity import new_id
from probe.model import HttpDetail, Measurement, Observation, Scheme, Target, TcpDetail, Vantage
from probe.steps.errors import HostExhaustedError

OWN = "192.31.196.1"
"""The address that every name has here."""


def named(host: str) -> Target:
    return Target(scheme=Scheme.TLS, host=host, port=443)


class Ground:
    """Counts measurements; the clock stands still until it is set."""

    def __init__(
        self,
        *,
        error: Exception | None = None,
        failure: Failure | None = None,
        ttl: float = 300,
        kept: int = 100,
        running: int = 10,
    ) -> None:
        self.now = 0.0
        self.error = error
        self.failure = failure
        self.begun: list[str] = []
        """The host, and the address where it is an additional one."""
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

    async def measure(self, target: Target, address: str | None) -> Measurement:
        self.begun.append(target.host if address is None else f"{target.host} {address}")
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        if self.error is not None:
            raise self.error
        return Measurement(
            id=new_id(datetime(2026, 11, 24, tzinfo=UTC)),
            run_id=None,
            target=target,
            vantage=Vantage(name="here"),
            started_at=datetime(2026, 11, 24, tzinfo=UTC),
            runtime=0.1,
            observations=(
                Observation(
                    id=1,
                    started=0,
                    runtime=0.1,
                    failure=self.failure,
                    detail=TcpDetail(address=address or OWN, port=443),
                ),
            ),
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
        assert len({answer.id for answer in answers if isinstance(answer, Measurement)}) == 1
        assert (ground.cache.made, ground.cache.hits, ground.cache.in_flight) == (1, 5, 0)

    run(body)


def at(answer: Answer) -> list[str]:
    """Where a measurement tried its target."""
    assert isinstance(answer, Measurement)
    assert [row.id for row in answer.observations] == list(range(1, len(answer.observations) + 1))
    return [row.detail.address for row in answer.observations if isinstance(row.detail, TcpDetail)]


def test_additional_addresses_share_the_main_measurement_and_each_is_looked_at_once() -> None:
    async def body() -> None:
        ground = Ground()
        ground.gate.set()
        async with ground.cache.running():
            asked = [("1", "2"), ("2", "1"), ("1",), (), ("2", "3"), (OWN,), (OWN, "3")]
            answers = [await ground.ask("a", *addresses) for addresses in asked]
        assert ground.begun == ["a", "a 1", "a 2", "a 3"]
        assert (ground.cache.made, ground.cache.addresses, ground.cache.hits) == (1, 3, 6)
        assert [set(at(answer)) for answer in answers] == [{OWN, *addresses} for addresses in asked]
        ids = [answer.id for answer in answers if isinstance(answer, Measurement)]
        assert ids[0] == ids[1], "the same parts make the same measurement"
        assert ids[3] == ids[5], "an address that was tried anyway adds nothing"
        assert len({ids[n] for n in (0, 2, 3, 4, 6)}) == 5, "other rows are another measurement"

    run(body)


def test_additional_addresses_are_shared_while_under_way() -> None:
    async def body() -> None:
        ground = Ground()
        async with ground.cache.running():
            asking = [asyncio.create_task(ground.ask("a", *each)) for each in (("1",), ("1", "2"), (), ("2",)) * 5]
            for _ in range(5):
                await asyncio.sleep(0)
            assert ground.begun == ["a"], "the addresses wait until it is known which ones are tried anyway"
            ground.gate.set()
            await asyncio.gather(*asking)
        assert sorted(ground.begun) == ["a", "a 1", "a 2"]

    run(body)


def test_a_name_alone_is_at_no_address() -> None:
    async def body() -> None:
        ground = Ground()
        ground.gate.set()
        async with ground.cache.running():
            await asyncio.wait((ground.cache.ask(Target(scheme=Scheme.DNS, host="a", port=None), ("1",)),))
        assert ground.begun == ["a"]

    run(body)


def test_an_address_that_could_not_be_looked_at_is_left_out() -> None:
    async def body() -> None:
        ground = Ground()
        ground.gate.set()
        async with ground.cache.running():
            await ground.ask("a")
            ground.error = ZeroDivisionError("a bug")
            assert at(await ground.ask("a", "1")) == [OWN]
            ground.error = None
            assert at(await ground.ask("a", "1")) == [OWN, "1"]

    run(body)


def test_an_address_that_takes_too_long_holds_nobody_up() -> None:
    async def body() -> None:
        ground = Ground()
        ground.cache.deadline = 0.2
        ground.gate.set()
        async with ground.cache.running():
            await ground.ask("a")
            ground.gate.clear()
            assert at(await ground.ask("a", "1")) == [OWN]

    run(body)


def test_what_is_put_together_counts_from_its_own_beginning() -> None:
    def measured(second: int, *rows: Observation) -> Measurement:
        moment = datetime(2026, 11, 24, second=second, tzinfo=UTC)
        return Measurement(
            id=new_id(moment),
            run_id=None,
            target=named("a"),
            vantage=Vantage(name="here"),
            started_at=moment,
            runtime=2.0,
            observations=rows,
        )

    def row(number: int, started: float, address: str) -> Observation:
        return Observation(id=number, started=started, runtime=0.5, detail=TcpDetail(address=address, port=443))

    main = measured(10, row(1, 0.0, OWN), row(2, 1.0, OWN))
    before, after = measured(4, row(1, 0.25, "1")), measured(40, row(1, 0.5, "2"))
    whole = merged(main, [after, before])
    assert (whole.started_at, whole.runtime) == (before.started_at, 38.0)
    assert [(r.id, r.started, getattr(r.detail, "address", "")) for r in whole.observations] == [
        (1, 0.25, "1"),
        (2, 6.0, OWN),
        (3, 7.0, OWN),
        (4, 36.5, "2"),
    ]
    assert whole.id == merged(main, [before, after]).id != main.id
    assert whole.id[:13] == main.id[:13], "sorted by time where the main measurement is"
    assert merged(main, []) == merged(main, [measured(20)]) == main


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


@pytest.mark.parametrize(("later", "begun"), [(9.0, 1), (10.0, 2)])
def test_what_did_not_answer_in_time_is_soon_measured_again(later: float, begun: int) -> None:
    async def body() -> None:
        ground = Ground(failure=Failure.GENERIC_TIMEOUT)
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


def test_large_ones_make_room_sooner() -> None:
    newest: Newest[str, bytes] = Newest(most=100, most_bytes=100, size=len)
    for name in "abc":
        newest.put(name, bytes(40))
    assert (newest.get("a"), newest.held, len(newest)) == (None, 80, 2)
    newest.put("b", bytes(10))  # in place of what was there, and the newest now
    newest.put("d", bytes(60))
    assert (newest.get("c"), newest.held) == (None, 70)
    assert newest.made("d", lambda: b"") == bytes(60)
    newest.put("e", bytes(101))
    assert (newest.get("e"), newest.held, len(newest)) == (None, 0, 0)


def test_the_size_of_a_measurement_counts_what_a_server_wrote() -> None:
    small, large = (HttpDetail(address=OWN, port=80, url="x", headers=(("x", "y" * n),)) for n in (0, 60_000))
    moment = datetime(2026, 11, 24, tzinfo=UTC)

    def size(detail: HttpDetail) -> int:
        return size_of(
            Measurement(
                id="m",
                run_id=None,
                target=named("a"),
                vantage=Vantage(name="here"),
                started_at=moment,
                runtime=1,
                observations=(Observation(id=1, started=0, runtime=1, detail=detail),),
            )
        )

    assert size(large) - size(small) == 60_000


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
            futures = [begun, ground.cache.ask(named("b"), ()), ground.cache.ask(named("a"), ("1",))]
        futures += [ground.cache.ask(named("c"), ()), ground.cache.ask(named("a"), ("1",))]
        for future in futures:
            answer = future.result()
            assert isinstance(answer, Unmeasured)
            assert "stopping" in answer.reason
        assert ground.cache.in_flight == 0

    run(body)
