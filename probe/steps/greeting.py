"""The `greeting` step: the first bytes in a protocol, and the first answer to them, over TCP, TLS or UDP.

Law: what is said, and how an answer is known, is the recipe's (`probe/checks/protocols.py`); here are the bytes, the
bounds and the deadline. It says whether the answer was recognised, and nothing about what that means.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import cast

from probe.address import parse
from probe.model import GreetingDetail, ProtocolName
from probe.steps.step import Attempt, Operation, operation
from probe.steps.stream import Stream

MOST_BYTES = 4096
"""How much of an answer is read."""
_KEPT = 64
"""Bytes of the answer that are recorded: enough to see whose it is, and nobody's message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is said first in a protocol, and how the answer to it is known."""

    protocol: ProtocolName
    first: bytes
    recognise: Callable[[bytes], bool | None]
    """Given all that came: True for an answer in the protocol, False for anything else, None where more must come."""


async def greet(attempt: Attempt, stream: Stream, opening: Opening) -> bool:
    """Says the first bytes on an open stream, and reads until the answer is known or known to be none.

    True when it was recognised. The row has a failure when the exchange was cut short before that could be told.
    """
    transport = "tcp" if stream.tls is None else "tls"
    detail = GreetingDetail(address=stream.address, port=stream.port, transport=transport, protocol=opening.protocol)
    async with operation(attempt, detail, attempt.network.timeouts.greeting) as current:
        await _exchange(current, stream, opening)
    return _is_recognised(current)


async def greet_by_datagram(attempt: Attempt, address: str, port: int, opening: Opening, timeout: float) -> bool:
    """The same in one datagram, which one datagram must answer.

    An address that may not be connected to (`Network.may_connect`) gets no packet and no row.
    """
    parsed = parse(address)
    if parsed is None or not attempt.network.may_connect(parsed, port):
        return False
    detail = GreetingDetail(address=address, port=port, transport="udp", protocol=opening.protocol)
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    whole = replace(opening, recognise=lambda data: opening.recognise(data) is True)
    async with operation(attempt, detail, timeout) as current:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with closing(Stream(sock, address, port, attempt.network.clock)) as stream:
            sock.connect((address, port))  # so that only this address is heard, and what ICMP says of it
            await _exchange(current, stream, whole)
    return _is_recognised(current)


async def _exchange(current: Operation, stream: Stream, opening: Opening) -> None:
    detail = cast(GreetingDetail, current.detail)
    await stream.write(opening.first)
    current.detail = replace(detail, bytes_sent=len(opening.first))
    answer, recognised = b"", None
    while recognised is None and len(answer) < MOST_BYTES:
        data = await stream.read(MOST_BYTES - len(answer))
        if not data:
            raise EOFError(f"closed after {len(answer)} bytes")
        answer += data
        recognised = opening.recognise(answer)
        current.detail = replace(
            detail,
            bytes_sent=len(opening.first),
            bytes_received=len(answer),
            first_bytes=answer[:_KEPT].hex(),
            recognised=recognised is True,
        )


def _is_recognised(current: Operation) -> bool:
    return cast(GreetingDetail, current.detail).recognised
