"""Hop limits on real sockets of loopback, and what is written down of a router. Routers that report are in the lab."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from ipaddress import ip_address

import pytest

from probe.failure import Failure
from probe.steps import dns, hop_limit, http, tcp
from probe.steps.network import Resolver
from probe.steps.step import Attempt
from tests.steps.servers import answer, answering, closed_port, resolver, tcp_server

OWN, OWN6 = "198.51.7.20", "2a02:6b8:1:2::3"


@pytest.mark.parametrize(
    ("router", "own", "hops", "expected"),
    [
        ("203.0.112.9", OWN, 2, "203.0.112.9"),
        ("203.0.112.9", OWN, 1, "own network"),  # the first router is the own one
        ("198.51.7.1", OWN, 2, "own network"),
        ("198.51.8.1", OWN, 2, "198.51.8.1"),
        ("192.168.1.1", OWN, 1, "private use"),
        ("10.2.3.4", OWN, 9, "private use"),
        ("100.64.0.1", "192.168.1.7", 2, "shared by carrier-grade NAT"),
        ("fe80::1", OWN6, 1, "link local"),
        ("2a02:6b8:1:ff::1", OWN6, 3, "own network"),
        ("2a02:6b8:2::1", OWN6, 3, "2a02:6b8:2::1"),
        ("2a02:6b8:2::1", OWN6, 1, "own network"),
    ],
)
def test_what_is_written_down_of_a_router(router: str, own: str, hops: int, expected: str) -> None:
    assert hop_limit.recorded(ip_address(router), ip_address(own), hops) == expected


def limited(attempt: Attempt, hops: int = 1) -> Attempt:
    return replace(attempt, hop_limit=hops)


def test_a_connect_has_its_limit_in_the_row(attempt: Attempt) -> None:
    async def go() -> tuple[int, int]:
        async with tcp_server(answering(b"")) as port:
            stream = await tcp.connect(limited(attempt), "127.0.0.1", port)
            free = await tcp.connect(attempt, "127.0.0.1", port)
            assert stream is not None
            assert free is not None
            limits = [each.sock.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) for each in (stream, free)]
            stream.close()
            free.close()
            return limits[0], limits[1]

    first, second = asyncio.run(go())
    assert first == 1 < second
    rows = attempt.journal.observations()
    assert [(row.hop_limit, row.router, row.failure) for row in rows] == [(1, None, None), (None, None, None)]


def test_a_refusal_is_no_report(attempt: Attempt) -> None:
    assert asyncio.run(tcp.connect(limited(attempt), "127.0.0.1", closed_port())) is None
    (row,) = attempt.journal.observations()
    assert (row.hop_limit, row.router, row.failure) == (1, None, Failure.CONNECTION_REFUSED)


@pytest.mark.parametrize("hops", [1, None])
def test_the_other_side_learns_of_the_end_of_a_limited_connection(attempt: Attempt, hops: int | None) -> None:
    """It must not wait for what will never come: it is cut off, where an ordinary end would be a mere goodbye."""
    ends: asyncio.Queue[str] = asyncio.Queue()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        try:
            await reader.read()
            ends.put_nowait("closed")
        except ConnectionResetError:
            ends.put_nowait("cut off")

    async def go() -> str:
        async with tcp_server(speak) as port:
            stream = await tcp.connect(attempt, "127.0.0.1", port)
            assert stream is not None
            await http.fetch(replace(attempt, hop_limit=hops), stream, "http://127.0.0.1/", lambda _: True)
            stream.close()
            return await ends.get()

    assert asyncio.run(go()) == ("closed" if hops is None else "cut off")
    row = attempt.journal.observations()[-1]
    assert (row.hop_limit, row.failure) == (hops, None)


def test_a_limited_question_is_asked_over_udp_only(attempt: Attempt) -> None:
    cut_short = 0x0200  # the TC flag

    async def go() -> None:
        async with resolver(lambda question: [(0, answer(question, flags=cut_short))]) as (port, _):
            listening = dns.Listening()
            await dns.query(limited(attempt), Resolver("127.0.0.1", port), "a.example", "A", listening, 1)
            await listening.finish(0)

    asyncio.run(go())
    (row,) = attempt.journal.observations()
    assert (row.hop_limit, getattr(row.detail, "transport", None)) == (1, "udp")


@pytest.mark.parametrize("hops", [1, None])
def test_a_refused_question_is_refused_with_a_limit_too(attempt: Attempt, hops: int | None) -> None:
    """The refusal waits among the reports by then, where it must not be taken for one of a router, nor be lost."""

    async def go() -> None:
        listening, nobody = dns.Listening(), Resolver("127.0.0.1", closed_port())
        await dns.query(replace(attempt, hop_limit=hops), nobody, "a.example", "A", listening, 1)
        await listening.finish(0)

    asyncio.run(go())
    (row,) = attempt.journal.observations()
    assert (row.hop_limit, row.router, row.failure) == (hops, None, Failure.CONNECTION_REFUSED)
