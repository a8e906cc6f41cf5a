"""The lab's authorities, and the certificates that its servers show.

Law: two authorities are trusted by every host, the lab's and a state's; two by none, of which one is a service's own.
Certificates are issued when they are first wanted, and kept.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

import trustme
from aioquic.quic.configuration import QuicConfiguration
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.lab.spec import Certificate

_ALPN = ["h2", "http/1.1"]


class Authorities:
    """Issues what servers show."""

    def __init__(self) -> None:
        self._lab = trustme.CA(organization_name="Lab authority")
        self._state = trustme.CA(organization_name="State authority")
        self._unknown = trustme.CA(organization_name="Authority nobody knows")
        self._own = trustme.CA(organization_name="Authority of a service's own")
        self.context: Callable[[str, Certificate], ssl.SSLContext] = cache(self._context)
        """A server's TLS context that shows this kind of certificate for a name."""

    @property
    def trusted(self) -> bytes:
        """The roots that every host trusts, PEM."""
        return self._lab.cert_pem.bytes() + self._state.cert_pem.bytes()

    def show(self, configuration: QuicConfiguration, name: str) -> None:
        """Makes a QUIC server show a good certificate for a name."""
        issued = self._issue(name, Certificate.GOOD)
        first, *others = (x509.load_pem_x509_certificate(pem.bytes()) for pem in issued.cert_chain_pems)
        configuration.certificate, configuration.certificate_chain = first, others
        configuration.private_key = load_pem_private_key(issued.private_key_pem.bytes(), None)

    @property
    def own_root(self) -> str:
        """The SHA-256 by which the service's own authority is known, as target lists have it."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self._own.cert_pem.bytes().decode())).hexdigest()

    def _context(self, name: str, kind: Certificate) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.set_alpn_protocols(_ALPN)
        self._issue(name, kind).configure_cert(made)
        return made

    def _issue(self, name: str, kind: Certificate) -> trustme.LeafCert:
        now = datetime.now(UTC)
        match kind:
            case Certificate.STATE:
                return self._state.issue_cert(name)
            case Certificate.EXPIRED:
                before, after = now - timedelta(days=400), now - timedelta(days=30)
                return self._lab.issue_cert(name, not_before=before, not_after=after)
            case Certificate.BRIEF:
                before, after = now - timedelta(days=30), now + timedelta(days=60)
                return self._lab.issue_cert(name, not_before=before, not_after=after)
            case Certificate.WRONG_HOST:
                return self._lab.issue_cert("another-host.example")
            case Certificate.SELF_SIGNED:
                return _self_signed(name)
            case Certificate.UNKNOWN_AUTHORITY:
                return self._unknown.issue_cert(name)
            case Certificate.ANOTHER_ROOT:
                return _with_root(self._unknown, name)
            case Certificate.OWN_ROOT:
                return _with_root(self._own, name)
            case Certificate.GOOD:
                return self._lab.issue_cert(name)


def _with_root(authority: trustme.CA, name: str) -> trustme.LeafCert:
    """A certificate that is shown together with the root of its authority."""
    leaf = authority.issue_cert(name)
    return trustme.LeafCert(leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes(), [authority.cert_pem.bytes()])


def _self_signed(name: str) -> trustme.LeafCert:
    """A certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return trustme.LeafCert(secret, certificate.public_bytes(Encoding.PEM), [])
