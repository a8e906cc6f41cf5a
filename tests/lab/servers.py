"""The Internet of a world: one process with all its resolvers and web servers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from functools import partial
from multiprocessing.connection import Connection

from tests.lab.authority import Authorities
from tests.lab.netns import Host, enter
from tests.lab.resolver import Datagrams, Resolver, Zone
from tests.lab.spec import HONEST_RESOLVER, PROVIDER_RESOLVER, PUBLIC_RESOLVER, Certificate, Spec
from tests.lab.web import Web, listening_socket

_DNS, _DNS_TLS, _HTTPS = 53, 853, 443


class Servers:
    """Serves one spec after the other."""

    def __init__(self, authorities: Authorities) -> None:
        self._web = Web(authorities)
        self._authorities = authorities
        nothing = Zone(Spec())
        self._resolvers = {
            address: Datagrams(Resolver(nothing)) for address in (PROVIDER_RESOLVER, HONEST_RESOLVER, PUBLIC_RESOLVER)
        }
        self._streams: list[asyncio.Server] = []

    async def open(self) -> None:
        """Starts the resolvers, over UDP, TCP, TLS and HTTPS, which stay. Raises OSError."""
        loop = asyncio.get_running_loop()
        for address, resolver in self._resolvers.items():
            sock = listening_socket(address, _DNS, socket.SOCK_DGRAM)
            await loop.create_datagram_endpoint(partial(_itself, resolver), sock=sock)
            sock = listening_socket(address, _DNS)
            self._streams.append(await asyncio.start_server(resolver.serve_stream, sock=sock))
            tls = self._authorities.context(address, Certificate.GOOD)
            for port, serve in ((_DNS_TLS, resolver.serve_stream), (_HTTPS, resolver.serve_https)):
                sock = listening_socket(address, port)
                self._streams.append(await asyncio.start_server(serve, sock=sock, ssl=tls))

    async def become(self, spec: Spec) -> None:
        """Raises OSError where an address and port cannot be listened at."""
        zone = Zone(spec)
        for address, resolver in self._resolvers.items():
            resolver.resolver = Resolver(zone, spec.lies if address == PROVIDER_RESOLVER else ())
        await self._web.become(spec.sites)


def _itself(resolver: Datagrams) -> Datagrams:
    return resolver


async def _obey(servers: Servers, orders: Connection) -> None:
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(orders.fileno(), readable.set)
    await servers.open()
    while True:
        await readable.wait()
        readable.clear()
        while orders.poll():
            spec: Spec = orders.recv()
            try:
                await servers.become(spec)
            except OSError as wrong:
                orders.send(str(wrong))
            else:
                orders.send(None)


def _note(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Connections that end badly are the lab's daily bread; anything else is a mistake, and said."""
    if not isinstance(context.get("exception"), OSError | asyncio.CancelledError):
        loop.default_exception_handler(context)


def serve(host: Host, authorities: Authorities, orders: Connection) -> None:
    """Is the Internet until there is nobody to give orders."""
    enter(host)
    with contextlib.suppress(EOFError):
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(_note)
        loop.run_until_complete(_obey(Servers(authorities), orders))
