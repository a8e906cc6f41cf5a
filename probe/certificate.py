"""Is this certificate chain the one that a careful client would accept for this name at this time?

Law: pure. Chain, name, time and roots come in; a failure word or `None` goes out. The handshake itself is done
unverified, so that the chain is kept as evidence whatever is wrong with it.
"""

from __future__ import annotations

import base64
import hashlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from probe.address import parse
from probe.failure import Failure
from probe.model import PUBLIC
from probe.once import once

# OpenSSL's X509_V_ERR_* that say when, not who (openssl/x509_vfy.h).
_TIME_ERRORS = frozenset({9, 10, 13, 14})
_NO_CHECK_TIME = 0x20_0000  # X509_V_FLAG_NO_CHECK_TIME
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What reading a certificate raises that is none, or is of a kind that nobody uses."""
_MOST_NAMES = 200
_MOST_REMEMBERED = 256
"""Certificates, and chains, that are not read again: the addresses of one service, and many services, show the same."""


@dataclass(frozen=True, eq=False)
class Roots:
    """The authorities that are trusted. Two are the same only when they are one."""

    certificates: tuple[x509.Certificate, ...]
    source: str
    """Where they came from, for people."""

    @classmethod
    def from_pem(cls, pem: bytes, source: str) -> Roots:
        """Reads a bundle of PEM certificates. Raises ValueError when there is none in it."""
        with _silence():  # old roots break rules that matter to nobody who only trusts them
            return cls(tuple(x509.load_pem_x509_certificates(pem)), source)

    @once
    def timeless(self) -> crypto.X509Store:
        """OpenSSL's form of them, which takes milliseconds to make, for verifying at no time in particular."""
        store = self._store()
        store.set_flags(_NO_CHECK_TIME)
        return store

    def at(self, moment: datetime) -> crypto.X509Store:
        """The same for verifying at one moment. A new one each time: OpenSSL keeps the first time that it was told."""
        store = self._store()
        store.set_time(moment)
        return store

    def _store(self) -> crypto.X509Store:
        store = crypto.X509Store()
        for root in self._roots:
            store.add_cert(root)
        return store

    @once
    def _roots(self) -> tuple[crypto.X509, ...]:
        return tuple(map(crypto.X509.from_cryptography, self.certificates))


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a certificate says of itself."""

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    alternative_names: tuple[str, ...]
    public_key_sha256: str


def sha256(der: bytes) -> str:
    """The fingerprint by which a certificate is known here."""
    return hashlib.sha256(der).hexdigest()


@lru_cache(maxsize=_MOST_REMEMBERED)
def read(der: bytes) -> Leaf | None:
    """What the certificate says, or None when it cannot be read."""
    try:
        certificate = _parse(der)
        with _silence():
            key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return Leaf(
                subject=certificate.subject.rfc4514_string()[:500],
                issuer=certificate.issuer.rfc4514_string()[:500],
                not_before=certificate.not_valid_before_utc,
                not_after=certificate.not_valid_after_utc,
                alternative_names=_names(der)[:_MOST_NAMES],
                public_key_sha256=hashlib.sha256(key).hexdigest(),
            )
    except _UNREADABLE:
        return None


def verify(
    chain: Sequence[bytes], host: str, at: datetime, roots: Roots, accepted: Sequence[str] = ()
) -> Failure | None:
    """Checks a chain (DER, leaf first) as a client does: time, then name, then authority (RFC 5280 §6, RFC 9525).

    `host` is a name or an IP address. `accepted` are whose certificates are good for it (`Target.roots`): fingerprints
    of roots, which must be in the chain and sign themselves, and `public` for `roots`; none means `roots` alone.
    Returns the word for the first thing that is wrong, None when all is well.
    """
    try:
        if not chain:
            return Failure.SSL_INVALID_CERTIFICATE
        leaf, *_ = map(_parse, chain)  # each must be readable
        if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
            return Failure.SSL_INVALID_CERTIFICATE
        if not matches(host, _names(chain[0])):
            return Failure.SSL_INVALID_HOSTNAME
        if not _may_serve(chain[0]):
            return Failure.SSL_INVALID_CERTIFICATE
        wrong = [_verify_authority(tuple(chain), at, each) for each in _trusted(tuple(chain), roots, accepted)]
        return None if None in wrong else next(iter(wrong), Failure.SSL_UNKNOWN_AUTHORITY)
    except (*_UNREADABLE, crypto.Error):
        return Failure.SSL_INVALID_CERTIFICATE


def root_of(chain: Sequence[bytes], roots: Roots, accepted: Sequence[str] = ()) -> str | None:
    """The fingerprint of the authority that a chain (DER, leaf first) ends in: one of those that are good for it
    (`accepted`, as for `verify`), or else one of `roots`. None where it ends in none."""
    if not chain:
        return None
    try:
        found = (_soundness(tuple(chain), each) for each in (*_trusted(tuple(chain), roots, accepted), roots))
        return next((sound.root for sound in found if sound is not None), None)
    except (*_UNREADABLE, crypto.Error):
        return None


def fingerprints(pem: str) -> frozenset[str]:
    """The fingerprints of the certificates in a bundle of PEM, which are not read for it."""
    blocks = (block.partition("-----END")[0] for block in pem.split("-----BEGIN CERTIFICATE-----")[1:])
    return frozenset(sha256(base64.b64decode(block)) for block in blocks)


def matches(host: str, names: Sequence[str]) -> bool:
    """Whether one of a certificate's names covers the host: exactly, or by a whole left-most `*` (RFC 9525 §6.3)."""
    address = parse(host)
    if address is not None:
        return address.compressed in names
    wanted = host.rstrip(".").lower()
    _, _, parent = wanted.partition(".")
    good = wanted, f"*.{parent}"
    return any(name.rstrip(".").lower() in good for name in names)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _parse(der: bytes) -> x509.Certificate:
    """Raises ValueError when it is no certificate."""
    with _silence():
        return x509.load_der_x509_certificate(der)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _parse_for_openssl(der: bytes) -> crypto.X509:
    return crypto.load_certificate(crypto.FILETYPE_ASN1, der)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _names(der: bytes) -> tuple[str, ...]:
    try:
        with _silence():
            names = _parse(der).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = (address.compressed for address in names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _may_serve(der: bytes) -> bool:
    try:
        with _silence():
            usage = _parse(der).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    allowed = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    return any(purpose in allowed for purpose in usage)


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing is said of what is odd in a certificate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _trusted(chain: tuple[bytes, ...], roots: Roots, accepted: Sequence[str]) -> list[Roots]:
    """The sets of authorities of which one must stand at the end of the chain."""
    own = tuple(dict.fromkeys(der for der in chain if sha256(der) in accepted))
    public = [roots] if PUBLIC in accepted or not accepted else []
    return [*public, _own(own)] if own else public


@lru_cache(maxsize=_MOST_REMEMBERED)
def _own(ders: tuple[bytes, ...]) -> Roots:
    """The same certificates are the same authorities each time, so that what follows is remembered. Being in a chain
    makes none of them its root: OpenSSL still has to find a way of good signatures from the leaf up to it."""
    return Roots(tuple(map(_parse, ders)), "the service's own")


def _verify_authority(chain: tuple[bytes, ...], at: datetime, roots: Roots) -> Failure | None:
    sound = _soundness(chain, roots)
    if sound is not None and sound.since <= at <= sound.until:
        return None
    leaf, *others = map(_parse_for_openssl, chain)
    try:
        crypto.X509StoreContext(roots.at(at), leaf, others).verify_certificate()
    except crypto.X509StoreContextError as error:
        return Failure.SSL_INVALID_CERTIFICATE if error.errors[0] in _TIME_ERRORS else Failure.SSL_UNKNOWN_AUTHORITY
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Soundness:
    """A path from a leaf to a root: when it is good, and where it ends."""

    since: datetime
    until: datetime
    root: str


@lru_cache(maxsize=_MOST_REMEMBERED)
def _soundness(chain: tuple[bytes, ...], roots: Roots) -> _Soundness | None:
    """The path of a chain to a root that OpenSSL finds when it asks for no time.

    None when it finds none, which need not be the last word: at some time there may be another path.
    """
    leaf, *others = map(_parse_for_openssl, chain)
    try:
        path = crypto.X509StoreContext(roots.timeless, leaf, others).get_verified_chain()
        return _Soundness(
            since=max(_date(each.get_notBefore()) for each in path),
            until=min(_date(each.get_notAfter()) for each in path),
            root=sha256(crypto.dump_certificate(crypto.FILETYPE_ASN1, path[-1])),
        )
    except (crypto.X509StoreContextError, ValueError):
        return None


def _date(text: bytes | None) -> datetime:
    """A moment as RFC 5280 §4.1.2.5.2 has it written, YYYYMMDDHHMMSSZ. Raises ValueError for any other form."""
    if text is None or len(text) != 15 or text[14:] != b"Z":
        raise ValueError("a date in no usual form")
    year, month, day, hour, minute, second = int(text[:4]), *(int(text[at : at + 2]) for at in range(4, 14, 2))
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
