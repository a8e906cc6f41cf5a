"""Fetching one file, from real servers on this machine: bounded, never in the clear, never elsewhere than asked."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme

from probe.fetch import FetchError, fetch, is_here

BODY = bytes(range(256)) * 40
Answer = Callable[[str], bytes]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority is among this host's roots."""
    authority.cert_pem.write_to_path(str(tmp_path / "roots.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))


@contextlib.asynccontextmanager
async def serving(answer: Answer, authority: trustme.CA | None = None) -> AsyncIterator[str]:
    """A server that gives `answer(path)` to each request, byte for byte; its URL. With an authority, over TLS."""
    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(head.decode().split(" ")[1]))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def moved(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def get(answer: Answer, path: str = "/", authority: trustme.CA | None = None, seconds: float = 20.0) -> bytes:
    async def run() -> bytes:
        async with serving(answer, authority) as url:
            return await fetch(url + path, longest=len(BODY), seconds=seconds)

    return asyncio.run(run())


@pytest.mark.usefixtures("trusted")
def test_the_bytes_are_those_of_the_server(authority: trustme.CA) -> None:
    assert get(lambda _: ok(BODY), authority=authority) == BODY
    assert get(lambda _: ok(BODY)) == BODY  # within this machine
    assert get(lambda _: ok(BODY, "Content-Encoding: gzip")) == BODY
    assert get(lambda _: b"HTTP/1.1 200 OK\r\n\r\n" + BODY) == BODY
    assert get(lambda path: ok(BODY) if path == "/b?x=1" else moved("/b?x=1"), authority=authority) == BODY


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert get(lambda _: ok(BODY)) == BODY


LATE = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"
WRONG: dict[str, tuple[Answer, str]] = {
    "not found": (lambda _: b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!", "answers 404"),
    "no content": (lambda _: b"HTTP/1.1 204 No Content\r\n\r\n", "answers 204"),
    "too large": (lambda _: ok(BODY + b"x"), "larger than"),
    "endless": (lambda _: b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, "larger than"),
    "cut off": (lambda _: LATE, "127.0.0.1"),
    "nothing": (lambda _: b"", "127.0.0.1"),
    "no HTTP": (lambda _: b"\x00\xff" * 99, "127.0.0.1"),
    "in a circle": (lambda _: moved("/"), "redirected more than 5 times"),
    "to the clear": (lambda _: moved("http://lists.example/"), "give an https:// URL"),
    "to a file": (lambda _: moved("file:///etc/passwd"), "give an https:// URL"),
    "to nowhere": (lambda _: moved("https://[::1/"), "127.0.0.1"),
}


@pytest.mark.parametrize(("answer", "said"), WRONG.values(), ids=WRONG)
def test_what_goes_wrong_is_one_line(answer: Answer, said: str) -> None:
    with pytest.raises(FetchError) as caught:
        get(answer)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_keeps_silent_is_left() -> None:
    async def run() -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(FetchError, match="not there within"):
                await fetch(f"http://127.0.0.1:{port}/", longest=9, seconds=0.2)

    asyncio.run(run())


def test_a_server_without_a_good_certificate_is_asked_for_nothing(authority: trustme.CA) -> None:
    asked: list[str] = []

    def answer(path: str) -> bytes:
        asked.append(path)
        return ok(BODY)

    with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED"):
        get(answer, authority=authority)
    assert asked == []


@pytest.mark.usefixtures("trusted")
def test_a_secure_place_does_not_lead_to_one_in_the_clear(authority: trustme.CA) -> None:
    with pytest.raises(FetchError, match="give an https:// URL"):
        get(lambda _: moved("http://lists.example/"), authority=authority)


ELSEWHERE = ("http://lists.example/", "http://192.0.2.1/", "ftp://127.0.0.1/", "https://", "https://[::1/")


@pytest.mark.parametrize("url", ELSEWHERE)
def test_urls_that_are_not_fetched(url: str) -> None:
    with pytest.raises(FetchError):
        asyncio.run(fetch(url, longest=9, seconds=5))


def test_what_is_here() -> None:
    assert all(is_here(url) for url in ("http://127.0.0.1:8/x", "https://127.9.9.9", "http://[::1]:80/"))
    assert not any(
        is_here(url) for url in ("https://lists.example/127.0.0.1", "http://192.0.2.1/", "x", "https://[::1/")
    )
