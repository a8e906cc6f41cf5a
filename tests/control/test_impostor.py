"""Who answers at a control's address, and what time it is there."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from probe.control.client import ControlClient
from tests.control.conftest import Running
from tests.control.test_client import page
from tests.control.test_hostile import Exchange, hostile, line

HTML = "Content-Type: text/html; charset=utf-8"
JSON = "Content-Type: application/json"
ANSWERS: dict[str, tuple[str, tuple[str, ...], bool]] = {
    "a page": ("200 OK", (HTML,), True),
    "a redirect to a login": ("302 Found", ("Location: http://login.test/?back=control",), True),
    "a demand for a login": ("511 Network Authentication Required", (HTML,), True),
    "a redirect to itself": ("308 Permanent Redirect", ("Location: /elsewhere",), False),
    "a redirect to nowhere": ("302 Found", (), False),
    "an outage of what stands before it": ("502 Bad Gateway", (HTML,), False),
    "a page that it has not": ("404 Not Found", (HTML,), False),
    "a refusal": ("403 Forbidden", (JSON,), False),
}


async def asked(url: str, verify: ssl.SSLContext | None = None) -> list[ControlClient]:
    """Two clients: one was asked to measure, the other where it is."""
    async with (
        ControlClient(url, deadline=5, verify=verify) as one,
        ControlClient(url, deadline=5, verify=verify) as two,
    ):
        assert await one.measure(page()) is None
        assert await two.describe() is None
    return [one, two]


@pytest.mark.parametrize(("status", "headers", "impostor"), ANSWERS.values(), ids=ANSWERS)
def test_what_is_no_control(status: str, headers: tuple[str, ...], impostor: bool) -> None:
    async def answer(exchange: Exchange) -> None:
        head = "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", "Date: Mon, 01 Jan 2024 00:00:00 GMT", *headers])
        await exchange.send(f"{head}\r\n\r\n<title>x</title>".encode())

    async def body() -> None:
        async with hostile(answer) as log:
            for client in await asked(log.url):
                assert (client.impostor, client.clock_offset) == (impostor, None)

    asyncio.run(body())


def certificates() -> dict[str, tuple[trustme.LeafCert, bool]]:
    now = datetime.now(UTC)
    known, stranger = trustme.CA(), trustme.CA()
    made = {
        "of nobody": (stranger.issue_cert("127.0.0.1"), True),
        "for another name": (known.issue_cert("other.test"), True),
        "out of date": (known.issue_cert("127.0.0.1", not_after=now - timedelta(days=1)), False),
        "not valid yet": (known.issue_cert("127.0.0.1", not_before=now + timedelta(days=1)), False),
    }
    CLIENT.load_verify_locations(cadata=known.cert_pem.bytes().decode())
    return made


CLIENT = ssl.create_default_context()
CERTIFICATES = certificates()


@pytest.mark.parametrize(("certificate", "impostor"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_a_certificate_that_is_not_the_controls(certificate: trustme.LeafCert, impostor: bool) -> None:
    """One that is only out of time may be the control's own, and our clock wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    async def never(exchange: Exchange) -> None:
        raise AssertionError("no request is sent to a stranger")

    async def body() -> None:
        async with hostile(never, context) as log:
            for client in await asked(log.url, CLIENT):
                assert client.impostor is impostor
                assert client.problems
            assert log.exchanges == []

    asyncio.run(body())


@pytest.mark.parametrize("days", [0, 365, -365])
def test_the_time_of_a_control(listing: Running, days: int) -> None:
    async def body() -> None:
        def now() -> datetime:
            return datetime.now(UTC) + timedelta(days=days)

        async with ControlClient(listing.url, now=now) as one, ControlClient(listing.url, now=now) as two:
            assert one.clock_offset is None
            assert await one.measure(page()) is not None
            assert await two.describe() is not None
            for client in (one, two):
                assert client.clock_offset is not None
                assert round(client.clock_offset / 86_400) == days
                assert not client.impostor

    asyncio.run(body())


@pytest.mark.parametrize(
    "date", [None, "yesterday", "Mon, 01 Jan 2024 00:00:00 -0000", "Mon, 01 Jan 0001 99:00:00 GMT"]
)
def test_a_control_that_does_not_say_its_time(date: str | None) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.begin("200 OK", *([f"Date: {date}"] if date else []))
        await exchange.send(line(exchange.asks[0]["target"]))

    async def body() -> None:
        async with hostile(answer) as log, ControlClient(log.url, deadline=5) as client:
            assert await client.measure(page()) is not None
            assert client.clock_offset is None

    asyncio.run(body())
