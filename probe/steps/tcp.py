"""The `tcp` step: one connect to one address and port."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable

from probe.address import parse
from probe.model import TcpDetail
from probe.steps import hop_limit
from probe.steps.step import Attempt, operation
from probe.steps.stream import Stream
from probe.steps.waiting import Waiting

_TCP_INFO: int | None = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_INFO = struct.Struct("68xI28xI")
"""Of `struct tcp_info` (linux/tcp.h) the fields tcpi_rtt, in microseconds, and tcpi_total_retrans."""


async def connect(attempt: Attempt, address: str, port: int) -> Stream | None:
    """Opens a connection, or leaves a row that says why not. The caller closes the stream.

    An address that may not be connected to (`Network.may_connect`) gets no packet and no row.
    """
    network = attempt.network
    parsed = parse(address)
    if parsed is None or not network.may_connect(parsed, port):
        return None
    stream: Stream | None = None
    async with operation(attempt, TcpDetail(address=address, port=port), network.timeouts.tcp) as current:
        sock = _socket(address)
        try:
            if attempt.hop_limit is not None:
                hop_limit.impose(sock, attempt.hop_limit)
            stream = await _connected(sock, address, port, network.clock)
        finally:
            current.detail = _as_the_kernel_saw_it(sock, address, port, answered=stream is not None)
            if stream is None:
                if attempt.hop_limit is not None:
                    current.router = hop_limit.reported(sock, attempt.hop_limit).router
                sock.close()
    return stream


async def open_stream(address: str, port: int, clock: Callable[[], float]) -> Stream:
    """A connection, whose closing is the caller's, and no row. Raises OSError."""
    sock = _socket(address)
    try:
        return await _connected(sock, address, port, clock)
    except BaseException:
        sock.close()
        raise


def _as_the_kernel_saw_it(sock: socket.socket, address: str, port: int, *, answered: bool) -> TcpDetail:
    told = _INFO.unpack(sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _INFO.size)) if _TCP_INFO is not None else None
    if told is None:
        return TcpDetail(address=address, port=port)
    round_trip, resent = told
    return TcpDetail(
        address=address, port=port, round_trip=round_trip / 1e6 if answered and round_trip else None, resent=resent
    )


def _socket(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


async def _connected(sock: socket.socket, address: str, port: int, clock: Callable[[], float]) -> Stream:
    await Waiting(sock).connect((address, port))
    return Stream(sock, address, port, clock)
