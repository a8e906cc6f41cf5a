"""Those who misuse a control, and one who does not: raw clients, each with its own way.

Law: a client takes an address, goes on until it is told to stop, and tells what it was answered: counts by status.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.control.world import METADATA, OTHER, PRIVATE, REBINDING, REDIRECTS, SITE

PATH = "/v1/measure"
_PIPELINED = 40
_PATIENCE = 120.0
"""Seconds that an honest client waits: the tests may run on a machine that has much else to do."""
_STATUS = b"HTTP/1.1 "


@dataclass(slots=True, kw_only=True)
class Told:
    """What one kind of client was told."""

    statuses: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    slowest: float = 0.0
    """Seconds until an answer was there, of those who wait for each."""
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the control is."""

    host: str
    port: int


Client = Callable[[Place, Told], Awaitable[None]]


def request(body: bytes, *headers: str, path: str = PATH, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: control", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def ask(*targets: str, addresses: tuple[str, ...] = ()) -> bytes:
    return json.dumps({"targets": [{"target": each, "addresses": list(addresses)} for each in targets]}).encode()


# Addresses that must not be connected to, however they are spelled, and ports at which nothing is to be done.
FORBIDDEN: tuple[str, ...] = (
    *(f"http://{name}.test/" for name in ("private", "loopback", "mapped", "nat64", "sixtofour", "twin")),
    *(f"http://site.test{path}" for path in REDIRECTS if path != "/to-other"),
    *(f"http://{REBINDING}/?{number}" for number in range(8)),
    *(f"http://{address}/" for address in (PRIVATE, METADATA, "127.0.0.1", "0.0.0.0", "[::1]", "[::]")),
    f"http://[::ffff:{PRIVATE}]/",
    "http://[::ffff:a09:909]/",
    "http://[64:ff9b::a09:909]/",
    "http://[2002:a09:909::1]/",
    "http://[fe80::1%25lo]/",
    "http://0251.0376.0251.0376/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://0177.0.0.01/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://localhost/",
    "http://site.test@127.0.0.1/",
    "http://127.0.0.1#@site.test/",
    *(f"tcp://site.test:{port}" for port in (22, 23, 25, 53, 465, 587, 3306, 5432, 6379, 11211)),
    f"udp://{OTHER}:53",
    "udp://calls.test:53",
)
_MANY = ask(*FORBIDDEN, addresses=(PRIVATE, METADATA, "127.0.0.1", f"::ffff:{PRIVATE}", "64:ff9b::a09:909"))
_HONEST = ask("http://site.test/honest")

GIANT: dict[str, bytes] = {
    "nested": request(b"[" * 200_000),
    "nested objects": request(b'{"targets":' * 20_000),
    "many targets": request(ask(*("https://site.test/",) * 501)),
    "many words": request(json.dumps({"targets": [{"target": "x" * 250_000}]}).encode()),
    "long numbers": request(b'{"targets": ' + b"9" * 200_000 + b"}"),
    "too long": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n" + b" " * 400_000,
    "endless chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n90000\r\n" + b" " * 400_000,
    "long head": b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000,
    "many heads": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000,
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "smuggled": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /",
    "wrong token": request(_HONEST, "Authorization: Bearer wrong"),
    "helper": request(b'{"http_request": "http://169.254.169.254/", "tcp_connect": ["10.9.9.9:80"]}', path="/"),
    "helper by name": request(b'{"http_request": "http://private.test/", "tcp_connect": ["127.0.0.1:80"]}', path="/"),
    "no path": request(b"", path="/" + "a" * 8000, method="GET"),
    "garbage": bytes(range(256)) * 100,
}


async def flood(place: Place, told: Told) -> None:
    """As many requests as will go, a few dozen at a time without waiting for the answers."""
    kinds = [
        request(b"", path="/healthz", method="GET"),
        request(ask(f"http://{PRIVATE}/")),
        request(b"not JSON"),
        request(b"{}", path="/nothing"),
    ]
    batch = b"".join(kinds * (_PIPELINED // len(kinds)))
    while True:
        with suppress(OSError, EOFError):
            reader, writer = await _connect(place, told)
            try:
                while True:
                    writer.write(batch)
                    await _count(reader, told, _PIPELINED)
            finally:
                writer.close()


async def _count(reader: asyncio.StreamReader, told: Told, most: int) -> None:
    """Counts so many answers by their status."""
    seen, left = 0, b""
    while seen < most:
        data = await reader.read(1 << 16)
        if not data:
            raise EOFError
        pieces = (left + data).split(_STATUS)
        for piece in pieces[1:]:
            told.statuses[piece[:3].decode("ascii", "replace")] += 1
            seen += 1
        left = (left + data)[-(len(_STATUS) + 3) :] if len(pieces) == 1 else b""


async def _connect(place: Place, told: Told) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    told.connections += 1
    return await asyncio.open_connection(place.host, place.port)


async def slow(place: Place, told: Told) -> None:
    """A request that never ends, a byte at a time; or nothing at all; or an answer that is never read."""
    while True:
        with suppress(OSError, EOFError):
            reader, writer = await _connect(place, told)
            try:
                match random.randrange(4):
                    case 0:
                        data = request(_HONEST)
                    case 1:
                        data = b"POST /v1/measure HTTP/1.1\r\nX: " + b"x" * 4000
                    case 2:
                        writer.write(request(_MANY))
                        await asyncio.sleep(30)
                        continue
                    case _:
                        data = b""
                for byte in data:
                    writer.write(bytes((byte,)))
                    await writer.drain()
                    if reader.at_eof():
                        break
                    await asyncio.sleep(2)
                await asyncio.wait_for(reader.read(), 30)
            finally:
                writer.close()


async def giant(place: Place, told: Told) -> None:
    """What is too long, too deep, or no request, one after the other."""
    while True:
        for data in GIANT.values():
            with suppress(OSError, EOFError, TimeoutError):
                reader, writer = await _connect(place, told)
                try:
                    writer.write(data)
                    writer.write_eof()
                    answer = await asyncio.wait_for(reader.read(1 << 16), 15)
                    if answer:
                        told.statuses[answer.removeprefix(_STATUS)[:3].decode("ascii", "replace")] += 1
                finally:
                    writer.close()


async def forbidden(place: Place, told: Told) -> None:
    """All that must not be connected to, again and again."""
    while True:
        with suppress(OSError, EOFError):
            for line in await _exchange(place, told, request(_MANY, "Connection: close")):
                rows = line.get("observations", ())
                told.wrong += [
                    f"{line['target']}: {row.get('address')}:{row.get('port')}"
                    for row in rows
                    if row["step"] != "dns" and row.get("address") not in (SITE, OTHER)
                ]


async def honest(place: Place, told: Told) -> None:
    """Asks for one target, and waits for the answer."""
    while True:
        begun = time.monotonic()
        try:
            (line,) = await asyncio.wait_for(_exchange(place, told, request(_HONEST, "Connection: close")), _PATIENCE)
            if "observations" not in line:
                told.wrong.append(str(line.get("error")))
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            told.wrong.append(repr(error))
        told.slowest = max(told.slowest, time.monotonic() - begun)
        await asyncio.sleep(0.25)


async def _exchange(place: Place, told: Told, data: bytes) -> list[dict[str, object]]:
    """The lines of the answer. Raises what the network does, and ValueError for no answer."""
    reader, writer = await _connect(place, told)
    try:
        writer.write(data)
        answer = await reader.read(-1)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(_STATUS):
        raise ValueError("no answer")
    told.statuses[head[9:12].decode()] += 1
    return [json.loads(line) for line in body.splitlines() if line.startswith(b"{")]


CLIENTS: dict[str, tuple[Client, int]] = {
    "flood": (flood, 24),
    "slow": (slow, 1200),
    "giant": (giant, 4),
    "forbidden": (forbidden, 2),
    "honest": (honest, 1),
}
"""Each with how many of them there are."""
