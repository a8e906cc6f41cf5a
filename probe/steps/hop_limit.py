"""How far packets may go, and which router says that one of them expired on it.

Law: the only file that knows the options of Linux's sockets for this; all are open to every user. A router is told only
as far as it does not tell where the vantage point is (`recorded`).
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from probe.address import Address, parse, special_use

OWN_NETWORK = "own network"

# By family: the level of the option, the one for the limit, and the one for reports (linux/in.h, linux/in6.h).
_OPTIONS: Mapping[int, tuple[int, int, int]] = {
    socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TTL, 11),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 25),
}
_USUAL = -1  # the limit that the host gives to any packet
_GONE_AT_ONCE = struct.pack("ii", 1, 0)  # struct linger

# linux/errqueue.h: sock_extended_err (errno, origin, type, code, padding, info, data), then the reporter's sockaddr
_REPORT = struct.Struct("=IBBBBII")
_LARGEST = 512
_MOST_REPORTS = 16
# Origin and type of "time exceeded" (RFC 792, RFC 4443 §3.3), and where the address lies in the sockaddr.
_EXPIRED = {(2, 11): slice(4, 8), (3, 3): slice(8, 24)}

# What a site is given, and its neighbours' share with it. A router in there tells where the vantage point is.
_SITE = {4: 24, 6: 48}


def impose(sock: socket.socket, hops: int) -> None:
    """From now on packets go at most so many hops, and the socket hears where they expire. Raises OSError."""
    level, limit, reports = _OPTIONS[sock.family]
    sock.setsockopt(level, reports, 1)
    sock.setsockopt(level, limit, hops)


def lift(sock: socket.socket) -> None:
    """Before the end of a connection: what was never delivered is not sent again, and the other side learns that it is
    over. Raises OSError."""
    level, limit, _ = _OPTIONS[sock.family]
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _GONE_AT_ONCE)
    sock.setsockopt(level, limit, _USUAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What ICMP said of a socket's packets."""

    router: str | None = None
    """Who reported that one had expired, as it is recorded."""
    error: OSError | None = None
    """What else was reported: a refusal, or that there is no way."""


def reported(sock: socket.socket, hops: int) -> Report:
    """Takes the reports that wait off the socket: reading them also takes away the error that a read would meet.

    Linux keeps them for datagrams, and since 5.8 for connections that are being made; of one that is open it only
    makes the next read fail with EHOSTUNREACH.
    """
    router: Address | None = None
    error: OSError | None = None
    for _ in range(_MOST_REPORTS):
        try:
            _, reports, _, _ = sock.recvmsg(1, _LARGEST, socket.MSG_ERRQUEUE)
        except OSError:  # none is left
            break
        for *_, data in reports:
            expired = _reporter(data)
            router, error = expired or router, (error if expired is not None else _error(data) or error)
    own = parse(sock.getsockname()[0]) if router is not None else None
    return Report(router=recorded(router, own, hops) if router is not None and own is not None else None, error=error)


def _error(data: bytes) -> OSError | None:
    number = _REPORT.unpack_from(data)[0] if len(data) >= _REPORT.size else 0
    return OSError(number, os.strerror(number)) if number else None


def _reporter(data: bytes) -> Address | None:
    """Who sent the report, when it says that a packet expired."""
    if len(data) < _REPORT.size:
        return None
    _, origin, kind, *_ = _REPORT.unpack_from(data)
    if (origin, kind) not in _EXPIRED:
        return None
    packed = data[_REPORT.size :][_EXPIRED[origin, kind]]
    return ip_address(packed) if len(packed) in (4, 16) else None


def recorded(router: Address, own: Address, hops: int) -> str:
    """A router as it may be written down: what its range is for where that is no public one, and no address of the
    vantage point's own network, which the first router always is taken to be of."""
    use = special_use(router)
    if use is not None:
        return use
    site = ip_network(f"{own}/{_SITE[own.version]}", strict=False)
    return OWN_NETWORK if hops == 1 or router in site else str(router)
