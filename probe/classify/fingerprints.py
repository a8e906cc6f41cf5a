"""Fingerprints: the signs by which somebody who blocks is recognised, and where each of them is looked for.

Law: data and pure functions. A sign is a name, an address or a text, never a regular expression: it is found in one
pass over a bounded text, or it is not. What follows from a sighting is the matter of the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from probe.address import Address, parse
from probe.model import HttpDetail, TlsDetail
from probe.page import markup, text

Network = IPv4Network | IPv6Network

_LONGEST_HOST = 255
_LONGEST_LOCATION = 2048
_MOST_REMEMBERED = 8
"""Bodies whose folded text is kept: one is asked about by several rules."""


class Scope(StrEnum):
    """Whose block it is."""

    NATIONAL = "national"
    """Of a country: every provider does it, or somebody for all of them."""
    ISP = "isp"
    """Of one provider, be it by law."""
    LOCAL = "local"
    """Of whoever runs one network, or of the household itself: a filter that somebody chose."""


class Weight(StrEnum):
    """What a fingerprint is worth by itself."""

    PROOF = "proof"
    """No service shows it: it counts without any control."""
    HINT = "hint"
    """It can be met elsewhere: it counts where a control sees something else altogether, and then says who it is."""


class Sign(StrEnum):
    """What kind of sign was seen."""

    ADDRESS = "address"
    HOST = "host"
    LOCATION = "location"
    TITLE = "title"
    HEADER = "header"
    BODY = "body"
    ISSUER = "issuer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """One party that blocks, and all the signs that give it away."""

    id: str
    """A name of its own, in lower-case letters, digits and hyphens."""
    scope: Scope
    weight: Weight
    source: str
    """Where it is known from."""
    country: str | None = None
    """ISO 3166-1 alpha-2; absent for what is sold everywhere."""
    network: str | None = None
    """Of the provider, product or institution."""
    since: str | None = None
    """The year, month or day from which it is known, ISO 8601."""
    addresses: tuple[str, ...] = ()
    """Addresses, or prefixes, that blocked names are said to be at."""
    hosts: tuple[str, ...] = ()
    """Hosts that are there for blocking only, with all below them: in a Location, a refresh, a CNAME, a certificate,
    or as what a page is made from."""
    locations: tuple[str, ...] = ()
    """`host` or `host/path` that visitors are sent to, where the host has other uses, or is an address."""
    titles: tuple[str, ...] = ()
    """Whole titles of pages."""
    headers: tuple[str, ...] = ()
    """`name: text`, the text anywhere in the header's value."""
    bodies: tuple[str, ...] = ()
    """Texts in the body: of a proof in what the page does (tags, scripts), of a hint anywhere in it."""
    issuers: tuple[str, ...] = ()
    """Texts in the name of a certificate's issuer (RFC 4514)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A sign that was seen."""

    fingerprint: Fingerprint
    sign: Sign
    pattern: str
    """As it stands in the fingerprint."""
    place: str
    """Where it was seen, in words: `Location header`, `title`, `body`, …"""

    @property
    def is_proof(self) -> bool:
        return self.fingerprint.weight is Weight.PROOF


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """A set of fingerprints, ready to be asked. Two are the same only when they are one."""

    all: tuple[Fingerprint, ...]
    version: str = ""
    """Tells sets apart that are more than what the program ships; empty for that."""
    _addresses: dict[Address, tuple[Fingerprint, str]] = field(init=False)
    _prefixes: tuple[tuple[Network, tuple[Fingerprint, str]], ...] = field(init=False)
    _hosts: dict[str, Fingerprint] = field(init=False)

    def __post_init__(self) -> None:
        prefixes = [(ip_network(each), (fp, each)) for fp in self.all for each in fp.addresses]
        single = {net.network_address: found for net, found in prefixes if net.num_addresses == 1}
        object.__setattr__(self, "_addresses", single)
        object.__setattr__(self, "_prefixes", tuple(each for each in prefixes if each[0].num_addresses > 1))
        object.__setattr__(self, "_hosts", {host: fp for fp in self.all for host in fp.hosts})

    def of_address(self, address: str) -> Sighting | None:
        """The address is one that blocked names are said to be at."""
        parsed = parse(address)
        if parsed is None:
            return None
        found = self._addresses.get(parsed) or next((found for net, found in self._prefixes if parsed in net), None)
        return found and Sighting(fingerprint=found[0], sign=Sign.ADDRESS, pattern=found[1], place="answer")

    def of_host(self, host: str, place: str = "CNAME") -> Sighting | None:
        """The host, or one above it, is there for blocking only."""
        if len(host) > _LONGEST_HOST:
            return None
        labels = host.lower().removesuffix(".").split(".")
        for at in range(len(labels) - 1):
            name = ".".join(labels[at:])
            if name in self._hosts:
                return Sighting(fingerprint=self._hosts[name], sign=Sign.HOST, pattern=name, place=place)
        return None

    def of_location(self, location: str, place: str = "Location header") -> Sighting | None:
        """The URL leads to a block page. A relative one leads to nobody else."""
        target = _target(location)
        if target is None:
            return None
        host, path = target
        listed = ((fp, each) for fp in self.all for each in fp.locations if _leads_to(host, path, each))
        found = (Sighting(fingerprint=fp, sign=Sign.LOCATION, pattern=each, place=place) for fp, each in listed)
        return self.of_host(host, place) or _first(found)

    def of_certificate(self, seen: TlsDetail) -> Sighting | None:
        """The certificate is that of a block host, or of an authority that only a filter has."""
        names = [*seen.alternative_names, *_common_names(seen.subject or "")]
        found = (self.of_host(name.removeprefix("*."), "certificate's name") for name in names)
        issued = (
            Sighting(fingerprint=fp, sign=Sign.ISSUER, pattern=each, place="certificate's issuer")
            for fp in self.all
            for each in fp.issuers
            if find(each, _folded(seen.issuer or "")) is not None
        )
        return _first(sighting for sighting in (*found, *issued) if sighting is not None)

    def of_page(self, page: HttpDetail, body: bytes | None) -> tuple[Sighting, ...]:
        """Every sign in a response, proofs first. `body` is None where it is not kept."""
        return tuple(sorted(self._in_page(page, body), key=lambda each: not each.is_proof))

    def _in_page(self, page: HttpDetail, body: bytes | None) -> Iterator[Sighting]:
        if page.location is not None:
            place = "Location header" if page.is_redirect else "refresh"
            if (led := self.of_location(page.location, place)) is not None:
                yield led
        for part in page.outline:
            if part.startswith("//") and (made := self.of_host(part[2:], "what the page is made from")) is not None:
                yield made
        title = _folded(page.title or "")
        headers = [(name, _folded(value)) for name, value in page.headers]
        for fp in self.all:
            for pattern in fp.titles:
                if title and (title,) == parts(pattern):
                    yield Sighting(fingerprint=fp, sign=Sign.TITLE, pattern=pattern, place="title")
            for pattern in fp.headers:
                wanted, _, value = pattern.partition(":")
                if any(name == wanted and find(value, said) is not None for name, said in headers):
                    yield Sighting(fingerprint=fp, sign=Sign.HEADER, pattern=pattern, place=f"{wanted} header")
        yield from self._in_body(page.header("content-type") or "", body)

    def _in_body(self, content_type: str, body: bytes | None) -> Iterator[Sighting]:
        if not body:
            return
        whole = _whole(body, content_type)
        for fp in self.all:
            for pattern in fp.bodies:
                if find(pattern, whole) is None:
                    continue
                if fp.weight is Weight.HINT:
                    yield Sighting(fingerprint=fp, sign=Sign.BODY, pattern=pattern, place="body")
                elif find(pattern, _done(body, content_type)) is not None:
                    yield Sighting(fingerprint=fp, sign=Sign.BODY, pattern=pattern, place="tags and scripts")


def find(pattern: str, folded: str) -> int | None:
    """Where a pattern begins in a folded text: its parts, one after the other. None where it is not.

    Each part is looked for once, from where the one before it ended: together no more than the length of the text.
    """
    begin, at = None, 0
    for part in parts(pattern):
        found = folded.find(part, at)
        if found < 0:
            return None
        begin, at = found if begin is None else begin, found + len(part)
    return begin


@cache
def parts(pattern: str) -> tuple[str, ...]:
    """A pattern's parts, which `*` divides, folded as texts are."""
    return tuple(filter(None, map(_folded, pattern.split("*"))))


def _folded(said: str) -> str:
    """Without the difference of cases, and with one blank for each run of them."""
    return " ".join(said.split()).casefold()


@lru_cache(maxsize=_MOST_REMEMBERED)
def _whole(body: bytes, content_type: str) -> str:
    """The beginning of a body."""
    return _folded(text(body, content_type))


@lru_cache(maxsize=_MOST_REMEMBERED)
def _done(body: bytes, content_type: str) -> str:
    """What of it is done, and not only said."""
    return _folded(markup(text(body, content_type), content_type))


def _first(sightings: Iterator[Sighting]) -> Sighting | None:
    """A proof, where there is one."""
    return min(sightings, key=lambda each: not each.is_proof, default=None)


def _target(location: str) -> tuple[str, str] | None:
    """Host and path that a URL leads to, where it names a host."""
    try:
        split = urlsplit(location[:_LONGEST_LOCATION].strip())
        host = split.hostname
    except ValueError:
        return None
    return (host.lower().removesuffix("."), split.path) if host else None


def _leads_to(host: str, path: str, listed: str) -> bool:
    wanted, _, below = listed.partition("/")
    if host != wanted and not host.endswith(f".{wanted}"):
        return False
    return not below or f"{path}/".startswith(f"/{below.rstrip('/')}/")


def _common_names(subject: str) -> Sequence[str]:
    return [part.strip()[3:] for part in subject.split(",") if part.strip().upper().startswith("CN=")]
