"""The `tcp` step: one connect to one address and port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from probe.address import parse
from probe.model import TcpDetail
from probe.steps.step import Attempt, operation
from probe.steps.stream import Stream


async def connect(attempt: Attempt, address: str, port: int) -> Stream | None:
    """Opens a connection, or leaves a row that says why not. The caller closes the stream.

    An address that may not be connected to (`Network.may_connect`) gets no packet and no row.
    """
    network = attempt.network
    parsed = parse(address)
    if parsed is None or not network.may_connect(parsed, port):
        return None
    stream: Stream | None = None
    async with operation(attempt, TcpDetail(address=address, port=port), network.timeouts.tcp):
        stream = await open_stream(address, port, network.clock)
    return stream  # noqa: RET504 - None where the operation has swallowed a network error


async def open_stream(address: str, port: int, clock: Callable[[], float]) -> Stream:
    """A connection, whose closing is the caller's, and no row. Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return Stream(sock, address, port, clock)
