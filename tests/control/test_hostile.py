"""Asking what is no control, or one that is broken or hostile: bounded, and never more than a sentence."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme

from probe.control.asking import MOST_PROBLEMS
from probe.control.client import ControlClient
from probe.control.wire import MOST_LINE_BYTES
from probe.model import Measurement
from tests.control.test_client import page
from tests.control.test_wire import measurement, measurement_line


def line(target: str, identity: str = "m1") -> bytes:
    row = json.loads(measurement_line(measurement()))
    return json.dumps({**row, "target": target, "measurement_id": identity}).encode() + b"\n"


Peer = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One connection as a hostile control has it, after the request was read."""

    number: int
    path: str
    headers: str
    body: dict[str, Any]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def asks(self) -> list[dict[str, Any]]:
        return list(self.body["targets"])

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def begin(self, status: str = "200 OK", *headers: str) -> None:
        """The start of an answer that ends with the connection."""
        kinds = ["Content-Type: application/x-ndjson"] if status.startswith("200") else []
        await self.send("\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *kinds, *headers, "", ""]).encode())


@dataclass
class Log:
    """What a hostile control was asked."""

    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list)


@asynccontextmanager
async def hostile(peer: Peer, context: ssl.SSLContext | None = None) -> AsyncIterator[Log]:
    """A control on loopback that does with each request what `peer` does."""
    log, tasks = Log(), []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next((int(row.split(":")[1]) for row in head.splitlines() if "content-length" in row.lower()), 0)
            body = json.loads(await reader.readexactly(length) or b'{"targets": []}')
            exchange = Exchange(len(log.exchanges), head.split()[1], head, body, reader, writer)
            log.exchanges.append(exchange)
            await peer(exchange)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    log.url = f"http{'s' if context else ''}://127.0.0.1:{port}"
    async with server:
        yield log
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def dies_at_once(exchange: Exchange) -> None:
    pass


async def resets(exchange: Exchange) -> None:
    sock = exchange.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


async def dies_in_the_middle_of_a_line(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.send(line(exchange.asks[0]["target"]) + line(exchange.asks[1]["target"])[:100])


async def breaks_off_a_chunk(exchange: Exchange) -> None:
    await exchange.begin("200 OK", "Transfer-Encoding: chunked")
    first = line(exchange.asks[0]["target"])
    await exchange.send(f"{len(first):x}\r\n".encode() + first + b"\r\nffff\r\nxx")


async def ends_early(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.send(line(exchange.asks[0]["target"]))


async def hangs_after_a_line(exchange: Exchange) -> None:
    await ends_early(exchange)
    await asyncio.sleep(3600)


async def sends_garbage_after_a_line(exchange: Exchange) -> None:
    await ends_early(exchange)
    await exchange.send(b"\x00\xff garbage\n" * 10)
    await exchange.send(line(exchange.asks[1]["target"]))


async def sends_a_line_without_end(exchange: Exchange) -> None:
    await ends_early(exchange)
    while True:
        await exchange.send(b"x" * 65_536)


async def answers_for_others(exchange: Exchange) -> None:
    await ends_early(exchange)
    while True:
        await exchange.send(line("http://another.test/") * 20)


async def sends_too_large_a_line(exchange: Exchange) -> None:
    await ends_early(exchange)
    row = {"target": exchange.asks[1]["target"], "error": "x" * MOST_LINE_BYTES}
    await exchange.send(json.dumps(row).encode() + b"\n")


FIRST_ONLY = {
    dies_in_the_middle_of_a_line: "ended its answer",
    breaks_off_a_chunk: "broke off",
    ends_early: "ended its answer",
    hangs_after_a_line: "in time",
    sends_garbage_after_a_line: "bad answer",
    sends_a_line_without_end: "bad answer",
    answers_for_others: "",
    sends_too_large_a_line: "bad answer",
}


@pytest.mark.parametrize("peer", FIRST_ONLY)
def test_what_came_before_it_went_wrong_is_kept(peer: Peer) -> None:
    async def body() -> None:
        async with hostile(peer) as control, ControlClient(control.url, deadline=2) as client:
            answers = await asyncio.gather(client.measure(page("/1")), client.measure(page("/2")))
            assert isinstance(answers[0], Measurement)
            assert answers[0].target == page("/1")
            assert answers[1] is None
            assert any(FIRST_ONLY[peer] in problem for problem in client.problems)

    asyncio.run(body())


async def hangs(exchange: Exchange) -> None:
    await asyncio.sleep(3600)


async def is_no_http(exchange: Exchange) -> None:
    await exchange.send(b"SSH-2.0-OpenSSH_9.6\r\n" * 10)


async def is_a_web_page(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>Log in</html>")


async def redirects(exchange: Exchange) -> None:
    await exchange.begin("302 Found", "Location: /elsewhere")


async def wants_a_token(exchange: Exchange) -> None:
    await exchange.begin("401 Unauthorized")
    await exchange.send(b'{"error": "a \\u001b[31mtoken, please"}')


async def fails(exchange: Exchange) -> None:
    await exchange.begin("500 Internal Server Error")
    while True:
        await exchange.send(b"x" * 65_536)


async def is_busy_for_ever(exchange: Exchange) -> None:
    await exchange.begin("503 Service Unavailable", "Retry-After: 1")


async def is_busy_with_no_end_in_sight(exchange: Exchange) -> None:
    await exchange.begin("503 Service Unavailable", "Retry-After: Wed, 21 Oct 2099 07:28:00 GMT")


async def is_compressed(exchange: Exchange) -> None:
    await exchange.begin("200 OK", "Content-Encoding: gzip")
    await exchange.send(gzip.compress(line(page().name)))


async def has_endless_headers(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await exchange.send(b"X-More: more\r\n" * 1000)


NOTHING = {
    dies_at_once: "broke off",
    resets: "cannot be asked",
    hangs: "in time",
    is_no_http: "does not speak HTTP",
    is_a_web_page: "not a control's answer",
    redirects: "status 302",
    wants_a_token: "token, please",
    fails: "status 500",
    is_busy_for_ever: "too busy",
    is_busy_with_no_end_in_sight: "too busy",
    is_compressed: "bad answer",
    has_endless_headers: "does not speak HTTP",
}


@pytest.mark.parametrize("peer", NOTHING)
def test_nothing_comes_of_it_but_a_sentence(peer: Peer) -> None:
    async def body() -> None:
        async with hostile(peer) as control, ControlClient(control.url, deadline=1.5) as client:
            assert await client.measure(page()) is None
            assert await client.describe() is None
            assert any(NOTHING[peer] in problem for problem in client.problems), client.problems
            assert all(problem.isprintable() and control.url in problem for problem in client.problems)
            assert all(exchange.path in ("/v1/measure", "/healthz") for exchange in control.exchanges)

    asyncio.run(body())


def test_a_control_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]

    async def body() -> None:
        async with ControlClient(f"http://127.0.0.1:{port}") as client:
            assert await client.measure(page()) is None
            assert await client.describe() is None
            (problem,) = client.problems
            assert "cannot be connected to" in problem

    asyncio.run(body())


def test_of_two_lines_for_one_target_the_first_counts() -> None:
    async def peer(exchange: Exchange) -> None:
        await exchange.begin()
        one, two = (ask["target"] for ask in exchange.asks)
        await exchange.send(line(one, "first") + line(one, "second") + line(two, "other"))

    async def body() -> None:
        async with hostile(peer) as control, ControlClient(control.url) as client:
            answers = await asyncio.gather(client.measure(page("/1")), client.measure(page("/2")))
            assert [answer.id if answer else None for answer in answers] == ["first", "other"]

    asyncio.run(body())


def test_a_line_that_comes_in_single_bytes_is_read() -> None:
    async def peer(exchange: Exchange) -> None:
        await exchange.begin()
        for byte in line(exchange.asks[0]["target"]):
            await exchange.send(bytes([byte]))

    async def body() -> None:
        async with hostile(peer) as control, ControlClient(control.url) as client:
            assert await client.measure(page()) is not None

    asyncio.run(body())


def test_nothing_is_remembered_and_no_more_than_needed_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def peer(exchange: Exchange) -> None:
        await exchange.begin("200 OK", "Set-Cookie: who=you; Path=/")
        await exchange.send(line(exchange.asks[0]["target"]))

    async def body() -> None:
        async with hostile(peer) as control, ControlClient(control.url) as client:
            addresses = [
                "2001:4860:0:0::8888",
                "2001:4860::8888",
                "fe80::1%eth0",
                *(f"192.31.196.{n}" for n in range(9)),
            ]
            assert await client.measure(page("/1"), addresses) is not None
            assert await client.measure(page("/2")) is not None
            first, second = control.exchanges
            assert first.asks == [
                {"target": page("/1").name, "addresses": ["2001:4860::8888", *(f"192.31.196.{n}" for n in range(7))]}
            ]
            assert "cookie" not in second.headers.lower()
            assert "accept-encoding: identity" in second.headers.lower()
            assert "a-service" not in str(control.exchanges)

    asyncio.run(body())


def test_https_with_roots_of_the_callers() -> None:
    authority = trustme.CA()
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)

    async def body() -> None:
        async with hostile(ends_early, theirs) as control:
            async with ControlClient(control.url, verify=ours) as client:
                assert await client.measure(page()) is not None
            async with ControlClient(control.url) as client:
                assert await client.measure(page()) is None
                assert "cannot be connected to" in client.problems[0]

    asyncio.run(body())


def test_problems_are_bounded_and_distinct() -> None:
    async def peer(exchange: Exchange) -> None:
        await exchange.begin()
        for number, ask in enumerate(exchange.asks):
            await exchange.send(
                json.dumps({"target": ask["target"], "error": f"because {number // 2}"}).encode() + b"\n"
            )

    async def body() -> None:
        async with hostile(peer) as control, ControlClient(control.url) as client:
            await asyncio.gather(*(client.measure(page(f"/{n}")) for n in range(90)))
            assert len(client.problems) == len(set(client.problems)) == MOST_PROBLEMS

    asyncio.run(body())


def test_leaving_ends_everything_and_keeps_the_callers_own_error() -> None:
    async def body() -> None:
        asking: list[asyncio.Task[Measurement | None]] = []

        async def leave() -> None:
            async with ControlClient(control.url) as client:
                asking.extend(asyncio.create_task(client.measure(page(f"/{n}"))) for n in range(150))
                await asyncio.sleep(0.1)
                asking.append(asyncio.create_task(client.measure(page("/late"))))
                await asyncio.sleep(0)
                raise ZeroDivisionError

        before = asyncio.all_tasks()
        async with hostile(hangs) as control:
            with pytest.raises(ZeroDivisionError):
                await leave()
            assert await asyncio.gather(*asking) == [None] * 151
        await asyncio.sleep(0.05)
        assert asyncio.all_tasks() == before

    asyncio.run(body())


def test_leaving_before_anything_was_sent_leaves_nobody_waiting() -> None:
    async def body() -> None:
        async with hostile(hangs) as control:
            async with ControlClient(control.url) as client:
                asking = [asyncio.create_task(client.measure(page(f"/{n}"))) for n in range(100)]
                await asyncio.sleep(0)
            assert await asyncio.gather(*asking) == [None] * 100

    asyncio.run(body())


@pytest.mark.parametrize(
    "url", ["", "control.example", "ftp://a.test", "http://", "http://a.test/?b", "http://a.test:x"]
)
def test_a_url_that_cannot_be_one_of_a_control(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL of a control"):
        ControlClient(url)
