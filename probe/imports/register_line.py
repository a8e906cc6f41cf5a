"""One line of a register, read: what it lists, by whose decision, and under which keys it is found.

Law: pure. A part that is wrong is a fault and costs that part only. What is spelled in the normal form already, and
that is nearly all of a register, is seen to be so at one glance, since there are millions of lines.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_network

from probe.address import parse as parse_address
from probe.model import DEFAULT_PORTS
from probe.register import Entry, Keys, Kind, keys_of
from probe.targets import TargetError, parse_one

_BETWEEN = " | "
COLUMNS = ("address", "domain", "url", "authority", "decision", "date")


@dataclass(frozen=True, slots=True)
class Form:
    """How the lines of one kind of file are made."""

    name: str
    delimiter: str
    columns: tuple[str, ...]
    encoding: str
    """Where no line tells another."""


DUMP = Form("dump", ";", COLUMNS, "windows-1251")
"""Roskomnadzor's register as zapret-info mirrors it; its first line is `Updated: 2017-05-04 10:00:00 +0000`."""
CSV = Form("csv", ",", ("domain", "url", "address", "authority", "decision", "date"), "utf-8")
"""Any other register; its first line is the names of the columns."""

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_PLAIN_ADDRESSES = re.compile(rf"{_ADDRESS}(?: \| {_ADDRESS})*").fullmatch
_HOST = r"(?=[a-z0-9._-]{3,253}(?:/|$))(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9_-]{1,62}"
_PLAIN_DOMAIN = re.compile(rf"(?:\*\.)?{_HOST}").fullmatch
_PATH = "[A-Za-z0-9/%:@!$&'()*+,;=._~-]{0,1000}"
_PLAIN_PAGE = re.compile(rf"https?://{_HOST}/{_PATH}(?:\?[A-Za-z0-9/%:@!$&'()*+,;=._~?-]{{1,500}})?").fullmatch


def read_line(number: int, text: str, form: Form, faults: list[str]) -> tuple[Entry, Keys] | None:
    """The entry of a line with its keys, as far as it can be read; what cannot be goes to the faults. None where
    nothing is left that could be looked up."""
    fields = _split(text, form, faults)
    if fields is None:
        return None
    address_field, domain_field, url_field, authority, decision, day = fields
    addresses = _all(address_field, "|", _PLAIN_ADDRESSES, _address, faults)
    urls = _all(url_field, _BETWEEN, _PLAIN_PAGE, _page, faults)
    domain: str | None = domain_field
    if not _PLAIN_DOMAIN(domain_field):
        domain = next(iter(_all(domain_field, _BETWEEN, _PLAIN_DOMAIN, _domain, faults)), None)
        if domain is not None and parse_address(domain) is not None:
            addresses.append(domain)  # an address stands in the place of a name at times
            domain = None
    kind = _kind(domain, url_field)
    keys = keys_of(kind, domain=domain, urls=urls, addresses=addresses)
    if not any(keys):
        faults.append("names no address, domain or page")
        return None
    entry = Entry(
        line=number,
        kind=kind,
        domain=domain,
        url=url_field.strip() or None,
        authority=authority.strip() or None,
        decision=decision.strip() or None,
        date=_day(day.strip(), faults),
    )
    return entry, keys


def _split(text: str, form: Form, faults: list[str]) -> list[str] | None:
    """The fields of a line in the order of COLUMNS."""
    fields = text.split(form.delimiter)
    if '"' in text:
        try:
            (fields,) = csv.reader([text], delimiter=form.delimiter, strict=True)
        except csv.Error as error:
            faults.append(str(error))
            return None
    if len(fields) != len(form.columns):
        faults.append(f"{len(fields)} fields, not {len(form.columns)}")
        return None
    if form.columns == COLUMNS:
        return fields
    by_name = dict(zip(form.columns, fields, strict=True))
    return [by_name[name] for name in COLUMNS]


def _kind(domain: str | None, url_field: str) -> Kind:
    if domain is not None and domain.startswith("*."):
        return Kind.WILDCARD
    if url_field.strip():
        return Kind.URL
    return Kind.ADDRESS if domain is None else Kind.DOMAIN


def _all(
    field: str, between: str, plain: Callable[[str], object], read: Callable[[str], str | None], faults: list[str]
) -> list[str]:
    """What the pieces of a field say; those that say nothing are left out."""
    if plain(field):
        return field.split(_BETWEEN)
    found = []
    for piece in filter(None, map(str.strip, field.split(between))):
        try:
            value = read(piece)
        except ValueError as error:
            faults.append(str(error))
        else:
            found += [value] if value is not None else []
    return found


def _address(text: str) -> str:
    """An address or a prefix in its shortest spelling."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{_shown(text)} is no address") from None
    if network.prefixlen < network.max_prefixlen:
        return str(network)
    address = network.network_address
    return str(getattr(address, "ipv4_mapped", None) or address)


def _domain(text: str) -> str:
    """A name, with `*.` before a wildcard, or an address."""
    star, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    if not star and parse_address(name) is not None:
        return _address(name)
    try:
        return star + parse_one(f"dns://{name}").host
    except TargetError:
        raise ValueError(f"{_shown(text)} is no domain") from None


def _page(text: str) -> str | None:
    """A page as the name of a target; None for what is no page of the web, such as a stream."""
    scheme, found, _ = text.partition("://")
    if found and scheme.lower() not in DEFAULT_PORTS:
        return None
    try:
        return parse_one(text).name
    except TargetError:
        raise ValueError(f"{_shown(text)} is no page") from None


def _day(text: str, faults: list[str]) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        faults.append(f"{_shown(text)} is no date such as 2017-05-04")
        return None


def _shown(text: str) -> str:
    return repr(text[:60])
