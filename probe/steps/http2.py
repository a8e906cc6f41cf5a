"""One exchange in HTTP/2, read by h2.

Law: frames are cut out here and handed to h2 one by one, so that each is counted, none is held that is too long, and
what came before a bad one is not lost. One stream, no push, nothing kept for a second request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, InformationalResponseReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings
from hpack import Encoder

from probe.steps.errors import ProtocolError
from probe.steps.exchange import CHUNK, MOST_HEAD, MOST_INTERIM, Fields, Head, head
from probe.steps.stream import Stream

MOST_FRAMES = 10_000
_LONGEST_FRAME = 16_384  # what may be sent as long as nobody allows more (RFC 9113 §6.5.2)
_FRAME_HEAD = 9
_HEADERS, _GOAWAY, _CONTINUATION = 0x1, 0x7, 0x9
_WINDOW = 1 << 20
"""Bytes that may be on their way at once: more than is read of any body."""

_CONFIG = H2Configuration(
    client_side=True,
    header_encoding=None,
    validate_outbound_headers=False,  # they are our own
    normalize_outbound_headers=False,
    validate_inbound_headers=False,  # a server's odd header is its own affair, not a failure of the exchange
    normalize_inbound_headers=False,
)
_SETTINGS = {
    SettingCodes.ENABLE_PUSH: 0,
    SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW,
    SettingCodes.MAX_HEADER_LIST_SIZE: MOST_HEAD,
}


class _PlainEncoder(Encoder):
    """Writes header fields without Huffman's code, which costs more time than the few bytes it saves one request."""

    def encode(self, headers: Iterable[Any], huffman: bool = False) -> bytes:
        return super().encode(headers, huffman=huffman)


def _session() -> H2Connection:
    session = H2Connection(_CONFIG)
    session.encoder = _PlainEncoder()
    session.local_settings = Settings(client=True, initial_values=_SETTINGS)
    session.initiate_connection()
    session.increment_flow_control_window(_WINDOW)
    return session


@dataclass(slots=True)
class Http2:
    """An `Exchange`."""

    stream: Stream
    _session: H2Connection = field(default_factory=_session)
    _id: int = 0
    _came: bytearray = field(default_factory=bytearray)
    _frames: int = 0
    _head_bytes: int = 0
    _interim: int = 0
    _head: Head | None = None
    _pieces: deque[bytes] = field(default_factory=deque)
    _ended: bool = False

    async def ask(self, scheme: bytes, target: bytes, fields: Fields) -> Head:
        (_, host), *others = fields
        pseudo = [(b":method", b"GET"), (b":authority", host), (b":scheme", scheme), (b":path", target)]
        self._id = self._session.get_next_available_stream_id()
        self._session.send_headers(
            self._id, [*pseudo, *((name.lower(), value) for name, value in others)], end_stream=True
        )
        await self._flush()
        while self._head is None:
            await self._advance()
        return self._head

    async def more(self) -> bytes:
        while not self._pieces and not self._ended:
            await self._advance()
        return self._pieces.popleft() if self._pieces else b""

    async def _flush(self) -> None:
        data = self._session.data_to_send()
        if data:
            await self.stream.write(data)

    async def _advance(self) -> None:
        """Takes in the next frame that is there, or waits for more bytes."""
        frame = self._cut()
        if frame is not None:
            self._take(frame)
            return
        await self._flush()
        data = await self.stream.read(CHUNK)
        if not data:
            raise EOFError(f"the connection was closed {'in the body' if self._head else 'before the answer'}")
        self._came += data

    def _cut(self) -> bytes | None:
        """The first frame of what came, once it is whole (RFC 9113 §4.1)."""
        if len(self._came) < _FRAME_HEAD:
            return None
        length = int.from_bytes(self._came[:3], "big")
        if length > _LONGEST_FRAME:
            raise ProtocolError(f"a frame of {length} bytes")
        whole = _FRAME_HEAD + length
        if len(self._came) < whole:
            return None
        frame = bytes(self._came[:whole])
        del self._came[:whole]
        return frame

    def _take(self, frame: bytes) -> None:
        self._count(frame)
        if frame[3] == _GOAWAY:
            self._consider_leaving(frame[_FRAME_HEAD:])
            return
        try:
            for event in self._session.receive_data(frame):
                self._note(event)
        except H2Error as error:
            raise ProtocolError(str(error) or type(error).__name__) from error

    def _count(self, frame: bytes) -> None:
        self._frames += 1
        if self._frames > MOST_FRAMES:
            raise ProtocolError(f"more than {MOST_FRAMES} frames")
        if frame[3] in (_HEADERS, _CONTINUATION):
            self._head_bytes += len(frame)
            if self._head_bytes > MOST_HEAD:
                raise ProtocolError(f"more than {MOST_HEAD} bytes of header fields")

    def _consider_leaving(self, payload: bytes) -> None:
        """A server that leaves in peace still answers what it has accepted; h2 would hear nothing after a GOAWAY."""
        last = int.from_bytes(payload[:4], "big") & 0x7FFF_FFFF
        code = int.from_bytes(payload[4:8], "big")
        if len(payload) < 8 or code != ErrorCodes.NO_ERROR or last < self._id:
            why = payload[8:].decode("ascii", "replace")
            raise ProtocolError(f"the server ended the connection: {_name(code)} {why}".rstrip())

    def _note(self, event: Event) -> None:
        if isinstance(event, DataReceived):
            self._note_data(event)
        elif isinstance(event, ResponseReceived):
            self._head = head(_status(event.headers), "HTTP/2", [f for f in event.headers if not f[0].startswith(b":")])
        elif isinstance(event, StreamEnded):
            self._ended = True
        elif isinstance(event, StreamReset):
            raise ProtocolError(f"the server reset the stream: {_name(event.error_code)}")
        elif isinstance(event, InformationalResponseReceived):
            self._interim += 1
            if self._interim > MOST_INTERIM:
                raise ProtocolError(f"more than {MOST_INTERIM} interim answers")

    def _note_data(self, event: DataReceived) -> None:
        if event.data:
            self._pieces.append(event.data)
        if event.flow_controlled_length and event.stream_ended is None:
            # Padding uses up the window too: it is given back, so that a whole body always fits.
            self._session.acknowledge_received_data(event.flow_controlled_length, self._id)


def _status(fields: Fields) -> int:
    status = dict(fields).get(b":status", b"")
    if len(status) != 3 or not status.isdigit():
        raise ProtocolError(f"no status: {status!r}")
    return int(status)


def _name(code: int) -> str:
    try:
        return ErrorCodes(code).name
    except ValueError:
        return f"error {code}"
