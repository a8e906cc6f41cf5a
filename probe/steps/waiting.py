"""A connected or connecting socket on the event loop, with one registration for as long as it is read.

Law: asyncio's own `sock_` functions register a socket anew for each wait, which costs two questions to the kernel; here
it stays registered. Nothing is read before somebody asks for it, but for what comes while somebody waits.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from dataclasses import dataclass, field

_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR})


@dataclass(slots=True, eq=False)
class Waiting:
    """Waits for one socket, which is non-blocking and stays its owner's."""

    sock: socket.socket
    _waiter: asyncio.Future[bytes] | None = None
    _most: int = 0
    _registered: asyncio.AbstractEventLoop | None = field(default=None)
    """The loop that watches for what comes."""

    async def connect(self, address: tuple[str, int]) -> None:
        """Connects to an address that needs no resolving. Raises OSError."""
        error = self.sock.connect_ex(address)
        if error in _UNDER_WAY:
            await self._writable()
            error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))

    async def receive(self, most: int) -> bytes:
        """What comes next, at most so many bytes; empty at the end. Raises OSError. One waits at a time."""
        loop = asyncio.get_running_loop()
        self._waiter, self._most = loop.create_future(), most
        if self._registered is None:
            loop.add_reader(self.sock.fileno(), self._read)
            self._registered = loop
        try:
            return await self._waiter
        finally:
            self._waiter = None

    async def send(self, data: bytes) -> None:
        """Sends all of it. Raises OSError."""
        try:
            sent = self.sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        if sent < len(data):
            await asyncio.get_running_loop().sock_sendall(self.sock, memoryview(data)[sent:])

    def end(self) -> None:
        """To be called before the socket is closed."""
        if self._registered is not None:
            self._registered.remove_reader(self.sock.fileno())
            self._registered = None

    def _read(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():  # nobody asks for it now: it stays in the kernel
            self.end()
            return
        try:
            waiter.set_result(self.sock.recv(self._most))
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            waiter.set_exception(error)

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        writable = loop.create_future()
        loop.add_writer(self.sock.fileno(), _tell, writable)
        try:
            await writable
        finally:
            loop.remove_writer(self.sock.fileno())


def _tell(writable: asyncio.Future[None]) -> None:
    if not writable.done():
        writable.set_result(None)
