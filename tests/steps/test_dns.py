"""The dns step against a resolver on loopback that says whatever the case needs."""

from __future__ import annotations

import asyncio

import dns.flags
import dns.message
import dns.rcode
import pytest

from probe.failure import Failure
from probe.steps import dns as step
from probe.steps.network import Resolver
from probe.steps.step import Attempt
from tests.steps.servers import Reply, answer, closed_port, resolver, tcp_server

CASES: dict[str, tuple[Reply, Failure | None, str | None, tuple[str, ...]]] = {
    "an address": (lambda q: [(0, answer(q, "192.0.2.1"))], None, "NOERROR", ("192.0.2.1",)),
    "two addresses": (
        lambda q: [(0, answer(q, "192.0.2.1", "192.0.2.2"))],
        None,
        "NOERROR",
        ("192.0.2.1", "192.0.2.2"),
    ),
    "no such name": (lambda q: [(0, answer(q, rcode=dns.rcode.NXDOMAIN))], Failure.DNS_NXDOMAIN, "NXDOMAIN", ()),
    "no address": (lambda q: [(0, answer(q))], Failure.DNS_NO_ANSWER, "NOERROR", ()),
    "refused": (lambda q: [(0, answer(q, rcode=dns.rcode.REFUSED))], Failure.DNS_REFUSED, "REFUSED", ()),
    "failing": (lambda q: [(0, answer(q, rcode=dns.rcode.SERVFAIL))], Failure.DNS_SERVFAIL, "SERVFAIL", ()),
    "not implemented": (
        lambda q: [(0, answer(q, rcode=dns.rcode.NOTIMP))],
        Failure.DNS_SERVER_MISBEHAVING,
        "NOTIMP",
        (),
    ),
    "silence": (lambda q: [], Failure.GENERIC_TIMEOUT, None, ()),
    "garbage": (lambda q: [(0, q.to_wire()[:2] + b"\x80" + b"\xff" * 30)], Failure.DNS_SERVER_MISBEHAVING, None, ()),
    "pointer loop": (
        lambda q: [(0, q.to_wire()[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + b"\xc0\x0c" * 20)],
        Failure.DNS_SERVER_MISBEHAVING,
        None,
        (),
    ),
    "another question": (
        lambda q: [(0, answer(dns.message.make_query("other.example", "A", id=q.id), "192.0.2.1"))],
        Failure.DNS_SERVER_MISBEHAVING,
        None,
        (),
    ),
    "another id, then ours": (
        lambda q: [(0, bytes([q.to_wire()[0] ^ 1]) + answer(q, "192.0.2.9")[1:]), (0.05, answer(q, "192.0.2.1"))],
        None,
        "NOERROR",
        ("192.0.2.1",),
    ),
}


@pytest.mark.parametrize(("reply", "failure", "rcode", "addresses"), CASES.values(), ids=CASES)
def test_first_answer(
    attempt: Attempt, reply: Reply, failure: Failure | None, rcode: str | None, addresses: tuple[str, ...]
) -> None:
    async def ask() -> step.Answer:
        listening = step.Listening()
        async with resolver(reply) as (port, _):
            found = await step.query(attempt, Resolver("127.0.0.1", port), "wechat.com", "A", listening, 0.5)
            await listening.finish(0)
        return found

    found = asyncio.run(ask())
    (row,) = attempt.journal.observations()
    assert (found.failure, tuple(sorted(found.addresses))) == (failure, addresses)
    assert (row.failure, row.detail.rcode) == (failure, rcode)
    assert (row.detail.hostname, row.detail.query_type, row.detail.transport) == ("wechat.com", "A", "udp")


def test_a_second_answer_is_a_row_of_its_own(attempt: Attempt) -> None:
    def forged_then_true(question: dns.message.Message) -> list[tuple[float, bytes]]:
        return [(0, answer(question, "192.0.2.66")), (0.05, answer(question, "192.0.2.1"))]

    async def ask() -> step.Answer:
        listening = step.Listening()
        async with resolver(forged_then_true) as (port, _):
            found = await step.query(attempt, Resolver("127.0.0.1", port), "line.me", "A", listening, 0.5)
            await listening.finish(0.3)
        return found

    assert asyncio.run(ask()).addresses == ("192.0.2.66",)
    first, second = attempt.journal.observations()
    assert (first.detail.response, first.detail.answers[0].value) == (1, "192.0.2.66")
    assert (second.detail.response, second.detail.answers[0].value) == (2, "192.0.2.1")
    assert second.runtime > first.runtime


def test_many_second_answers_are_bounded(attempt: Attempt) -> None:
    async def ask() -> None:
        listening = step.Listening()
        async with resolver(lambda q: [(0.01 * i, answer(q, f"192.0.2.{i + 1}")) for i in range(40)]) as (port, _):
            await step.query(attempt, Resolver("127.0.0.1", port), "line.me", "A", listening, 0.5)
            await listening.finish(0.5)

    asyncio.run(ask())
    assert len(attempt.journal.rows) == 8


def test_nobody_at_the_port(attempt: Attempt) -> None:
    async def ask() -> step.Answer:
        return await step.query(attempt, Resolver("127.0.0.1", closed_port()), "a.example", "A", step.Listening(), 0.5)

    assert asyncio.run(ask()).failure is Failure.CONNECTION_REFUSED


@pytest.mark.parametrize("name", ["a..example", "a" * 64 + ".example", ".".join(["a" * 49] * 6)])
def test_a_name_that_cannot_be_asked_for_is_a_row(attempt: Attempt, name: str) -> None:
    async def ask() -> step.Answer:
        async with resolver(lambda q: [(0, answer(q, "192.0.2.1"))]) as (port, asked):
            found = await step.query(attempt, Resolver("127.0.0.1", port), name, "A", step.Listening(), 0.5)
            assert asked.asked == []
        return found

    assert asyncio.run(ask()).failure is Failure.INVALID_ARGUMENT
    (row,) = attempt.journal.observations()
    assert (row.failure, row.detail.hostname) == (Failure.INVALID_ARGUMENT, name)
    assert row.error is not None


def test_an_answer_cut_short_is_asked_for_over_tcp(attempt: Attempt) -> None:
    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        question = dns.message.from_wire(await reader.readexactly(length))
        wire = answer(question, *(f"192.0.2.{i}" for i in range(1, 100)))
        writer.write(len(wire).to_bytes(2, "big") + wire)
        await writer.drain()

    async def ask() -> step.Answer:
        listening = step.Listening()
        async with tcp_server(over_tcp) as port:
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Truncating(), local_addr=("127.0.0.1", port)
            )
            found = await step.query(attempt, Resolver("127.0.0.1", port), "line.me", "A", listening, 0.5)
            await listening.finish(0)
            transport.close()
        return found

    assert len(asyncio.run(ask()).addresses) == 64
    over_udp, again = attempt.journal.observations()
    assert (over_udp.detail.transport, over_udp.failure, "TC" in over_udp.detail.flags) == ("udp", None, True)
    assert (again.detail.transport, len(again.detail.answers), again.detail.answers_truncated) == ("tcp", 64, True)


class _Truncating(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(answer(dns.message.from_wire(data), flags=dns.flags.TC), addr)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("reply", "rcode"),
    [(lambda q: [(0, answer(q))], 0), (lambda q: [(0, answer(q, rcode=2))], 2), (lambda q: [], None)],
    ids=["answers", "fails", "silent"],
)
def test_whether_a_resolver_is_there(reply: Reply, rcode: int | None) -> None:
    async def ask() -> int | None:
        async with resolver(reply) as (port, _):
            return await step.ask_for_rcode(Resolver("127.0.0.1", port), ".", "NS", 0.2)

    assert asyncio.run(ask()) == rcode
