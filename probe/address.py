"""What an IP address is for: which ranges are globally reachable, and which can never host a public service.

Pure facts from the IANA special-purpose address registries (RFC 6890, 2024-07 edition), spelled out here because
Python's own `ipaddress.is_global` differs between the versions this program runs on.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

# Ranges that are not globally reachable, each with what it is for.
_SPECIAL_V4: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private use"),
    ("100.64.0.0/10", "shared by carrier-grade NAT"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link local"),
    ("172.16.0.0/12", "private use"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "former 6to4 relays"),
    ("192.168.0.0/16", "private use"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
)
_SPECIAL_V6: tuple[tuple[str, str], ...] = (
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("64:ff9b:1::/48", "local-use translation"),
    ("100::/64", "discard only"),
    ("2001::/32", "Teredo"),
    ("2001:2::/48", "benchmarking"),
    ("2001:10::/28", "former ORCHID"),
    ("2001:20::/28", "ORCHIDv2"),
    ("2001:db8::/32", "documentation"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "unique local"),
    ("fe80::/10", "link local"),
    ("fec0::/10", "former site local"),
    ("ff00::/8", "multicast"),
)
# Outside 2000::/3 nothing is allocated for the public Internet (RFC 4291 §2.4), but for the translation prefix below.
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")

_V4: tuple[tuple[IPv4Network, str], ...] = tuple((IPv4Network(net), why) for net, why in _SPECIAL_V4)
_V6: tuple[tuple[IPv6Network, str], ...] = tuple((IPv6Network(net), why) for net, why in _SPECIAL_V6)

_MOST_REMEMBERED = 4096
"""Texts and addresses that are not looked at again: each comes up in every question about a measurement."""


@lru_cache(maxsize=_MOST_REMEMBERED)
def parse(text: str) -> Address | None:
    """The address that `text` spells, brackets and zone allowed, or None when it is no address."""
    try:
        return ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None


def embedded_v4(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 spelling carries: IPv4-mapped, 6to4 (RFC 3056), NAT64 (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return address.sixtofour
    return None


@lru_cache(maxsize=_MOST_REMEMBERED)
def special_use(address: Address) -> str | None:
    """What a range that is not globally reachable is for, in a few words; None for a public address.

    An IPv6 spelling of an IPv4 address is judged by the IPv4 address it leads to.
    """
    inner = embedded_v4(address)
    if inner is not None:
        return special_use(inner)
    if isinstance(address, IPv4Address):
        return next((why for net, why in _V4 if address in net), None)
    found = next((why for net, why in _V6 if address in net), None)
    if found is None and address not in _GLOBAL_UNICAST_V6:
        return "unallocated"
    return found


def is_global(address: Address) -> bool:
    """Whether a public service can be at this address. What it is not, is a bogon in a public DNS answer."""
    return special_use(address) is None
