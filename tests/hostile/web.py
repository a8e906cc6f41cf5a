"""Hostile web servers in HTTP/1.1: bombs, floods, drips, lies, redirects, and nasty texts."""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import zlib
from functools import cache

from tests.hostile.case import DOMAIN, ESCAPES, FORMULA, NASTY, SCRIPT, Case, Serve

_TIMEOUT, _REFUSED, _EOF, _REDIRECT = (
    "generic_timeout_error",
    "http_request_failed",
    "eof_error",
    "http_invalid_redirect_location_host",
)
_STEP = 0.05
"""Seconds between the bytes of a server that sends one at a time."""
_MIB = 1 << 20


@cache
def _zeros(window: int) -> bytes:
    """512 MiB of nothing, as gzip or deflate: one MiB of it, flushed so that it may be said again and again."""
    packing = zlib.compressobj(9, wbits=window)
    begin = packing.compress(b"") + packing.flush(zlib.Z_FULL_FLUSH)
    piece = packing.compress(bytes(_MIB)) + packing.flush(zlib.Z_FULL_FLUSH)
    return begin + piece * 512 + packing.flush()


@cache
def _zstd() -> bytes:
    """1 GiB of nothing: blocks that say "128 KiB of this byte" (RFC 8878 §3.1.1.2)."""
    block = ((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd\0\x58" + block * (8 << 10) + b"\1\0\0"


_BROTLI = base64.b64decode(
    "z///f/gnAOKxQCD3/p/////wTwDEYQGA7v0/////4Z8AiMMiAN37f/7//8M/ARCHBQC69//8//+HfwIgDgsAdO//+f//D/8EQBwWAOje//P//x/+CYA4LADQvf/n//8//BMAcVgAoHv/Pw=="
)  # 128 MiB of nothing (RFC 7932)


def _said(body: bytes, *headers: str, status: str = "200 OK", length: bool = True) -> Serve:
    """The same answer to everybody."""
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return _bytes("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def _bytes(data: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()

    return serve


def _for_ever(begin: bytes, piece: bytes) -> Serve:
    """A beginning, and then the same until the client has gone."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return serve


def _drip(begin: bytes, rest: bytes) -> Serve:
    """A beginning at once, the rest in single bytes, and never an end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        for byte in itertools.cycle(rest):
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(_STEP)

    return serve


def _onward(to: str) -> Serve:
    """Each page leads on, `%` being the number of the page."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        digits = bytes(byte for byte in head.split()[1] if 48 <= byte < 58)
        location = to.replace("%", str(int(digits or b"0") + 1)).encode("latin-1")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    return serve


async def _slow_and_onward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.5)
    await _onward("/%")(reader, writer)


async def _no_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


_HTML = "Content-Type: text/html; charset=utf-8"
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
_PAGE = f"<html><head><title>{FORMULA}{ESCAPES}{SCRIPT}</title></head><body>{' '.join(NASTY)}</body></html>".encode()
_NASTY_HEADERS = tuple(f"X-Nasty-{number}: {text}" for number, text in enumerate(map(ascii, NASTY)))
_LATIN = ESCAPES.encode().decode("latin-1")

BOMBS = (
    Case(name="gzip-bomb", serve=_said(_zeros(31), _HTML, "Content-Encoding: gzip"), truncated=True),
    Case(name="deflate-bomb", serve=_said(_zeros(15), _HTML, "Content-Encoding: deflate"), truncated=True),
    Case(name="raw-deflate-bomb", serve=_said(_zeros(-15), _HTML, "Content-Encoding: deflate"), truncated=True),
    Case(
        name="gzip-in-gzip",
        serve=_said(gzip.compress(_zeros(31)), _HTML, "Content-Encoding: gzip, gzip"),
        truncated=False,
    ),
    Case(name="brotli-bomb", serve=_said(_BROTLI, _HTML, "Content-Encoding: br"), truncated=False),
    Case(name="zstd-bomb", serve=_said(_zstd(), _HTML, "Content-Encoding: zstd"), truncated=False),
    Case(name="broken-gzip", serve=_said(b"\x1f\x8b" + b"\xff" * 5000, "Content-Encoding: gzip"), truncated=False),
)

WITHOUT_END = (
    Case(name="endless-headers", serve=_for_ever(b"HTTP/1.1 200 OK\r\n", b"X-More: more\r\n" * 99), failure=_REFUSED),
    Case(name="endless-header", serve=_for_ever(b"HTTP/1.1 200 OK\r\nX-More: ", b"m" * 4096), failure=_REFUSED),
    Case(name="endless-status", serve=_for_ever(b"HTTP/1.1 200 ", b"OK" * 4096), failure=_REFUSED),
    Case(name="endless-interim", serve=_for_ever(b"", b"HTTP/1.1 103 Hints\r\n\r\n"), failure=_REFUSED),
    Case(name="endless-body", serve=_for_ever(_OK + b"\r\n", b"<p>" * 9999), truncated=True),
    Case(
        name="endless-chunks",
        serve=_for_ever(_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n.\r\n" * 999),
        truncated=True,
    ),
    Case(
        name="endless-chunk-head",
        serve=_for_ever(_OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 4096),
        failure=_REFUSED,
    ),
    Case(
        name="endless-trailers",
        serve=_for_ever(_OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\n.\r\n0\r\n", b"X-More: more\r\n" * 99),
        failure=_REFUSED,
    ),
    Case(
        name="endless-chunk-names",
        serve=_for_ever(_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 50_000 + b"\r\n.\r\n"),
        failure=_REFUSED,
    ),
    Case(name="garbage", serve=_for_ever(b"", bytes(range(256)) * 16), failure=_REFUSED),
    Case(name="slow-head", serve=_drip(b"HTTP/1.1 200 OK\r\n", b"X-More: more\r\n"), failure=_TIMEOUT),
    Case(name="slow-body", serve=_drip(_OK + b"\r\n", _PAGE), failure=_TIMEOUT, truncated=False),
    Case(name="silence", serve=_no_reading, failure=_TIMEOUT),
)

LIES = (
    Case(name="length-too-long", serve=_said(b".", _HTML, f"Content-Length: {10**15}", length=False), failure=_EOF),
    Case(
        name="length-with-many-digits",
        serve=_said(b".", "Content-Length: " + "9" * 5000, length=False),
        failure=_REFUSED,
    ),
    Case(name="two-lengths", serve=_said(b"....", "Content-Length: 1"), failure=_REFUSED),
    Case(
        name="length-and-chunks",
        serve=_said(b"1\r\n.\r\n0\r\n\r\n", _HTML, "Transfer-Encoding: chunked"),
        truncated=False,
    ),
    Case(
        name="chunk-of-16-exabytes",
        serve=_said(b"ffffffffffffffff\r\n..", "Transfer-Encoding: chunked", length=False),
        failure=_EOF,
    ),
    Case(name="no-such-status", serve=_said(b"", status="999 " + _LATIN), truncated=False),
    Case(name="http-0-9", serve=_bytes(_PAGE), failure=_EOF),
)

ONWARD = (
    Case(name="redirect-to-itself", serve=_onward("/"), hops=10),
    Case(name="redirect-for-ever", serve=_onward("/%"), hops=10),
    Case(name="slow-redirects", serve=_slow_and_onward, hops=10),
    Case(name="redirect-private-name", serve=_onward(f"http://private.{DOMAIN}/"), hops=2),
    Case(name="refresh-for-ever", serve=_said(b"", _HTML, "Refresh: 0; url=/?again"), hops=2),
    *(
        Case(name=f"redirect-{name}", serve=_onward(to))
        for name, to in {
            "private": "http://10.9.9.9/",
            "metadata": "http://169.254.169.254/latest/meta-data/",
            "loopback": "http://127.0.0.1/",
            "loopback-v6": "http://[::1]/",
            "mapped": "http://[::ffff:10.9.9.9]/",
            "nat64": "http://[64:ff9b::a09:909]/",
            "sixtofour": "http://[2002:a09:909::1]/",
            "zeros": "http://0.0.0.0/",
        }.items()
    ),
    *(
        Case(name=f"redirect-{name}", serve=_onward(to), failure=_REDIRECT)
        for name, to in {
            "octal": "http://0251.0376.0251.0376/",
            "hexadecimal": "http://0xa9fea9fe/",
            "number": "http://2852039166/",
            "script": "javascript:alert(1)",
            "file": "file:///etc/passwd",
            "brackets": "http://[",
            "user": f"http://{DOMAIN}@10.9.9.9/",
            "escapes": f"http://{_LATIN}/",
            "long": "/" + "x" * 60_000,
            "mail": f"http://mail.{DOMAIN}:25/",
            "login": f"http://mail.{DOMAIN}:22/",
        }.items()
    ),
)

TEXTS = (
    Case(name="nasty-page", serve=_said(_PAGE, _HTML, *_NASTY_HEADERS), truncated=False),
    Case(name="nasty-text", serve=_said("\n".join(NASTY).encode(), "Content-Type: text/plain"), truncated=False),
    Case(name="formula-title", serve=_said(f"<title>{FORMULA}</title>".encode(), _HTML), truncated=False),
    Case(name="formula-header", serve=_said(b"", f"=1+1: {FORMULA}"), failure=_REFUSED),
    Case(name="script-header", serve=_said(b"", f"Server: {SCRIPT}", f"Link: <{SCRIPT}>"), truncated=False),
    Case(name="escape-header", serve=_said(b"", f"Server: {_LATIN}"), truncated=False),
    Case(name="not-utf-8", serve=_said(b"<title>\xff\xfe\xed\xa0\x80</title>", _HTML), truncated=False),
    *(
        Case(name=f"charset-{charset}", serve=_said(_PAGE * 90, f"Content-Type: text/html; charset={charset}"))
        for charset in ("utf-7", "utf-16", "idna", "punycode", "unicode_escape", "zlib", "no-such", "undefined")
    ),
    Case(name="nested-tags", serve=_said(b"<div>" * 100_000, _HTML), truncated=False),
    Case(name="open-tags", serve=_said(b"<a b='" * 80_000, _HTML), truncated=False),
    Case(name="open-comments", serve=_said(b"<!--" * 100_000, _HTML), truncated=False),
    Case(name="entities", serve=_said(b"<title>" + b"&#x1b;&#x202e;" * 30_000, _HTML), truncated=False),
    Case(name="nasty-alt-svc", serve=_said(b"", 'Alt-Svc: h3=":99999999999999999999", h3=":-1"'), truncated=False),
)

CASES = (*BOMBS, *WITHOUT_END, *LIES, *ONWARD, *TEXTS)

calm = _said(b"<title>Welcome</title>", _HTML)
