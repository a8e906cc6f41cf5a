"""The path between the hosts, in user space: frames come in at one link and leave at another, past the censor.

Law: one plain loop, no threads. It forwards what the censor lets through, counts hops, delays and loses as the
client's access says, and drops what is for nobody. Traffic of the control passes the same path.
"""

from __future__ import annotations

import heapq
import random
import selectors
import socket
import time
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from multiprocessing.connection import Connection

from tests.lab.censor import Censor, Sent
from tests.lab.netns import Link
from tests.lab.packet import Packet, aged, error, read
from tests.lab.spec import CLIENT, CONTROL, HOPS, HOPS_V6, PUBLIC, IPv6, Spec

_ALL_PROTOCOLS = 3  # linux/if_ether.h: ETH_P_ALL
_PACKET, _IGNORE_OUTGOING = 263, 23  # linux/socket.h: SOL_PACKET; linux/if_packet.h
_BUFFER = 8 << 20  # bytes; a burst of 300 connections fits
_FORCE_BUFFER = 33  # SO_RCVBUFFORCE, which an ordinary user may not use
_ETHERNET = {4: b"\x08\x00", 6: b"\x86\xdd"}
_ROUTER_MAC = bytes((2, 0, 0, 0, 0, 1))
_BATCH = 64
_HOPS = {4: tuple(ip_address(a).packed for a in HOPS), 16: tuple(ip_address(a).packed for a in HOPS_V6)}
_CLIENT = frozenset(ip_address(a).packed for a in CLIENT)
_CONTROL = frozenset(ip_address(a).packed for a in CONTROL)


class Port:
    """The router's end of a link: whole IP packets in and out."""

    def __init__(self, link: Link) -> None:
        self.name = link.name
        self._to = link.host_mac + _ROUTER_MAC
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.setblocking(False)
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, _FORCE_BUFFER, _BUFFER)
        except PermissionError:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self.sock.setsockopt(_PACKET, _IGNORE_OUTGOING, 1)
        self.sock.bind((link.name, _ALL_PROTOCOLS))

    def receive(self) -> bytes | None:
        """The next packet; empty for a frame of another kind, None when there is none."""
        try:
            frame = self.sock.recv(65_535)
        except BlockingIOError:
            return None
        return frame[14:] if frame[12:14] in _ETHERNET.values() else b""

    def send(self, packet: bytes) -> None:
        try:
            self.sock.send(self._to + _ETHERNET[packet[0] >> 4] + packet)
        except OSError:
            return  # a full queue loses packets, as any router's does


class Router:
    """Forwards until the other end of `orders` is closed. An order is a Spec, or None to ask what the rules did."""

    def __init__(self, links: Mapping[str, Link], orders: Connection) -> None:
        self._ports = {name: Port(link) for name, link in links.items()}
        self._orders = orders
        self._later: list[tuple[float, int, str, bytes]] = []
        self._count = 0
        self.become(Spec())

    def become(self, spec: Spec) -> None:
        """Forgets all flows, and works by these rules from now on. Raises ValueError for a rule that makes none."""
        self._access = spec.access
        here = {length: hops[spec.access.censor_hop - 1] for length, hops in _HOPS.items()}
        self._censor = Censor(spec.rules, here, _CONTROL)
        self._chance = random.Random(1)  # the same packets are lost in every run
        self._dark = frozenset(ip_address(a).packed for a in spec.dark)
        self._public = tuple(
            (
                net.version,
                int(net.network_address) >> (net.max_prefixlen - net.prefixlen),
                net.max_prefixlen - net.prefixlen,
            )
            for net in map(ip_network, (*PUBLIC, *spec.public))
        )
        self._later.clear()

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for port in self._ports.values():
                selector.register(port.sock, selectors.EVENT_READ, port)
            selector.register(self._orders, selectors.EVENT_READ, None)
            while True:
                wait = None if not self._later else max(0.0, self._later[0][0] - time.monotonic())
                for key, _ in selector.select(wait):
                    if key.data is None:
                        self._obey()
                    else:
                        self._empty(key.data)
                self._send_due()

    def _obey(self) -> None:
        order: Spec | None = self._orders.recv()
        if order is None:
            self._orders.send([armed.fired for armed in self._censor.armed])
            return
        try:
            self.become(order)
        except ValueError as wrong:
            self._orders.send(str(wrong))
        else:
            self._orders.send(None)

    def _empty(self, port: Port) -> None:
        for _ in range(_BATCH):
            frame = port.receive()
            if frame is None:
                return
            packet = read(frame)
            if packet is not None:
                self._forward(port.name, packet)

    def _forward(self, origin: str, packet: Packet) -> None:
        now = time.monotonic()
        is_clients = origin == "client" or packet.destination in _CLIENT
        if is_clients and self._is_lost(packet):
            return
        if origin == "client" or (origin == "control" and packet.destination not in _CLIENT):
            self._outward(origin, packet, now)
        elif self._port_to(packet.destination) is not None and packet.ttl > len(HOPS):
            older = packet._replace(raw=aged(packet, len(HOPS)))
            self._deliver(self._censor.inbound(older, now), packet.destination, now)

    def _outward(self, origin: str, packet: Packet, now: float) -> None:
        hops = _HOPS[len(packet.source)]
        if packet.ttl <= self._access.censor_hop:
            self._send(origin, error("time_exceeded", hops[max(packet.ttl, 1) - 1], packet), now)
        elif packet.ttl <= len(hops):
            sent = self._censor.outbound(packet, now)
            self._deliver([each for each in sent if each[0]], packet.source, now)
            if any(not inward for inward, _ in sent):
                self._send(origin, error("time_exceeded", hops[packet.ttl - 1], packet), now)
        else:
            older = packet._replace(raw=aged(packet, len(hops)))
            self._deliver(self._censor.outbound(older, now), packet.source, now)

    def _deliver(self, sent: Sent, inner: bytes, now: float) -> None:
        for inward, raw in sent:
            outer = raw[16:20] if raw[0] >> 4 == 4 else raw[24:40]
            port = self._port_to(inner if inward else outer)
            if port is not None:
                self._send(port, raw, now)

    def _port_to(self, destination: bytes) -> str | None:
        if destination in _CLIENT:
            return "client"
        if destination in _CONTROL:
            return "control"
        if destination in self._dark:
            return None
        number, version = int.from_bytes(destination, "big"), 4 if len(destination) == 4 else 6
        found = any(v == version and number >> shift == prefix for v, prefix, shift in self._public)
        return "internet" if found else None

    def _is_lost(self, packet: Packet) -> bool:
        if len(packet.source) == 16 and self._access.ipv6 is IPv6.NOWHERE:
            return True
        return self._access.loss > 0 and self._chance.random() < self._access.loss

    def _send(self, port: str, raw: bytes, now: float) -> None:
        """At once, or after the delay of the client's access when it is on the way."""
        ends = (raw[12:16], raw[16:20]) if raw[0] >> 4 == 4 else (raw[8:24], raw[24:40])
        if self._access.delay and not _CLIENT.isdisjoint(ends):
            self._count += 1
            heapq.heappush(self._later, (now + self._access.delay, self._count, port, raw))
        else:
            self._ports[port].send(raw)

    def _send_due(self) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            _, _, port, raw = heapq.heappop(self._later)
            self._ports[port].send(raw)


def serve(links: Mapping[str, Link], orders: Connection) -> None:
    """Is the router until there is nobody to give orders."""
    try:
        Router(links, orders).run()
    except EOFError:
        return
