"""The first question on any host: what network is this, and is there one at all?

Law: only the host itself and its resolvers are asked. No packet goes to a target here, and without a network none does.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import ssl
import string
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import certifi
import dns.rcode

from probe.address import parse
from probe.certificate import Roots, fingerprints
from probe.model import Host
from probe.steps.dns import ask_for_addresses, ask_for_rcode
from probe.steps.links import name_towards, tunnel_towards
from probe.steps.metered import metered
from probe.steps.network import Resolver, has_route, source_towards

# Addresses for documentation (RFC 5737, RFC 3849): only a default route leads there, and nothing is sent.
_SOMEWHERE_V4 = IPv4Address("192.0.2.1")
_SOMEWHERE_V6 = IPv6Address("2001:db8::1")

_ROUNDS = (2.0, 3.0)
"""Seconds to wait for the resolvers, first and second time."""
_MOST_NAMES = 3
_DEAD_NAME_SECONDS = 2.0

# What a stub resolver on this host says when it has no network behind it.
_SAYS_NOTHING = frozenset({dns.rcode.SERVFAIL, dns.rcode.REFUSED})

_ROOT_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def system_resolvers(path: str = "/etc/resolv.conf") -> tuple[Resolver, ...]:
    """The resolvers that this host is set to use; none when it is set to none.

    Source: resolv.conf(5). Read here, since importing dnspython's reader of it costs every start 150 ms.
    """
    try:
        lines = Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    named = [words[1] for line in lines if len(words := line.split()) > 1 and words[0] == "nameserver"]
    return tuple(Resolver(address) for address in dict.fromkeys(named) if _is_address(address))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def system_roots() -> Roots:
    """The authorities this host trusts: the file that SSL_CERT_FILE names, or else the system's own bundle.

    Raises OSError or ValueError, with the file's name, when it cannot be read.
    """
    named = os.environ.get("SSL_CERT_FILE")
    default = ssl.get_default_verify_paths().cafile
    candidates = [named] if named else [default or "", *_ROOT_FILES]
    path = next((Path(name) for name in candidates if name and (named or Path(name).is_file())), None)
    if path is None:
        raise ValueError("no trusted roots found: install ca-certificates, or name a PEM bundle in SSL_CERT_FILE")
    try:
        return Roots.from_pem(path.read_bytes(), str(path))
    except ValueError as error:
        raise ValueError(f"{path}: not a bundle of PEM certificates") from error


def public_roots() -> frozenset[str]:
    """The fingerprints of the authorities on Mozilla's list, as `certifi` has it: those that browsers know.

    A root that this host trusts beyond them was put there by somebody.
    """
    return fingerprints(certifi.contents())


def own_addresses() -> tuple[str, ...]:
    """The addresses from which this host would send to anywhere, IPv4 first. Nothing is sent to learn them."""
    return tuple(own for far in (_SOMEWHERE_V4, _SOMEWHERE_V6) if (own := source_towards(far)) is not None)


async def look(resolvers: Sequence[Resolver], names: Sequence[str]) -> tuple[Host, tuple[Resolver, ...]]:
    """How this host's network is, and its resolvers, those that answer first.

    The resolvers are asked for the root's name servers, a question that belongs to nobody; those that keep silent then
    also for the first few `names` that will be asked anyway. `online` means that at least one answered. The first that
    did is asked for one more name, which cannot exist: does it say so?
    """
    ipv4, ipv6 = has_route(_SOMEWHERE_V4), has_route(_SOMEWHERE_V6)
    heard: list[Resolver] = []
    questions = [(".", "NS")]
    for seconds in _ROUNDS:
        answers = await asyncio.gather(
            *(_hear(resolver, questions, seconds, routed=ipv4 or ipv6) for resolver in resolvers)
        )
        heard = [resolver for resolver, answered in zip(resolvers, answers, strict=True) if answered]
        if heard or not any(_could_answer(resolver) for resolver in resolvers):
            break
        questions += [(name, "A") for name in names[:_MOST_NAMES]]
    names_of_links = [name for far in (_SOMEWHERE_V4, _SOMEWHERE_V6) if (name := name_towards(far)) is not None]
    given = await ask_for_addresses(heard[0], _dead_name(), _DEAD_NAME_SECONDS) if heard else None
    host = Host(
        online=bool(heard),
        why_offline=None if heard else _why(resolvers, routed=ipv4 or ipv6),
        ipv4=ipv4,
        ipv6=ipv6,
        vpn=tunnel_towards(_SOMEWHERE_V4) or tunnel_towards(_SOMEWHERE_V6),
        metered=await metered(names_of_links) if ipv4 or ipv6 else None,
        resolvers=tuple(str(resolver) for resolver in resolvers),
        resolver_rewrites_nxdomain=None if given is None else bool(given),
        rewritten_to=given or (),
    )
    return host, (*heard, *(resolver for resolver in resolvers if resolver not in heard))


async def _hear(resolver: Resolver, questions: Sequence[tuple[str, str]], seconds: float, *, routed: bool) -> bool:
    if not _could_answer(resolver):
        return False
    rcodes = await asyncio.gather(*(ask_for_rcode(resolver, name, kind, seconds) for name, kind in questions))
    stub = (parsed := parse(resolver.address)) is not None and parsed.is_loopback
    return any(rcode is not None and (routed or not stub or rcode not in _SAYS_NOTHING) for rcode in rcodes)


def _dead_name() -> str:
    """A name that nobody has: below a domain that is reserved for documentation (RFC 2606 §2), and so never delegated.

    Not below `invalid`, which many a resolver on the host itself denies without asking anybody. It begins like a web
    site's name, since some providers rewrite no others.
    """
    letters = (secrets.choice(string.ascii_lowercase) for _ in range(7 + secrets.randbelow(9)))
    return f"www.{''.join(letters)}.example"


def _could_answer(resolver: Resolver) -> bool:
    parsed = parse(resolver.address)
    return parsed is not None and has_route(parsed)


def _why(resolvers: Sequence[Resolver], *, routed: bool) -> str:
    names = ", ".join(str(resolver) for resolver in resolvers)
    if not routed:
        return "there is no route to anywhere"
    if not resolvers:
        return "no resolver is configured"
    return f"no resolver answers (asked: {names})"
