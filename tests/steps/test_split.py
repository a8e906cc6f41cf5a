"""A name in two pieces: what goes over the wire, and that real servers understand it."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from probe.steps import http, tcp, tls
from probe.steps.step import Attempt
from probe.steps.stream import Split
from tests.steps.servers import answering, tcp_server

NAME = b"line.me"


def test_a_name_is_cut_in_its_middle() -> None:
    data = b"GET / HTTP/1.1\r\nHost: line.me\r\n\r\n"
    first, second = Split(name=NAME, records=False).pieces(data)
    assert first + second == data
    assert first.endswith(b"lin")
    assert NAME not in first
    assert NAME not in second


def test_what_does_not_hold_the_name_goes_whole() -> None:
    assert Split(name=NAME, records=False).pieces(b"SSH-2.0-x") == (b"SSH-2.0-x",)
    assert Split(name=NAME, records=True).pieces(b"\x16\x03\x01\0\x05hello") == (b"\x16\x03\x01\0\x05hello",)


def test_records_carry_the_same_content() -> None:
    content = b"\x01\0\0\x20" + b"x" * 20 + NAME + b"y" * 9
    hello = b"\x16\x03\x01" + len(content).to_bytes(2, "big") + content
    (sent,) = Split(name=NAME, records=True).pieces(hello)
    found, rest = [], sent
    while rest:
        assert rest[:3] == b"\x16\x03\x01"
        length = int.from_bytes(rest[3:5], "big")
        found.append(rest[5 : 5 + length])
        rest = rest[5 + length :]
    assert b"".join(found) == content
    assert len(found) == 2
    assert not any(NAME in piece for piece in found)


@pytest.mark.parametrize("records", [False, True])
def test_a_server_completes_the_handshake(attempt: Attempt, authority: trustme.CA, records: bool) -> None:
    names: list[str | None] = []

    def note(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        names.append(name)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("line.me").configure_cert(context)
    context.sni_callback = note

    async def go() -> bool:
        async with tcp_server(answering(b""), ssl=context) as port:
            stream = await tcp.connect(attempt, "127.0.0.1", port)
            assert stream is not None
            stream.split = Split(name=NAME, records=records)
            good = await tls.handshake(attempt, stream, "line.me")
            stream.close()
            return good

    assert asyncio.run(go())
    assert names == ["line.me"]


def test_a_server_answers_the_request(attempt: Attempt) -> None:
    async def go() -> object:
        async with tcp_server(answering(b"hello")) as port:
            stream = await tcp.connect(attempt, "127.0.0.1", port)
            assert stream is not None
            stream.split = Split(name=NAME, records=False)
            response = await http.fetch(attempt, stream, f"http://line.me:{port}/", lambda _: True)
            stream.close()
            return response

    assert asyncio.run(go()) is not None
    assert attempt.journal.observations()[-1].failure is None
