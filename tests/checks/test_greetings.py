"""Whole measurements of targets that speak a protocol, against servers of it on loopback."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import pytest
import trustme

from probe.certificate import Roots
from probe.checks import measure
from probe.failure import Failure
from probe.model import GreetingDetail, HttpDetail, Measurement, ProtocolName, Scheme, Target, Vantage
from probe.steps.network import Network, Resolver, Timeouts
from tests.lab.spec import Speech
from tests.lab.speech import Datagrams, speak
from tests.steps.servers import Speak, reset, tcp_server

HERE = Vantage(name="here")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def network(authority: trustme.CA) -> Network:
    return Network(
        resolvers=(Resolver("127.0.0.1", 53),),
        roots=Roots.from_pem(authority.cert_pem.bytes(), "the test's authority"),
        timeouts=Timeouts(dns=(0.3, 0.3, 0.3), tcp=1, tls=1, http=1, greeting=0.5),
        pause=0.01,
        linger=0,
    )


def target(scheme: Scheme, port: int, speaks: ProtocolName | None, path: str = "/") -> Target:
    return Target(scheme=scheme, host="127.0.0.1", port=port, path=path, speaks=speaks)


def told(measurement: Measurement) -> list[tuple[str, int, Failure | None, bool | None]]:
    return [
        (row.step.value, row.attempt, row.failure, getattr(row.detail, "recognised", None))
        for row in measurement.observations
    ]


def measured(network: Network, server: Speak, make: Callable[[int], Target], **options: object) -> Measurement:
    async def go() -> Measurement:
        async with tcp_server(server, **options) as port:
            return await measure(make(port), network, vantage=HERE)

    return asyncio.run(go())


@pytest.mark.parametrize("protocol", [ProtocolName.XMPP, ProtocolName.MTPROTO, ProtocolName.MQTT, ProtocolName.STUN])
def test_over_tcp(network: Network, protocol: ProtocolName) -> None:
    server = partial(speak, Speech(protocol.value))
    found = measured(network, server, lambda port: target(Scheme.TCP, port, protocol))
    assert told(found) == [("tcp", 1, None, None), ("greeting", 1, None, True)]
    assert found.target.name.startswith("tcp://127.0.0.1:")


def test_inside_tls(network: Network, authority: trustme.CA) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = partial(speak, Speech.MQTT)
    found = measured(network, server, lambda port: target(Scheme.TLS, port, ProtocolName.MQTT), ssl=context)
    assert told(found) == [("tcp", 1, None, None), ("tls", 1, None, None), ("greeting", 1, None, True)]
    detail = found.observations[-1].detail
    assert isinstance(detail, GreetingDetail)
    assert detail.transport == "tls"


def test_nothing_is_said_to_whom_the_certificate_does_not_prove(network: Network) -> None:
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(1024))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA(organization_name="nobody trusts us").issue_cert("127.0.0.1").configure_cert(context)
    found = measured(network, listen, lambda port: target(Scheme.TLS, port, ProtocolName.MQTT), ssl=context)
    assert {step for step, *_ in told(found)} == {"tcp", "tls"}
    assert heard == b""


def test_a_port_without_a_known_protocol_is_only_connected_to(network: Network) -> None:
    found = measured(network, partial(speak, Speech.XMPP), lambda port: target(Scheme.TCP, port, None))
    assert told(found) == [("tcp", 1, None, None)]


def test_a_failure_is_tried_again_on_a_fresh_connection(network: Network) -> None:
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        if count == 1:
            await reader.read(1)
            reset(writer)
        else:
            await speak(Speech.XMPP, reader, writer)

    found = measured(network, serve, lambda port: target(Scheme.TCP, port, ProtocolName.XMPP))
    assert told(found) == [
        ("tcp", 1, None, None),
        ("greeting", 1, Failure.CONNECTION_RESET, False),
        ("tcp", 2, None, None),
        ("greeting", 2, None, True),
    ]


def test_another_answer_is_tried_again(network: Network) -> None:
    server = partial(speak, Speech.GARBAGE)
    found = measured(network, server, lambda port: target(Scheme.TCP, port, ProtocolName.MTPROTO))
    assert told(found) == [
        ("tcp", 1, None, None),
        ("greeting", 1, None, False),
        ("tcp", 2, None, None),
        ("greeting", 2, None, False),
    ]


def test_wechats_name_service(network: Network) -> None:
    path = "/cgi-bin/micromsg-bin/newgetdns"
    server = partial(speak, Speech.NEWGETDNS)
    found = measured(network, server, lambda port: target(Scheme.HTTP, port, ProtocolName.NEWGETDNS, path))
    assert told(found) == [("tcp", 1, None, None), ("http", 1, None, True)]
    plain = measured(network, server, lambda port: target(Scheme.HTTP, port, None, path))
    assert isinstance(plain.observations[-1].detail, HttpDetail)
    assert plain.observations[-1].detail.recognised is None


@asynccontextmanager
async def answering(speech: Speech, deaf: int = 0) -> AsyncIterator[int]:
    """A server of datagrams, which does not hear the first `deaf` ones."""

    class Deaf(Datagrams):
        left = deaf

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.left -= 1
            if self.left < 0:
                super().datagram_received(data, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        partial(Deaf, speech), local_addr=("127.0.0.1", 0)
    )
    async with AsyncExitStack() as stack:
        stack.callback(transport.close)
        yield transport.get_extra_info("sockname")[1]


@pytest.mark.parametrize(
    ("deaf", "rows"),
    [
        (0, [("greeting", 1, None, True)]),
        (1, [("greeting", 1, Failure.GENERIC_TIMEOUT, False), ("greeting", 2, None, True)]),
        (9, [("greeting", number, Failure.GENERIC_TIMEOUT, False) for number in (1, 2, 3)]),
    ],
)
def test_over_udp_a_lost_datagram_is_sent_again(network: Network, deaf: int, rows: list[object]) -> None:
    async def go() -> Measurement:
        async with answering(Speech.STUN, deaf) as port:
            return await measure(target(Scheme.UDP, port, ProtocolName.STUN), network, vantage=HERE)

    assert told(asyncio.run(go())) == rows
