"""The `http` step: one request and its response, over a connection that the `tcp` and `tls` steps have made.

Law: the only file of the steps that knows httpx. No cookies, no redirects, no proxies, no pool: one exchange.
The body is read raw and decoded here, both bounded, since a few hundred kilobytes of gzip can hold gigabytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import httpx

from probe.failure import Failure
from probe.model import HttpDetail
from probe.page import describe
from probe.steps.exchange import Exchange
from probe.steps.http1 import Http1
from probe.steps.http2 import Http2
from probe.steps.step import Attempt, Operation, operation
from probe.steps.stream import Stream

MOST_BYTES = 512 * 1024
"""How much of a body is read, raw and decoded each."""
_MOST_PIECES = 10_000
"""In how many pieces: a body that comes byte by byte costs more than it says."""

# What a common browser sends, so that a site answers as it would to a person, and the request is like many others.
HEADERS: tuple[tuple[str, str], ...] = (
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate"),
)
_HEADERS = httpx.Headers(HEADERS)
_ENCODINGS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What the next step of a check needs to know of a page that was answered."""

    location: str | None
    """Where it leads, by a redirect or by itself."""
    is_redirect: bool
    """It is a redirect: nothing else is there to be seen."""
    address: str
    """Who answered."""
    http3_port: int | None
    """The UDP port at which the same host says that it speaks HTTP/3."""


async def fetch(
    attempt: Attempt,
    stream: Stream,
    url: str,
    leads: Callable[[str], bool],
    recognise: Callable[[bytes], bool] | None = None,
) -> Response | None:
    """One GET over an open stream. None when the exchange failed; the row keeps whatever had come by then.

    `leads` says whether a location leads anywhere: a redirect that does not is the row's failure. `recognise`, where
    there is one, says of the body whether it is what the target is to answer with.
    """
    detail = HttpDetail(address=stream.address, port=stream.port, url=url)
    location: str | None = None
    async with operation(attempt, detail, attempt.network.timeouts.http) as current:
        if attempt.hop_limit is not None:
            stream.limit(attempt.hop_limit)
        before = stream.received
        try:
            await _exchange(current, detail, stream, url)
        finally:
            _note_speed(current, stream, stream.received - before)
        detail = cast(HttpDetail, current.detail)
        if recognise is not None:
            assert detail.body_sha256 is not None, "it is set once the exchange is over"
            detail = replace(detail, recognised=recognise(attempt.journal.bodies[detail.body_sha256]))
            current.detail = detail
        location = detail.location
        if location is not None and not leads(location):
            location = None
            if detail.is_redirect:
                current.fail(Failure.HTTP_INVALID_REDIRECT)
    if current.failure not in (None, Failure.HTTP_INVALID_REDIRECT):
        return None
    return Response(
        location=location,
        is_redirect=detail.is_redirect,
        address=stream.address,
        http3_port=detail.http3_port if stream.tls is not None else None,
    )


def _note_speed(current: Operation, stream: Stream, received: int) -> None:
    """How many bytes of the exchange have come, and when the last did."""
    if received and stream.received_at is not None:
        after = current.elapsed() - (stream.clock() - stream.received_at)
        current.detail = replace(cast(HttpDetail, current.detail), received=received, received_after=after)


async def _exchange(current: Operation, detail: HttpDetail, stream: Stream, url: str) -> None:
    request = httpx.Request("GET", url, headers=_HEADERS)
    exchange: Exchange = Http2(stream) if _is_h2(stream) else Http1(stream)
    head = await exchange.ask(request.url.raw_scheme, request.url.raw_path, request.headers.raw)
    charset = httpx.Headers(list(head.fields)).encoding  # the first of three in which all of them can be read
    current.detail = detail = replace(
        detail,
        status=head.status,
        http_version=head.version,
        head_after=current.elapsed(),
        headers=tuple((name.decode(charset).lower(), value.decode(charset)) for name, value in head.fields),
    )
    await _read_body(current, detail, exchange)


def _is_h2(stream: Stream) -> bool:
    return stream.tls is not None and stream.tls.selected_alpn_protocol() == "h2"


async def _read_body(current: Operation, detail: HttpDetail, exchange: Exchange) -> None:
    """Reads at most MOST_BYTES; what has come is kept in the row even when the rest fails."""
    encodings = (value for name, value in detail.headers if name == "content-encoding")
    pieces: list[bytes] = []
    length = 0
    try:
        while length <= MOST_BYTES and len(pieces) < _MOST_PIECES and (piece := await exchange.more()):
            pieces.append(piece)
            length += len(piece)
    finally:
        body, cut = decode(b"".join(pieces)[:MOST_BYTES], ", ".join(encodings))
        seen = describe(detail, body, truncated=cut or length > MOST_BYTES or len(pieces) == _MOST_PIECES)
        current.attempt.journal.bodies[seen.body_sha256 or ""] = body
        current.detail = seen


def decode(raw: bytes, encoding: str) -> tuple[bytes, bool]:
    """The decoded body, at most MOST_BYTES of it, and whether there was more.

    An encoding that is unknown or broken leaves the bytes as they came: they are evidence all the same.
    """
    window = _ENCODINGS.get(encoding.strip().lower())
    if window is None or not raw:
        return raw, False
    for bits in (window, -zlib.MAX_WBITS):  # some servers send "deflate" without its zlib header
        decoder = zlib.decompressobj(bits)
        try:
            body = decoder.decompress(raw, MOST_BYTES)
        except zlib.error:
            continue
        return body, bool(decoder.unconsumed_tail) or not decoder.eof
    return raw, False
