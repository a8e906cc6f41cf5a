"""Web servers: sites on real sockets, HTTP/1.1 and HTTP/2, with and without TLS, and those that misbehave.

Law: one listener for each address and port that a site names; everything else there is a closed port. What a site
answers is data (`spec.Page`), the same over every protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
import struct
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from aioquic.asyncio.server import QuicServer
from aioquic.quic.configuration import QuicConfiguration

from tests.lab.authority import Authorities
from tests.lab.spec import CLIENT, Ending, Page, Site
from tests.lab.speech import Datagrams, speak

_FREEBIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}  # IP(V6)_FREEBIND
_LONGEST_HEAD = 65_536
_BLOCK = 16_384
_serial = itertools.count(1)

Headers = list[tuple[str, str]]


class Misbehaviour(Exception):  # noqa: N818  what a site is told to do is no error
    """The site is to do this instead of answering."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending = ending


def listening_socket(address: str, port: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """A socket bound to one address, which need not be configured on an interface. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(*_FREEBIND[family], 1)
        sock.bind((address, port))
        if kind == socket.SOCK_STREAM:
            sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock


class Web:
    """All the web servers of a world."""

    def __init__(self, authorities: Authorities) -> None:
        self._authorities = authorities
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._datagrams: list[asyncio.DatagramTransport] = []

    async def become(self, sites: Sequence[Site]) -> None:
        """Closes what was open, and listens for these sites. Raises OSError."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for transport in self._datagrams:
            transport.close()
        self._servers.clear()
        self._datagrams.clear()
        await self._answer_datagrams([site for site in sites if site.datagrams])
        places: dict[tuple[str, int], list[Site]] = {}
        for site in sites:
            for address in site.addresses if not site.datagrams else ():
                places.setdefault((address, site.port), []).append(site)
        for address, port, site in ((a, s.port, s) for s in sites if s.http3 for a in s.addresses):
            self._datagrams.append(await self._serve_quic(address, port, site))
        for (address, port), here in places.items():
            place = Place(here, self._authorities)
            self._servers.append(
                await asyncio.start_server(
                    partial(self._serve, place),
                    sock=listening_socket(address, port),
                    ssl=place.context(),
                    limit=_LONGEST_HEAD,
                )
            )

    async def _serve_quic(self, address: str, port: int, site: Site) -> asyncio.DatagramTransport:
        configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
        self._authorities.show(configuration, site.name)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            partial(QuicServer, configuration=configuration), sock=listening_socket(address, port, socket.SOCK_DGRAM)
        )
        return transport

    async def _answer_datagrams(self, sites: Sequence[Site]) -> None:
        loop = asyncio.get_running_loop()
        for site in sites:
            assert site.speech is not None, "a datagram is answered in some protocol"
            for address in site.addresses:
                sock = listening_socket(address, site.port, socket.SOCK_DGRAM)
                transport, _ = await loop.create_datagram_endpoint(partial(Datagrams, site.speech), sock=sock)
                self._datagrams.append(transport)

    async def _serve(self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "start_server makes one for each connection"
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await place.serve(reader, writer)
        except Misbehaviour as instead:
            await _end(instead.ending, writer)
        except (OSError, EOFError, ssl.SSLError, h2.exceptions.ProtocolError, asyncio.LimitOverrunError):
            pass  # the network is hostile here: connections end in any way
        finally:
            writer.close()


class Place:
    """One address and port, with the sites on it."""

    def __init__(self, sites: Sequence[Site], authorities: Authorities) -> None:
        self._sites, self._authorities = sites, authorities

    def context(self) -> ssl.SSLContext | None:
        """What TLS handshakes begin with; the name in the ClientHello may change it. None: in clear."""
        first = self._sites[0]
        if first.certificate is None or first.silent or first.relay:
            return None
        made = self._authorities.context(first.name, first.certificate)
        # A context of its own, since others may show the same certificate beside other sites.
        if any(site is not first for site in self._sites):
            made = self._authorities.context.__wrapped__(first.name, first.certificate)  # type: ignore[attr-defined]
            made.sni_callback = self._choose
        return made

    def _choose(self, handshake: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        site = self._site(name)
        if site.certificate is not None:
            handshake.context = self._authorities.context(site.name, site.certificate)

    def _site(self, name: str | None) -> Site:
        return next((site for site in self._sites if site.name == name), self._sites[0])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end. Raises Misbehaviour, or what the connection does."""
        first = self._sites[0]
        if first.silent:
            await reader.read()
        elif first.speech is not None:
            await speak(first.speech, reader, writer)
        elif first.relay is not None:
            await _pass_through(reader, writer, first.relay, first.port)
        elif (session := writer.get_extra_info("ssl_object")) and session.selected_alpn_protocol() == "h2":
            await self._serve_h2(reader, writer)
        else:
            await self._serve_h1(reader, writer)

    def _page(self, host: str, path: str, writer: asyncio.StreamWriter) -> Page:
        site = self._site(host.rpartition(":")[0] or host)
        is_client = writer.get_extra_info("peername")[0] in CLIENT
        usual = site.for_client if site.for_client is not None and is_client else site.page
        page = dict(site.paths).get(path, usual)
        offer = (("alt-svc", f'h3=":{site.port}"; ma=86400'),) if site.http3 else ()
        return replace(page, headers=(*page.headers, *offer))

    async def _serve_h1(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            status, headers, body = await render(self._page(fields.get("host", ""), head[0].split(" ")[1], writer))
            lines = [f"HTTP/1.1 {status} {_reason(status)}", *(f"{name}: {value}" for name, value in headers), "", ""]
            writer.write("\r\n".join(lines).encode("utf-8") + (b"" if head[0].startswith("HEAD ") else body))
            await writer.drain()
            if fields.get("connection", "").lower() == "close":
                return

    async def _serve_h2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        session.initiate_connection()
        waiting: dict[int, bytes] = {}
        while True:
            for stream, body in list(waiting.items()):
                waiting[stream] = _send_what_fits(session, stream, body)
                if not waiting[stream]:
                    del waiting[stream]
            writer.write(session.data_to_send())
            await writer.drain()
            data = await reader.read(_LONGEST_HEAD)
            if not data:
                return
            for event in session.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    asked: dict[str, str] = {str(name): str(value) for name, value in event.headers}
                    page = self._page(asked.get(":authority", ""), asked.get(":path", "/"), writer)
                    status, headers, body = await render(page)
                    session.send_headers(event.stream_id, [(":status", str(status)), *headers], end_stream=not body)
                    waiting |= {event.stream_id: body} if body else {}
                elif isinstance(event, h2.events.StreamReset):
                    waiting.pop(event.stream_id, None)


async def render(page: Page) -> tuple[int, Headers, bytes]:
    """The status, headers (names in lower case) and body of a page, after its delay. Raises Misbehaviour."""
    await asyncio.sleep(page.delay)
    if page.ending is not None:
        raise Misbehaviour(page.ending)
    number = next(_serial) if page.dynamic else 0
    title = "" if page.title is None else f"<title>{page.title.replace('{n}', str(number))}</title>"
    changing = f"<p>{'news ' * (number % 97)}{number}</p>" if page.dynamic else ""
    body = f"<!doctype html><html><head><meta charset=utf-8>{title}</head><body>{page.text}{changing}".encode()
    body += b"." * page.size + b"</body></html>"
    body = body if page.body is None else page.body.encode()
    headers = [(name.lower(), value) for name, value in page.headers]
    headers += [("location", page.location)] if page.location is not None else []
    headers += [("set-cookie", f"session{number}={number}; Path=/")] if page.dynamic else []
    fixed = {"content-type": "text/html; charset=utf-8", "content-length": str(len(body))}
    present = {name for name, _ in headers}
    headers += [(name, value) for name, value in fixed.items() if name not in present]
    return page.status, headers, body


def _send_what_fits(session: h2.connection.H2Connection, stream: int, body: bytes) -> bytes:
    """Sends as much of a body as flow control allows; what is left."""
    while body:
        fits = min(session.local_flow_control_window(stream), session.max_outbound_frame_size, len(body))
        if fits <= 0:
            return body
        session.send_data(stream, body[:fits], end_stream=fits == len(body))
        body = body[fits:]
    return body


async def _end(ending: Ending, writer: asyncio.StreamWriter) -> None:
    if ending is Ending.SILENCE:
        await asyncio.sleep(3600)
    if ending is Ending.RESET:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _pass_through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, port: int) -> None:
    far_reader, far_writer = await asyncio.open_connection(address, port)
    with contextlib.closing(far_writer):
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_BLOCK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def _reason(status: int) -> str:
    return {200: "OK", 301: "Moved Permanently", 302: "Found", 403: "Forbidden", 404: "Not Found"}.get(status, "Status")
