"""The tls step: handshakes with real servers, good and bad, and what is kept of them."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Callable

import pytest
import trustme

from probe.certificate import sha256
from probe.failure import Failure
from probe.model import TlsDetail
from probe.steps import tcp, tls
from probe.steps.step import Attempt
from tests.steps.servers import Speak, reset, tcp_server

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


async def _quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    reset(writer)


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4096)


async def _swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(0.2)


def shake_hands(attempt: Attempt, speak: Speak, host: str, roots: tuple[str, ...] = (), **options: object) -> TlsDetail:
    async def go() -> None:
        async with tcp_server(speak, **options) as port:
            stream = await tcp.connect(attempt, "127.0.0.1", port)
            assert stream is not None
            await tls.handshake(attempt, stream, host, roots=roots)
            stream.close()

    asyncio.run(go())
    row = attempt.journal.observations()[-1]
    assert isinstance(row.detail, TlsDetail)
    return row.detail


def serving(issued: trustme.LeafCert, *alpn: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def test_good_certificate(attempt: Attempt, authority: trustme.CA) -> None:
    context = serving(authority.issue_cert("line.me"), "h2", "http/1.1")
    seen = shake_hands(attempt, _quiet, "line.me", ssl=context)
    assert attempt.journal.observations()[-1].failure is None
    assert (seen.server_name, seen.tls_version, seen.alpn) == ("line.me", "TLSv1.3", "h2")
    assert seen.alternative_names == ("line.me",)
    assert set(seen.certificates) == set(attempt.journal.certificates)
    assert seen.not_after is not None
    assert seen.not_after.endswith("Z")


BAD: dict[str, tuple[Callable[[trustme.CA, trustme.CA], trustme.LeafCert], Failure]] = {
    "expired": (
        lambda ours, _: ours.issue_cert("line.me", not_before=NOW - 9 * DAY, not_after=NOW - DAY),
        Failure.SSL_INVALID_CERTIFICATE,
    ),
    "another name": (lambda ours, _: ours.issue_cert("other.example"), Failure.SSL_INVALID_HOSTNAME),
    "unknown authority": (lambda _, theirs: theirs.issue_cert("line.me"), Failure.SSL_UNKNOWN_AUTHORITY),
}


@pytest.mark.parametrize(("issue", "failure"), BAD.values(), ids=BAD)
def test_bad_certificate_is_kept_and_named(
    attempt: Attempt,
    authority: trustme.CA,
    stranger: trustme.CA,
    issue: Callable[[trustme.CA, trustme.CA], trustme.LeafCert],
    failure: Failure,
) -> None:
    seen = shake_hands(attempt, _quiet, "line.me", ssl=serving(issue(authority, stranger)))
    row = attempt.journal.observations()[-1]
    assert row.failure is failure
    assert seen.tls_version == "TLSv1.3"
    assert len(seen.certificates) >= 1


def test_a_root_of_the_services_own(attempt: Attempt, stranger: trustme.CA) -> None:
    issued, root = stranger.issue_cert("chat.example"), stranger.cert_pem.bytes()
    whole = trustme.LeafCert(issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes(), [root])
    own = sha256(ssl.PEM_cert_to_DER_cert(root.decode()))
    shown = [(), ("00" * 32,), (own,), ("public", own)]
    for accepted in shown:
        seen = shake_hands(attempt, _quiet, "chat.example", roots=accepted, ssl=serving(whole))
        assert seen.certificates[1] == own
    unknown = Failure.SSL_UNKNOWN_AUTHORITY
    rows = [row for row in attempt.journal.observations() if isinstance(row.detail, TlsDetail)]
    assert [row.failure for row in rows] == [unknown, unknown, None, None]
    kept = [(row.detail.root_sha256, row.detail.root_is_public) for row in rows if isinstance(row.detail, TlsDetail)]
    assert kept == [(None, None), (None, None), (own, False), (own, False)]


BROKEN: dict[str, tuple[Speak, Failure]] = {
    "reset": (_reset, Failure.CONNECTION_RESET),
    "closed": (_hang_up, Failure.EOF),
    "silent": (_swallow, Failure.GENERIC_TIMEOUT),
    "not TLS": (_no_tls, Failure.SSL_FAILED_HANDSHAKE),
}


@pytest.mark.parametrize(("speak", "failure"), BROKEN.values(), ids=BROKEN)
def test_broken_handshake(attempt: Attempt, speak: Speak, failure: Failure) -> None:
    seen = shake_hands(attempt, speak, "line.me")
    assert attempt.journal.observations()[-1].failure is failure
    assert (seen.server_name, seen.tls_version, seen.certificates) == ("line.me", None, ())


def test_no_name_is_sent_for_an_address(attempt: Attempt, authority: trustme.CA) -> None:
    names: list[str | None] = []
    context = serving(authority.issue_cert("127.0.0.1"))
    context.sni_callback = lambda sock, name, ctx: names.append(name)
    seen = shake_hands(attempt, _quiet, "127.0.0.1", ssl=context)
    assert (names, seen.server_name) == ([None], None)
    assert attempt.journal.observations()[-1].failure is None
