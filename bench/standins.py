"""Servers in Python: those that answer late or not at all, and stand-ins where nginx or nsd is not installed.

`python -m bench.standins HOME web|names|late`
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
from ipaddress import IPv4Address
from pathlib import Path
from typing import ClassVar

from bench.ground import DEAD, HELD, RESOLVER, SLOW, WEB, WEB_H2
from bench.servers import BEHIND, HOLDER, PLACES

DELAY = 0.1
"""Seconds that the slow one takes for its answer."""
_TYPE_A = b"\x00\x01"


class _Page(asyncio.Protocol):
    """Answers each request with a page, after a delay."""

    def __init__(self, page: bytes, delay: float) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(page)}\r\n\r\n"
        self._answer, self._delay, self._heard = head.encode() + page, delay, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if self._heard.endswith(b"\r\n\r\n"):
            self._heard = b""
            asyncio.get_running_loop().call_later(self._delay, self._say)

    def _say(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._answer)


class _Holder(asyncio.Protocol):
    """Holds every request until the file `release` is there, and writes how many it holds into `held`."""

    waiting: ClassVar[set[_Holder]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.waiting.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.waiting.discard(self)


class _Names(asyncio.DatagramProtocol):
    """Answers for every name below a label of PLACES; denies every other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        end = data.index(b"\x00", 12) + 1
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].lower().decode())
            at += 1 + data[at]
        address = PLACES.get(labels[-2]) if len(labels) > 2 and labels[-1] == "example" else None
        answer = b""
        if address is not None and data[end : end + 2] == _TYPE_A:
            answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04" + IPv4Address(address).packed
        code = b"\x80" if address is not None else b"\x83"
        counts = b"\x00\x01" + (b"\x00\x01" if answer else b"\x00\x00") + b"\x00\x00\x00\x00"
        self._transport.sendto(data[:2] + b"\x85" + code + counts + data[12 : end + 4] + answer, sender)


async def _web(home: Path) -> None:
    loop, page = asyncio.get_running_loop(), (home / "www" / "index.html").read_bytes()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(home / "chain.pem", home / "key.pem")
    for address, delay in ((WEB, 0.0), (WEB_H2, 0.0), (SLOW, DELAY)):
        await loop.create_server(lambda d=delay: _Page(page, d), address, 80, backlog=4096)
        await loop.create_server(lambda d=delay: _Page(page, d), address, 443, ssl=context, backlog=4096)
    await loop.create_server(_Holder, HELD, 443, ssl=context, backlog=4096)
    await _hold(home)


async def _names(home: Path) -> None:
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((RESOLVER, 53))
    await loop.create_datagram_endpoint(_Names, sock=sock)
    await asyncio.start_server(lambda reader, writer: writer.close(), RESOLVER, 53)  # so that it can be waited for
    await asyncio.Event().wait()


def _play_dead() -> list[socket.socket]:
    """An address where nothing is answered and nothing refused: its queue is full, and nobody takes from it."""
    listening = socket.create_server((DEAD, 443), backlog=0)
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)
        each.connect_ex((DEAD, 443))
    return [listening, *waiting]


async def _late(home: Path) -> None:
    dead = _play_dead()
    assert dead, "it is dead as long as this lives"
    loop, page = asyncio.get_running_loop(), (home / "www" / "index.html").read_bytes()
    await loop.create_server(_Holder, "127.0.0.1", HOLDER, backlog=4096)
    await loop.create_server(lambda: _Page(page, DELAY), "127.0.0.1", BEHIND, backlog=4096)
    await _hold(home)


async def _hold(home: Path) -> None:
    """Says how many requests are held; lets them go when it is told."""
    while True:
        await asyncio.sleep(0.1)
        (home / "held.new").write_text(str(len(_Holder.waiting)))
        os.replace(home / "held.new", home / "held")
        if (home / "release").exists():
            for each in tuple(_Holder.waiting):
                each.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                each.transport.close()


if __name__ == "__main__":
    asyncio.run({"web": _web, "names": _names, "late": _late}[sys.argv[2]](Path(sys.argv[1])))
