"""One exchange in HTTP/1.1, read by h11.

Law: h11 knows the protocol and the stream moves the bytes; here the two meet, and nothing is kept for a second request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import h11

from probe.steps.errors import ProtocolError
from probe.steps.exchange import CHUNK, MOST_HEAD, MOST_INTERIM, Fields, Head, head
from probe.steps.stream import Stream


def _session() -> h11.Connection:
    return h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=MOST_HEAD)


@dataclass(slots=True)
class Http1:
    """An `Exchange`."""

    stream: Stream
    _session: h11.Connection = field(default_factory=_session)

    async def ask(self, scheme: bytes, target: bytes, fields: Fields) -> Head:
        try:
            sent = self._session.send(h11.Request(method=b"GET", target=target, headers=list(fields)))
            self._session.send(h11.EndOfMessage())  # a request without a body: no more bytes
        except h11.ProtocolError as error:
            raise ProtocolError(str(error)) from error
        await self.stream.write(sent or b"")
        for _ in range(MOST_INTERIM + 1):
            event = await self._next()
            if isinstance(event, h11.Response):
                version = f"HTTP/{event.http_version.decode('ascii', 'replace')}"
                return head(event.status_code, version, list(event.headers))
        raise ProtocolError(f"more than {MOST_INTERIM} interim answers")

    async def more(self) -> bytes:
        event = await self._next()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def _next(self) -> Any:
        """The next event of h11, reading as long as it needs more."""
        while True:
            try:
                event = self._session.next_event()
            except h11.ProtocolError as error:
                if self.stream.ended:  # the end came too early: a fact of the stream, not of the protocol
                    raise EOFError(str(error)) from error
                raise ProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            data = await self.stream.read(CHUNK)
            if not data and self._session.their_state is h11.SEND_RESPONSE:
                raise EOFError("the connection was closed before the answer")
            self._session.receive_data(data)
