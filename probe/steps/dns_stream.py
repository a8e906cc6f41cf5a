"""One DNS question and its answer over a connection: plain TCP, TLS, HTTPS.

Law: bytes in, bytes out, and no row: the `dns` step bounds the wait, reads the answer and records it. Over HTTPS the
resolver is proven by its certificate; over TLS it is known by its address alone, which hides the question from whoever
only reads along (RFC 7858 §4.1).
"""

from __future__ import annotations

import base64

from probe.certificate import verify
from probe.steps.errors import ProtocolError
from probe.steps.http1 import Http1
from probe.steps.network import Network, Resolver, SecureResolver
from probe.steps.stream import Stream
from probe.steps.tcp import open_stream
from probe.steps.tls import context, peer_chain

TLS_PORT = 853
_LARGEST = 65_535  # bytes of a DNS message
_MESSAGE = "application/dns-message"


async def over_tcp(resolver: Resolver, network: Network, question: bytes) -> bytes:
    """RFC 7766. Raises what the network does."""
    stream = await open_stream(resolver.address, resolver.port, network.clock)
    try:
        return await _converse(stream, question)
    finally:
        stream.close()


async def over_tls(resolver: Resolver, network: Network, question: bytes) -> bytes:
    """RFC 7858, at the resolver's own address. Raises what the network does."""
    stream = await open_stream(resolver.address, TLS_PORT, network.clock)
    try:
        await stream.start(context(()), None)
        return await _converse(stream, question)
    finally:
        stream.close()


async def over_https(resolver: SecureResolver, network: Network, question: bytes) -> bytes:
    """RFC 8484 §4.1, by GET. Raises what the network does, and ProtocolError where it is not the resolver."""
    stream = await open_stream(resolver.address, resolver.port, network.clock)
    try:
        session = await stream.start(context(("http/1.1",)), None)
        wrong = verify(peer_chain(session), resolver.address, network.now(), network.roots)
        if wrong is not None:
            raise ProtocolError(f"the resolver's certificate: {wrong}")
        return await _get(stream, resolver, question)
    finally:
        stream.close()


async def _get(stream: Stream, resolver: SecureResolver, question: bytes) -> bytes:
    exchange = Http1(stream)
    asked = base64.urlsafe_b64encode(question).rstrip(b"=")
    fields = ((b"Host", resolver.authority.encode()), (b"Accept", _MESSAGE.encode()))
    head = await exchange.ask(b"https", f"{resolver.path}?dns=".encode() + asked, fields)
    if head.status != 200:
        raise ProtocolError(f"HTTP status {head.status}")
    body = bytearray()
    while piece := await exchange.more():
        body += piece
        if len(body) > _LARGEST:
            raise ProtocolError(f"an answer over {_LARGEST} bytes")
    return bytes(body)


async def _converse(stream: Stream, question: bytes) -> bytes:
    """The answer to a question, each behind its length (RFC 1035 §4.2.2)."""
    await stream.write(len(question).to_bytes(2, "big") + question)
    length = int.from_bytes(await _exactly(stream, 2), "big")
    return await _exactly(stream, length)


async def _exactly(stream: Stream, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = await stream.read(count - len(data))
        if not piece:
            raise EOFError("closed before the answer was there")
        data += piece
    return bytes(data)
