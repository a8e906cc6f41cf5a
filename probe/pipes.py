"""Messages between the processes of one run, over pipes: a kind, a length, and the bytes.

Law: whoever listens learns that the other side is gone, however that came; nothing else is promised.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from enum import IntEnum

_HEAD = 5
"""Bytes before a message: its kind, and its length in four."""
_PAUSE = 0.01


class Kind(IntEnum):
    """What a message is."""

    SETUP = 1
    ORDER = 2
    FINDING = 3
    PROBLEM = 4
    """With a control: a sentence for people."""
    OFFLINE = 6
    """The host has lost its network: why."""
    EXHAUSTED = 5
    """The worker's machine has run out of something: what the system said."""


class Messages(asyncio.Protocol):
    """Cuts what comes into messages, and hands each over; `ended` is done when no more will come."""

    def __init__(self, take: Callable[[Kind, bytes], None]) -> None:
        self._take = take
        self._begun = bytearray()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._begun += data
        at = 0
        while len(self._begun) - at >= _HEAD:
            end = at + _HEAD + int.from_bytes(self._begun[at + 1 : at + _HEAD])
            if end > len(self._begun):
                break
            self._take(Kind(self._begun[at]), bytes(self._begun[at + _HEAD : end]))
            at = end
        del self._begun[:at]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def listen(descriptor: int, take: Callable[[Kind, bytes], None]) -> Messages:
    """Hands over what comes out of a pipe, and closes it at its end."""
    file = os.fdopen(descriptor, "rb", buffering=0)
    _, messages = await asyncio.get_running_loop().connect_read_pipe(lambda: Messages(take), file)
    return messages


async def speak(descriptor: int) -> asyncio.WriteTransport:
    """The way into a pipe. The descriptor is the transport's from now on."""
    file = os.fdopen(descriptor, "wb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.BaseProtocol, file)
    return transport


def say(to: asyncio.WriteTransport, kind: Kind, data: bytes) -> None:
    """Sends one message; what does not fit into the pipe yet waits in memory. Where nobody listens it is lost."""
    if not to.is_closing():
        to.write(bytes((kind,)) + len(data).to_bytes(4) + data)


async def empty(to: asyncio.WriteTransport) -> None:
    """Waits until all that was said is in the pipe, or nobody listens."""
    while to.get_write_buffer_size() and not to.is_closing():  # noqa: ASYNC110 - a transport sets no event
        await asyncio.sleep(_PAUSE)
