"""Hostile certificates and handshakes: huge, with thousands of names, with names that are no text, and none at all."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.hostile.case import NASTY, Case

_KEY = ec.generate_private_key(ec.SECP256R1())
_HANDSHAKE, _UNKNOWN, _TIMEOUT, _HOST = (
    "ssl_failed_handshake",
    "ssl_unknown_authority",
    "generic_timeout_error",
    "ssl_invalid_hostname",
)
_INVALID = "ssl_invalid_certificate"


def _certificate(host: str, names: list[str], subject: list[x509.NameAttribute[str]], comment: int = 0) -> bytes:
    """PEM of one that vouches for itself; `comment` are bytes of an extension that nobody knows."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(x509.Name(subject))
        .public_key(_KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in (*names, host)]), critical=False)
    )
    if comment:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), bytes(comment))
        builder = builder.add_extension(unknown, critical=False)
    return builder.sign(_KEY, SHA256()).public_bytes(Encoding.PEM)


def _named(name: str) -> list[x509.NameAttribute[str]]:
    return [x509.NameAttribute(NameOID.COMMON_NAME, name)]


_ODD = [
    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "\x1b[2J\u202e<script>", _validate=False),
    x509.NameAttribute(NameOID.COMMON_NAME, '=HYPERLINK("http://evil.example/")'),
]
_SWAPPED, _NO_TEXT = b"swap-it", b"\xff\xfe\0\x1b[2J"
"""What is put into a certificate, and with what it is replaced then: letter by letter, a name that is no text."""
_VERSION_3, _VERSION_19 = bytes.fromhex("a003020102"), bytes.fromhex("a003020112")

CHAINS: dict[str, Callable[[str], bytes]] = {
    "certificate-of-1-mb": lambda host: _certificate(host, [], _named("large"), comment=1 << 20),
    "certificate-of-60-kb": lambda host: _certificate(host, [], _named("fairly large"), comment=60_000),
    "thousands-of-names": lambda host: _certificate(host, [f"n{n}.example" for n in range(3500)], _named("many")),
    "more-names-than-are-read": lambda host: _certificate(host, [f"n{n}.example" for n in range(5500)], _named("more")),
    "nasty-names": lambda host: _certificate(host, [each.encode("ascii", "ignore").decode() for each in NASTY], _ODD),
    "long-chain": lambda host: _certificate(host, [], _named("long")) * 150,
    "name-not-a-text": lambda host: _swap(_certificate(host, [_SWAPPED.decode()], _named("odd")), _SWAPPED, _NO_TEXT),
    "version-19": lambda host: _swap(_certificate(host, [], _named("odd")), _VERSION_3, _VERSION_19),
    "other-names": lambda host: _certificate(f"not-{host}", ["*.example", "*", "*.*.example", ""], _named("*")),
}


def _swap(pem: bytes, old: bytes, new: bytes) -> bytes:
    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    assert (old in der, len(old)) == (True, len(new))
    return ssl.DER_cert_to_PEM_cert(der.replace(old, new)).encode()


def context(chain: str, host: str, folder: Path) -> ssl.SSLContext:
    """A server's TLS context that shows the chain."""
    secret = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / f"{chain}.pem"
    file.write_bytes(secret + CHAINS[chain](host))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(file)
    return made


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(bytes(range(256)) * 16)
        await writer.drain()


async def _endless_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A ServerHello of 16 MiB, one record after the other."""
    writer.write(b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + bytes(16_380))
    while True:
        writer.write(b"\x16\x03\x03\x40\x00" + bytes(16_384))
        await writer.drain()


async def _endless_alerts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Warnings that end nothing."""
    while True:
        writer.write(b"\x15\x03\x03\x00\x02\x01\x5a" * 999)
        await writer.drain()


async def _slow_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    while True:
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


_EXPECTED = {
    "certificate-of-1-mb": _HANDSHAKE,
    "name-not-a-text": _INVALID,
    "version-19": _INVALID,
    "more-names-than-are-read": _INVALID,
    "other-names": _HOST,
}

CASES = (
    *(
        Case(name=chain, scheme="https", chain=chain, serve=_page, failure=_EXPECTED.get(chain, _UNKNOWN))
        for chain in CHAINS
    ),
    Case(name="no-tls", scheme="https", raw=True, serve=_garbage, failure=_HANDSHAKE),
    Case(name="endless-hello", scheme="https", raw=True, serve=_endless_hello, failure=_HANDSHAKE),
    Case(name="endless-alerts", scheme="https", raw=True, serve=_endless_alerts, failure=_HANDSHAKE),
    Case(name="slow-hello", scheme="https", raw=True, serve=_slow_hello, failure=_TIMEOUT),
)
