"""One exchange in HTTP/2 (RFC 9113): one GET on stream 1 of a fresh connection, and nothing after its answer.

Law: what is sent is the same for every server but for the request itself. What comes is cut into frames here, each is
counted, none is held that is too long, and what came before a bad one is not lost. No push, no priorities.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from hpack import Decoder, Encoder
from hpack.exceptions import HPACKError

from probe.steps.errors import ProtocolError
from probe.steps.exchange import CHUNK, MOST_HEAD, MOST_INTERIM, Fields, Head, head
from probe.steps.stream import Stream

MOST_FRAMES = 10_000
_LONGEST_FRAME = 16_384  # what may be sent as long as nobody allows more (§6.5.2)
_FRAME_HEAD = 9
_NUMBER = 0x7FFF_FFFF  # of four bytes, without the first bit, which is reserved (§4.1)
_STREAM = 1
_WINDOW = 1 << 20
"""Bytes of a body that may be on their way at once: more than is read of any body."""
_FIRST_WINDOW = 65_535  # of a connection (§6.9.2)


class _Kind(IntEnum):
    """Of a frame (§6)."""

    DATA = 0x0
    HEADERS = 0x1
    PRIORITY = 0x2
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PUSH_PROMISE = 0x5
    PING = 0x6
    GOAWAY = 0x7
    WINDOW_UPDATE = 0x8
    CONTINUATION = 0x9


_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
"""Flags of a frame."""

_STREAMS: Mapping[_Kind, Container[int]] = {
    _Kind.DATA: (_STREAM,),
    _Kind.HEADERS: (_STREAM,),
    _Kind.PRIORITY: range(1, _NUMBER + 1),  # of streams that are not open too (§5.1)
    _Kind.RST_STREAM: (_STREAM,),
    _Kind.SETTINGS: (0,),
    _Kind.PUSH_PROMISE: (),
    _Kind.PING: (0,),
    _Kind.GOAWAY: (0,),
    _Kind.WINDOW_UPDATE: (0, _STREAM),
    _Kind.CONTINUATION: (_STREAM,),
}
"""On which streams a server may send it, where one stream is open and pushes are forbidden."""

_LENGTHS: Mapping[_Kind, int] = {
    _Kind.PRIORITY: 5, _Kind.RST_STREAM: 4, _Kind.PING: 8, _Kind.WINDOW_UPDATE: 4,
}  # fmt: skip
"""Bytes of payload, of those that always have as many."""


class _Setting(IntEnum):
    """What either side tells the other about itself (§6.5.2; RFC 8441 §3)."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6
    ENABLE_CONNECT_PROTOCOL = 0x8


_OURS: tuple[tuple[_Setting, int], ...] = (
    (_Setting.HEADER_TABLE_SIZE, 4096),
    (_Setting.ENABLE_PUSH, 0),
    (_Setting.INITIAL_WINDOW_SIZE, _WINDOW),
    (_Setting.MAX_FRAME_SIZE, _LONGEST_FRAME),
    (_Setting.ENABLE_CONNECT_PROTOCOL, 0),
    (_Setting.MAX_HEADER_LIST_SIZE, MOST_HEAD),
)
"""In this order: a client is told by it."""

_THEIRS: Mapping[int, range] = {
    _Setting.ENABLE_PUSH: range(1),
    _Setting.INITIAL_WINDOW_SIZE: range(1 << 31),
    _Setting.MAX_FRAME_SIZE: range(1 << 14, 1 << 24),
    _Setting.ENABLE_CONNECT_PROTOCOL: range(2),
}
"""What a server may say. Nothing that it may say changes one request that is already sent."""


class _Code(IntEnum):
    """Why a stream or a connection is ended (§7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


def _frame(kind: _Kind, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big")


_OPENING = b"".join((
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    _frame(_Kind.SETTINGS, 0, 0, b"".join(struct.pack("!HI", *setting) for setting in _OURS)),
    _frame(_Kind.WINDOW_UPDATE, 0, 0, _number(_WINDOW)),
))  # fmt: skip
_SETTINGS_TAKEN = _frame(_Kind.SETTINGS, _ACK, 0, b"")


def _request(fields: Fields) -> bytes:
    """The request's frames. Its fields are written without Huffman's code, which costs more time than it saves."""
    block = Encoder().encode(fields, huffman=False)
    starts = range(0, len(block), _LONGEST_FRAME)
    frames = []
    for start in starts:
        kind, flags = (_Kind.CONTINUATION, 0) if start else (_Kind.HEADERS, _END_STREAM)
        flags |= _END_HEADERS if start == starts[-1] else 0
        frames.append(_frame(kind, flags, _STREAM, block[start : start + _LONGEST_FRAME]))
    return b"".join(frames)


@dataclass(slots=True)
class _Window:
    """How much may come before more is allowed (§5.2). Half of it is given back as soon as it is used, before more is
    read, and a read brings less than the other half: no server can be seen to overrun it."""

    stream: int
    size: int
    used: int = 0

    def use(self, length: int) -> bytes:
        """What is to be sent now that so many bytes have come."""
        self.used += length
        if self.used < self.size // 2:
            return b""
        given, self.used = self.used, 0
        return _frame(_Kind.WINDOW_UPDATE, 0, self.stream, _number(given))


@dataclass(slots=True)
class Http2:
    """An `Exchange`."""

    stream: Stream
    _came: bytearray = field(default_factory=bytearray)
    _owed: bytearray = field(default_factory=bytearray)
    """To be sent before more is read."""
    _frames: int = 0
    _head_bytes: int = 0
    _interim: int = 0
    _decoder: Decoder = field(default_factory=lambda: Decoder(MOST_HEAD))
    _block: bytearray | None = None
    """Header fields whose last frame has not come yet."""
    _block_ends: bool = False
    """They are the last of the stream."""
    _head: Head | None = None
    _length: int | None = None
    """Of the body, as its head says."""
    _body: int = 0
    """Bytes of the body that have come."""
    _pieces: deque[bytes] = field(default_factory=deque)
    _windows: tuple[_Window, _Window] = field(
        default_factory=lambda: (_Window(0, _FIRST_WINDOW + _WINDOW), _Window(_STREAM, _WINDOW))
    )
    _ended: bool = False

    async def ask(self, scheme: bytes, target: bytes, fields: Fields) -> Head:
        (_, host), *others = fields
        pseudo = [(b":method", b"GET"), (b":authority", host), (b":scheme", scheme), (b":path", target)]
        await self.stream.write(_OPENING + _request([*pseudo, *((name.lower(), value) for name, value in others)]))
        while self._head is None:
            await self._advance()
        return self._head

    async def more(self) -> bytes:
        while not self._pieces and not self._ended:
            await self._advance()
        return self._pieces.popleft() if self._pieces else b""

    async def _advance(self) -> None:
        """Takes in the next frame that is there, or waits for more bytes."""
        frame = self._cut()
        if frame is not None:
            self._take(frame)
            return
        if self._owed:
            await self.stream.write(bytes(self._owed))
            self._owed.clear()
        data = await self.stream.read(CHUNK)
        if not data:
            raise EOFError(f"the connection was closed {'in the body' if self._head else 'before the answer'}")
        self._came += data

    def _cut(self) -> bytes | None:
        """The first frame of what came, once it is whole (§4.1)."""
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
        kind, flags, stream, payload = frame[3], frame[4], _read(frame, 5), frame[_FRAME_HEAD:]
        self._count(frame)
        if (kind == _Kind.CONTINUATION) is (self._block is None):
            wrong = "without a beginning" if self._block is None else "broken off by another frame"
            raise ProtocolError(f"header fields {wrong}")
        if kind not in _STREAMS:
            return  # of the future (§5.5)
        _check(_Kind(kind), stream, len(payload))
        match kind:
            case _Kind.DATA:
                self._take_data(flags, payload)
            case _Kind.HEADERS:
                self._take_fields(flags, payload)
            case _Kind.CONTINUATION:
                self._take_more_fields(flags, payload)
            case _Kind.SETTINGS:
                self._take_settings(flags, payload)
            case _Kind.PING if not flags & _ACK:
                self._owed += _frame(_Kind.PING, _ACK, 0, payload)
            case _Kind.GOAWAY:
                _consider_leaving(payload)
            case _Kind.RST_STREAM:
                raise ProtocolError(f"the server reset the stream: {_name(int.from_bytes(payload, 'big'))}")
            case _Kind.WINDOW_UPDATE if not _read(payload, 0):
                raise ProtocolError("a window that grows by nothing")

    def _count(self, frame: bytes) -> None:
        self._frames += 1
        if self._frames > MOST_FRAMES:
            raise ProtocolError(f"more than {MOST_FRAMES} frames")
        if frame[3] in (_Kind.HEADERS, _Kind.CONTINUATION):
            self._head_bytes += len(frame)
            if self._head_bytes > MOST_HEAD:
                raise ProtocolError(f"more than {MOST_HEAD} bytes of header fields")

    def _take_settings(self, flags: int, payload: bytes) -> None:
        acknowledges = flags & _ACK
        if len(payload) % 6 or (acknowledges and payload):
            raise ProtocolError(f"settings of {len(payload)} bytes")
        for setting, value in struct.iter_unpack("!HI", payload):
            if setting in _THEIRS and value not in _THEIRS[setting]:
                raise ProtocolError(f"setting {_Setting(setting).name} of {value}")
        if not acknowledges:
            self._owed += _SETTINGS_TAKEN

    def _take_fields(self, flags: int, payload: bytes) -> None:
        fragment = _without_padding(flags, payload, before=5 if flags & _PRIORITY else 0)
        self._block, self._block_ends = bytearray(), bool(flags & _END_STREAM)
        self._take_more_fields(flags, fragment)

    def _take_more_fields(self, flags: int, fragment: bytes) -> None:
        assert self._block is not None, "a CONTINUATION has a beginning"
        self._block += fragment
        if flags & _END_HEADERS:
            block, self._block = bytes(self._block), None
            self._note_fields(self._decode(block))

    def _decode(self, block: bytes) -> Fields:
        try:
            return list(self._decoder.decode(block, raw=True))
        except HPACKError as error:
            raise ProtocolError(f"header fields that cannot be read: {error}") from error

    def _note_fields(self, fields: Fields) -> None:
        if self._head is not None:  # trailers, of which nothing is kept
            if not self._block_ends or any(name.startswith(b":") for name, _ in fields):
                raise ProtocolError("header fields in the body")
            self._note_body(b"", last=True)
            return
        status = _status(fields)
        if 100 <= status < 200:
            self._note_interim()
            return
        self._length = _length(fields)
        self._head = head(status, "HTTP/2", [f for f in fields if not f[0].startswith(b":")])
        self._ended = self._block_ends

    def _note_interim(self) -> None:
        if self._block_ends:
            raise ProtocolError("an interim answer is the last")
        self._interim += 1
        if self._interim > MOST_INTERIM:
            raise ProtocolError(f"more than {MOST_INTERIM} interim answers")

    def _take_data(self, flags: int, payload: bytes) -> None:
        if self._head is None:
            raise ProtocolError("a body before its head")
        last = bool(flags & _END_STREAM)
        self._note_body(_without_padding(flags, payload), last=last)
        if not last:
            # Padding uses up the windows too: it is given back, so that a whole body always fits.
            for window in self._windows:
                self._owed += window.use(len(payload))

    def _note_body(self, data: bytes, *, last: bool) -> None:
        self._body += len(data)
        if self._length is not None and (self._body > self._length or (last and self._body < self._length)):
            raise ProtocolError(f"a body of {self._body} bytes, not of {self._length}")
        if data:
            self._pieces.append(data)
        self._ended = last


def _read(data: bytes, start: int) -> int:
    return int.from_bytes(data[start : start + 4], "big") & _NUMBER


def _check(kind: _Kind, stream: int, length: int) -> None:
    """Whether it may come at all: there, and as long."""
    if stream not in _STREAMS[kind]:
        raise ProtocolError(f"{kind.name} on stream {stream}")
    if length != _LENGTHS.get(kind, length):
        raise ProtocolError(f"{kind.name} of {length} bytes")


def _without_padding(flags: int, payload: bytes, *, before: int = 0) -> bytes:
    """What a frame is about, after as many bytes of something else (§6.1, §6.2)."""
    start, padding = before, 0
    if flags & _PADDED:
        if not payload:
            raise ProtocolError("padding without its length")
        start, padding = before + 1, payload[0]
    if start + padding > len(payload):
        raise ProtocolError("a frame shorter than it says")
    return payload[start : len(payload) - padding]


def _consider_leaving(payload: bytes) -> None:
    """A server that leaves in peace still answers what it has accepted (§6.8)."""
    code = int.from_bytes(payload[4:8], "big")
    if len(payload) < 8 or code != _Code.NO_ERROR or _read(payload, 0) < _STREAM:
        why = payload[8:].decode("ascii", "replace")
        raise ProtocolError(f"the server ended the connection: {_name(code)} {why}".rstrip())


def _status(fields: Fields) -> int:
    status = dict(fields).get(b":status", b"")
    if len(status) != 3 or not status.isdigit():
        raise ProtocolError(f"no status: {status!r}")
    return int(status)


def _length(fields: Fields) -> int | None:
    """Bytes of the body, where its head says it, and says one thing only (RFC 9110 §8.6)."""
    said = [value for name, value in fields if name == b"content-length"]
    try:
        lengths = {int(value) for value in said if value.isdigit()}
    except ValueError as error:  # more digits than Python reads
        raise ProtocolError("a body longer than can be") from error
    if len(lengths) > 1 or not all(map(bytes.isdigit, said)):
        raise ProtocolError(f"a body of {b' and '.join(said)!r} bytes")
    return lengths.pop() if lengths else None


def _name(code: int) -> str:
    try:
        return _Code(code).name
    except ValueError:
        return f"error {code}"
