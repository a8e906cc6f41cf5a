"""Official registers of blocked resources: what an entry of one lists, and by which keys a target is found in it.

Law: pure. An entry and a target meet where they have a key in common, and both sides of that are in this file. A
register says what somebody was ordered to block, never what is blocked: no verdict is made from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from probe.address import is_global, parse
from probe.model import DEFAULT_PORTS, DnsDetail, Measurement, Target


class Kind(StrEnum):
    """What an entry lists. What else stands in it (the addresses of a listed name, the name of a listed page) is said
    beside that, and is not listed by itself."""

    URL = "url"
    DOMAIN = "domain"
    WILDCARD = "wildcard"
    """A name, and all names below it: `*.example.com`."""
    ADDRESS = "address"
    """Addresses and prefixes, without any name."""


class By(StrEnum):
    """How a target stands in a register; the closest first."""

    URL = "url"
    """This very page is listed."""
    DOMAIN = "domain"
    """This very name is listed."""
    WILDCARD = "wildcard"
    """A listed wildcard covers the name."""
    ADDRESS = "address"
    """An address of it is listed by itself."""
    PREFIX = "prefix"
    """An address of it lies in a listed prefix."""
    PARENT = "parent"
    """A name above it is listed, without a wildcard."""
    PAGE = "page"
    """Another page of the same host is listed."""
    SHARED_ADDRESS = "shared_address"
    """An address of it is named in an entry that lists something else."""


LISTED = frozenset({By.URL, By.DOMAIN, By.WILDCARD, By.ADDRESS, By.PREFIX})
"""A target that stands in a register in one of these ways is listed there; in the others it is only near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A register of blocked resources, as one file had it."""

    name: str
    """As its importer calls it: a register of the same name takes its place."""
    country: str
    """ISO 3166-1 alpha-2: where it is in force."""
    form: str
    """`dump` (Roskomnadzor's, as mirrored by zapret-info) or `csv`."""
    source: str
    """The name of the file."""
    updated_at: datetime | None = None
    """What the file says of its own age, UTC; absent where it says nothing."""
    imported_at: datetime | None = None
    """UTC. Absent while it is not whole: being imported, or on its way out."""
    entries: int = 0
    """How many entries it has."""
    damaged: int = 0
    """How many lines of the file could not be read, or only in part."""

    @property
    def as_of(self) -> datetime | None:
        """The moment whose state it shows."""
        return self.updated_at or self.imported_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a register."""

    line: int
    """Its number in the file, 1 for the first."""
    kind: Kind
    """What it lists: `url`, `domain`, `wildcard` or `address`."""
    domain: str | None = None
    """The name, lower case and IDNA-encoded, with `*.` before a wildcard."""
    url: str | None = None
    """The page, or several with ` | ` between them, as the file has it."""
    authority: str | None = None
    """Who decided."""
    decision: str | None = None
    """The number of the decision."""
    date: date | None = None
    """The day that the entry gives: in Roskomnadzor's register that of the decision, which may be earlier than the
    entry itself."""


Keys = tuple[Sequence[str], Sequence[str]]
"""Under what an entry is found: as what it lists, and as what only stands beside that."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a target stands in one register."""

    register: Register
    by: By | None = None
    """`None`: it is not there."""
    key: str | None = None
    """What of it was found there."""
    entry: Entry | None = None
    """The entry; of several, the one with the earliest date."""

    @property
    def listed(self) -> bool:
        return self.by in LISTED


@dataclass(frozen=True, slots=True)
class Wanted:
    """By what a target is looked up."""

    url: str | None
    host: str | None
    """`None` where the target is an address."""
    addresses: tuple[str, ...]


def wanted(target: Target, addresses: Sequence[str] = ()) -> Wanted:
    """What a target is looked up by: its page, its name, and the addresses that it is known to have."""
    literal = parse(target.host) is not None
    return Wanted(
        url=target.name if target.scheme in DEFAULT_PORTS else None,
        host=None if literal else target.host,
        addresses=tuple(dict.fromkeys([target.host, *addresses] if literal else addresses)),
    )


def resolved(measurements: Sequence[Measurement]) -> tuple[str, ...]:
    """The public addresses of the target's own name, in the answers that came here and at the controls."""
    found = (
        record.value
        for measurement in measurements
        for row in measurement.observations
        if isinstance(row.detail, DnsDetail) and row.detail.hostname == measurement.target.host and not row.experiment
        for record in row.detail.answers
        if record.type in ("A", "AAAA")
    )
    return tuple(a for a in dict.fromkeys(found) if (p := parse(a)) is not None and is_global(p))


def keys_of(kind: Kind, *, domain: str | None, urls: Sequence[str], addresses: Sequence[str]) -> Keys:
    """The keys of an entry. A wildcard's has its `*.`; an address's is the address, a prefix's the prefix, each in its
    shortest spelling."""
    names = [domain] if domain else []
    if kind is Kind.URL:
        return urls, [*names, *addresses]
    if kind is Kind.ADDRESS:
        return addresses, ()
    return names, addresses


def keys_listing(target: Wanted) -> dict[str, By]:
    """The keys under which an entry that lists the target would be, and how each would list it."""
    found: dict[str, By] = {}
    for address in target.addresses:
        found |= dict.fromkeys(_prefixes(address), By.PREFIX)
        found[address] = By.ADDRESS
    if target.host is not None:
        names = _upwards(target.host)
        found |= dict.fromkeys(names, By.PARENT) | dict.fromkeys((f"*.{name}" for name in names), By.WILDCARD)
        found[target.host] = By.DOMAIN
    if target.url is not None:
        found[target.url] = By.URL
    return found


def keys_near(target: Wanted) -> dict[str, By]:
    """The keys under which the target would be named in an entry that lists something else."""
    found = dict.fromkeys(target.addresses, By.SHARED_ADDRESS)
    return found if target.host is None else found | {target.host: By.PAGE}


def _upwards(host: str) -> list[str]:
    """The name, and those above it but for the top-level domain."""
    labels = host.split(".")
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))]


def _prefixes(address: str) -> list[str]:
    """Every prefix in which an address lies."""
    parsed = parse(address)
    if parsed is None:
        return []
    number, bits = int(parsed), parsed.max_prefixlen
    return [f"{type(parsed)(number >> rest << rest)}/{bits - rest}" for rest in range(1, bits + 1)]
