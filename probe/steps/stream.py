"""A connection that is open: bytes out, bytes in, over TCP or over TLS on it.

Law: it moves bytes and names no failure. Every wait is inside an operation, whose deadline ends it.
TLS runs in memory over the plain socket, so that what was sent and seen is known to the byte.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from probe.steps import hop_limit
from probe.steps.errors import ProtocolError
from probe.steps.waiting import Waiting

MOST_RECEIVED = 2 << 20
"""Bytes that may come over one connection, whatever they are: four times what is read of a page, and so more than any
answer takes whose pieces are not made to be a burden."""
_CHUNK = 16_384
_LISTEN_ON = 1.0
"""Seconds to go on listening once a packet has been reported as expired: whoever saw it before that may be slower to
answer than the router was."""
_BETWEEN = 0.05
"""Seconds between the two halves of a name, so that they are segments of their own."""
_HEADER = 5  # bytes of a TLS record before its content (RFC 8446 §5.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A name that leaves in two pieces, cut in its middle: what reads names off single packets does not see it."""

    name: bytes
    records: bool
    """In two TLS records, sent as one segment; otherwise in two TCP segments."""

    def pieces(self, data: bytes) -> tuple[bytes, ...]:
        """What is sent in place of `data`, one after the other; `data` alone where the name is not in it."""
        found = data.find(self.name)
        if found < 0:
            return (data,)
        middle = found + len(self.name) // 2
        if not self.records:
            return data[:middle], data[middle:]
        return (_record(data[:3], data[_HEADER:middle]) + _record(data[:3], data[middle:]),)


def _record(kind: bytes, content: bytes) -> bytes:
    """One TLS record; `kind` is its type and version."""
    return kind + len(content).to_bytes(2, "big") + content


@dataclass(slots=True)
class Stream:
    """An open TCP connection, in clear until `start` is called with a TLS session."""

    sock: socket.socket
    address: str
    port: int
    clock: Callable[[], float]
    received: int = 0
    """Bytes that have come over the connection, those of TLS included."""
    received_at: float | None = None
    """When the last of them came, on the clock."""
    ended: bool = False
    """The other side has closed its half."""
    limited: bool = False
    """Its packets go only so far."""
    tls: ssl.SSLObject | None = None
    split: Split | None = None
    """How the first bytes that hold a name are to be sent."""
    _waiting: Waiting = field(init=False)
    _incoming: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)
    _outgoing: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)

    def __post_init__(self) -> None:
        self._waiting = Waiting(self.sock)

    async def start(self, context: ssl.SSLContext, server_name: str | None) -> ssl.SSLObject:
        """Shakes hands. Raises OSError, ssl.SSLError or EOFError as the network has it.

        Our last flight leaves with what is said next, or when more is waited for.
        """
        session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self.tls = session
        while True:
            try:
                session.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except ssl.SSLError:
                await self._flush()  # the alert that says why
                raise
            else:
                return session

    async def read(self, max_bytes: int) -> bytes:
        """At most `max_bytes`; empty at the end of the stream."""
        if self.tls is None:
            return await self._receive(max_bytes)
        while True:
            try:
                data = self.tls.read(max_bytes)
            except ssl.SSLWantReadError:
                await self._flush()  # a session ticket or key update may want an answer
                await self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                self.ended = True
                return b""
            else:
                return data

    async def write(self, buffer: bytes) -> None:
        """Sends all of it."""
        if self.tls is None:
            await self._send(buffer)
            return
        self.tls.write(buffer)
        await self._flush()

    def limit(self, hops: int) -> None:
        """From now on what is sent goes at most so many hops; what is heard of it ends a wait only after a while.
        Raises OSError."""
        hop_limit.impose(self.sock, hops)
        self.limited = True

    def close(self) -> None:
        """Closes the socket. No TLS goodbye: nobody waits for it; but a handshake is not left without its end."""
        if self._outgoing.pending:
            with suppress(OSError):
                self.sock.send(self._outgoing.read())
        if self.limited:
            hop_limit.lift(self.sock)
        self._waiting.end()
        self.sock.close()

    async def _receive(self, most: int) -> bytes:
        try:
            data = await self._waiting.receive(most)
        except OSError as report:
            if not self.limited or report.errno != errno.EHOSTUNREACH:
                raise
            data = await self._listen_on(most, report)
        self.ended = self.ended or not data
        if data:
            self.received, self.received_at = self.received + len(data), self.clock()
        if self.received > MOST_RECEIVED:
            raise ProtocolError(f"more than {MOST_RECEIVED} bytes over one connection")
        return data

    async def _listen_on(self, most: int, report: OSError) -> bytes:
        """What comes although the packet has expired. Raises the report when nothing does."""
        try:
            async with asyncio.timeout(_LISTEN_ON):
                while True:
                    try:
                        return await self._waiting.receive(most)
                    except OSError as again:  # the kernel sends the packet again, and it expires again
                        if again.errno != errno.EHOSTUNREACH:
                            raise
        except TimeoutError:
            raise report from None

    async def _feed(self) -> None:
        data = await self._receive(_CHUNK)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            await self._send(data)

    async def _send(self, data: bytes) -> None:
        pieces = self.split.pieces(data) if self.split is not None else (data,)
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(_BETWEEN)
            await self._waiting.send(piece)
