"""Which link this machine's packets leave by, and whether it is a tunnel: asked of the kernel, by rtnetlink(7).

Law: nobody but the kernel is asked, and for the way itself, not for its tables: a VPN may steer by rules that no table
shows (wg-quick does). A link is told by its kind only: its name, which may say whose VPN it is, is for looking it up.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator, Mapping

from probe.address import Address

# linux/rtnetlink.h, linux/netlink.h, linux/if_link.h
_NEWLINK, _GETLINK, _NEWROUTE, _GETROUTE, _ERROR, _DONE = 16, 18, 24, 26, 2, 3
_REQUEST, _DUMP = 0x1, 0x300
_DESTINATION, _OUT_LINK, _GATEWAY = 1, 4, 5  # RTA_DST, RTA_OIF, RTA_GATEWAY
_NAME, _LINK_INFO, _INFO_KIND = 3, 18, 1
_NESTED = 0x3FFF  # the type of an attribute without its flags
_HEAD = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=8BI")
_LINK = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")
_LARGEST = 1 << 16
_SECONDS = 1.0

TUNNELS = frozenset({"wireguard", "tun", "ovpn", "ovpn-dco", "ipip", "gre", "gretap", "ip6gre", "vti", "vti6", "xfrm"})
"""Kinds of links that lead into another network. `sit` and `ip6tnl` are not among them: by those a provider carries one
version of IP over the other, and what comes out is still the provider's network."""
_PPP = "ppp"


def tunnel_towards(address: Address) -> str | None:
    """The kind of the tunnel into which packets to this address go; None where they go into none, where there is no
    way there, and where the kernel does not say (Android lets nobody ask).

    A `ppp` link is a tunnel only where it runs over another network, as L2TP and PPTP do: with DSL and modems it is the
    provider's own line.
    """
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
            kernel.settimeout(_SECONDS)
            kernel.bind((0, 0))
            link = _link_towards(kernel, address)
            kind = _kind_of(kernel, link) if link is not None else None
            if kind == _PPP and not _has_gateway_elsewhere(kernel, link):
                return None
    except (OSError, struct.error):
        return None
    return kind if kind in TUNNELS or kind == _PPP else None


def name_towards(address: Address) -> str | None:
    """The name of the link that packets to this address leave by; None as above. Not to be recorded."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
            kernel.settimeout(_SECONDS)
            kernel.bind((0, 0))
            link = _link_towards(kernel, address)
            named = _attributes_of(kernel, link).get(_NAME) if link is not None else None
    except (OSError, struct.error):
        return None
    return named.rstrip(b"\0").decode("utf-8", "replace") if named else None


def _link_towards(kernel: socket.socket, address: Address) -> int | None:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    route = _ROUTE.pack(family, len(address.packed) * 8, *bytes(6), 0)
    destination = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(address.packed), _DESTINATION) + address.packed
    for body in _ask(kernel, _GETROUTE, route + destination):
        return _number(_attributes(body[_ROUTE.size :]).get(_OUT_LINK))
    return None


def _kind_of(kernel: socket.socket, link: int) -> str | None:
    """As the kernel's driver calls it; None for a link of hardware, which has no such name."""
    info = _attributes(_attributes_of(kernel, link).get(_LINK_INFO, b""))
    return info[_INFO_KIND].rstrip(b"\0").decode("ascii", "replace") if _INFO_KIND in info else None


def _attributes_of(kernel: socket.socket, link: int) -> Mapping[int, bytes]:
    for body in _ask(kernel, _GETLINK, _LINK.pack(0, 0, link, 0, 0)):
        return _attributes(body[_LINK.size :])
    return {}


def _has_gateway_elsewhere(kernel: socket.socket, link: int | None) -> bool:
    """Whether the main table sends anything to a router beyond another link than this one."""
    routes = [_attributes(body[_ROUTE.size :]) for body in _ask(kernel, _GETROUTE, _ROUTE.pack(*bytes(8), 0), _DUMP)]
    return any(_GATEWAY in route and _number(route.get(_OUT_LINK)) not in (None, link) for route in routes)


def _ask(kernel: socket.socket, kind: int, body: bytes, flags: int = 0) -> Iterator[bytes]:
    """The bodies of the kernel's answers; none where it refuses. Raises OSError."""
    kernel.send(_HEAD.pack(_HEAD.size + len(body), kind, _REQUEST | flags, 0, 0) + body)
    while True:
        data = kernel.recv(_LARGEST)
        while len(data) >= _HEAD.size:
            length, answered, _, _, _ = _HEAD.unpack_from(data)
            if answered in (_ERROR, _DONE) or length < _HEAD.size:
                return
            if answered in (_NEWLINK, _NEWROUTE):
                yield data[_HEAD.size : length]
            data = data[_aligned(length) :]
        if not flags & _DUMP:
            return


def _attributes(data: bytes) -> Mapping[int, bytes]:
    found: dict[int, bytes] = {}
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _NESTED] = data[_ATTRIBUTE.size : length]
        data = data[_aligned(length) :]
    return found


def _number(value: bytes | None) -> int | None:
    return int.from_bytes(value, sys.byteorder) if value else None


def _aligned(length: int) -> int:
    return length + 3 & ~3
