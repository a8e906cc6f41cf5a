"""The `quic` step: one QUIC handshake with the name, over UDP (RFC 9000, RFC 9001).

Law: aioquic speaks the protocol and the datagrams are ours. It is an extra of the installation: where it is missing,
QUIC is not measured, and nothing is concluded about it. The certificate is left to the `tls` step.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from probe.address import parse
from probe.failure import Failure
from probe.model import QuicDetail
from probe.steps.step import Attempt, Operation, operation

if TYPE_CHECKING:
    from aioquic.quic.connection import QuicConnection

_LARGEST = 65_535  # bytes of a datagram
_CRYPTO_ERRORS = range(0x0100, 0x0200)  # RFC 9000 §20.1


@cache
def available() -> bool:
    """Whether QUIC can be spoken here."""
    return find_spec("aioquic") is not None


async def shake_hands(attempt: Attempt, address: str, port: int, host: str) -> bool:
    """Shakes hands with `host` as the server name. True when it was completed.

    An address that may not be connected to (`Network.may_connect`) gets no packet and no row.
    """
    parsed = parse(address)
    if parsed is None or not attempt.network.may_connect(parsed, port):
        return False
    detail = QuicDetail(address=address, port=port, server_name=host if parse(host) is None else None)
    async with operation(attempt, detail, attempt.network.timeouts.tls) as current:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect((address, port))
            await _converse(current, sock, _connection(detail.server_name))
    return current.failure is None


def _connection(server_name: str | None) -> QuicConnection:
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.connection import QuicConnection

    configuration = QuicConfiguration(alpn_protocols=["h3"], server_name=server_name, verify_mode=ssl.CERT_NONE)
    return QuicConnection(configuration=configuration)


async def _converse(current: Operation, sock: socket.socket, connection: QuicConnection) -> None:
    """Datagrams out and in, until the handshake is complete or the other side ends it. Raises OSError."""
    from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted

    loop = asyncio.get_running_loop()
    connection.connect((current.detail, 0), now=time.monotonic())
    while True:
        while (event := connection.next_event()) is not None:
            if isinstance(event, ConnectionTerminated):
                current.fail(_why(event.error_code, event.reason_phrase), event.reason_phrase[:200] or None)
                return
            if isinstance(event, HandshakeCompleted):
                current.detail = replace(cast(QuicDetail, current.detail), alpn=event.alpn_protocol)
                connection.close()  # so that the server need not keep it
                _send(sock, connection)
                return
        _send(sock, connection)
        wake = connection.get_timer()
        try:
            async with asyncio.timeout(None if wake is None else max(0.0, wake - time.monotonic())):
                data = await loop.sock_recv(sock, _LARGEST)
        except TimeoutError:
            connection.handle_timer(now=time.monotonic())
        else:
            connection.receive_datagram(data, (current.detail, 0), now=time.monotonic())


def _send(sock: socket.socket, connection: QuicConnection) -> None:
    for data, _ in connection.datagrams_to_send(now=time.monotonic()):
        try:
            sock.send(data)
        except BlockingIOError:
            return  # a full buffer loses datagrams, as any network does


def _why(code: int, reason: str) -> Failure:
    if "version" in reason:
        return Failure.QUIC_INCOMPATIBLE_VERSION
    return Failure.SSL_FAILED_HANDSHAKE if code in _CRYPTO_ERRORS else Failure.CONNECTION_ABORTED
