"""Every parser of the program that reads what it did not write: one table, for hypothesis and for `make fuzz`.

Law: a parser gives a value or raises what it says that it raises. A row names the entry point, the errors that it may
end with, and bytes that it takes for good, from which others are made.
"""

from __future__ import annotations

import itertools
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from probe.certificate import Roots
from probe.checks import mqtt, mtproto, newgetdns, stun, xmpp
from probe.classify import fingerprint_files
from probe.cli.errors import Refusal
from probe.cli.settings import load_config
from probe.consent import ConsentError
from probe.control import ooni, wire
from probe.control.access import read_tokens
from probe.imports.files import UnreadableError, records
from probe.imports.ooni import read as read_ooni
from probe.imports.ooni_rows import UnfitError
from probe.networks import NetworksError
from probe.steps.dnswire import MisbehavingError
from probe.steps.errors import ProtocolError
from probe.steps.host import system_resolvers
from probe.steps.http1 import Http1
from probe.steps.http2 import Http2
from probe.targets import BundleError, TargetError, TargetListError
from probe.targets.bundle import signature_line, unpack
from tests.control.test_wire import measurement, measurement_line
from tests.fuzz.readers import (
    HEALTH,
    HELPER,
    KEY,
    NONCE,
    PUBLIC,
    ROOT,
    bundle_seed,
    chain,
    dns_seeds,
    given,
    read_agreement,
    read_bundle,
    read_certificate,
    read_dns,
    read_encoded,
    read_exchange,
    read_file,
    read_greeting,
    read_helper,
    read_list,
    read_listing,
    read_networks,
    read_observations,
    read_page,
    read_redirect,
    read_register,
    read_target,
    written,
)
from tests.imports.registered import DUMP, write_csv, write_dump
from tests.imports.sampled import NAMES, lines_of
from tests.networks.books import asn
from tests.steps.test_http2_frames import BROKEN, WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Parser:
    """One way in."""

    name: str
    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    allowed: tuple[type[Exception], ...] = ()
    """What it may raise: all that its callers are ready for."""


_TOKEN = "a" * 64 + "\n\n  second-token  \n"
_RESOLV = "# a comment\nnameserver 192.0.2.1\nnameserver 2001:db8::1%eth0\noptions edns0\nsearch a.example\n"
_CONFIG = (
    'control = ["https://control.example/"]\ntimeout = 9.5\n[vantage]\nname = "here"\ncountry = "RU"\nasn = 12389\n'
)
_RUN = '{"name": "a", "nettests": [{"test_name": "web_connectivity", "inputs": ["https://line.me/", "x"]}]}'
_TEST_LIST = "url,category_code,category_description,date_added,source,notes\nhttps://line.me/,COMT,x,2026-01-01,me,\n"
_CONSENT = '{"version": 1, "agreed_at": "2026-11-24T00:00:00Z", "software": "probe 1"}'
_HTTP1 = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
)
_MARKUP = (
    b"text/html; charset=utf-8\n<html><head><title>A &amp; B</title>"
    b"<meta http-equiv=refresh content='0; url=/x'></head>"
    b"<body class='a b' id=c><script src=//x.example/a.js>1<2</script><!-- c --><form action='/in'>text</form></body>",
    b"text/plain; charset=koi8-r\n\xf0\xd2\xc9\xd7\xc5\xd4",
)
_MTPROTO = bytes.fromhex("15") + bytes(20) + bytes.fromhex("63241605") + NONCE + bytes(16)

PARSERS: tuple[Parser, ...] = (
    Parser(name="dns", read=read_dns, seeds=dns_seeds, allowed=(MisbehavingError,)),
    Parser(
        name="http1",
        read=partial(read_exchange, Http1),
        seeds=lambda: [bytes((n,)) + each for n in (0, 255) for each in _HTTP1],
        allowed=(ProtocolError, EOFError),
    ),
    Parser(
        name="http2",
        read=partial(read_exchange, Http2),
        seeds=lambda: [
            b"\xff" + b"".join(each) for each in (*WHOLE.values(), *(answer for answer, _ in BROKEN.values()))
        ],
        allowed=(ProtocolError, EOFError),
    ),
    Parser(
        name="encodings",
        read=read_encoded,
        seeds=given(b"gzip\n\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x4c\x04", b"deflate\nx\x9cKL\x04\0"),
    ),
    Parser(name="page", read=read_page, seeds=given(*_MARKUP)),
    Parser(name="certificate", read=read_certificate, seeds=lambda: list(chain())),
    Parser(
        name="pem",
        read=lambda data: Roots.from_pem(data, "fuzz"),
        seeds=lambda: [ssl.DER_cert_to_PEM_cert(each).encode() for each in chain()],
        allowed=(ValueError,),
    ),
    Parser(name="mqtt", read=partial(read_greeting, mqtt.recognise), seeds=given(b"\x20\x02\0\x05", b"\x20\x02\0\0")),
    Parser(name="mtproto", read=partial(read_greeting, partial(mtproto.recognise, NONCE)), seeds=given(_MTPROTO)),
    Parser(
        name="stun",
        read=partial(read_greeting, partial(stun.recognise, bytes(12))),
        seeds=given(b"\x01\x01\0\x0c\x21\x12\xa4\x42" + bytes(24)),
    ),
    Parser(
        name="xmpp",
        read=partial(read_greeting, xmpp.recognise),
        seeds=given(
            b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
        ),
    ),
    Parser(name="newgetdns", read=newgetdns.recognise, seeds=given(b"<dns><domain name='a'><ip>1</ip></domain></dns>")),
    Parser(
        name="control request",
        read=wire.read_request,
        seeds=given(
            '{"targets": [{"target": "https://line.me/", "addresses": ["192.0.2.1"], "speaks": "xmpp", "roots": []}]}'
        ),
        allowed=(wire.WireError,),
    ),
    Parser(
        name="control line",
        read=wire.read_line,
        seeds=lambda: [measurement_line(measurement())],
        allowed=(wire.WireError,),
    ),
    Parser(
        name="control health",
        read=lambda data: wire.read_health(data, "192.31.196.1"),
        seeds=given(json.dumps(HEALTH)),
        allowed=(wire.WireError,),
    ),
    Parser(
        name="helper request",
        read=ooni.read_request,
        seeds=given(
            '{"http_request": "https://line.me/", "http_request_headers": {}, "tcp_connect": ["192.0.2.1:443"]}'
        ),
        allowed=(wire.WireError,),
    ),
    Parser(name="helper answer", read=read_helper, seeds=given(json.dumps(HELPER)), allowed=(wire.WireError,)),
    Parser(
        name="app store",
        read=read_listing,
        seeds=given(
            b'{"resultCount":1,"results":[{"trackId":123456789}]}', b'{"resultCount":1,"results":[{"\xff":1}]}'
        ),
    ),
    Parser(
        name="observations",
        read=read_observations,
        seeds=lambda: [measurement_line(measurement())],
        allowed=(Refusal,),
    ),
    Parser(
        name="ooni measurement",
        read=lambda data: read_ooni(data, "fuzz"),
        seeds=lambda: list(itertools.chain.from_iterable(lines_of(name) for name in NAMES)),
        allowed=(UnfitError,),
    ),
    Parser(
        name="records",
        read=partial(read_file, "records", lambda path: list(records(path))),
        seeds=given(b'{"a": 1}\n\n{"b": 2}\n', b'[\n{"a": 1},\n{"b": []}]', b"\x1f\x8b\x08\0\0\0\0\0\0\x03"),
        allowed=(UnreadableError,),
    ),
    Parser(
        name="register",
        read=partial(read_file, "register", read_register),
        seeds=lambda: [written(lambda path: write_dump(path, *DUMP)), written(lambda path: write_csv(path, *DUMP))],
        allowed=(UnreadableError,),
    ),
    Parser(
        name="target",
        read=read_target,
        seeds=given("https://Line.me:8443/a?b=c", "wechat.com", "[2001:db8::1]", "dns://ы.рф"),
        allowed=(TargetError,),
    ),
    Parser(
        name="redirect",
        read=read_redirect,
        seeds=given("/a?b", "//x.example/", "https://[::1]:8/", "?q"),
        allowed=(TargetError,),
    ),
    Parser(
        name="service file",
        read=partial(read_list, "service.toml"),
        seeds=lambda: [(ROOT / "targets" / f"{name}.toml").read_bytes() for name in ("line", "signal", "bbm")],
        allowed=(TargetListError,),
    ),
    Parser(
        name="list",
        read=partial(read_list, "list.txt"),
        seeds=given("# a\nhttps://line.me/\n\nwechat.com\n"),
        allowed=(TargetListError,),
    ),
    Parser(name="test list", read=partial(read_list, "list.csv"), seeds=given(_TEST_LIST), allowed=(TargetListError,)),
    Parser(name="ooni run", read=partial(read_list, "run.json"), seeds=given(_RUN), allowed=(TargetListError,)),
    Parser(name="bundle", read=read_bundle, seeds=lambda: [bundle_seed()], allowed=(BundleError,)),
    Parser(
        name="bundle of a stranger",
        read=lambda data: unpack(data, PUBLIC),
        seeds=lambda: [signature_line(b"probe-targets-1", bundle_seed(), KEY) + bundle_seed()],
        allowed=(BundleError,),
    ),
    Parser(
        name="fingerprints",
        read=lambda data: fingerprint_files.read(data, "fuzz"),
        seeds=lambda: [
            (ROOT / "probe" / "classify" / "fingerprints.toml").read_bytes()[:4000].rpartition(b"\n\n[[")[0]
        ],
        allowed=(fingerprint_files.FingerprintError,),
    ),
    Parser(
        name="networks",
        read=partial(read_file, "networks", read_networks),
        seeds=lambda: [written(asn)],
        allowed=(NetworksError,),
    ),
    Parser(
        name="resolv.conf",
        read=partial(read_file, "resolv", lambda path: system_resolvers(str(path))),
        seeds=given(_RESOLV),
    ),
    Parser(
        name="configuration",
        read=partial(read_file, "probe.toml", load_config),
        seeds=given(_CONFIG, "a = " + "[" * 5000, "timeout = " + "9" * 5000),
        allowed=(Refusal,),
    ),
    Parser(
        name="tokens",
        read=partial(read_file, "tokens", read_tokens),
        seeds=given(_TOKEN),
        allowed=(OSError, ValueError),
    ),
    Parser(name="agreement", read=read_agreement, seeds=given(_CONSENT), allowed=(ConsentError,)),
)


def check(parser: Parser, data: bytes) -> None:
    """Reads, and lets everything through that is not one of the parser's own errors."""
    try:
        parser.read(data)
    except parser.allowed as error:
        str(error)
