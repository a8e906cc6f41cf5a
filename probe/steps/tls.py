"""The `tls` step: one handshake, unverified, its chain kept and then verified (`probe.certificate`).

Law: nothing secret is ever sent over it, so that an untrusted certificate is evidence and not a danger.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from probe.address import parse
from probe.certificate import Leaf, read, root_of, sha256, verify
from probe.form import time_text
from probe.model import TlsDetail
from probe.steps.step import Attempt, Operation, operation
from probe.steps.stream import Stream

ALPN_WEB = ("h2", "http/1.1")
_MOST_CERTIFICATES = 10
_MOST_BYTES = 65_536


@cache
def context(alpn: Sequence[str]) -> ssl.SSLContext:
    """An unverifying context for these protocols. Making one costs milliseconds, so each is made once."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


async def handshake(
    attempt: Attempt, stream: Stream, host: str, alpn: tuple[str, ...] = ALPN_WEB, roots: Sequence[str] = ()
) -> bool:
    """Shakes hands on an open stream with `host` as the server name, and verifies the certificate for it.

    `roots` are whose certificates the service may show (`Target.roots`). True when the certificate is good. The row's
    `failure` names what was wrong; with a completed handshake and a bad certificate `tls_version` is set as well.
    """
    server_name = host if parse(host) is None else None
    detail = TlsDetail(address=stream.address, port=stream.port, server_name=server_name)
    async with operation(attempt, detail, attempt.network.timeouts.tls) as current:
        if attempt.hop_limit is not None:
            stream.limit(attempt.hop_limit)
        # The session checks no name, but OpenSSL wants one for SNI; none is sent for an address.
        session = await stream.start(context(alpn), server_name)
        chain = _examine(current, session, detail, roots)
        wrong = verify(chain, host, attempt.network.now(), attempt.network.roots, roots)
        if wrong is not None:
            current.fail(wrong)
    return current.failure is None


def _examine(current: Operation, session: ssl.SSLObject, detail: TlsDetail, roots: Sequence[str]) -> list[bytes]:
    """Writes down what was agreed on and shown; gives the chain."""
    journal, network = current.attempt.journal, current.attempt.network
    chain = _kept(peer_chain(session))
    fingerprints = tuple(sha256(der) for der in chain)
    journal.certificates.update(zip(fingerprints, chain, strict=True))
    cipher = session.cipher()
    leaf = read(chain[0]) if chain else None
    root = root_of(chain, network.roots, roots)
    current.detail = replace(
        detail,
        tls_version=session.version(),
        cipher=cipher[0] if cipher else None,
        alpn=session.selected_alpn_protocol(),
        certificates=fingerprints,
        root_sha256=root,
        root_is_public=root in network.public_roots if root is not None else None,
        **(_said_by(leaf) if leaf is not None else {}),
    )
    return chain


@lru_cache(maxsize=256)
def _said_by(leaf: Leaf) -> Mapping[str, Any]:
    """What a certificate says of itself, as the columns of a row."""
    return {
        "subject": leaf.subject,
        "issuer": leaf.issuer,
        "not_before": time_text(leaf.not_before),
        "not_after": time_text(leaf.not_after),
        "alternative_names": leaf.alternative_names,
        "public_key_sha256": leaf.public_key_sha256,
    }


def peer_chain(session: ssl.SSLObject) -> list[bytes]:
    """The chain as the server sent it, DER, leaf first. Public from Python 3.13 on, in `_sslobj` before."""
    if hasattr(session, "get_unverified_chain"):
        return list(session.get_unverified_chain())
    inner: Any = session._sslobj  # type: ignore[attr-defined]
    return [certificate.public_bytes(_DER) for certificate in inner.get_unverified_chain() or ()]


_DER = 2  # _ssl.ENCODING_DER, which has no public name before Python 3.13


def _kept(chain: list[bytes]) -> list[bytes]:
    kept: list[bytes] = []
    for der in chain[:_MOST_CERTIFICATES]:
        if sum(map(len, kept)) + len(der) > _MOST_BYTES:
            break
        kept.append(der)
    return kept
