"""HTTP/2 frame by frame: what is sent, every layout in which an answer may come, and whatever else may come."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings
from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.steps.errors import ProtocolError
from probe.steps.exchange import MOST_HEAD
from probe.steps.http import HEADERS as SENT
from probe.steps.http2 import Http2
from probe.steps.stream import Stream

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 0x1, 0x1, 0x4, 0x8, 0x20
FIELDS = [(b"host", b"line.me"), *((name.encode(), value.encode()) for name, value in SENT)]


def frame(kind: int, payload: bytes = b"", *, flags: int = 0, stream: int = 1) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def block(*fields: tuple[bytes, bytes]) -> bytes:
    return Encoder().encode(fields)


@dataclass
class Heard:
    status: int | None = None
    fields: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""
    error: Exception | None = None
    sent: bytes = b""


def hear(*answer: bytes, target: bytes = b"/") -> Heard:
    """What is made of an answer that ends with the connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        theirs.sendall(b"".join(answer))
        theirs.shutdown(socket.SHUT_WR)
        heard = Heard()
        stream = Stream(sock=ours, address="192.0.2.1", port=443, clock=time.monotonic)
        try:
            asyncio.run(asyncio.wait_for(_ask(Http2(stream), target, heard), 60))
        except (ProtocolError, EOFError) as error:
            heard.error = error
        heard.sent = theirs.recv(1 << 20)
    return heard


async def _ask(exchange: Http2, target: bytes, heard: Heard) -> None:
    head = await exchange.ask(b"https", target, FIELDS)
    heard.status, heard.fields = head.status, [(bytes(name), bytes(value)) for name, value in head.fields]
    while piece := await exchange.more():
        heard.body += piece


def by_h2(target: bytes) -> bytes:
    """The same request as h2 would send it."""
    session = H2Connection(H2Configuration(validate_outbound_headers=False))
    session.local_settings = Settings(
        client=True,
        initial_values={
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20,
            SettingCodes.MAX_HEADER_LIST_SIZE: MOST_HEAD,
        },
    )
    encode = session.encoder.encode
    session.encoder.encode = lambda headers: encode(headers, huffman=False)  # type: ignore[method-assign]
    session.initiate_connection()
    session.increment_flow_control_window(1 << 20)
    pseudo = [(b":method", b"GET"), (b":authority", b"line.me"), (b":scheme", b"https"), (b":path", target)]
    session.send_headers(1, [*pseudo, *FIELDS[1:]], end_stream=True)
    return session.data_to_send()


@pytest.mark.parametrize("length", [0, 10, 16_384, 40_000])
def test_a_request_is_what_h2_would_send(length: int) -> None:
    target = b"/" + b"x" * length
    assert hear(target=target).sent == by_h2(target)


OK = frame(HEADERS, block((b":status", b"200")), flags=END_HEADERS)
LAST = frame(DATA, b"body", flags=END_STREAM)
WHOLE: dict[str, tuple[bytes, ...]] = {
    "plain": (OK, LAST),
    "reserved bits": (frame(HEADERS, block((b":status", b"200")), flags=END_HEADERS, stream=1 << 31 | 1), LAST),
    "flags without a meaning": (
        frame(HEADERS, block((b":status", b"200")), flags=0xD6 | END_HEADERS), frame(DATA, b"body", flags=0xF7),
    ),
    "padding": (
        frame(HEADERS, b"\x05" + block((b":status", b"200")) + bytes(5), flags=END_HEADERS | PADDED),
        frame(DATA, b"\xff" + bytes(255), flags=PADDED),
        frame(DATA, b"\0bo", flags=PADDED), frame(DATA, b"\x02dy\0\0", flags=PADDED | END_STREAM),
    ),
    "a priority": (frame(HEADERS, bytes(5) + block((b":status", b"200")), flags=END_HEADERS | PRIORITIZED), LAST),
    "padding and a priority": (
        frame(HEADERS, b"\x01" + bytes(5) + block((b":status", b"200")) + b"\0", flags=0x2C), LAST,
    ),
    "nothing but padding in HEADERS": (
        frame(HEADERS, b"\x03" + bytes(3), flags=PADDED),
        frame(CONTINUATION, block((b":status", b"200")), flags=END_HEADERS), LAST,
    ),
    "three pieces of a head": (
        frame(HEADERS, block((b":status", b"200"))[:1]), frame(CONTINUATION),
        frame(CONTINUATION, block((b":status", b"200"))[1:], flags=END_HEADERS), LAST,
    ),
    "interim": (frame(HEADERS, block((b":status", b"103")), flags=END_HEADERS), OK, LAST),
    "trailers": (
        OK, frame(DATA, b"body"), frame(HEADERS, block((b"x-sum", b"1"))[:3], flags=END_STREAM),
        frame(CONTINUATION, block((b"x-sum", b"1"))[3:], flags=END_HEADERS),
    ),
    "as long as it says": (
        frame(HEADERS, block((b":status", b"200"), (b"content-length", b"4"), (b"content-length", b"04")), flags=4),
        LAST,
    ),
    "settings": (frame(SETTINGS, struct.pack("!HIHI", 4, 0, 0x99, 7), stream=0), OK, LAST),
    "windows and priorities": (
        frame(WINDOW_UPDATE, b"\x80\0\0\x01", stream=0), frame(WINDOW_UPDATE, b"\0\0\0\x01"),
        frame(PRIORITY, bytes(5), stream=7), OK, LAST,
    ),
    "frames of the future": (frame(0xA, b"\0"), frame(0xFF, b"x", stream=8), OK, LAST),
    "bytes after the end": (OK, LAST, frame(RST_STREAM, bytes(4)), b"garbage"),
}  # fmt: skip


@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE)
def test_a_whole_answer(answer: tuple[bytes, ...]) -> None:
    heard = hear(*answer)
    assert (heard.error, heard.status, heard.body) == (None, 200, b"body")


def test_head_fields_are_kept_as_they_came() -> None:
    fields = [(b"Odd Name", b"\xff"), (b"x", b""), (b"x", b"2"), (b"content-length", b"4")]
    heard = hear(frame(HEADERS, block((b":status", b"404"), *fields), flags=END_HEADERS), LAST)
    assert (heard.status, heard.fields) == (404, fields)


def test_no_body_is_awaited_where_the_head_is_the_last() -> None:
    heard = hear(frame(HEADERS, block((b":status", b"304"), (b"content-length", b"4")), flags=END_HEADERS | END_STREAM))
    assert (heard.error, heard.status, heard.body) == (None, 304, b"")


BROKEN: dict[str, tuple[tuple[bytes, ...], str]] = {
    "DATA on stream 0": ((OK, frame(DATA, b"x", stream=0)), "DATA on stream 0"),
    "DATA on stream 3": ((OK, frame(DATA, b"x", stream=3)), "DATA on stream 3"),
    "HEADERS on stream 2": ((frame(HEADERS, b"\x88", flags=4, stream=2),), "HEADERS on stream 2"),
    "CONTINUATION on stream 3": (
        (frame(HEADERS, b"\x88"), frame(CONTINUATION, flags=4, stream=3)), "CONTINUATION on stream 3",
    ),
    "CONTINUATION alone": ((frame(CONTINUATION, b"\x88", flags=4),), "without a beginning"),
    "CONTINUATION after the head": ((OK, frame(CONTINUATION, flags=4)), "without a beginning"),
    "a head broken off by DATA": ((frame(HEADERS, b"\x88"), LAST), "broken off"),
    "a head broken off by HEADERS": ((frame(HEADERS, b"\x88"), OK), "broken off"),
    "a head broken off by the future": ((frame(HEADERS, b"\x88"), frame(0xF0)), "broken off"),
    "RST_STREAM on stream 3": ((frame(RST_STREAM, bytes(4), stream=3),), "RST_STREAM on stream 3"),
    "RST_STREAM too short": ((frame(RST_STREAM, bytes(3)),), "RST_STREAM of 3 bytes"),
    "RST_STREAM without an error": ((OK, frame(RST_STREAM, bytes(4))), "NO_ERROR"),
    "RST_STREAM for an unknown reason": ((frame(RST_STREAM, b"\x80\0\0\0"),), "error 2147483648"),
    "PRIORITY on stream 0": ((frame(PRIORITY, bytes(5), stream=0),), "PRIORITY on stream 0"),
    "PRIORITY too long": ((frame(PRIORITY, bytes(6)),), "PRIORITY of 6 bytes"),
    "PUSH_PROMISE": ((frame(PUSH_PROMISE, bytes(4), flags=4),), "PUSH_PROMISE on stream 1"),
    "PING on stream 1": ((frame(PING, bytes(8)),), "PING on stream 1"),
    "PING too short": ((frame(PING, bytes(7), stream=0),), "PING of 7 bytes"),
    "GOAWAY on stream 1": ((frame(GOAWAY, bytes(8)),), "GOAWAY on stream 1"),
    "GOAWAY for a reason": ((frame(GOAWAY, struct.pack("!II", 1, 0xB), stream=0), OK, LAST), "ENHANCE_YOUR_CALM"),
    "GOAWAY too short": ((frame(GOAWAY, b"\0\0\0\x01", stream=0),), "ended the connection"),
    "WINDOW_UPDATE of nothing": ((frame(WINDOW_UPDATE, b"\x80\0\0\0"),), "by nothing"),
    "WINDOW_UPDATE too short": ((frame(WINDOW_UPDATE, bytes(3)),), "WINDOW_UPDATE of 3 bytes"),
    "WINDOW_UPDATE on stream 2": ((frame(WINDOW_UPDATE, b"\0\0\0\x01", stream=2),), "WINDOW_UPDATE on stream 2"),
    "SETTINGS on stream 1": ((frame(SETTINGS),), "SETTINGS on stream 1"),
    "SETTINGS cut off": ((frame(SETTINGS, bytes(7), stream=0),), "settings of 7 bytes"),
    "SETTINGS that acknowledge and say": ((frame(SETTINGS, bytes(6), flags=ACK, stream=0),), "settings of 6 bytes"),
    "a server that wants pushes": ((frame(SETTINGS, struct.pack("!HI", 2, 1), stream=0),), "ENABLE_PUSH of 1"),
    "a window too large": ((frame(SETTINGS, struct.pack("!HI", 4, 1 << 31), stream=0),), "INITIAL_WINDOW_SIZE"),
    "frames too small": ((frame(SETTINGS, struct.pack("!HI", 5, 16_383), stream=0),), "MAX_FRAME_SIZE of 16383"),
    "frames too large": ((frame(SETTINGS, struct.pack("!HI", 5, 1 << 24), stream=0),), "MAX_FRAME_SIZE"),
    "padding as long as the frame": ((OK, frame(DATA, b"\x01", flags=PADDED)), "shorter than it says"),
    "padding without its length": ((OK, frame(DATA, flags=PADDED)), "padding without its length"),
    "padding over a priority": ((frame(HEADERS, b"\x01" + bytes(5), flags=0x2C),), "shorter than it says"),
    "a priority cut off": ((frame(HEADERS, bytes(4), flags=0x24),), "shorter than it says"),
    "an interim answer that ends": ((frame(HEADERS, block((b":status", b"103")), flags=5),), "interim"),
    "trailers without an end": ((OK, frame(HEADERS, block((b"x", b"1")), flags=4)), "in the body"),
    "a status in the trailers": ((OK, frame(HEADERS, block((b":status", b"200")), flags=5)), "in the body"),
    "broken trailers": ((OK, frame(HEADERS, b"\xff", flags=5)), "cannot be read"),
    "longer than it says": (
        (frame(HEADERS, block((b":status", b"200"), (b"content-length", b"3")), flags=4), LAST), "4 bytes, not of 3",
    ),
    "short of it before trailers": (
        (
            frame(HEADERS, block((b":status", b"200"), (b"content-length", b"5")), flags=4),
            frame(DATA, b"body"), frame(HEADERS, block((b"x", b"1")), flags=5),
        ), "a body of 4 bytes, not of 5",
    ),
    "two lengths": (
        (frame(HEADERS, block((b":status", b"200"), (b"content-length", b"3"), (b"content-length", b"4")), flags=4),),
        "3 and 4",
    ),
    "no number": ((frame(HEADERS, block((b":status", b"200"), (b"content-length", b"-4")), flags=4),), "'-4'"),
    "no number that fits": (
        (frame(HEADERS, block((b":status", b"200"), (b"content-length", b"9" * 5000)), flags=4),), "longer than can be",
    ),
    "a status of no digits": ((frame(HEADERS, block((b":status", b"2xx")), flags=4),), "no status"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_answer(answer: tuple[bytes, ...], said: str) -> None:
    heard = hear(*answer)
    assert isinstance(heard.error, ProtocolError)
    assert said in str(heard.error)


def test_settings_and_pings_are_acknowledged_once() -> None:
    came = (frame(SETTINGS, stream=0), frame(PING, b"8 bytes.", stream=0))
    acknowledged = (frame(SETTINGS, flags=ACK, stream=0), frame(PING, b"8 bytes.", flags=ACK, stream=0))
    assert hear(*came, *acknowledged).sent == by_h2(b"/") + b"".join(acknowledged)


async def _ask_for_a_padded_body(frames: int) -> bytes:
    """What a client sends that is sent so many frames of 257 bytes."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        exchange = Http2(Stream(sock=ours, address="192.0.2.1", port=443, clock=time.monotonic))
        body = frame(DATA, b"\xff" + b"x" + bytes(255), flags=PADDED) * frames
        sending = asyncio.create_task(loop.sock_sendall(theirs, OK + body + frame(DATA, flags=END_STREAM)))
        await exchange.ask(b"https", b"/", FIELDS)
        while await exchange.more():
            pass
        await sending
        return await loop.sock_recv(theirs, 1 << 20)


def test_windows_are_given_back_by_halves() -> None:
    half, half_of_all = 257 * 2041, 257 * 2168  # the first multiples beyond 2^19 and (2^20 + 65,535) / 2
    of_the_stream = frame(WINDOW_UPDATE, struct.pack("!I", half))
    of_all = frame(WINDOW_UPDATE, struct.pack("!I", half_of_all), stream=0)
    twice = (of_the_stream + of_all) * 2
    assert asyncio.run(_ask_for_a_padded_body(4800)) == by_h2(b"/") + twice  # with more to come: it is worth sending


NOISE = st.sampled_from((
    frame(SETTINGS, stream=0), frame(SETTINGS, flags=ACK, stream=0), frame(PING, bytes(8), stream=0),
    frame(WINDOW_UPDATE, b"\0\0\0\x09"), frame(PRIORITY, bytes(5), stream=3), frame(0xF0, b"?"),
    frame(GOAWAY, struct.pack("!II", 1, 0), stream=0), b"",
))  # fmt: skip
VALUES = st.binary(max_size=40)
NAMES = st.from_regex(rb"[a-z][a-z-]{0,12}", fullmatch=True).filter(lambda name: name != b"content-length")


@st.composite
def sections(draw: st.DrawFn, fields: Sequence[tuple[bytes, bytes]], encoder: Encoder, *, last: bool = False) -> bytes:
    """Header fields in HEADERS and CONTINUATION, cut anywhere."""
    rest = encoder.encode(fields, huffman=draw(st.booleans()))
    cuts = sorted(draw(st.lists(st.integers(0, len(rest)), max_size=3)))
    pieces = [rest[start:end] for start, end in zip([0, *cuts], [*cuts, len(rest)], strict=True)]
    padding = draw(st.none() | st.integers(0, 255))
    priority = draw(st.sampled_from((b"", b"\x80\0\0\0\xff")))
    first = priority + pieces[0] if padding is None else bytes((padding,)) + priority + pieces[0] + bytes(padding)
    flags = (END_STREAM if last else 0) | (0 if padding is None else PADDED) | (PRIORITIZED if priority else 0)
    payloads, kinds = [first, *pieces[1:]], [HEADERS] + [CONTINUATION] * len(cuts)
    of_each = [flags] + [0] * len(cuts)
    of_each[-1] |= END_HEADERS
    return b"".join(frame(k, p, flags=f) for k, p, f in zip(kinds, payloads, of_each, strict=True))


@st.composite
def answers(draw: st.DrawFn) -> tuple[int, list[tuple[bytes, bytes]], bytes, bytes]:
    """A status, fields and body, and an answer that holds them."""
    encoder = Encoder()
    status, fields = draw(st.integers(200, 999)), draw(st.lists(st.tuples(NAMES, VALUES), max_size=8))
    body = draw(st.lists(st.binary(max_size=300), max_size=5))
    length = [(b"content-length", str(sum(map(len, body))).encode())] if draw(st.booleans()) else []
    frames = [draw(NOISE)]
    for _ in range(draw(st.integers(0, 2))):
        frames += [draw(sections([(b":status", b"103"), *fields[:2]], encoder)), draw(NOISE)]
    fields += length
    frames += [draw(sections([(b":status", str(status).encode()), *fields], encoder)), draw(NOISE)]
    for piece in body:
        padding = draw(st.none() | st.integers(0, 255))
        padded = piece if padding is None else bytes((padding,)) + piece + bytes(padding)
        frames += [frame(DATA, padded, flags=0 if padding is None else PADDED), draw(NOISE)]
    trailers = draw(st.none() | st.lists(st.tuples(NAMES, VALUES), max_size=3))
    frames.append(frame(DATA, flags=END_STREAM) if trailers is None else draw(sections(trailers, encoder, last=True)))
    return status, fields, b"".join(body), b"".join(frames)


@settings(max_examples=150, deadline=None)
@given(answers())
def test_every_layout_of_an_answer_says_the_same(case: tuple[int, list[tuple[bytes, bytes]], bytes, bytes]) -> None:
    status, fields, body, answer = case
    heard = hear(answer)
    assert (heard.error, heard.status, list(heard.fields), heard.body) == (None, status, fields, body)


FRAMES = st.builds(
    lambda kind, payload, flags, stream: frame(kind, payload, flags=flags, stream=stream),
    st.integers(0, 11) | st.integers(0, 255),
    st.binary(max_size=40) | st.sampled_from((bytes(4), bytes(5), bytes(6), bytes(8))),
    st.sampled_from((0, 1, 4, 5, 8, 0x2D)) | st.integers(0, 255),
    st.sampled_from((0, 1, 1, 1, 2, 3)) | st.integers(0, (1 << 32) - 1),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(FRAMES | st.sampled_from((OK, LAST)) | NOISE | st.binary(max_size=20), max_size=20))
def test_whatever_comes_ends_in_an_answer_or_in_one_of_two_errors(frames: list[bytes]) -> None:
    heard = hear(*frames)
    assert heard.error is not None or heard.status is not None


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=120), st.booleans())
def test_whatever_a_head_holds_ends_so_too(fragment: bytes, after: bool) -> None:
    heard = hear(OK if after else b"", frame(HEADERS, fragment, flags=END_HEADERS | END_STREAM))
    assert heard.error is not None or heard.status is not None
