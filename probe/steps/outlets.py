"""The datagram sockets from which resolvers are asked, and how much is asked of one resolver at once.

Law: a resolver is never flooded. A question has an id that no other open question on its socket has, and a socket of a
random port takes a few dozen questions and no more. What is reported of a socket (ICMP) is nobody's failure until it
has been reported of a question that was alone on one.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from probe.chance import random_bytes

MOST_UNANSWERED = 100
"""Questions to one resolver, just sent and not answered yet. What a small router's resolver holds, and its socket's
buffer takes in."""
_JUST_SENT = 0.5
"""Seconds: a question that waits longer keeps no other one back."""
_MOST_ON_ONE = 32
"""Questions that leave from one port."""
_LARGEST = 65_535
"""Bytes of a datagram."""
_MOST_AT_ONCE = 64
"""Datagrams that are read before others have their turn."""


class Open(Protocol):
    """A question that is open on a shared socket."""

    def heard(self, wire: bytes) -> None:
        """A datagram with its id has come."""

    def shared_in_vain(self) -> None:
        """Something was reported of the socket: if this was not answered yet, it is to be asked alone."""


@dataclass(slots=True)
class Turns:
    """Who may ask one resolver now: in the order of coming, as long as few are without an answer."""

    most: int = MOST_UNANSWERED
    _sent: dict[object, float] = field(default_factory=dict)
    """When those were sent that are not answered yet, on the loop's clock."""
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    async def take(self) -> object:
        """A turn, to be given back once."""
        loop = asyncio.get_running_loop()
        while len(self._sent) >= self.most:
            oldest = next(iter(self._sent))
            left = self._sent[oldest] + _JUST_SENT - loop.time()
            if left > 0:
                await self._wait(left)
            else:
                del self._sent[oldest]
        turn = object()
        self._sent[turn] = loop.time()
        return turn

    async def _wait(self, seconds: float) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            await asyncio.wait((waiting,), timeout=seconds)
        finally:
            with suppress(ValueError):
                self._waiting.remove(waiting)

    def give_back(self, turn: object) -> None:
        """It is answered, or given up."""
        if self._sent.pop(turn, None) is not None and self._waiting:
            self._waiting.popleft().set_result(None)


@dataclass(slots=True, eq=False)
class Outlet:
    """One socket to one resolver, for a few dozen questions. It is closed when the last of them is no longer open."""

    sock: socket.socket
    loop: asyncio.AbstractEventLoop
    buffer: bytearray
    taken: int = 0
    """Questions that have left from it."""
    closed: bool = False
    """To new ones."""
    _open: dict[bytes, Open] = field(default_factory=dict)
    """By their ids."""

    def ask(self, asked: Open, question: bytes) -> bytes:
        """Sends a question under a new id, and gives it as it was sent. Raises OSError."""
        number = new_id()
        while number in self._open:
            number = new_id()
        if not self._open:
            self.loop.add_reader(self.sock.fileno(), self._hear)
        self._open[number] = asked
        self.taken += 1
        self.closed = self.taken >= _MOST_ON_ONE
        sent = number + question[2:]
        try:
            self.sock.send(sent)
        except OSError:
            self.closed = True
            self.leave(sent)
            raise
        return sent

    def leave(self, sent: bytes) -> None:
        """Nothing more is wanted of this question."""
        if self._open.pop(sent[:2], None) is not None and not self._open:
            self.closed = True
            self.loop.remove_reader(self.sock.fileno())
            self.sock.close()

    def _hear(self) -> None:
        for _ in range(_MOST_AT_ONCE):
            if not self._open:
                return
            try:
                size = self.sock.recv_into(self.buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.closed = True
                for asked in tuple(self._open.values()):
                    asked.shared_in_vain()
                return
            asked_for = self._open.get(bytes(self.buffer[:2]))
            if asked_for is not None:
                asked_for.heard(bytes(self.buffer[:size]))


@dataclass(slots=True)
class Outlets:
    """The outlets of one process, by resolver, and whose turn it is at each."""

    most: int = MOST_UNANSWERED
    """Questions to one resolver that this process may have on their way: of several processes each has its share."""
    _outlets: dict[tuple[str, int], Outlet] = field(default_factory=dict)
    """The one to each resolver that takes new questions."""
    _turns: dict[tuple[str, int], Turns] = field(default_factory=dict)
    _buffer: bytearray = field(default_factory=lambda: bytearray(_LARGEST))

    def turns(self, address: str, port: int) -> Turns:
        """Those of the resolver at this address and port."""
        return self._turns.setdefault((address, port), Turns(self.most))

    def to(self, address: str, port: int) -> Outlet:
        """One that takes a question to this resolver. Raises OSError."""
        outlet, loop = self._outlets.get((address, port)), asyncio.get_running_loop()
        if outlet is None or outlet.closed or outlet.loop is not loop:
            outlet = self._outlets[address, port] = Outlet(socket_to(address, port), loop, self._buffer)
        return outlet


def new_id() -> bytes:
    """Of a question: nobody off the path can guess it."""
    return random_bytes(2)


def socket_to(address: str, port: int) -> socket.socket:
    """A datagram socket that hears only who is at this address and port, and what ICMP says of them. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock
