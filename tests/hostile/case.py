"""A hostile server as one row: where it is, what it does, and how a measurement of it must end.

Law: each row is a host of its own in the domain `hostile.example`, so that nothing of one row touches another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import dns.message

DOMAIN = "hostile.example"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What a server does with a connection, which is closed when it returns."""
Answer = Callable[[dns.message.Message], Sequence[bytes]]
"""The datagrams with which a resolver answers a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One hostile server."""

    name: str
    scheme: str = "http"
    path: str = "/"
    serve: Serve | None = None
    """At port 80 for `http`, at 443, behind TLS, for `https`. None: nobody is there."""
    alpn: str = "http/1.1"
    chain: str | None = None
    """Which certificate it shows: a row of `tests.hostile.certificates`. None: a good one."""
    raw: bool = False
    """At 443 there is no TLS, whatever is expected there."""
    answer: Answer | None = None
    """How its name is answered over UDP; None: by its address."""
    over_tcp: Serve | None = None
    """How its name is answered over TCP."""
    failure: str | None = None
    """Of the last operation that was begun; None where the page was answered."""
    truncated: bool | None = None
    """Whether the body was cut at the bound; None where there is none, or it does not matter."""
    hops: int = 1
    """How many hops were gone."""

    @property
    def host(self) -> str:
        return f"{self.name}.{DOMAIN}"

    @property
    def target(self) -> str:
        return f"{self.scheme}://{self.host}{self.path if self.scheme in ('http', 'https') else ''}"


ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b31m \u202egpj.exe\u200b"
FORMULA = '=HYPERLINK("http://evil.example/","open me")'
SCRIPT = "<script>alert(1)</script>"
FORMULAS = (FORMULA, "+1+1", "-2+3", "@SUM(1)", "\t=1+1", "\uff1d1+1")
NASTY = (ESCAPES, SCRIPT, *FORMULAS)
