"""The greeting step, and each protocol's opening, against servers of the protocol on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import cast

import pytest

from probe.checks.asking import Asking
from probe.checks.protocols import OPENINGS, PAGES
from probe.failure import Failure
from probe.model import GreetingDetail, Observation, ProtocolName
from probe.steps import greeting, tcp
from probe.steps.network import allow_global
from probe.steps.step import Attempt
from tests.lab.spec import Speech
from tests.lab.speech import ANSWERS, Datagrams, speak
from tests.steps.servers import Speak, closed_port, reset, tcp_server

ASKING = Asking(host="line.me", nonce=bytes(range(16)), now=datetime(2026, 11, 24, tzinfo=UTC))
SPOKEN = tuple(OPENINGS)
Met = tuple[bool, Observation]


def opening(protocol: ProtocolName) -> greeting.Opening:
    return OPENINGS[protocol](ASKING)


def meet(attempt: Attempt, protocol: ProtocolName, server: Speak) -> Met:
    """What a greeting over TCP meets at this server."""

    async def go() -> bool:
        async with tcp_server(server) as port:
            stream = await tcp.connect(attempt, "127.0.0.1", port)
            assert stream is not None
            try:
                return await greeting.greet(attempt, stream, opening(protocol))
            finally:
                stream.close()

    recognised = asyncio.run(go())
    return recognised, attempt.journal.observations()[-1]


def detail(row: Observation) -> GreetingDetail:
    return cast(GreetingDetail, row.detail)


@pytest.mark.parametrize("protocol", SPOKEN)
def test_a_server_of_the_protocol_is_recognised(attempt: Attempt, protocol: ProtocolName) -> None:
    speech = Speech(protocol.value)
    recognised, row = meet(attempt, protocol, partial(speak, speech))
    seen = detail(row)
    assert recognised
    assert (row.failure, row.step, seen.recognised) == (None, "greeting", True)
    assert (seen.transport, seen.protocol, seen.address) == ("tcp", protocol, "127.0.0.1")
    answer = ANSWERS[speech](opening(protocol).first)
    assert answer
    assert (seen.bytes_sent, seen.bytes_received) == (len(opening(protocol).first), len(answer))
    assert seen.first_bytes == answer[:64].hex()


@pytest.mark.parametrize("protocol", SPOKEN)
def test_an_answer_that_comes_byte_by_byte(attempt: Attempt, protocol: ProtocolName) -> None:
    answer = ANSWERS[Speech(protocol.value)](opening(protocol).first)
    assert answer

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in answer:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    recognised, row = meet(attempt, protocol, drip)
    assert (recognised, row.failure) == (True, None)


@pytest.mark.parametrize("protocol", SPOKEN)
@pytest.mark.parametrize(
    "other",
    [
        b"Object not found\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n<html><body>no</body></html>",
        b"<!doctype html><title>blocked</title>",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"\xef\xef\xef\xef" * 8,
        bytes(64),
    ],
)
def test_another_answer_is_no_failure_and_not_recognised(
    attempt: Attempt, protocol: ProtocolName, other: bytes
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(other)
        await writer.drain()
        await reader.read()

    recognised, row = meet(attempt, protocol, serve)
    assert (recognised, row.failure, detail(row).recognised) == (False, None, False)
    assert detail(row).first_bytes == other[:64].hex()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1024)


async def _cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    reset(writer)


ENDINGS: dict[str, tuple[Speak, Failure]] = {
    "silence": (_silent, Failure.GENERIC_TIMEOUT),
    "eof": (_hang_up, Failure.EOF),
    "reset": (_cut, Failure.CONNECTION_RESET),
}


@pytest.mark.parametrize("protocol", SPOKEN)
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_exchange_that_is_cut_short(
    attempt_with: Callable[..., Attempt], attempt: Attempt, protocol: ProtocolName, ending: str
) -> None:
    server, failure = ENDINGS[ending]
    recognised, row = meet(attempt, protocol, server)
    assert (recognised, row.failure) == (False, failure)
    seen = detail(row)
    assert (seen.recognised, seen.bytes_received, seen.first_bytes) == (False, 0, None)
    assert seen.bytes_sent == len(opening(protocol).first)


def test_half_an_answer_is_kept(attempt: Attempt) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"<?xml version='1.0'?><stream:str")
        await writer.drain()

    recognised, row = meet(attempt, ProtocolName.XMPP, serve)
    assert (recognised, row.failure, detail(row).bytes_received) == (False, Failure.EOF, 32)
    assert row.error == "closed after 32 bytes"


def test_an_answer_without_end_is_bounded(attempt: Attempt) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"<stream:stream " + b"x" * 100_000)
        await writer.drain()
        await reader.read()

    recognised, row = meet(attempt, ProtocolName.XMPP, serve)
    assert (recognised, row.failure, detail(row).bytes_received) == (False, None, greeting.MOST_BYTES)
    assert len(detail(row).first_bytes or "") == 128


def test_the_answer_to_somebody_else_is_not_ours(attempt: Attempt) -> None:
    """Another nonce or transaction: a proxy that plays back what it has heard."""
    for protocol in (ProtocolName.STUN, ProtocolName.MTPROTO):
        theirs = OPENINGS[protocol](Asking(host="line.me", nonce=b"\xff" * 16, now=ASKING.now))
        answer = ANSWERS[Speech(protocol.value)](theirs.first)
        assert answer
        assert theirs.recognise(answer) is True
        assert opening(protocol).recognise(answer) is False


@pytest.mark.parametrize(
    ("answer", "recognised"),
    [
        (b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>", True),
        (b"\n <?xml version='1.0'?>\n<s:stream xmlns:s=\"http://etherx.jabber.org/streams\"><s:error/>", True),
        (b"<stream:stream xmlns:stream='http://example.org/'>", False),
        (b"<stream:stream xmlns:stream=", None),
        (b"<?xml version='1.0'?>", None),
        (b" ", None),
        (b"<html>", False),
        (b"</stream:stream>", False),
        (b"220 mail.example.org ESMTP", False),
    ],
)
def test_xmpp(answer: bytes, recognised: bool | None) -> None:
    assert opening(ProtocolName.XMPP).recognise(answer) is recognised


@pytest.mark.parametrize(
    ("answer", "recognised"),
    [
        (b"\x20\x02\x00\x00", True),
        (b"\x20\x02\x00\x05", True),
        (b"\x20\x02\x01\x00", True),
        (b"\x20\x03\x00\x84\x00", True),  # of version 5: "unsupported protocol version"
        (b"\x20\x02\x00\x06", False),
        (b"\x20\x02\x02\x00", False),
        (b"\x20\x01\x00\x00", False),
        (b"\x20\x02", None),
        (b"\x30\x02\x00\x00", False),
    ],
)
def test_mqtt(answer: bytes, recognised: bool | None) -> None:
    assert opening(ProtocolName.MQTT).recognise(answer) is recognised


def test_a_stun_error_is_an_answer() -> None:
    head = bytes.fromhex("0111 0000 2112a442") + ASKING.nonce[:12]
    assert opening(ProtocolName.STUN).recognise(head) is True
    assert opening(ProtocolName.STUN).recognise(head[:19]) is None
    assert opening(ProtocolName.STUN).recognise(head.replace(b"\x21\x12", b"\x21\x13")) is False


def test_mtproto_is_as_telegrams_own_example_has_it() -> None:
    """core.telegram.org/mtproto/samples-auth_key, with the length of the abridged transport in front."""
    nonce = bytes.fromhex("79f0afb50252e5fc96924bfcecda4f05")
    moment = datetime.fromtimestamp(0x6777E5EB, UTC)
    made = OPENINGS[ProtocolName.MTPROTO](Asking(host="", nonce=nonce, now=moment))
    asked = bytes(8) + bytes.fromhex("00000000 ebe57767 14000000 f18e7ebe") + nonce
    assert made.first == b"\xef\x0a" + asked
    answer = b"\x19" + bytes(8) + bytes.fromhex("0128fbd2 ebe57767 50000000 63241605") + nonce + bytes(56)
    assert made.recognise(answer) is True
    assert made.recognise(answer.replace(b"\x63\x24", b"\x63\x25")) is False
    assert made.recognise(b"\x01\x6c\xfe\xff\xff") is False  # "-404": no such key, an error of the transport


def test_wechats_name_service() -> None:
    recognise = PAGES[ProtocolName.NEWGETDNS]
    answer = ANSWERS[Speech.NEWGETDNS](b"GET / HTTP/1.1\r\n\r\n")
    assert answer
    assert recognise(answer.partition(b"\r\n\r\n")[2])
    assert recognise(b"<dns>\n <retcode>-1</retcode></dns>")
    assert not recognise(b"<html><title>blocked</title><dns><retcode>0</html>")
    assert not recognise(b"<dns>nothing</dns>")
    assert not recognise(b"")


@asynccontextmanager
async def datagrams(speech: Speech) -> AsyncIterator[int]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        partial(Datagrams, speech), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def ask_by_datagram(attempt: Attempt, port: int) -> Awaitable[bool]:
    return greeting.greet_by_datagram(attempt, "127.0.0.1", port, opening(ProtocolName.STUN), 0.3)


@pytest.mark.parametrize(
    ("speech", "recognised", "failure"),
    [
        (Speech.STUN, True, None),
        (Speech.GARBAGE, False, None),
        (Speech.MQTT, False, Failure.GENERIC_TIMEOUT),  # which such a datagram does not move to answer
    ],
)
def test_by_datagram(attempt: Attempt, speech: Speech, recognised: bool, failure: Failure | None) -> None:
    async def go() -> bool:
        async with datagrams(speech) as port:
            return await ask_by_datagram(attempt, port)

    assert asyncio.run(go()) is recognised
    (row,) = attempt.journal.observations()
    assert (row.failure, detail(row).recognised, detail(row).transport) == (failure, recognised, "udp")
    assert detail(row).bytes_sent == 20


def test_a_closed_port_says_so_by_icmp(attempt: Attempt) -> None:
    assert asyncio.run(_ask(attempt, closed_port())) is False
    (row,) = attempt.journal.observations()
    assert row.failure is Failure.CONNECTION_REFUSED


async def _ask(attempt: Attempt, port: int) -> bool:
    return await ask_by_datagram(attempt, port)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "169.254.169.254", "not an address"])
def test_no_datagram_to_what_is_not_public(attempt_with: Callable[..., Attempt], address: str) -> None:
    attempt = attempt_with(allow=allow_global)
    asked = greeting.greet_by_datagram(attempt, address, 3478, opening(ProtocolName.STUN), 0.3)
    assert asyncio.run(asked) is False
    assert attempt.journal.rows == []
