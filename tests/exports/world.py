"""Databases to export: one with something in every table, and one with somebody's identity in every place."""

from __future__ import annotations

import base64
import re
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from probe.model import (
    DETAILS,
    DnsDetail,
    DnsRecord,
    GreetingDetail,
    Host,
    HttpDetail,
    Measurement,
    Observation,
    Outcome,
    ProtocolName,
    Reason,
    Result,
    Scheme,
    Target,
    TcpDetail,
    TlsDetail,
    Vantage,
)
from probe.store import Store
from probe.storefront import AppStore, Listing, Question, Said, StoreCheck
from tests.store.examples import (
    BEGIN,
    BODY_SHA256,
    DER_SHA256,
    HOME,
    OBSERVATIONS,
    TARGET,
    a_control,
    a_result,
    a_run,
    a_verdict,
)
from tests.store.test_services import BLOCKED, DOWN, NEEDS

OTHER = Target(scheme=Scheme.TCP, host="line.example", port=5222, service="line")


def a_store_check(run_id: str | None = "run-1", measurement_id: str = "asked-1") -> StoreCheck:
    measurement = Measurement(
        id=measurement_id,
        run_id=run_id,
        target=TARGET,
        vantage=HOME,
        started_at=BEGIN,
        runtime=0.5,
        observations=OBSERVATIONS,
    )
    question = Question(
        country="RU",
        app="1",
        said=Said.UNCLEAR,
        reason=Reason(code="store.no_listing", text="no listing", observations=(4,)),
        measurement=measurement,
    )
    return StoreCheck(
        service="wechat",
        store=AppStore.APPLE,
        app="1",
        country="RU",
        listing=Listing.INCONCLUSIVE,
        reason=Reason(code="store.unclear", text="unclear", observations=(1,)),
        questions=(question,),
        rules_version="1",
    )


def fill(path: Path) -> None:
    """Two runs on three days, in two countries; controls that several measurements share; all tables have rows."""
    abroad = replace(HOME, name="abroad", country="DE", network=None)
    with Store.open(path) as store:
        store.begin_run(a_run(services=NEEDS))
        store.begin_run(a_run("run-2", "check", vantage=abroad, started_at=BEGIN + timedelta(days=2)))
        for number, outcome in enumerate(Outcome):
            target = TARGET if number % 2 else OTHER
            control = a_control(f"control-{number // 2}", target)
            results = [
                a_result(f"m-{number}", target=target, outcome=outcome, minutes=700 * number, controls=[control])
            ]
            store.add(results)
        there = a_result("m-9", run_id="run-2", minutes=3000, controls=[])
        store.add([replace(there, measurement=replace(there.measurement, vantage=abroad))])
        store.add_verdicts([a_verdict("m-0", Outcome.OK, rules_version="2")])
        store.add_service_verdicts([BLOCKED, DOWN])
        store.add_store_check(a_store_check())
        store.finish_run("run-1", BEGIN + timedelta(days=2))


V4, V6, HERE, RESOLVER = "81.23.45.67", "2a01:4f8:c2c:1234::5", "alices-laptop", "192.168.7.1"
STRANGER, LAN, MAC, COOKIE = "91.92.93.94", "10.20.30.40", "aa:bb:cc:0d:ee:0f", "s3cr3t-s3ss10n"
REDACT = [V4, V6, HERE]


def _spelled() -> tuple[str, ...]:
    """Ways in which a hostile or careless server may write whom it speaks to."""
    packed, six = ip_address(V4).packed, ip_address(V6)
    return (
        V4, V6, six.exploded.upper(), f"::ffff:{V4}", f"::ffff:{packed.hex()[:4]}:{packed.hex()[4:]}",
        V4.replace(".", "-"), "".join(f"%{ord(c):02X}" for c in V4), V6.replace(":", "%3A"), V4.replace(".", "%2E"),
        packed.hex(), six.packed.hex(),
        V4.encode().hex(), V6.encode().hex(), ".".join(reversed(V4.split("."))), str(int(ip_address(V4))),
        base64.b64encode(V4.encode()).decode(), base64.b64encode(f"ip={V4}&".encode()).decode(),
        base64.urlsafe_b64encode(f"you are {V6}!".encode()).decode(), base64.b64encode(packed).decode(),
        HERE, HERE.upper(), base64.b64encode(f"h={HERE}".encode()).decode(), HERE.encode().hex(),
        RESOLVER, f"::ffff:{RESOLVER}", RESOLVER.encode().hex(), base64.b64encode(RESOLVER.encode()).decode(), LAN, MAC,
        MAC.upper().replace(":", "-"), "fd00:1:2::3", "fe80::1:2%wlan0",
    )  # fmt: skip


SPELLED = _spelled()
"""What must be in no file of any dataset."""
BY_SERVERS = (STRANGER, "2001:67c:2e8::99")
"""Addresses of which the program does not know whose they are: the volunteer's behind a translator, perhaps."""
EVERYTHING = " | ".join(SPELLED)
PLANTED_BODY = f"<p>{EVERYTHING} {' '.join(BY_SERVERS)}</p>".encode() + V4.encode("utf-16-le")
PLANTED_DER = b"0\x82\x01\x00" + V4.encode()


def _planted(kind: type[Any]) -> Any:
    """A detail with the identity in every text it has."""
    given: dict[str, Any] = {}
    for field in fields(kind):
        if field.type in ("str", "str | None"):
            given[field.name] = EVERYTHING
        elif field.type == "tuple[str, ...]":
            given[field.name] = SPELLED
        elif field.name == "port" or field.name == "resolver_port":
            given[field.name] = 443
    if kind is DnsDetail:
        answers = tuple(DnsRecord(name=each, type="A", value=each, ttl=1, network=each) for each in SPELLED)
        given |= {"answers": answers, "resolver_address": RESOLVER}
    if kind is HttpDetail:
        by_servers = f"{EVERYTHING} {' '.join(BY_SERVERS)} {COOKIE}"
        texts = dict.fromkeys(("title", "excerpt", "refresh", "url"), by_servers)
        headers = (
            ("location", f"https://portal.example/?ip={by_servers}"),
            ("set-cookie", f"sid={COOKIE}; Path=/"),
            ("cookie", COOKIE),
            ("x-forwarded-for", "5.6.7.8"),
            *(("x-any", each) for each in SPELLED),
        )
        given |= {**texts, "headers": headers, "body_sha256": BODY_SHA256, "body_length": len(PLANTED_BODY)}
    if kind is TlsDetail:
        given |= {"certificates": (DER_SHA256,), "public_key_sha256": "ab" * 32, "root_sha256": None}
    if kind is GreetingDetail:
        crossed = bytes(a ^ b for a, b in zip(ip_address(STRANGER).packed, b"\x21\x12\xa4\x42", strict=True))
        stun = b"\x01\x01\x00\x0c\x21\x12\xa4\x42" + bytes(12) + b"\x00\x20\x00\x08\x00\x01\xff\xff" + crossed
        given |= {"protocol": ProtocolName.STUN, "first_bytes": stun.hex()}
    return kind(**given)


def plant(path: Path, *, command: str = EVERYTHING) -> None:
    """A database with somebody's identity wherever there may be a text."""
    details = [_planted(kind) for kind in DETAILS.values()]
    spoken = f"<stream from='{V4}' to='{STRANGER}'>".encode()
    details.append(replace(_planted(GreetingDetail), protocol=ProtocolName.XMPP, first_bytes=spoken[:64].hex()))
    details.append(TcpDetail(address="5.6.7.8", port=443))
    observations = tuple(
        Observation(id=number, started=0.1, runtime=0.1, error=EVERYTHING, router=EVERYTHING, detail=detail)
        for number, detail in enumerate(details, start=1)
    )
    target = replace(TARGET, host=LAN, path=f"/{EVERYTHING}", service=EVERYTHING)
    page = Target(scheme=Scheme.HTTPS, host="wechat.example", port=443)
    vantage = Vantage(name=EVERYTHING, country="RU", network=EVERYTHING)
    host = Host(online=True, why_offline=EVERYTHING, vpn=EVERYTHING, resolvers=(f"{RESOLVER}:53",))
    settings = {"controls": [f"https://{HERE}:pw@control.example/?{EVERYTHING}"], "x": {EVERYTHING: [EVERYTHING]}}
    host = replace(host, before=host, rewritten_to=SPELLED)
    reasons = (Reason(code="dns.injected", text=EVERYTHING),)
    with Store.open(path) as store:
        run = a_run(command=command, vantage=vantage, host=host, settings=settings, software=EVERYTHING)
        store.begin_run(run)
        results = []
        for number, each in enumerate((target, page)):
            base = a_result(f"m-{number}", target=each, observations=observations)
            measurement = replace(
                base.measurement,
                vantage=vantage,
                bodies={BODY_SHA256: PLANTED_BODY},
                certificates={DER_SHA256: PLANTED_DER},
            )
            control = replace(measurement, id=f"c-{number}", run_id=None)
            verdict = replace(base.verdict, reasons=reasons, controls=(EVERYTHING,))
            results.append(Result(measurement=measurement, controls=(control,), verdict=verdict))
        store.add(results)
        store.add_service_verdicts([replace(DOWN, text=EVERYTHING, service=EVERYTHING)])
        check = a_store_check()
        asked = replace(check.questions[0], app=EVERYTHING, measurement=replace(results[0].measurement, id="asked"))
        store.add_store_check(replace(check, service=EVERYTHING, app=EVERYTHING, reason=reasons[0], questions=(asked,)))


_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")
_HEX = re.compile(rb"(?:[0-9a-f]{2}){8,}")


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What every file holds, and what is encoded in it."""
    for path in (each for each in folder.rglob("*") if each.is_file()):
        yield path.name, str(path.relative_to(folder)).encode()
        data = path.read_bytes()
        if path.suffix == ".parquet":
            data = b"\n".join(_cells(path))
        if path.suffix == ".sqlite":  # a text may stand on several pages of the file, and be compressed
            data = b"\n".join([data, *_values(path)])
        yield path.name, data
        for found in _BASE64.findall(data):
            padded = found.rstrip(b"=")
            yield path.name, base64.b64decode(padded + b"=" * (-len(padded) % 4)) if len(padded) % 4 != 1 else b""
        for found in _HEX.findall(data):
            yield path.name, bytes.fromhex(found.decode())


def _cells(path: Path) -> Iterator[bytes]:
    from pyarrow import parquet

    for column in parquet.ParquetFile(path).read().columns:
        for value in column.to_pylist():
            yield value if isinstance(value, bytes) else str(value).encode()


def _values(path: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(path)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f"SELECT * FROM {table}"):
                yield from (value if isinstance(value, bytes) else str(value).encode() for value in row)
        for (packed,) in connection.execute("SELECT compressed FROM body"):
            yield zlib.decompress(packed)
