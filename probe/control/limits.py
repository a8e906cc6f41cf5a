"""What a control never does, and how much it takes from one request.

Law: the guard decides on the address and port of each connection, at the moment of connecting: no name, redirect,
rebinding or spelling of an address gets past it. What is too much is turned away with a status and a reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.requests import Request

from probe.address import Address, is_global, parse, special_use
from probe.model import ProtocolName, Target
from probe.steps.network import Network
from probe.targets import parse_roots
from probe.words import SPOKEN_OVER

PORTS: frozenset[int] = frozenset(
    {
        80,  # the web
        443,
        8080,  # its usual second ports; WeChat's long links too
        8443,
        853,  # DNS over TLS
        4244,  # Viber
        5242,
        5222,  # XMPP and what grew from it: WhatsApp, Threema
        5223,  # Apple's push
        5228,  # Google's push
        8883,  # MQTT
        3478,  # STUN, over UDP too
        3479,
        3480,
        3481,
        19302,
        995,  # KakaoTalk; mail elsewhere, of which this is only the part that fetches one's own
        9282,
        10009,
        14000,  # QQ
        4443,  # Session
    }
)
"""Ports that messaging services are reached on, all of the shipped lists' among them. None that sends mail, no remote
login or database: nothing to be abused against. Over UDP one datagram of 20 bytes is sent, three times at most: an
answer is hardly longer, so nothing is amplified."""

MOST_BODY_BYTES = 256 * 1024
BODY_SECONDS = 10.0
MOST_TARGETS = 500
MOST_ADDRESSES = 8
"""Addresses of the asking vantage point that one target is connected to."""


class RefusedError(Exception):
    """A target that is not measured: for the asking client, with an HTTP status that fits."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def guard(network: Network, ports: Collection[int]) -> Network:
    """The same network, on which only public addresses and these ports can be connected to."""

    def allow(address: Address, port: int) -> bool:
        return port in ports and is_global(address) and network.allow(address, port)

    # An address that a stranger names gives no more rights than a name.
    return replace(network, allow=allow, literals=False, named=None)


def check_reachable(target: Target, ports: Collection[int]) -> None:
    """Raises RefusedError where the guard would stop every connection anyway: the client is told why."""
    address = parse(target.host)
    use = special_use(address) if address is not None else None
    if use is not None:
        raise RefusedError(403, f"not a public address ({use})")
    if target.port is not None and target.port not in ports:
        raise RefusedError(403, f"port {target.port} is not one of {', '.join(map(str, sorted(ports)))}")


def protocol(word: str, target: Target) -> ProtocolName:
    """The protocol that is to be spoken to a target. Raises RefusedError for one that is not known, or not there."""
    name = next((name for name in ProtocolName if name == word), None)
    if name is None or target.scheme not in SPOKEN_OVER[name]:
        raise RefusedError(400, f"speaks must be a protocol of {target.scheme}:// that is known here")
    return name


def public_addresses(texts: Sequence[str]) -> tuple[str, ...]:
    """The public ones of these addresses, each once, in one spelling, sorted. Raises RefusedError for no address."""
    found: set[str] = set()
    for text in texts:
        address = parse(text)
        if address is None:
            raise RefusedError(400, "addresses must be IP addresses")
        if is_global(address):
            found.add(str(address))
    return tuple(sorted(found))


def roots(texts: Sequence[str]) -> tuple[str, ...]:
    """Whose certificates the asking client takes for good (`Target.roots`). Raises RefusedError for what is no root."""
    try:
        return tuple(sorted(parse_roots(list(texts)))) if texts else ()
    except ValueError as error:
        raise RefusedError(400, f"roots: {error}") from None


async def read_body(request: Request) -> bytes:
    """The request's body. Raises HTTPException 413 for one that is too large, 408 for one that is too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BODY_BYTES:
                    raise HTTPException(413, f"the body is over {MOST_BODY_BYTES} bytes")
    except TimeoutError:
        raise HTTPException(408, f"the body took over {BODY_SECONDS:.0f} s", {"Connection": "close"}) from None
    return bytes(body)
