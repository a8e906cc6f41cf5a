"""The http step in HTTP/2: exchanges with real servers over TLS, honest and hostile ones."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import struct
from collections.abc import Awaitable, Callable

import pytest
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived

from probe.failure import Failure
from probe.model import HttpDetail, Observation
from probe.steps import http, tcp, tls
from probe.steps.exchange import MOST_FIELDS, MOST_INTERIM
from probe.steps.network import Timeouts
from probe.steps.step import Attempt
from tests.steps.servers import reset, tcp_server

Fields = list[tuple[str, str]]
PAGE = b"<title>LINE</title>" + b"." * 1000
OK: Fields = [(":status", "200"), ("content-type", "text/html")]

DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 9


class Server:
    """A server that has read one request and may now do as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        config = H2Configuration(client_side=False, header_encoding="utf-8", validate_outbound_headers=False)
        self.session = H2Connection(config)
        self.asked: dict[str, str] = {}

    async def listen(self) -> None:
        self.session.initiate_connection()
        await self.flush()
        while not self.asked:
            await self.hear()

    async def hear(self) -> None:
        data = await self.reader.read(65_536)
        if not data:
            raise ConnectionResetError
        for event in self.session.receive_data(data):
            if isinstance(event, RequestReceived):
                self.asked = {str(name): str(value) for name, value in event.headers}
        await self.flush()

    async def flush(self) -> None:
        self.writer.write(self.session.data_to_send())
        await self.writer.drain()
        await asyncio.sleep(0)  # an endless server lets the client have its say

    async def head(self, fields: Fields = OK, *, last: bool = False) -> None:
        self.session.send_headers(1, fields, end_stream=last)
        await self.flush()

    async def body(self, body: bytes, *, last: bool = True, padding: int | None = None, size: int = 16_000) -> None:
        """Sends as flow control allows."""
        for start in range(0, len(body), size):
            piece = body[start : start + size]
            while self.session.local_flow_control_window(1) < len(piece) + 1 + (padding or 0):
                await self.hear()
            self.session.send_data(1, piece, pad_length=padding, end_stream=last and start + size >= len(body))
            await self.flush()

    async def frame(self, kind: int, payload: bytes = b"", *, flags: int = 0, stream: int = 1) -> None:
        """Sends what h2 would not."""
        self.writer.write(len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload)
        await self.writer.drain()
        await asyncio.sleep(0)

    async def stay(self) -> None:
        """Reads on until the client has gone."""
        while await self.reader.read(65_536):
            pass


Answer = Callable[[Server], Awaitable[None]]


@pytest.fixture
def patient(attempt_with: Callable[..., Attempt]) -> Attempt:
    """With deadlines that no case here should meet, however busy the machine: what ends it must be a bound."""
    return attempt_with(timeouts=Timeouts(tcp=60, tls=60, http=60))


def get(
    attempt: Attempt, authority: trustme.CA, answer: Answer
) -> tuple[http.Response | None, Observation, HttpDetail]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("line.me").configure_cert(context)
    context.set_alpn_protocols(["h2"])

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = Server(reader, writer)
        await server.listen()
        await answer(server)

    async def go() -> http.Response | None:
        async with tcp_server(speak, ssl=context) as port:
            stream = await tcp.connect(attempt, "127.0.0.1", port)
            assert stream is not None
            try:
                assert await tls.handshake(attempt, stream, "line.me")
                return await http.fetch(attempt, stream, "https://line.me/path?q=1", lambda _: True)
            finally:
                stream.close()

    response = asyncio.run(go())
    row = attempt.journal.observations()[-1]
    assert isinstance(row.detail, HttpDetail)
    return response, row, row.detail


def test_a_page(attempt: Attempt, authority: trustme.CA) -> None:
    asked: dict[str, str] = {}

    async def answer(server: Server) -> None:
        asked.update(server.asked)
        await server.head([*OK, ("x-of-ours", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")])
        await server.body(PAGE)
        await server.stay()

    response, row, seen = get(attempt, authority, answer)
    assert response is not None
    assert row.failure is None
    assert (seen.status, seen.http_version, seen.title) == (200, "HTTP/2", "LINE")
    assert seen.headers == (
        ("content-type", "text/html"), ("x-of-ours", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2"),
    )  # fmt: skip
    assert (seen.body_length, seen.body_truncated) == (len(PAGE), False)
    assert list(asked) == [
        ":method", ":authority", ":scheme", ":path", "user-agent", "accept", "accept-language", "accept-encoding",
    ]  # fmt: skip
    assert [asked[f":{name}"] for name in ("method", "authority", "scheme", "path")] == [
        "GET", "line.me", "https", "/path?q=1",
    ]  # fmt: skip


async def _large(server: Server) -> None:
    await server.head()
    await server.body(b"x" * (http.MOST_BYTES + 1), last=False)
    await server.stay()


async def _just_large_enough(server: Server) -> None:
    await server.head()
    await server.body(b"x" * http.MOST_BYTES)
    await server.stay()


async def _padded(server: Server) -> None:
    await server.head()
    await server.body(b"x" * 20_000, padding=255, size=20)
    await server.stay()


async def _gzip(server: Server) -> None:
    await server.head([*OK, ("content-encoding", "gzip")])
    await server.body(gzip.compress(PAGE))
    await server.stay()


async def _bomb(server: Server) -> None:
    await server.head([*OK, ("content-encoding", "gzip")])
    await server.body(gzip.compress(bytes(64 << 20), 9))
    await server.stay()


async def _empty(server: Server) -> None:
    await server.head([(":status", "204")], last=True)
    await server.stay()


async def _interim(server: Server) -> None:
    for _ in range(MOST_INTERIM):
        await server.head([(":status", "103"), ("link", "</style.css>")])
    await server.head()
    await server.body(PAGE)
    await server.stay()


async def _trailers(server: Server) -> None:
    await server.head()
    await server.body(PAGE, last=False)
    await server.head([("x-after", "1")], last=True)
    await server.stay()


async def _leave_in_peace(server: Server) -> None:
    await server.frame(GOAWAY, struct.pack("!II", 1, ErrorCodes.NO_ERROR), stream=0)
    await server.head()
    await server.body(PAGE)


async def _ping_and_unknown_frames(server: Server) -> None:
    await server.frame(PING, b"8 bytes.", stream=0)
    await server.frame(0xF0, b"of the future", stream=0)
    await server.head()
    await server.body(PAGE)
    await server.stay()


async def _reset_when_done(server: Server) -> None:
    await server.head()
    await server.body(PAGE)
    await server.frame(RST_STREAM, struct.pack("!I", ErrorCodes.NO_ERROR))


WHOLE: dict[str, tuple[Answer, int, bool]] = {
    "larger than what is read": (_large, http.MOST_BYTES, True),
    "just large enough": (_just_large_enough, http.MOST_BYTES, False),
    "more padding than window": (_padded, 20_000, False),
    "gzip": (_gzip, len(PAGE), False),
    "a bomb": (_bomb, http.MOST_BYTES, True),
    "empty": (_empty, 0, False),
    "interim answers": (_interim, len(PAGE), False),
    "trailers": (_trailers, len(PAGE), False),
    "a graceful GOAWAY": (_leave_in_peace, len(PAGE), False),
    "ping and unknown frames": (_ping_and_unknown_frames, len(PAGE), False),
    "reset when done": (_reset_when_done, len(PAGE), False),
}


@pytest.mark.parametrize(("answer", "length", "truncated"), WHOLE.values(), ids=WHOLE)
def test_bodies(patient: Attempt, authority: trustme.CA, answer: Answer, length: int, truncated: bool) -> None:
    response, row, seen = get(patient, authority, answer)
    assert response is not None
    assert (row.failure, row.error) == (None, None)
    assert (seen.body_length, seen.body_truncated) == (length, truncated)


async def _reset_stream(server: Server) -> None:
    await server.frame(RST_STREAM, struct.pack("!I", ErrorCodes.REFUSED_STREAM))
    await server.stay()


async def _reset_stream_in_the_body(server: Server) -> None:
    await server.head()
    await server.body(b"only this", last=False)
    await server.frame(RST_STREAM, struct.pack("!I", ErrorCodes.INTERNAL_ERROR))
    await server.stay()


async def _go_away(server: Server) -> None:
    await server.frame(GOAWAY, struct.pack("!II", 0, ErrorCodes.ENHANCE_YOUR_CALM) + b"too_many", stream=0)
    await server.stay()


async def _go_away_unprocessed(server: Server) -> None:
    await server.frame(GOAWAY, struct.pack("!II", 0, ErrorCodes.NO_ERROR), stream=0)
    await server.stay()


async def _hang_up(server: Server) -> None:
    server.writer.close()


async def _hang_up_in_the_body(server: Server) -> None:
    await server.head()
    await server.body(b"only this", last=False)


async def _reset_connection(server: Server) -> None:
    reset(server.writer)


async def _reset_connection_in_the_body(server: Server) -> None:
    await server.head()
    await server.body(b"only this", last=False)
    await asyncio.sleep(0.2)  # a reset overtakes what was sent just before it
    reset(server.writer)


async def _silence(server: Server) -> None:
    await server.stay()


async def _silence_in_the_body(server: Server) -> None:
    await server.head()
    await server.body(b"only this", last=False)
    await server.stay()


async def _large_head(server: Server) -> None:
    await server.head([*OK, *((f"x-{number}", "x" * 1000) for number in range(80))])
    await server.stay()


async def _many_fields(server: Server) -> None:
    await server.head([*OK, *((f"x-{number}", "") for number in range(MOST_FIELDS))])
    await server.stay()


async def _small_words_for_large_fields(server: Server) -> None:
    # One field of 4 kB kept by the client's table, then named again and again by one byte each (RFC 7541 §2.3).
    await server.frame(HEADERS, b"\x88" + _indexed(b"x", b"y" * 3900) + b"\xbe" * 2000, flags=0x4)
    await server.stay()


def _indexed(name: bytes, value: bytes) -> bytes:
    rest = len(value) - 127
    return b"\x40" + bytes((len(name),)) + name + bytes((0x7F, 0x80 | rest & 0x7F, rest >> 7)) + value


async def _endless_continuation(server: Server) -> None:
    await server.frame(HEADERS, b"\x88")
    while True:
        await server.frame(CONTINUATION, b"\0\1x\1y" * 100)


async def _endless_empty_continuation(server: Server) -> None:
    await server.frame(HEADERS, b"\x88")
    while True:
        await server.frame(CONTINUATION)


async def _endless_settings(server: Server) -> None:
    while True:
        await server.frame(SETTINGS, stream=0)


async def _endless_empty_data(server: Server) -> None:
    await server.head()
    while True:
        await server.frame(DATA)


async def _endless_interim(server: Server) -> None:
    while True:
        await server.head([(":status", "103")])


async def _push(server: Server) -> None:
    await server.frame(PUSH_PROMISE, struct.pack("!I", 2) + b"\x82", flags=0x4)
    await server.stay()


async def _not_http2(server: Server) -> None:
    server.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await server.stay()


async def _broken_head(server: Server) -> None:
    await server.frame(HEADERS, b"\xff\xff\xff\xff\xff", flags=0x4)
    await server.stay()


async def _no_status(server: Server) -> None:
    await server.head([("content-type", "text/html")])
    await server.stay()


async def _data_before_head(server: Server) -> None:
    await server.frame(DATA, b"x")
    await server.stay()


async def _short_of_its_length(server: Server) -> None:
    await server.head([*OK, ("content-length", "100")])
    await server.frame(DATA, b"only this", flags=0x1)
    await server.stay()


BROKEN: dict[str, tuple[Answer, Failure, str, int | None]] = {
    "RST_STREAM": (_reset_stream, Failure.HTTP_REQUEST_FAILED, "REFUSED_STREAM", None),
    "RST_STREAM in the body": (_reset_stream_in_the_body, Failure.HTTP_REQUEST_FAILED, "INTERNAL_ERROR", 200),
    "GOAWAY": (_go_away, Failure.HTTP_REQUEST_FAILED, "ENHANCE_YOUR_CALM too_many", None),
    "GOAWAY, not processed": (_go_away_unprocessed, Failure.HTTP_REQUEST_FAILED, "NO_ERROR", None),
    "closed": (_hang_up, Failure.EOF, "before the answer", None),
    "closed in the body": (_hang_up_in_the_body, Failure.EOF, "in the body", 200),
    "reset": (_reset_connection, Failure.CONNECTION_RESET, "", None),
    "reset in the body": (_reset_connection_in_the_body, Failure.CONNECTION_RESET, "", 200),
    "a large head": (_large_head, Failure.HTTP_REQUEST_FAILED, "bytes of header fields", None),
    "many fields": (_many_fields, Failure.HTTP_REQUEST_FAILED, "header fields", None),
    "a head that unpacks to much": (_small_words_for_large_fields, Failure.HTTP_REQUEST_FAILED, "header", None),
    "endless CONTINUATION": (_endless_continuation, Failure.HTTP_REQUEST_FAILED, "", None),
    "endless empty CONTINUATION": (_endless_empty_continuation, Failure.HTTP_REQUEST_FAILED, "", None),
    "endless SETTINGS": (_endless_settings, Failure.HTTP_REQUEST_FAILED, "frames", None),
    "endless empty DATA": (_endless_empty_data, Failure.HTTP_REQUEST_FAILED, "frames", 200),
    "endless interim answers": (_endless_interim, Failure.HTTP_REQUEST_FAILED, "interim", None),
    "a push": (_push, Failure.HTTP_REQUEST_FAILED, "", None),
    "not HTTP/2": (_not_http2, Failure.HTTP_REQUEST_FAILED, "a frame of", None),
    "a broken head": (_broken_head, Failure.HTTP_REQUEST_FAILED, "", None),
    "no status": (_no_status, Failure.HTTP_REQUEST_FAILED, "status", None),
    "a body without a head": (_data_before_head, Failure.HTTP_REQUEST_FAILED, "", None),
    "a body short of its length": (_short_of_its_length, Failure.HTTP_REQUEST_FAILED, "", 200),
}


@pytest.mark.parametrize(("answer", "failure", "said", "status"), BROKEN.values(), ids=BROKEN)
def test_broken_exchange(
    patient: Attempt, authority: trustme.CA, answer: Answer, failure: Failure, said: str, status: int | None
) -> None:
    response, row, seen = get(patient, authority, answer)
    assert response is None
    assert (row.failure, seen.status) == (failure, status)
    assert said in (row.error or "")
    if status is not None:
        assert ("content-type", "text/html") in seen.headers


@pytest.mark.parametrize(
    ("answer", "status"), [(_silence, None), (_silence_in_the_body, 200)], ids=["at once", "later"]
)
def test_silence_ends_at_the_deadline(
    attempt: Attempt, authority: trustme.CA, answer: Answer, status: int | None
) -> None:
    response, row, seen = get(attempt, authority, answer)
    assert response is None
    assert (row.failure, seen.status) == (Failure.GENERIC_TIMEOUT, status)


def test_a_body_in_pieces_is_kept_when_the_rest_fails(attempt: Attempt, authority: trustme.CA) -> None:
    _, _, seen = get(attempt, authority, _reset_stream_in_the_body)
    assert seen.body_sha256 is not None
    assert attempt.journal.bodies[seen.body_sha256] == b"only this"
