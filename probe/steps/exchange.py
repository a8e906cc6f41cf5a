"""What HTTP/1.1 and HTTP/2 have in common here: one question over an open stream, the head of its answer, its body.

Law: every bound on what a server may send is in this file or is the operation's deadline; the body's is its reader's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from probe.steps.errors import ProtocolError

MOST_HEAD = 65_536
"""Bytes of the header fields of one answer."""
MOST_FIELDS = 200
MOST_INTERIM = 10
"""Answers of status 1xx before the one that counts (RFC 9110 §15.2)."""

CHUNK = 65_536
"""Bytes asked of the stream at once."""

Fields = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The answer without its body."""

    status: int
    version: str
    fields: Fields


class Exchange(Protocol):
    """One GET over an open stream, which stays the caller's to close.

    Both verbs raise OSError, ssl.SSLError, EOFError or ProtocolError as the network has it.
    """

    async def ask(self, scheme: bytes, target: bytes, fields: Fields) -> Head:
        """Sends the request and waits for the head of the answer. `fields` begin with `Host`."""

    async def more(self) -> bytes:
        """The next piece of the body as it came, encoded; empty at its end."""


def head(status: int, version: str, fields: Fields) -> Head:
    """The head of an answer whose fields are within bounds. Raises ProtocolError."""
    if len(fields) > MOST_FIELDS:
        raise ProtocolError(f"more than {MOST_FIELDS} header fields")
    return Head(status=status, version=version, fields=fields)
