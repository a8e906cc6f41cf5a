"""IP packets as bytes: read, forged, aged, re-addressed.

Law: pure functions. Addresses are packed bytes (4 or 16), ports and sequence numbers integers. What cannot be read
is None, never an exception.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

_V4 = struct.Struct("!BBHHHBBH4s4s")
_V6 = struct.Struct("!IHBB16s16s")
_TCP = struct.Struct("!HHIIBBHHH")
_UDP = struct.Struct("!HHHH")

# ICMP type and code of each error, for IPv4 (RFC 792, RFC 1812 §5.2.7.1) and IPv6 (RFC 4443 §3).
ERRORS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "admin_prohibited": ((3, 13), (1, 1)),
    "host_unreachable": ((3, 1), (1, 3)),
    "port_unreachable": ((3, 3), (1, 4)),
    "time_exceeded": ((11, 0), (3, 0)),
}


class Packet(NamedTuple):
    """One packet. The TCP fields are 0 for other protocols, the ports for what has none."""

    raw: bytes
    source: bytes
    destination: bytes
    protocol: int
    ttl: int
    at: int
    """Where the header after IP begins."""
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    payload_at: int

    @property
    def payload(self) -> bytes:
        return self.raw[self.payload_at :]

    @property
    def length(self) -> int:
        """Sequence numbers that the packet takes up (RFC 9293 §3.4)."""
        return len(self.raw) - self.payload_at + bool(self.flags & SYN) + bool(self.flags & FIN)


def read(frame: bytes) -> Packet | None:
    """Reads an IP packet; link-layer padding after it is cut off."""
    if len(frame) < 20:
        return None
    if frame[0] >> 4 == 4:
        _, _, total, _, fragment, ttl, protocol, _, source, destination = _V4.unpack_from(frame)
        at = (frame[0] & 15) * 4
        if fragment & 0x1FFF:
            protocol = 255
    elif frame[0] >> 4 == 6 and len(frame) >= 40:
        _, length, protocol, ttl, source, destination = _V6.unpack_from(frame)
        total, at = length + 40, 40
    else:
        return None
    if not at <= total <= len(frame):
        return None
    raw = frame[:total]
    if protocol == TCP and total >= at + 20:
        sport, dport, seq, ack, offset, flags, _, _, _ = _TCP.unpack_from(raw, at)
        payload_at = min(at + (offset >> 4) * 4, total)
        return Packet(raw, source, destination, protocol, ttl, at, sport, dport, seq, ack, flags, payload_at)
    if protocol == UDP and total >= at + 8:
        sport, dport, _, _ = _UDP.unpack_from(raw, at)
        return Packet(raw, source, destination, protocol, ttl, at, sport, dport, 0, 0, 0, at + 8)
    return Packet(raw, source, destination, protocol, ttl, at, 0, 0, 0, 0, 0, at)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071). 0xFFFF stands for 0, which is the same in one's complement."""
    if len(data) & 1:
        data += b"\0"
    return 0xFFFF - int.from_bytes(data, "big") % 0xFFFF


def ip(source: bytes, destination: bytes, protocol: int, body: bytes) -> bytes:
    """An IP packet around a body whose own checksum is already right."""
    if len(source) == 16:
        return _V6.pack(6 << 28, len(body), protocol, 64, source, destination) + body
    header = _V4.pack(0x45, 0, 20 + len(body), 0, 0x4000, 64, protocol, 0, source, destination)
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + body


def _summed(source: bytes, destination: bytes, protocol: int, body: bytes, where: int) -> bytes:
    """The body with its checksum (over the pseudo header, RFC 9293 §3.1, RFC 8200 §8.1) at `where`."""
    blank = body[:where] + b"\0\0" + body[where + 2 :]
    pseudo = source + destination + struct.pack("!II", len(body), protocol)
    return blank[:where] + checksum(pseudo + blank).to_bytes(2, "big") + blank[where + 2 :]


def tcp(
    source: tuple[bytes, int], destination: tuple[bytes, int], seq: int, ack: int, flags: int, data: bytes = b""
) -> bytes:
    """A TCP segment without options."""
    body = _TCP.pack(source[1], destination[1], seq % 2**32, ack % 2**32, 5 << 4, flags, 64240, 0, 0) + data
    return ip(source[0], destination[0], TCP, _summed(source[0], destination[0], TCP, body, 16))


def udp(source: tuple[bytes, int], destination: tuple[bytes, int], data: bytes) -> bytes:
    """A UDP datagram."""
    body = _UDP.pack(source[1], destination[1], 8 + len(data), 0) + data
    return ip(source[0], destination[0], UDP, _summed(source[0], destination[0], UDP, body, 6))


def error(why: str, source: bytes, about: Packet) -> bytes:
    """An ICMP error from `source` to the sender of a packet, one of ERRORS."""
    v4, v6 = ERRORS[why]
    if len(source) == 4:
        body = bytes((*v4, 0, 0, 0, 0, 0, 0)) + about.raw[: about.at + 8]
        body = body[:2] + checksum(body).to_bytes(2, "big") + body[4:]
        return ip(source, about.source, ICMP, body)
    body = bytes((*v6, 0, 0, 0, 0, 0, 0)) + about.raw[:1200]
    return ip(source, about.source, ICMPV6, _summed(source, about.source, ICMPV6, body, 2))


def aged(packet: Packet, hops: int) -> bytes:
    """The packet after so many hops more. The caller has seen to it that it lives that long."""
    raw, ttl = packet.raw, packet.ttl - hops
    if len(packet.source) == 16:
        return raw[:7] + bytes((ttl,)) + raw[8:]
    header = raw[:8] + bytes((ttl,)) + raw[9:10] + b"\0\0" + raw[12 : packet.at]
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + raw[packet.at :]


def readdressed(packet: Packet, source: tuple[bytes, int], destination: tuple[bytes, int]) -> Packet:
    """The same segment or datagram between other ends. Both ends are of the family the packet had."""
    body = struct.pack("!HH", source[1], destination[1]) + packet.raw[packet.at + 4 :]
    where = 16 if packet.protocol == TCP else 6
    made = read(
        ip(source[0], destination[0], packet.protocol, _summed(source[0], destination[0], packet.protocol, body, where))
    )
    assert made is not None, "what was made of a packet that was read can be read"
    return made._replace(raw=aged(made, made.ttl - packet.ttl), ttl=packet.ttl)
