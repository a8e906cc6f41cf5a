"""Hostile web servers in HTTP/2: each frame that there is without end, and nasty texts, in frames made by hand."""

from __future__ import annotations

import asyncio
import struct

from tests.hostile.case import NASTY, Case, Serve
from tests.steps.test_http2_frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    block,
    frame,
)

_REFUSED, _TIMEOUT = "http_request_failed", "generic_timeout_error"
_HEAD = frame(HEADERS, block((b":status", b"200"), (b"content-type", b"text/html")), flags=END_HEADERS)
_TABLE = block((b":status", b"200"), (b"x", b"y" * 4000))
"""Fills a client's table of header fields; what is in there is then said again in one byte."""


def _for_ever(*pieces: bytes, begin: bytes = b"", listen: bool = True) -> Serve:
    """Settings, a beginning, and then the same until the client has gone; where it does not listen, nothing of what
    the client sends is read."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(SETTINGS, stream=0) + begin)
        if listen:
            asyncio.get_running_loop().create_task(_drain(reader)).add_done_callback(lambda task: task.exception())
        while True:
            writer.write(b"".join(pieces) * max(1, 8192 // max(1, sum(map(len, pieces)))))
            await writer.drain()
            await asyncio.sleep(0)

    return serve


def _once(*frames: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(SETTINGS, stream=0) + b"".join(frames))
        await writer.drain()
        await _drain(reader)

    return serve


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


_FLOODS: dict[str, Serve] = {
    "settings": _for_ever(frame(SETTINGS, struct.pack("!HI", 4, 65_535), stream=0)),
    "settings-acks": _for_ever(frame(SETTINGS, flags=ACK, stream=0)),
    "many-settings": _for_ever(frame(SETTINGS, struct.pack("!HI", 0x99, 1) * 2700, stream=0)),
    "pings": _for_ever(frame(PING, bytes(8), stream=0)),
    "pings-unheard": _for_ever(frame(PING, bytes(8), stream=0), listen=False),
    "windows": _for_ever(frame(WINDOW_UPDATE, struct.pack("!I", 0x7FFF_FFFF), stream=0)),
    "priorities": _for_ever(frame(PRIORITY, bytes(5), stream=3)),
    "leaving-in-peace": _for_ever(frame(GOAWAY, struct.pack("!II", 1, 0), stream=0)),
    "unknown-frames": _for_ever(frame(0x99, bytes(100))),
    "empty-data": _for_ever(frame(DATA), begin=_HEAD),
    "padded-data": _for_ever(frame(DATA, bytes([255]) + bytes(255), flags=0x8), begin=_HEAD),
    "empty-headers": _for_ever(frame(HEADERS, flags=END_HEADERS)),
    "interim": _for_ever(frame(HEADERS, block((b":status", b"103")), flags=END_HEADERS)),
    "continuation": _for_ever(frame(CONTINUATION, b"\0\1a\1b"), begin=frame(HEADERS)),
    "empty-continuation": _for_ever(frame(CONTINUATION), begin=frame(HEADERS)),
    "table-sizes": _for_ever(frame(HEADERS, b"\x20" * 16_000, flags=END_HEADERS)),
    "headers-after-headers": _for_ever(frame(HEADERS, _TABLE, flags=END_HEADERS), begin=_HEAD),
    "resets": _for_ever(frame(RST_STREAM, bytes(4))),
    "pushes": _for_ever(frame(PUSH_PROMISE, struct.pack("!I", 2) + block((b":path", b"/")), flags=END_HEADERS)),
}
_BOMB = frame(HEADERS, _TABLE + b"\xbe" * 12_000, flags=END_HEADERS | END_STREAM)

CASES = (
    *(
        Case(name=f"h2-{name}", scheme="https", alpn="h2", serve=serve, failure=_REFUSED)
        for name, serve in _FLOODS.items()
    ),
    Case(name="h2-large-frame", scheme="https", alpn="h2", serve=_once(b"\xff\xff\xff\0\0\0\0\0\1"), failure=_REFUSED),
    Case(name="h2-header-bomb", scheme="https", alpn="h2", serve=_once(_BOMB), failure=_REFUSED),
    Case(
        name="h2-endless-body",
        scheme="https",
        alpn="h2",
        serve=_for_ever(frame(DATA, b"<p>" * 3000), begin=_HEAD),
        truncated=True,
    ),
    Case(
        name="h2-half-a-frame",
        scheme="https",
        alpn="h2",
        serve=_once(_HEAD, frame(DATA, b"." * 100)[:50]),
        failure=_TIMEOUT,
        truncated=False,
    ),
    Case(
        name="h2-nasty-headers",
        scheme="https",
        alpn="h2",
        serve=_once(
            frame(
                HEADERS,
                block(
                    (b":status", b"200"),
                    (b"\x1b[2J\xff", b"\0\r\n\x1b]0;x\x07"),
                    *((b"x-nasty", text.encode()) for text in NASTY),
                ),
                flags=END_HEADERS | END_STREAM,
            )
        ),
        truncated=False,
    ),
)
