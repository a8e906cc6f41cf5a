"""Small real servers on loopback that do one thing each, for tests of the steps."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rrset

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def tcp_server(speak: Speak, **options: object) -> AsyncIterator[int]:
    """Serves `speak` on a free port of 127.0.0.1, and gives the port."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await speak(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0, **options)
    async with server:
        yield server.sockets[0].getsockname()[1]


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with a RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def closed_port() -> int:
    """A port of 127.0.0.1 at which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def answering(body: bytes, *, status: str = "200 OK", headers: tuple[str, ...] = (), length: bool = True) -> Speak:
    """An HTTP/1.1 server that gives everybody the same answer."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return speak


Reply = Callable[[dns.message.Message], list[tuple[float, bytes]]]


@dataclass
class Resolving(asyncio.DatagramProtocol):
    """A resolver whose answers, and their delays, are up to the test."""

    reply: Reply
    transport: asyncio.DatagramTransport | None = None
    asked: list[dns.message.Message] = field(default_factory=list)

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        self.asked.append(question)
        for delay, wire in self.reply(question):
            asyncio.get_running_loop().call_later(delay, self.send, wire, addr)

    def send(self, wire: bytes, addr: tuple[str, int]) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.sendto(wire, addr)


@asynccontextmanager
async def resolver(reply: Reply) -> AsyncIterator[tuple[int, Resolving]]:
    """Serves DNS over UDP on a free port of 127.0.0.1."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Resolving(reply), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1], protocol
    finally:
        transport.close()


def answer(question: dns.message.Message, *addresses: str, rcode: int = 0, flags: int = 0) -> bytes:
    """The wire form of an answer with these addresses (A or AAAA, whichever was asked)."""
    message = dns.message.make_response(question)
    message.flags |= dns.flags.RA | flags
    message.set_rcode(rcode)
    asked = question.question[0]
    if addresses:
        message.answer.append(dns.rrset.from_text(asked.name, 60, "IN", asked.rdtype, *addresses))
    return message.to_wire(max_size=65535)
