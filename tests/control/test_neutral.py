"""Neutral ground: the same answer under every name, whatever its clients do; and how it is announced."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from probe.control import neutral
from probe.control.client import ControlClient
from probe.control.neutral import MOST_BYTES, NeutralPort
from probe.control.wire import NEUTRAL_TEXT, Description, NeutralGround, WireError, read_health
from probe.model import Vantage
from tests.control.test_hostile import Exchange, hostile

NAMES = ("line.me", "blocked.example", "xn--d1acpjx3f.xn--p1ai", "a" * 60 + ".example", None)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def ground(*, secure: bool, seconds: float = 10.0) -> AsyncIterator[NeutralPort]:
    port = NeutralPort.open("127.0.0.1", 0, secure=secure)
    port.seconds = seconds
    task = asyncio.create_task(port.serve())
    try:
        yield port
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        port.sock.close()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - the port has no event for tests
        await asyncio.sleep(0.01)


async def connect(port: NeutralPort, name: str | None = None, *, plain: bool = False) -> Streams:
    context = None
    if port.context is not None and not plain:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2", "http/1.1"])
    place = port.sock.getsockname()
    return await asyncio.open_connection(*place, ssl=context, server_hostname=(name or "") if context else None)


async def answer(port: NeutralPort, name: str) -> bytes:
    reader, writer = await connect(port, name)
    writer.write(f"GET /any?thing HTTP/1.1\r\nHost: {name}\r\nUser-Agent: x\r\n\r\n".encode())
    read = await reader.read()
    writer.close()
    return read


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_answered_alike(secure: bool, name: str | None) -> None:
    async def body() -> None:
        async with ground(secure=secure) as port:
            head, _, text = (await answer(port, name or "")).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert text == NEUTRAL_TEXT

    asyncio.run(body())


def test_the_certificate_is_the_one_that_is_announced() -> None:
    async def body() -> None:
        async with ground(secure=True) as port:
            shown = set()
            for name in NAMES:
                _, writer = await connect(port, name)
                session = writer.get_extra_info("ssl_object")
                shown.add(hashlib.sha256(session.getpeercert(binary_form=True)).hexdigest())
                assert session.selected_alpn_protocol() == "http/1.1"
                writer.close()
            assert shown == {port.ground.certificate_sha256}

    asyncio.run(body())


def test_a_loopback_address_is_not_announced_and_a_port_is() -> None:
    async def body() -> None:
        async with ground(secure=False) as port:
            number = port.sock.getsockname()[1]
            assert port.ground == NeutralGround(address=None, port=number, certificate_sha256=None)

    asyncio.run(body())


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    assert await reader.read() == b""


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while not reader.at_eof():
        writer.write(b"x")
        await writer.drain()
        with suppress(TimeoutError):
            assert await asyncio.wait_for(reader.read(1), 0.02) == b""


async def never_ends_its_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET / HTTP/1.1\r\n" + b"X-More: more\r\n" * (MOST_BYTES // 10))
    assert await reader.read() == b""


async def speaks_something_else(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff" * 20_000)
    assert b"HTTP" not in await reader.read()


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def leaves_in_the_middle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x16\x03\x01\x02\x00\x01" if writer.get_extra_info("ssl_object") is None else b"GET /")
    await writer.drain()


Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CLIENTS = (says_nothing, drips, never_ends_its_head, speaks_something_else, resets, leaves_in_the_middle)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("secure", "plain"), [(True, False), (True, True), (False, True)])
def test_a_hostile_client_ends_with_its_connection(client: Client, secure: bool, plain: bool) -> None:
    async def body() -> None:
        unhandled: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: unhandled.append(context))
        async with ground(secure=secure, seconds=0.3) as port:
            for _ in range(3):
                reader, writer = await connect(port, "line.me", plain=plain)
                with suppress(OSError):
                    await client(reader, writer)
                writer.close()
            assert (await answer(port, "line.me")).endswith(NEUTRAL_TEXT)
            await until(lambda: not port._open)
        assert unhandled == []

    asyncio.run(body())


def test_only_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neutral, "MOST_CONNECTIONS", 5)

    async def body() -> None:
        async with ground(secure=False) as port:
            held = [await connect(port) for _ in range(5)]
            await until(lambda: len(port._open) == 5)
            reader, writer = await connect(port)
            assert await reader.read() == b""
            writer.close()
            for _, one in held:
                one.close()
            await until(lambda: not port._open)
            assert (await answer(port, "line.me")).endswith(NEUTRAL_TEXT)

    asyncio.run(body())


def test_ending_it_ends_its_connections() -> None:
    async def body() -> None:
        async with ground(secure=False) as port:
            reader, writer = await connect(port)
            await until(lambda: bool(port._open))
        assert await reader.read() == b""
        assert not port._open
        writer.close()

    asyncio.run(body())


SHA = "ab" * 32
VANTAGE = {"name": "lab", "country": "NL", "asn": 64500, "network": None}
TLS = {"address": None, "port": 443, "certificate_sha256": SHA}
HTTP = {"address": "192.31.196.9", "port": 80, "certificate_sha256": None}


def health(**more: Any) -> bytes:
    return json.dumps({"status": "ok", "vantage": VANTAGE, "neutral_tls": TLS, "neutral_http": HTTP, **more}).encode()


def test_what_is_announced_is_read() -> None:
    assert read_health(health(), "192.52.193.66") == Description(
        vantage=Vantage(name="lab", country="NL", asn=64500),
        neutral_tls=NeutralGround(address="192.52.193.66", port=443, certificate_sha256=SHA),
        neutral_http=NeutralGround(address="192.31.196.9", port=80),
        reached_at="192.52.193.66",
    )
    assert read_health(health(neutral_tls=None, neutral_http=None), None).neutral_tls is None


@pytest.mark.parametrize(
    "more",
    [
        {"neutral_tls": TLS | {"certificate_sha256": None}},
        {"neutral_tls": TLS | {"certificate_sha256": "xy" * 32}},
        {"neutral_tls": TLS | {"port": 0}},
        {"neutral_tls": TLS | {"port": 65_536}},
        {"neutral_tls": TLS | {"port": "443"}},
        {"neutral_tls": TLS | {"address": "10.0.0.1"}},
        {"neutral_tls": TLS | {"address": "127.0.0.1"}},
        {"neutral_tls": TLS | {"address": "line.me"}},
        {"neutral_tls": [443]},
        {"neutral_tls": {}},
        {"neutral_http": HTTP | {"certificate_sha256": SHA}},
        {"neutral_http": HTTP | {"address": "::ffff:10.0.0.1"}},
        {"neutral_http": 80},
    ],
)
def test_nowhere_else_is_a_client_sent(more: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        read_health(health(**more), "192.52.193.66")


def test_a_client_is_told_the_address_at_which_it_found_the_control_and_asks_once() -> None:
    async def peer(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.send(health())

    async def body() -> None:
        async with hostile(peer) as control, ControlClient(control.url) as client:
            said = [*await asyncio.gather(client.describe(), client.describe()), await client.describe()]
            assert said[0] is not None
            assert said[0].neutral_tls == NeutralGround(address="127.0.0.1", port=443, certificate_sha256=SHA)
            assert said[0] == said[1] == said[2]
            assert len(control.exchanges) == 1

    asyncio.run(body())


def test_a_bad_announcement_is_a_sentence() -> None:
    async def peer(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.send(health(neutral_tls=TLS | {"address": "192.168.1.1"}))

    async def body() -> None:
        async with hostile(peer) as control, ControlClient(control.url) as client:
            assert await client.describe() is None
            assert "no public address" in client.problems[0]

    asyncio.run(body())
