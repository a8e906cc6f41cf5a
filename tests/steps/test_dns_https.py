"""A DNS question over HTTPS, to real servers on loopback, honest and not."""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import cast

import dns.message
import pytest
import trustme

from probe.failure import Failure
from probe.model import DnsDetail
from probe.steps import dns as step
from probe.steps.network import SecureResolver
from probe.steps.step import Attempt
from tests.steps.servers import Speak, answer, answering, tcp_server


async def _honest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    asked = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].partition(b"?dns=")[2]
    wire = answer(dns.message.from_wire(base64.urlsafe_b64decode(asked + b"=" * (-len(asked) % 4))), "192.0.2.1")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(wire) + wire)
    await writer.drain()


def ask(attempt: Attempt, speak: Speak, authority: trustme.CA, name: str = "127.0.0.1") -> step.Answer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    async def go() -> step.Answer:
        async with tcp_server(speak, ssl=context) as port:
            resolver = SecureResolver(address="127.0.0.1", port=port)
            return await step.query_https(attempt, resolver, "line.me", "A", 2.0)

    return asyncio.run(go())


def test_the_answer_is_a_row_like_any_other(attempt: Attempt, authority: trustme.CA) -> None:
    assert ask(attempt, _honest, authority) == step.Answer(addresses=("192.0.2.1",))
    (row,) = attempt.journal.observations()
    detail = cast(DnsDetail, row.detail)
    assert (detail.transport, detail.resolver_address, detail.rcode) == ("https", "127.0.0.1", "NOERROR")


@pytest.mark.parametrize(
    ("speak", "failure"),
    [
        (answering(b"", status="403 Forbidden"), Failure.HTTP_REQUEST_FAILED),
        (answering(b"x" * 70_000), Failure.HTTP_REQUEST_FAILED),
        (answering(b"<html>log in first</html>"), Failure.DNS_SERVER_MISBEHAVING),
    ],
)
def test_what_is_no_answer_is_a_failure(
    attempt: Attempt, authority: trustme.CA, speak: Speak, failure: Failure
) -> None:
    assert ask(attempt, speak, authority).failure is failure


def test_somebody_else_with_a_certificate_of_their_own_is_not_asked(attempt: Attempt, stranger: trustme.CA) -> None:
    assert ask(attempt, _honest, stranger).failure is Failure.HTTP_REQUEST_FAILED
    (row,) = attempt.journal.observations()
    assert row.error == "the resolver's certificate: ssl_unknown_authority"
