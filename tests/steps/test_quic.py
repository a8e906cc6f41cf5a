"""The quic step against real servers on loopback, and what pages say of HTTP/3."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial

import pytest
import trustme
from aioquic.asyncio.server import QuicServer
from aioquic.quic.configuration import QuicConfiguration
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from probe.failure import Failure
from probe.model import HttpDetail, QuicDetail
from probe.steps import quic
from probe.steps.step import Attempt

Serve = Callable[[socket.socket], object]


def configuration(authority: trustme.CA, *protocols: str) -> QuicConfiguration:
    issued = authority.issue_cert("line.me")
    made = QuicConfiguration(is_client=False, alpn_protocols=list(protocols))
    made.certificate = x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())
    made.private_key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    return made


def shake(
    attempt: Attempt, protocol: Callable[[], asyncio.DatagramProtocol]
) -> tuple[bool, Failure | None, QuicDetail]:
    async def go() -> bool:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(protocol, local_addr=("127.0.0.1", 0))
        try:
            port = transport.get_extra_info("sockname")[1]
            return await quic.shake_hands(attempt, "127.0.0.1", port, "line.me")
        finally:
            transport.close()

    good = asyncio.run(go())
    row = attempt.journal.observations()[-1]
    assert isinstance(row.detail, QuicDetail)
    return good, row.failure, row.detail


class Garbage(asyncio.DatagramProtocol):
    """Answers every datagram with something else."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._transport.sendto(b"\xc0\0\0\0\1" + b"\xff" * 40, addr)  # type: ignore[attr-defined]


def test_a_handshake(attempt: Attempt, authority: trustme.CA) -> None:
    good, failure, detail = shake(attempt, partial(QuicServer, configuration=configuration(authority, "h3")))
    assert (good, failure, detail.alpn, detail.server_name) == (True, None, "h3", "line.me")


@pytest.mark.parametrize("protocol", [asyncio.DatagramProtocol, Garbage])
def test_silence_and_garbage_end_with_the_deadline(
    attempt: Attempt, protocol: Callable[[], asyncio.DatagramProtocol]
) -> None:
    assert shake(attempt, protocol)[:2] == (False, Failure.GENERIC_TIMEOUT)


def test_a_server_that_speaks_something_else(attempt: Attempt, authority: trustme.CA) -> None:
    protocol = partial(QuicServer, configuration=configuration(authority, "other"))
    assert shake(attempt, protocol)[:2] == (False, Failure.SSL_FAILED_HANDSHAKE)


def test_a_closed_port(attempt: Attempt) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    assert not asyncio.run(quic.shake_hands(attempt, "127.0.0.1", port, "line.me"))
    assert attempt.journal.observations()[-1].failure is Failure.CONNECTION_REFUSED


@pytest.mark.parametrize(
    ("offer", "port"),
    [
        ('h3=":443"; ma=86400, h3-29=":443"; ma=86400', 443),
        ('h3-29=":443", h3=":8443"', 8443),
        ('h3="alt.example:443"', None),
        ("clear", None),
        ('h2=":443"', None),
        ('h3=":0"', None),
        ('h3=":99999"', None),
        ('h3=":' + "9" * 5000 + '"', None),
        ("", None),
    ],
)
def test_what_a_page_offers(offer: str, port: int | None) -> None:
    page = HttpDetail(address="192.0.2.1", port=443, url="https://line.me/", headers=(("alt-svc", offer),))
    assert page.http3_port == port
