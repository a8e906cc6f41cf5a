"""A small Internet with a control in it, in a network namespace of its own: `python -m tests.control.world`.

The control listens on a socket inherited from outside the namespace, where the tests are; what it measures is
inside, on addresses that count as public but are on this machine's own loopback. Every connection that a server in
here accepts is one line of the file of hits: `ADDRESS:PORT PATH`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import trustme
from pyroute2 import IPRoute

from probe.certificate import Roots
from probe.control import limits, serving
from probe.control.access import listed_in
from probe.control.server import ControlSettings, build
from probe.model import ProtocolName, Vantage
from probe.steps.network import Network, Resolver, Timeouts
from probe.targets import parse_one
from tests.lab.spec import Speech
from tests.lab.speech import Datagrams, speak

SITE, OTHER, SITE_V6, RESOLVER = "192.31.196.10", "192.31.196.11", "2620:4f:8000::10", "192.31.196.53"
DEAD = "192.31.196.99"
MIRRORS = tuple(f"192.31.196.{number}" for number in range(20, 28))
"""Addresses at which the site is as well, and which no name leads to."""
PRIVATE, METADATA = "10.9.9.9", "169.254.169.254"

NAMES: dict[str, tuple[str, ...]] = {
    "site.test": (SITE,),
    "both.test": (SITE, SITE_V6),
    "unlisted.test": (SITE,),
    "chat.test": (OTHER,),
    "calls.test": (OTHER, PRIVATE),
    "twin.test": (SITE, PRIVATE),
    "private.test": (PRIVATE,),
    "loopback.test": ("127.0.0.1", "::1"),
    "mapped.test": (f"::ffff:{PRIVATE}",),
    "nat64.test": ("64:ff9b::a09:909",),
    "sixtofour.test": ("2002:a09:909::1",),
}
LISTED = ("https://site.test/", "tcp://site.test:5222", "https://both.test/", "http://gone.test/", "http://dead.test/")
LISTED += tuple(f"http://{name}/" for name in NAMES if name != "unlisted.test")
NAMES["dead.test"] = (DEAD,)
BROKEN = "broken.test"
"""A zone that is broken: no resolver has an answer."""
LISTED += (f"dns://{BROKEN}",)
SPEAKING = {"tcp://chat.test:5222": ProtocolName.XMPP, "udp://calls.test:3478": ProtocolName.STUN}
REBINDING = "rebind.test"
"""Another address each time it is asked for: a public one, then a private one."""

REDIRECTS = {
    "/to-metadata": f"http://{METADATA}/latest/",
    "/to-private": "http://private.test/",
    "/to-mapped": f"http://[::ffff:{PRIVATE}]/",
    "/to-mail": "http://site.test:25/",
    "/to-other": f"http://{OTHER}/landed",
}
PLAIN = ((SITE, 80), (SITE, 25), (SITE, 5222), (OTHER, 80), (SITE_V6, 80), (PRIVATE, 80), (METADATA, 80))
PLAIN += (("127.0.0.1", 80), ("::1", 80), *((each, 80) for each in MIRRORS))
CALLED = ((OTHER, 3478), (PRIVATE, 3478), (OTHER, 53))
"""Where datagrams are answered."""
SECURE = ((SITE, 443), (SITE_V6, 443))


_IFA_F_NODAD = 0x02  # usable at once: otherwise the kernel makes sure first that nobody else has it


def bring_up() -> None:
    with IPRoute() as route:
        index = route.link_lookup(ifname="lo")[0]
        route.link("set", index=index, state="up")
        for address in (SITE, OTHER, RESOLVER, PRIVATE, METADATA, *MIRRORS):
            route.addr("add", index=index, address=address, prefixlen=32)
        route.addr("add", index=index, address=SITE_V6, prefixlen=128, flags=_IFA_F_NODAD)


class Names(asyncio.DatagramProtocol):
    """The resolver."""

    def __init__(self, *, broken: bool) -> None:
        self.broken = broken
        self.asked = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, peer: Any) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        addresses = NAMES.get(name, ())
        if name == REBINDING and question.rdtype == dns.rdatatype.A:
            addresses = (SITE, PRIVATE)[self.asked % 2 :][:1]
            self.asked += 1
        elif self.broken or name == BROKEN:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in NAMES and name != REBINDING:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        version = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}.get(question.rdtype)
        wanted = [each for each in addresses if (6 if ":" in each else 4) == version]
        if wanted:
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, wanted))
        self.transport.sendto(answer.to_wire(), peer)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hits: Path) -> None:
    address, port = writer.get_extra_info("sockname")[:2]
    # Cancelled when the world ends, which is no error.
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
        path = ""
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            path = head.split()[1].decode()
        finally:
            with hits.open("a") as file:
                file.write(f"{address}:{port} {path}\n")
        if path.startswith("/slow"):
            await asyncio.sleep(0.7)
        if path.startswith("/hang"):
            await asyncio.sleep(3600)
        body = b"<html><head><title>The site</title></head><body>Welcome</body></html>"
        status = f"302 Found\r\nLocation: {REDIRECTS[path]}" if path in REDIRECTS else "200 OK"
        start = f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n"
        writer.write(f"{start}X-Site: yes\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
    writer.close()


class Calls(Datagrams):
    """Answers in STUN, and notes each datagram as a hit."""

    def __init__(self, place: tuple[str, int], hits: Path) -> None:
        super().__init__(Speech.STUN)
        self._place, self._hits = place, hits

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        with self._hits.open("a") as file:
            file.write("{}:{} datagram\n".format(*self._place))
        super().datagram_received(data, addr)


async def live(sock: socket.socket, folder: Path, options: dict[str, Any]) -> None:
    hits = folder / "hits"
    authority = trustme.CA()
    certificate = authority.issue_cert("site.test", "both.test", SITE)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer, hits)

    loop = asyncio.get_running_loop()
    broken = options.pop("broken_resolver", False)
    await loop.create_datagram_endpoint(lambda: Names(broken=broken), local_addr=(RESOLVER, 53))
    servers = [await asyncio.start_server(handle, *each) for each in PLAIN]
    servers += [await asyncio.start_server(handle, *each, ssl=context) for each in SECURE]
    servers.append(await asyncio.start_server(partial(speak, Speech.XMPP), OTHER, 5222))
    for place in CALLED:
        await loop.create_datagram_endpoint(partial(Calls, place, hits), local_addr=place)
    network = Network(
        resolvers=(Resolver(RESOLVER),),
        roots=Roots.from_pem(authority.cert_pem.bytes(), "the tests' authority"),
        timeouts=Timeouts(dns=(2.0, 2.0), tcp=2.0, tls=2.0, http=options.pop("http_timeout", 2.0)),
        pause=0.01,
        linger=0.01,
    )
    limits.BODY_SECONDS = options.pop("body_seconds", limits.BODY_SECONDS)
    serving._SILENT_SECONDS = options.pop("silent_seconds", serving._SILENT_SECONDS)
    settings = ControlSettings(**{**options, "tokens": frozenset(options.get("tokens", ()))})
    vantage = Vantage(name="lab-control", country="NL", asn=64500, network="Lab")
    listed = [parse_one(each) for each in LISTED]
    listed += [replace(parse_one(name), speaks=speaks) for name, speaks in SPEAKING.items()]
    app = build(settings, network, vantage, listed_in(listed))
    (folder / "ready").touch()
    await serving.serve_on(app, sock)
    for server in servers:
        server.close()
    (folder / "ended").write_text("cleanly")


def main() -> None:
    bring_up()
    descriptor, folder, options = sys.argv[1:]
    asyncio.run(live(socket.socket(fileno=int(descriptor)), Path(folder), json.loads(options)))


if __name__ == "__main__":
    main()
