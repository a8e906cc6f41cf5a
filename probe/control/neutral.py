"""Neutral ground: a server that answers whatever name it is asked by, for experiments with names.

Law: nothing is read but the head of one request, nothing is answered but one fixed text, nothing is kept. A connection
is bounded in bytes and seconds, and so is the number of them.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from probe.address import is_global, parse
from probe.certificate import sha256
from probe.control.serving import bind, place
from probe.control.wire import NEUTRAL_TEXT, NeutralGround

MOST_CONNECTIONS = 256
"""At once, for each of the two ports: more are closed as they come."""
MOST_BYTES = 8192
"""Of a request's head."""
SECONDS = 10.0
"""For a connection, from its beginning to its end."""
_PAUSE_SECONDS = 0.1
_VALID_DAYS = 3650
_NAME = "neutral.invalid"
"""What the certificate says (RFC 6761 §6.4): nobody's name."""
_HEAD_END = b"\r\n\r\n"
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\nConnection: close\r\n"
    + f"Content-Length: {len(NEUTRAL_TEXT)}\r\n\r\n".encode()
    + NEUTRAL_TEXT
)
_CLIENTS_FAULTS = (OSError, EOFError, asyncio.LimitOverrunError)
"""What a client can do to its connection: it ends, and nothing else does. (ssl.SSLError is an OSError.)"""


@dataclass(slots=True)
class NeutralPort:
    """One listening socket, and who is connected to it."""

    sock: socket.socket
    context: ssl.SSLContext | None = None
    """None: in clear."""
    certificate: str | None = None
    """SHA-256 of what it shows."""
    seconds: float = SECONDS
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    def open(cls, host: str, port: int, *, secure: bool) -> NeutralPort:
        """Listens; with TLS where it is `secure`, with a certificate of its own making. Raises OSError."""
        context, certificate = _self_made() if secure else (None, None)
        return cls(bind(host, port), context, certificate)

    @property
    def url(self) -> str:
        """Where it listens, in words."""
        return f"{'http' if self.context is None else 'tls'}://{place(self.sock)}"

    @property
    def ground(self) -> NeutralGround:
        """Where it is, as it is announced. What is bound to no public address is where the control itself is."""
        host, port = self.sock.getsockname()[:2]
        address = parse(host)
        public = str(address) if address is not None and is_global(address) else None
        return NeutralGround(address=public, port=port, certificate_sha256=self.certificate)

    async def serve(self) -> None:
        """Answers until it is cancelled."""
        loop = asyncio.get_running_loop()
        self.sock.setblocking(False)
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    connection, _ = await loop.sock_accept(self.sock)
                except OSError:  # it was gone again, or there are no descriptors left
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                if len(self._open) >= MOST_CONNECTIONS:
                    connection.close()
                    continue
                task = group.create_task(self._answer(connection))
                self._open.add(task)
                task.add_done_callback(self._open.discard)

    async def _answer(self, connection: socket.socket) -> None:
        try:
            async with asyncio.timeout(self.seconds):
                await _converse(connection, self.context)
        except _CLIENTS_FAULTS:
            pass
        finally:
            connection.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Neutral:
    """The neutral ground of one control, as far as it has any."""

    tls: NeutralPort | None = None
    http: NeutralPort | None = None

    @property
    def ports(self) -> tuple[NeutralPort, ...]:
        return tuple(port for port in (self.tls, self.http) if port is not None)


async def _converse(connection: socket.socket, context: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MOST_BYTES)
    protocol = asyncio.StreamReaderProtocol(reader)
    factory: Callable[[], asyncio.StreamReaderProtocol] = lambda: protocol  # noqa: E731 - what asyncio asks for
    transport, _ = await loop.connect_accepted_socket(factory, connection, ssl=context)
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    try:
        await reader.readuntil(_HEAD_END)
        writer.write(_ANSWER)
        writer.close()
        await writer.wait_closed()
    finally:
        transport.abort()


def _self_made() -> tuple[ssl.SSLContext, str]:
    """A context with a new key and a certificate for nobody, and the certificate's SHA-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(_NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    with tempfile.TemporaryDirectory() as folder:  # OpenSSL reads a chain from a file only
        file = Path(folder) / "chain.pem"
        file.touch(mode=0o600)
        file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(file)
    return context, sha256(made.public_bytes(serialization.Encoding.DER))
