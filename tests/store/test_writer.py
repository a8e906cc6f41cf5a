"""The thread in front of the store: what is put is on the disk when `put` returns, and errors come back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from probe.model import Result
from probe.store import Filter, Store, StoreError, Writer
from tests.store.examples import a_result, a_run


class Counting(Store):
    """Remembers the sizes of the transactions."""

    sizes: list[int]

    def add(self, results: Sequence[Result]) -> None:
        self.sizes.append(len(results))
        super().add(results)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Counting]:
    with Counting.open(tmp_path / "probe.sqlite") as store:
        store.sizes = []
        store.begin_run(a_run())
        yield store


def kept(store: Store) -> list[str]:
    return [result.measurement.id for result in store.results(Filter())]


def test_what_is_put_is_in_the_file_when_put_returns(store: Counting) -> None:
    async def put() -> None:
        async with Writer(store) as writer:
            for name in ("m-1", "m-2"):
                await writer.put(a_result(name))
                assert kept(store)[-1] == name

    asyncio.run(put())


def test_what_gathers_goes_in_batches_of_limited_size(store: Counting) -> None:
    async def put() -> None:
        async with Writer(store) as writer:
            await asyncio.gather(*(writer.put(a_result(f"m-{number:03}")) for number in range(350)))

    asyncio.run(put())
    assert kept(store) == [f"m-{number:03}" for number in range(350)]
    assert sum(store.sizes) == 350
    assert len(store.sizes) < 50
    assert max(store.sizes) <= 100


def test_the_event_loop_goes_on_while_the_disk_is_waited_for(store: Counting) -> None:
    other = sqlite3.connect(store.path, isolation_level=None)

    async def put() -> None:
        async with Writer(store) as writer:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.ensure_future(writer.put(a_result("m-1")))
            for _ in range(20):
                await asyncio.sleep(0.01)
            assert not waiting.done()
            other.execute("ROLLBACK")
            await waiting

    asyncio.run(put())
    other.close()
    assert kept(store) == ["m-1"]


def test_closing_waits_for_what_was_put(store: Counting) -> None:
    async def put() -> None:
        writer = Writer(store)
        async with writer:
            waiting = [asyncio.ensure_future(writer.put(a_result(f"m-{number}"))) for number in range(5)]
            await asyncio.sleep(0)
            waiting[0].cancel()
        await asyncio.gather(*waiting[1:])
        assert waiting[0].cancelled()
        await writer.close()
        with pytest.raises(StoreError, match="not running"):
            await writer.put(a_result("m-9"))

    asyncio.run(put())
    assert kept(store) == [f"m-{number}" for number in range(5)]


def test_a_result_that_cannot_be_stored_takes_no_other_with_it(store: Counting) -> None:
    async def put() -> list[BaseException | None]:
        writer = Writer(store)
        await writer.__aenter__()
        results = [a_result("m-0"), a_result("bad", run_id="nothing"), a_result("m-1"), a_result("m-2")]
        told = await asyncio.gather(*map(writer.put, results), return_exceptions=True)
        with pytest.raises(StoreError, match="FOREIGN KEY"):
            await writer.close()
        return told

    told = asyncio.run(put())
    assert [type(each) for each in told] == [type(None), StoreError, type(None), type(None)]
    assert kept(store) == ["m-0", "m-1", "m-2"]


def test_an_error_nobody_waited_for_is_told_at_the_end(store: Counting) -> None:
    async def put() -> None:
        async with Writer(store) as writer:
            waiting = asyncio.ensure_future(writer.put(a_result("m-1", run_id="nothing")))
            await asyncio.sleep(0)
            waiting.cancel()

    with pytest.raises(StoreError, match="FOREIGN KEY"):
        asyncio.run(put())


def test_the_first_error_is_not_hidden_by_the_end(store: Counting) -> None:
    async def put() -> None:
        async with Writer(store) as writer:
            with pytest.raises(StoreError):
                await writer.put(a_result("m-1", run_id="nothing"))
            raise LookupError("first")

    with pytest.raises(LookupError, match="first"):
        asyncio.run(put())


def test_a_closed_store_says_so(store: Counting) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.add([a_result("m-1")])
