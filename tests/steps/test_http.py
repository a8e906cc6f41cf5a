"""The http step: exchanges with real servers, and the bounds on what they may send."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import zlib
from collections.abc import Callable

import pytest

from probe.failure import Failure
from probe.model import HttpDetail, Observation
from probe.steps import http, tcp
from probe.steps.step import Attempt
from tests.steps.servers import Speak, answering, reset, tcp_server


def leads_somewhere(location: str) -> bool:
    return "///" not in location


def get(
    attempt: Attempt, speak: Speak, recognise: Callable[[bytes], bool] | None = None
) -> tuple[http.Response | None, Observation]:
    async def go() -> http.Response | None:
        async with tcp_server(speak, limit=1 << 20) as port:
            stream = await tcp.connect(attempt, "127.0.0.1", port)
            assert stream is not None
            try:
                return await http.fetch(
                    attempt, stream, "http://line.me/path?q=1", lambda location: "///" not in location, recognise
                )
            finally:
                stream.close()

    return asyncio.run(go()), attempt.journal.observations()[-1]


def test_a_page(attempt: Attempt) -> None:
    page = "<html><head><title> 微信，是一个\n生活方式 </title></head></html>".encode()
    _, row = get(attempt, answering(page, headers=("Server: nginx", "X-Of-Ours: 1")))
    assert isinstance(row.detail, HttpDetail)
    assert row.failure is None
    assert (row.detail.status, row.detail.http_version, row.detail.title) == (200, "HTTP/1.1", "微信，是一个 生活方式")
    assert (row.detail.excerpt, row.detail.outline) == (None, ("html", "head", "title"))
    assert ("x-of-ours", "1") in row.detail.headers
    assert row.detail.body_sha256 == hashlib.sha256(page).hexdigest()
    assert attempt.journal.bodies == {row.detail.body_sha256: page}


@pytest.mark.parametrize(("page", "recognised"), [(b"<dns>", True), (b"<html>", False), (b"", False)])
def test_a_page_that_is_to_be_recognised(attempt: Attempt, page: bytes, recognised: bool) -> None:
    _, row = get(attempt, answering(page), lambda body: body == b"<dns>")
    assert isinstance(row.detail, HttpDetail)
    assert (row.failure, row.detail.recognised) == (None, recognised)


def test_what_is_sent(attempt: Attempt) -> None:
    got: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    get(attempt, listen)
    lines = got[0].decode().split("\r\n")
    assert lines[0] == "GET /path?q=1 HTTP/1.1"
    assert [line.split(":")[0] for line in lines[1:6]] == [
        "Host", "User-Agent", "Accept", "Accept-Language", "Accept-Encoding",
    ]  # fmt: skip
    assert not any("cookie" in line.lower() or "python" in line.lower() for line in lines)


BOMB = gzip.compress(bytes(64 << 20), 9)
BODIES: dict[str, tuple[bytes, tuple[str, ...], int, bool]] = {
    "gzip": (gzip.compress(b"hello"), ("Content-Encoding: gzip",), 5, False),
    "deflate": (zlib.compress(b"hello"), ("Content-Encoding: deflate",), 5, False),
    "deflate without header": (zlib.compress(b"hello", wbits=-15), ("Content-Encoding: deflate",), 5, False),
    "a lie about gzip": (b"not gzip", ("Content-Encoding: gzip",), 8, False),
    "unknown encoding": (b"\x01\x02", ("Content-Encoding: br",), 2, False),
    "a bomb": (BOMB, ("Content-Encoding: gzip",), http.MOST_BYTES, True),
    "too large": (b"x" * (http.MOST_BYTES + 1), (), http.MOST_BYTES, True),
    "just large enough": (b"x" * http.MOST_BYTES, (), http.MOST_BYTES, False),
    "empty": (b"", (), 0, False),
}


@pytest.mark.parametrize(("body", "headers", "length", "truncated"), BODIES.values(), ids=BODIES)
def test_bodies_are_decoded_and_bounded(
    attempt: Attempt, body: bytes, headers: tuple[str, ...], length: int, truncated: bool
) -> None:
    _, row = get(attempt, answering(body, headers=headers))
    assert isinstance(row.detail, HttpDetail)
    assert row.failure is None
    assert (row.detail.body_length, row.detail.body_truncated) == (length, truncated)


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    reset(writer)


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def _swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _cut_short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
    await writer.drain()


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await writer.drain()
    await reader.read()


async def _endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(10_000):
        writer.write(b"X-More: " + b"x" * 1000 + b"\r\n")
        await writer.drain()


async def _one_byte_a_moment(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


BROKEN: dict[str, tuple[Speak, Failure, int | None]] = {
    "reset": (_reset, Failure.CONNECTION_RESET, None),
    "closed": (_hang_up, Failure.EOF, None),
    "silent": (_swallow, Failure.GENERIC_TIMEOUT, None),
    "cut short": (_cut_short, Failure.EOF, 200),
    "not HTTP": (_garbage, Failure.HTTP_REQUEST_FAILED, None),
    "endless headers": (_endless_headers, Failure.HTTP_REQUEST_FAILED, None),
    "one byte a moment": (_one_byte_a_moment, Failure.GENERIC_TIMEOUT, 200),
}


@pytest.mark.parametrize(("speak", "failure", "status"), BROKEN.values(), ids=BROKEN)
def test_broken_exchange(attempt: Attempt, speak: Speak, failure: Failure, status: int | None) -> None:
    response, row = get(attempt, speak)
    assert response is None
    assert isinstance(row.detail, HttpDetail)
    assert (row.failure, row.detail.status) == (failure, status)


REDIRECTS: dict[str, tuple[str, str, Failure | None, str | None]] = {
    "absolute": ("301 Moved", "Location: https://line.me/", None, "https://line.me/"),
    "relative": ("302 Found", "Location: /ru/", None, "/ru/"),
    "nowhere": ("307 Temporary", "Location: https:///x", Failure.HTTP_INVALID_REDIRECT, None),
    "no redirect": ("201 Created", "Location: https://line.me/", None, None),
    "a page that leads on": ("200 OK", "Refresh: 5; url=/ru/", None, "/ru/"),
    "a page that leads on later": ("200 OK", "Refresh: 6; url=/ru/", None, None),
    "a page that leads nowhere": ("200 OK", "Refresh: 0; url=https:///x", None, None),
    "a page to be loaded again": ("200 OK", "Refresh: 5", None, None),
}


@pytest.mark.parametrize(("status", "header", "failure", "onward"), REDIRECTS.values(), ids=REDIRECTS)
def test_redirects(attempt: Attempt, status: str, header: str, failure: Failure | None, onward: str | None) -> None:
    response, row = get(attempt, answering(b"", status=status, headers=(header,)))
    assert response is not None
    assert (row.failure, response.location) == (failure, onward)
    assert response.is_redirect == status.startswith("3")
