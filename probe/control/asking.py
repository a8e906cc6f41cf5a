"""What all clients of controls have in common: bounded reading, words for what goes wrong, and when to stop waiting.

Law: whatever a control does, and whatever happens on the way to it, is a sentence for the user and never an exception.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import cast

import httpx

from probe.address import is_global, parse
from probe.control.wire import WireError, printable

MOST_PROBLEMS = 20
MOST_ADDRESSES = 8
"""Addresses seen here that a control is asked about with one target."""
LEFT_BEHIND = "had not answered yet when it was no longer waited for"
_LONGEST_SENTENCE = 300
_MOST_CONNECTIONS = 256
_IDLE_SECONDS = 2.0
"""A connection that was not used for so long is not used again: the control may be closing it at that moment."""
_QUICK_SECONDS = 2.0
_REST_SECONDS = 60.0

# What a control, or the way to it, can do wrong, with the words for it; the first type that fits is taken.
PROBLEMS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "did not answer in time"),
    (httpx.TimeoutException, "did not answer in time"),
    (httpx.ConnectError, "cannot be connected to"),
    (httpx.RemoteProtocolError, "broke off, or does not speak HTTP"),
    (httpx.HTTPError, "cannot be asked"),
    (httpx.StreamError, "cannot be asked"),
    (WireError, "gave a bad answer"),
    (OSError, "cannot be connected to"),
)
CAUGHT = tuple(kind for kind, _ in PROBLEMS)


@dataclass(slots=True)
class Problems:
    """What went wrong with one control, each distinct sentence once."""

    url: str
    _sentences: dict[str, None] = field(default_factory=dict)

    @property
    def sentences(self) -> list[str]:
        """At most MOST_PROBLEMS."""
        return list(self._sentences)

    def note(self, what: str) -> None:
        if len(self._sentences) < MOST_PROBLEMS:
            self._sentences[f"control {self.url} {printable(what, _LONGEST_SENTENCE)}"] = None

    def note_error(self, error: Exception) -> None:
        """One of those in CAUGHT."""
        words = next(words for kind, words in PROBLEMS if isinstance(error, kind))
        details = "" if isinstance(error, TimeoutError | httpx.TimeoutException) else str(error)
        self.note(f"{words}: {details}" if details else words)


@dataclass(slots=True)
class Patience:
    """Whether it is worth asking: a control that let us wait in vain is left alone for a minute.

    One that fails at once costs nothing, and is asked again each time.
    """

    clock: Callable[[], float] = time.monotonic
    _rests_until: float = 0.0
    _answered_at: float = 0.0

    @property
    def is_lost(self) -> bool:
        return self.clock() < self._rests_until

    def waited_in_vain(self, since: float) -> None:
        """Nothing came of a question that was sent at this time on the clock. What came of others in the meantime
        shows that the control is at work."""
        if self.clock() - since > _QUICK_SECONDS and self._answered_at < since:
            self._rests_until = self.clock() + _REST_SECONDS

    def was_answered(self) -> None:
        self._answered_at = self.clock()
        self._rests_until = 0.0


def http_client(
    headers: Mapping[str, str], *, timeout: httpx.Timeout, verify: ssl.SSLContext | None
) -> httpx.AsyncClient:
    """One that uses no proxy, follows no redirect, and carries nothing from one answer to the next."""
    return httpx.AsyncClient(
        verify=verify or ssl.create_default_context(),
        trust_env=False,
        timeout=timeout,
        limits=httpx.Limits(max_connections=_MOST_CONNECTIONS, keepalive_expiry=_IDLE_SECONDS),
        # Asked for as it is: a compressed answer could be far larger than its bytes on the way.
        headers={**headers, "Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def checked(url: str) -> str:
    """The URL of a control without the slash at its end. Raises ValueError for what cannot be one."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"not the URL of a control: {url!r} ({error})") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise ValueError(f"not the URL of a control: {url!r} (it must be like https://host or http://host:port)")
    return str(parsed).rstrip("/")


def public(addresses: Sequence[str]) -> tuple[str, ...]:
    """What a control would connect to, in one spelling."""
    parsed = (parse(each) for each in addresses)
    found = dict.fromkeys(str(each) for each in parsed if each is not None and is_global(each))
    return tuple(found)[:MOST_ADDRESSES]


def reached(response: httpx.Response) -> str | None:
    """The address that answers; to be asked while the connection is there."""
    place = response.extensions["network_stream"].get_extra_info("server_addr")
    return place[0] if isinstance(place, tuple) else None


async def read(response: httpx.Response, most: int) -> bytes:
    """The body as it came over the wire. Raises WireError when it is longer."""
    body = bytearray()
    async with aclosing(raw(response)) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > most:
                raise WireError(f"an answer over {most} bytes")
    return bytes(body)


def raw(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The bytes as they come; an async generator, though httpx declares less, and to be closed like one."""
    return cast(AsyncGenerator[bytes, None], response.aiter_raw())
