"""The tcp step: what a connect meets, and where none may be made."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from probe.address import parse
from probe.failure import Failure
from probe.model import TcpDetail
from probe.steps import tcp
from probe.steps.network import Timeouts, allow_global
from probe.steps.step import Attempt
from tests.steps.servers import closed_port, tcp_server


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


def test_open_port(attempt: Attempt) -> None:
    async def go() -> bool:
        async with tcp_server(_silent) as port:
            stream = await tcp.connect(attempt, "127.0.0.1", port)
            assert stream is not None
            stream.close()
        return True

    assert asyncio.run(go())
    (row,) = attempt.journal.observations()
    assert (row.failure, row.detail.address, row.step) == (None, "127.0.0.1", "tcp")
    assert isinstance(row.detail, TcpDetail)
    assert row.detail.round_trip is not None
    assert (0 < row.detail.round_trip <= row.runtime, row.detail.resent) == (True, 0)


def test_a_packet_that_is_not_answered_is_sent_again(attempt_with: Callable[..., Attempt]) -> None:
    """Where the queue of a listener is full, the kernel drops what comes."""
    attempt = attempt_with(timeouts=Timeouts(tcp=1.6))
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(2):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        assert asyncio.run(tcp.connect(attempt, "127.0.0.1", port)) is None
    (row,) = attempt.journal.observations()
    assert row.failure is Failure.GENERIC_TIMEOUT
    assert row.detail == TcpDetail(address="127.0.0.1", port=port, resent=1)


def test_closed_port(attempt: Attempt) -> None:
    assert asyncio.run(tcp.connect(attempt, "127.0.0.1", closed_port())) is None
    (row,) = attempt.journal.observations()
    assert row.failure is Failure.CONNECTION_REFUSED


FORBIDDEN = [
    "127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
    "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
    "2001:db8::1", "ff02::1", "not an address",
]  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN)
def test_no_packet_and_no_row_for_what_is_not_public(attempt_with: Callable[..., Attempt], address: str) -> None:
    attempt = attempt_with(allow=allow_global)
    assert asyncio.run(tcp.connect(attempt, address, 80)) is None
    assert attempt.journal.rows == []


def test_an_address_that_the_user_named_is_allowed(attempt_with: Callable[..., Attempt]) -> None:
    attempt = attempt_with(allow=allow_global, named=parse("127.0.0.1"))
    assert asyncio.run(tcp.connect(attempt, "127.0.0.1", closed_port())) is None
    assert len(attempt.journal.rows) == 1
