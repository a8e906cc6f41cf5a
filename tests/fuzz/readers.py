"""How bytes are brought to each parser, where that takes more than a call."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe import certificate, page
from probe.classify import fingerprint_files
from probe.cli.fingerprints import _in_lines
from probe.consent import FILE_NAME, agreement
from probe.control import wire
from probe.imports.registers import RegisterFile
from probe.model import HttpDetail, Scheme, Target, Vantage
from probe.networks import Database
from probe.ooni.form import Helper
from probe.ooni.helper import control_of
from probe.ooni.hop import Hop
from probe.steps import dnswire, http
from probe.storefront import AppStore
from probe.targets import (
    parse,
    redirect,
)
from probe.targets import (
    read as read_lists,
)
from probe.targets.bundle import signature_line, unpack
from tests.classify.test_stores import answered, asked
from tests.hostile import names
from tests.steps.test_dnswire import ORDINARY, QUESTION, UNUSUAL

ROOT = Path(__file__).resolve().parents[2]
_NOW = datetime(2026, 11, 24, tzinfo=UTC)
_TARGET = Target(scheme=Scheme.HTTPS, host="line.me", port=443)
NONCE = bytes(range(16))
_FIELDS = [(b"Host", b"line.me"), *((name.encode(), value.encode()) for name, value in http.HEADERS)]


class Said:
    """The side of a connection that has said all it will: a stream for a parser, without a socket."""

    def __init__(self, data: bytes, at_once: int) -> None:
        self.ended = False
        self._left, self._at_once = data, at_once

    async def read(self, most: int) -> bytes:
        count = min(most, self._at_once)
        data, self._left = self._left[:count], self._left[count:]
        self.ended = not data
        return data

    async def write(self, data: bytes) -> None:
        pass


def _ended(talk: Coroutine[Any, Any, object]) -> object:
    """What it comes to, of a conversation that waits for nothing."""
    try:
        talk.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def read_exchange(kind: Callable[[Any], Any], data: bytes) -> object:
    """The first byte says how much comes at once."""

    async def talk() -> None:
        exchange = kind(Said(data[1:], (data[0] + 1) ** 2 if data else 1))
        await exchange.ask(b"https", b"/", _FIELDS)
        for _ in range(10_000):
            if not await exchange.more():
                break

    return _ended(talk())


def given(*texts: bytes | str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() if isinstance(text, str) else text for text in texts]


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="probe-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


@contextmanager
def _file(data: bytes, name: str) -> Iterator[Path]:
    path = _folder() / name
    path.write_bytes(data)
    yield path


def read_file(name: str, read: Callable[[Path], object], data: bytes) -> object:
    with _file(data, name) as path:
        return read(path)


def written(write: Callable[[Path], object]) -> bytes:
    path = _folder() / "seed"
    write(path)
    return path.read_bytes()


@cache
def chain() -> tuple[bytes, ...]:
    authority = trustme.CA()
    issued = authority.issue_cert("line.me", "*.line.me", "192.0.2.1")
    pems = [*(pem.bytes() for pem in issued.cert_chain_pems), authority.cert_pem.bytes()]
    return tuple(ssl.PEM_cert_to_DER_cert(pem.decode()) for pem in pems)


_ROOTS = certificate.Roots((), "nobody")


def read_certificate(data: bytes) -> object:
    certificate.read(data)
    certificate.root_of([data, chain()[-1]], _ROOTS)
    return certificate.verify([data, *chain()[1:]], "line.me", _NOW, _ROOTS, ["ab" * 32])


def read_page(data: bytes) -> object:
    """The first line is the Content-Type."""
    kind, _, body = data.partition(b"\n")
    content_type = kind.decode("latin-1")
    detail = HttpDetail(address="192.0.2.1", port=80, url="http://line.me/", headers=(("content-type", content_type),))
    page.markup(page.text(body, content_type), content_type)
    return page.describe(detail, body)


def read_encoded(data: bytes) -> object:
    encoding, _, body = data.partition(b"\n")
    decoded, _ = http.decode(body, encoding.decode("latin-1"))
    assert len(decoded) <= max(len(body), http.MOST_BYTES)
    return decoded


def read_dns(data: bytes) -> object:
    """An answer that has the id and the question, and then whatever there is."""
    dnswire.is_answer(QUESTION, data)
    return dnswire.read(QUESTION, QUESTION[:2] + data[2:])


def dns_seeds() -> list[bytes]:
    large = [wire for case in names.CASES if case.answer is not None for wire in case.answer(_question())[:1]]
    return [*ORDINARY.values(), *UNUSUAL.values(), *(wire[:600] for wire in large)]


def _question() -> Any:
    import dns.message

    return dns.message.from_wire(QUESTION)


def read_greeting(recognise: Callable[[bytes], object], data: bytes) -> object:
    """A step asks about what has come, and never about nothing."""
    return recognise(data) if data else None


def read_target(data: bytes) -> object:
    return parse(data.decode("utf-8", "surrogateescape"))


def read_redirect(data: bytes) -> object:
    return redirect(_TARGET, data.decode("latin-1"))


def read_helper(data: bytes) -> object:
    """A test helper's answer, and what it becomes beside a measurement."""
    helper = wire.decode(data, Helper)
    if helper.dns is None or helper.http_request is None:
        return None
    vantage = Vantage(name="a helper")
    return control_of(helper, (Hop(_TARGET, None),), "id", _NOW, target=_TARGET, vantage=vantage, runtime=1.0)


HELPER = {
    "dns": {"failure": None, "addrs": ["192.31.196.1", "2620:4f:8000::1"]},
    "tcp_connect": {"192.31.196.1:443": {"status": True, "failure": None}},
    "tls_handshake": {"192.31.196.1:443": {"server_name": "line.me", "status": True, "failure": None}},
    "http_request": {
        "body_length": 9,
        "failure": None,
        "title": "LINE",
        "headers": {"Server": "nginx"},
        "status_code": 200,
    },
}
HEALTH = {
    "vantage": {"name": "n", "country": "NL", "asn": 1, "network": None},
    "neutral_tls": {"address": "192.31.196.9", "port": 443, "certificate_sha256": "ab" * 32},
    "neutral_http": {"address": None, "port": 80, "certificate_sha256": None},
}
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()


def read_bundle(data: bytes) -> object:
    """What somebody whose key is trusted has signed."""
    return unpack(signature_line(b"probe-targets-1", data, KEY) + data, PUBLIC).services()


def bundle_seed() -> bytes:
    lists = {"line.toml": (ROOT / "targets" / "line.toml").read_text()}
    times = {"made_at": "2026-11-24T00:00:00.000000Z", "expires_at": "2027-11-24T00:00:00.000000Z"}
    return json.dumps({"format": "probe target lists 1", "version": 7, **times, "lists": lists}).encode()


def read_listing(data: bytes) -> object:
    """The answer of an app store that showed a good certificate."""
    return asked(AppStore.APPLE, answered(), data)


def read_observations(data: bytes) -> object:
    """Lines of `--json` that a user wants looked through."""
    return list(_in_lines(fingerprint_files.shipped(), data, "fuzz"))


def read_list(name: str, data: bytes) -> object:
    return read_file(name, lambda path: read_lists([path]), data)


def read_register(path: Path) -> object:
    return list(RegisterFile.open(path).entries())


def read_networks(path: Path) -> object:
    database = Database.open(path)
    return [database.of(address, 6 if ":" in address else 4) for address in ("192.31.196.1", "2620:4f:8000:100::1")]


def read_agreement(data: bytes) -> object:
    return read_file(FILE_NAME, lambda path: agreement(path.parent), data)
