"""From TOML to fingerprints. A bad file is told whole: every fault with the fingerprint, the key and the reason.

Law: pure; a file is read or refused, never half of it. The form of a file is the table below.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from ipaddress import ip_network
from typing import Any

import msgspec

from probe.address import parse
from probe.classify.fingerprints import Fingerprint, Fingerprints, Scope, Weight, parts

LARGEST = 1 << 20
"""Bytes of a file."""
_LONGEST = 300
_WIDEST = {4: 16, 6: 32}
"""The shortest prefix of each version of IP: a wider one is half the Internet."""
_MOST_PARTS = 8
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HOST = re.compile(r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_SINCE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


class FingerprintError(ValueError):
    """A file of fingerprints that cannot be used: every fault, a line each."""


@dataclass(frozen=True, slots=True)
class Key:
    """What one key of a fingerprint may hold."""

    required: bool
    read: Callable[[Any], Any]
    """Gives the value, or raises ValueError with the reason."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    if not value.isprintable():
        raise ValueError("has control characters in it")
    if len(value) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} characters")
    return value


def _id(value: Any) -> str:
    if not _ID.fullmatch(_text(value)):
        raise ValueError("must be lower-case letters, digits and single hyphens, such as ru-rostelecom")
    return str(value)


def _word_of(kind: type[StrEnum]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value not in tuple(kind):
            raise ValueError(f"must be one of {', '.join(kind)}, not {value!r:.60}")
        return kind(value)

    return read


def _country(value: Any) -> str:
    if len(_text(value)) != 2 or not (value.isascii() and value.isupper()):
        raise ValueError(f"must be two capital letters, as in ISO 3166-1, not {value!r:.60}")
    return str(value)


def _since(value: Any) -> str:
    said = value.isoformat() if isinstance(value, date) else str(value)
    if isinstance(value, bool) or not _SINCE.fullmatch(said):
        raise ValueError("must be a year, month or day, such as 2012, 2012-11 or 2012-11-01")
    return said


def _list_of(read: Callable[[str], str]) -> Callable[[Any], tuple[str, ...]]:
    def read_all(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not value:
            raise ValueError("must be a list of texts that is not empty")
        found = []
        for each in value:
            try:
                found.append(read(_text(each)))
            except ValueError as error:
                raise ValueError(f"{each!r:.60} {error}") from None
        return tuple(found)

    return read_all


def _address(value: str) -> str:
    try:
        network = ip_network(value)
    except ValueError:
        raise ValueError("is no address, and no prefix with nothing behind it") from None
    if network.prefixlen < _WIDEST[network.version]:
        raise ValueError(f"is wider than /{_WIDEST[network.version]}")
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _host(value: str) -> str:
    name = value.lower()
    if parse(name) is not None:
        raise ValueError("is an address; it belongs in addresses or locations")
    if not _HOST.fullmatch(name):
        raise ValueError("is no host name, such as block.example.net")
    return name


def _location(value: str) -> str:
    host, slash, path = value.partition("/")
    if "://" in value:
        raise ValueError("must be host or host/path, without a scheme")
    if not set(path).isdisjoint("?#*"):
        raise ValueError("must end with the path: no query, and no *")
    return (host if parse(host) is not None else _host(host)) + slash + path


def _pattern(least: int, *, wild: bool = True) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not wild and "*" in value:
            raise ValueError("must be the whole of it, without *")
        if sum(map(len, parts(value))) < least:
            raise ValueError(f"has less than {least} characters of its own: it would be found anywhere")
        if len(parts(value)) > _MOST_PARTS:
            raise ValueError(f"has more than {_MOST_PARTS} parts")
        return value

    return read


def _header(value: str) -> str:
    name, colon, said = value.partition(":")
    if not colon or not _HEADER.fullmatch(name.lower()):
        raise ValueError("must be a header's name, a colon, and what is in it")
    return f"{name.lower()}:{_pattern(4)(said)}"


SIGNS: Mapping[str, Key] = {
    "addresses": Key(False, _list_of(_address)),
    "hosts": Key(False, _list_of(_host)),
    "locations": Key(False, _list_of(_location)),
    "titles": Key(False, _list_of(_pattern(5, wild=False))),
    "headers": Key(False, _list_of(_header)),
    "bodies": Key(False, _list_of(_pattern(8))),
    "issuers": Key(False, _list_of(_pattern(6))),
}
"""The keys that hold signs, of which a fingerprint has one at least."""
KEYS: Mapping[str, Key] = {
    "id": Key(True, _id),
    "scope": Key(True, _word_of(Scope)),
    "weight": Key(True, _word_of(Weight)),
    "source": Key(True, _text),
    "country": Key(False, _country),
    "network": Key(False, _text),
    "since": Key(False, _since),
    **SIGNS,
}


@cache
def shipped() -> Fingerprints:
    """The fingerprints that the program knows."""
    content = files("probe.classify").joinpath("fingerprints.toml").read_bytes()
    return Fingerprints(all=read(content, "the shipped fingerprints"))


def added(own: Sequence[Fingerprint]) -> Fingerprints:
    """The shipped fingerprints and these. Raises FingerprintError where an id is there already."""
    known = shipped().all
    faults = [f"{each.id}: the program ships a fingerprint of this id" for each in _twice((*known, *own))]
    if faults:
        raise FingerprintError("\n".join(faults))
    version = hashlib.sha256(msgspec.json.encode(own)).hexdigest()[:8] if own else ""
    return Fingerprints(all=(*known, *own), version=version)


def read(content: bytes, name: str) -> tuple[Fingerprint, ...]:
    """The fingerprints of one file, called `name` in errors. Raises FingerprintError with every fault."""
    if len(content) > LARGEST:
        raise FingerprintError(f"{name}: larger than 1 MiB, so no file of fingerprints")
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FingerprintError(f"{name}: line {line}: is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:  # besides its own, tomllib raises these for huge numbers and nesting
        raise FingerprintError(f"{name}: not TOML: {error}") from None
    faults: list[str] = []
    found = list(_read_all(table, faults))
    faults += [f"{each.id}: two fingerprints have this id" for each in _twice(found)]
    if faults:
        raise FingerprintError("\n".join(f"{name}: {fault}" for fault in faults))
    return tuple(found)


def _read_all(table: Mapping[str, Any], faults: list[str]) -> Iterator[Fingerprint]:
    faults += [f"{_shown(key)}: unknown key; known: fingerprint" for key in table if key != "fingerprint"]
    listed = table.get("fingerprint")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        faults.append("fingerprint: must be at least one [[fingerprint]] table")
        return
    for number, each in enumerate(listed, start=1):
        said = each.get("id")
        place = f"fingerprint[{number}]" + (f" ({_shown(said)})" if isinstance(said, str) else "")
        before = len(faults)
        values = _values(each, place, faults)
        if len(faults) == before:
            yield Fingerprint(**values)


def _values(table: Mapping[str, Any], place: str, faults: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in KEYS:
            near = difflib.get_close_matches(name, KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(KEYS)}"
            faults.append(f"{place}: {_shown(name)}: unknown key; {hint}")
            continue
        try:
            values[name] = KEYS[name].read(value)
        except ValueError as error:
            faults.append(f"{place}: {name}: {error}")
    faults += [f"{place}: {name}: is missing" for name, key in KEYS.items() if key.required and name not in table]
    if not any(name in table for name in SIGNS):
        faults.append(f"{place}: has no sign; one of {', '.join(SIGNS)} is wanted")
    return values


def _twice(fingerprints: Sequence[Fingerprint]) -> Iterator[Fingerprint]:
    seen: set[str] = set()
    for each in fingerprints:
        if each.id in seen:
            yield each
        seen.add(each.id)


def _shown(text: str) -> str:
    """A piece of a file as an error can show it: short, and on one line."""
    return "".join(c if c.isprintable() else "?" for c in text[:60])
