"""The dns step against a resolver on loopback that says whatever the case needs."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import dns.flags
import dns.message
import dns.rcode
import pytest

from probe.failure import Failure
from probe.steps import dns as step
from probe.steps.network import Resolver
from probe.steps.outlets import MOST_UNANSWERED
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


class Place:
    """A UDP port of loopback at which a resolver is, or is not; it answers what it is asked while `answers`."""

    def __init__(self) -> None:
        self.answers = False
        self.asked: list[tuple[str, int]] = []
        """Names, and the port from which each was asked for."""
        self.heard = asyncio.Event()
        self.port = 0
        self.open()

    def open(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.sock.bind(("127.0.0.1", self.port))
        self.port = self.sock.getsockname()[1]
        asyncio.get_running_loop().add_reader(self.sock, self.hear)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.sock)
        self.sock.close()

    def hear(self) -> None:
        with suppress(BlockingIOError):
            while True:
                wire, (host, port) = self.sock.recvfrom(65_535)
                question = dns.message.from_wire(wire)
                name = str(question.question[0].name)
                self.asked.append((name, port))
                self.heard.set()
                if self.answers:
                    number = name.split(".")[0].removeprefix("n")
                    self.sock.sendto(answer(question, f"192.0.2.{number}"), (host, port))


def test_many_questions_share_sockets_and_are_told_apart(attempt: Attempt) -> None:
    async def body() -> tuple[list[step.Answer], set[int]]:
        place, listening = Place(), step.Listening()
        place.answers = True
        there = Resolver("127.0.0.1", place.port)
        names = (f"n{number}.example" for number in range(100))
        found = await asyncio.gather(*(step.query(attempt, there, name, "A", listening, 5) for name in names))
        await listening.finish(0)
        place.close()
        return found, {port for _, port in place.asked}

    found, ports = asyncio.run(body())
    assert [each.addresses for each in found] == [(f"192.0.2.{number}",) for number in range(100)]
    assert len(ports) == 4, "a few dozen to a socket"


def test_what_is_reported_of_a_shared_socket_is_nobodys_failure(attempt: Attempt) -> None:
    """The port is unreachable for a moment, while one question waits and another is sent: both are asked again."""

    async def body() -> tuple[list[step.Answer], list[tuple[str, int]]]:
        place, listening = Place(), step.Listening()
        there = Resolver("127.0.0.1", place.port)
        waiting = asyncio.create_task(step.query(attempt, there, "n1.example", "A", listening, 5))
        await place.heard.wait()
        place.close()
        sent = asyncio.create_task(step.query(attempt, there, "n2.example", "A", listening, 5))
        await asyncio.sleep(0)
        place.answers = True
        place.open()
        found = [await waiting, await sent]
        await listening.finish(0)
        place.close()
        return found, place.asked

    found, asked = asyncio.run(body())
    assert [each.addresses for each in found] == [("192.0.2.1",), ("192.0.2.2",)]
    assert [name for name, _ in asked] == ["n1.example.", "n1.example.", "n2.example."]
    assert len({port for _, port in asked}) == 3, "the second time each has a socket of its own"


def test_a_resolver_is_not_flooded(attempt: Attempt) -> None:
    """Of more questions than it may have unanswered, the rest wait; for those it never answers, not for long."""

    async def body() -> tuple[int, int]:
        place, listening = Place(), step.Listening()
        there = Resolver("127.0.0.1", place.port)
        count = MOST_UNANSWERED + 20
        asking = [
            asyncio.create_task(step.query(attempt, there, f"n{number}.example", "A", listening, 2))
            for number in range(count)
        ]
        await asyncio.sleep(0)  # each has begun
        place.hear()
        at_first = len(place.asked)
        await asyncio.wait(asking)
        await listening.finish(0)
        place.close()
        return at_first, len(place.asked)

    assert asyncio.run(body()) == (MOST_UNANSWERED, MOST_UNANSWERED + 20)
