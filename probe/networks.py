"""Whose network an address is in (ASN, name, country), by databases that the user gives: MaxMind's DB format (`.mmdb`).

Law: looked up in a file that is read once, and never asked of anybody. What no database says is unknown: nothing is
guessed. A file that is damaged, or of another kind, is one error with its name.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probe.address import embedded_v4, is_global, parse
from probe.model import DnsDetail, DnsRecord, Measurement, Observation, Vantage

if TYPE_CHECKING:
    from maxminddb import Reader

_LARGEST = 1 << 28
_LOOKED_AT = 500
"""Entries that are read to see whether a file knows anything that is asked here."""
_LONGEST = 200
_MOST_KEPT = 10_000
"""Addresses that are looked up once only: half a millisecond each."""
_MOST_ASN = 2**32 - 1

# What the publishers of such databases call each thing: MaxMind, DB-IP and iptoasn's editions; IPinfo; IPLocate.
_ASN = ("autonomous_system_number", "asn", "as_number")
_NAME = ("autonomous_system_organization", "as_name", "as_org", "org", "name")
_COUNTRY = ("country_code", "country")
_CODE = "iso_code"

_ADDRESS_TYPES = frozenset({"A", "AAAA"})


class NetworksError(Exception):
    """A database that cannot be used: one line with its name and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is known of an address; None is unknown."""

    asn: int | None = None
    network: str | None = None
    """The name that goes with the ASN."""
    country: str | None = None
    """ISO 3166-1 alpha-2."""


UNKNOWN = Origin()


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One file, read into memory: an update of the file on disk does not concern whoever has it open."""

    source: str
    kind: str
    """As its publisher calls it."""
    built: datetime
    reader: Reader

    @classmethod
    def open(cls, path: Path) -> Database:
        """Raises NetworksError."""
        import maxminddb

        content = _content(path)
        try:
            reader = maxminddb.open_database(BytesIO(content), maxminddb.MODE_FD)
            metadata = reader.metadata()
            kind, built = _text(metadata.database_type), datetime.fromtimestamp(metadata.build_epoch, UTC)
            knows = any(_origin(record) != UNKNOWN for _, record in islice(reader, _LOOKED_AT))
        except Exception as error:  # a damaged file makes its reader raise whatever it stumbles over
            raise _damaged(str(path), error) from None
        if not knows:
            raise NetworksError(f"{path}: of kind {kind!r}, a database that knows neither ASN nor country")
        return cls(source=str(path), kind=kind or "unnamed", built=built, reader=reader)

    def of(self, address: str, version: int) -> Origin:
        """Raises NetworksError where the file turns out to be damaged."""
        if version > self.reader.metadata().ip_version:
            return UNKNOWN
        try:
            return _origin(self.reader.get(address))
        except Exception as error:
            raise _damaged(self.source, error) from None


@dataclass(frozen=True, slots=True)
class Networks:
    """All the databases; for each thing, the first that knows it counts."""

    databases: tuple[Database, ...] = ()
    _known: dict[str, Origin] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def open(cls, paths: Sequence[Path]) -> Networks:
        """Raises NetworksError."""
        return cls(tuple(Database.open(path) for path in dict.fromkeys(paths)))

    def of(self, address: str) -> Origin:
        """What is known of an address. An IPv6 spelling of an IPv4 address is in the network of the latter."""
        if not self.databases:
            return UNKNOWN
        if (origin := self._known.get(address)) is None:
            origin = self._look_up(address)
            if len(self._known) < _MOST_KEPT:
                self._known[address] = origin
        return origin

    def _look_up(self, address: str) -> Origin:
        parsed = parse(address)
        if parsed is None or not is_global(parsed):
            return UNKNOWN
        inner = embedded_v4(parsed) or parsed
        found = [database.of(str(inner), inner.version) for database in self.databases]
        by_asn = next((each for each in found if each.asn is not None), UNKNOWN)
        country = next((each.country for each in found if each.country is not None), None)
        return Origin(asn=by_asn.asn, network=by_asn.network, country=country)

    def record(self, record: DnsRecord) -> DnsRecord:
        """The record with what is known of its address here, and else with what stands there already."""
        if record.type not in _ADDRESS_TYPES or (origin := self.of(record.value)) == UNKNOWN:
            return record
        known = origin.asn is not None
        return replace(
            record,
            asn=origin.asn if known else record.asn,
            network=origin.network if known else record.network,
            country=origin.country or record.country,
        )

    def rows(self, rows: tuple[Observation, ...]) -> tuple[Observation, ...]:
        """The rows with what is known of the addresses in them."""
        if not self.databases:
            return rows
        return tuple(
            replace(row, detail=replace(row.detail, answers=tuple(map(self.record, row.detail.answers))))
            if isinstance(row.detail, DnsDetail)
            else row
            for row in rows
        )

    def measurement(self, measurement: Measurement) -> Measurement:
        """The measurement of another vantage point, its addresses looked up here: both sides by the same book.

        What was looked up is marked in its id, since another time, by another book, the same one may read otherwise.
        """
        rows = self.rows(measurement.observations)
        if rows == measurement.observations:
            return measurement
        return replace(measurement, id=f"{measurement.id}~{self._mark()}", observations=rows)

    def _mark(self) -> str:
        """By which databases: the same for the same ones."""
        names = " ".join(f"{each.kind} {each.built.timestamp():.0f}" for each in self.databases)
        return sha256(names.encode()).hexdigest()[:8]

    def vantage(self, vantage: Vantage, addresses: Sequence[str]) -> Vantage:
        """The vantage point, with what its owner has not said looked up by the first known one of its own addresses."""
        origins = [origin for address in addresses if (origin := self.of(address)) != UNKNOWN]
        if not origins:
            return vantage
        unsaid = vantage.asn == 0
        return replace(
            vantage,
            country=origins[0].country or "ZZ" if vantage.country == "ZZ" else vantage.country,
            asn=origins[0].asn or 0 if unsaid else vantage.asn,
            network=vantage.network or (origins[0].network if unsaid else None),
        )

    def described(self) -> list[dict[str, str]]:
        """Which databases, and of which day: for the settings of a run. No path, which could name its owner."""
        return [{"kind": each.kind, "built": f"{each.built:%Y-%m-%d}"} for each in self.databases]


def _content(path: Path) -> bytes:
    """Raises NetworksError."""
    try:
        about = path.stat()  # before it is opened, since to open a pipe is to wait
        if stat.S_ISREG(about.st_mode) and about.st_size <= _LARGEST:
            return path.read_bytes()
    except OSError as error:
        raise NetworksError(f"{path}: cannot be read: {error.strerror}") from None
    raise NetworksError(f"{path}: no database of networks: not a file, or larger than 256 MiB")


def _damaged(source: str, error: Exception) -> NetworksError:
    return NetworksError(f"{source}: damaged, or no MaxMind DB file ({type(error).__name__})")


def _origin(record: object) -> Origin:
    if not isinstance(record, Mapping):
        return UNKNOWN
    asn = _number(_first(record, _ASN))
    return Origin(
        asn=asn,
        network=_text(_first(record, _NAME)) if asn is not None else None,
        country=next((code for name in _COUNTRY if (code := _country(record.get(name))) is not None), None),
    )


def _first(record: Mapping[str, Any], names: Sequence[str]) -> object:
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)


def _number(value: object) -> int | None:
    """An ASN, also one written as `AS64500`. 0 is nobody's (RFC 7607)."""
    if isinstance(value, str):
        digits = value.upper().removeprefix("AS")
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 10 else None
    return value if isinstance(value, int) and 0 < value <= _MOST_ASN else None


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return "".join(c if c.isprintable() else " " for c in value[:_LONGEST]).strip() or None


def _country(value: object) -> str | None:
    if isinstance(value, Mapping):
        value = value.get(_CODE)
    is_code = isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha()
    return value.upper() if is_code and isinstance(value, str) and value.upper() != "ZZ" else None
