"""Records with something in every column, to be written and read back."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from probe.failure import Failure
from probe.model import (
    Certainty,
    Confidence,
    DnsDetail,
    DnsRecord,
    GreetingDetail,
    Host,
    HttpDetail,
    Measurement,
    Method,
    Observation,
    Outcome,
    ProtocolName,
    Reason,
    Result,
    Role,
    Run,
    Scheme,
    Target,
    TcpDetail,
    TlsDetail,
    Vantage,
    Verdict,
)
from probe.store import Store, StoreError, process_token

BEGIN = datetime(2026, 11, 24, 0, 0, 0, 123456, tzinfo=UTC)
HOME = Vantage(name="home", country="RU", asn=12389, network="Rostelecom, Москва")
CONTROL = Vantage(name="control-nl")
TARGET = Target(
    scheme=Scheme.HTTPS,
    host="wechat.example",
    port=443,
    path="/微信?x=1",
    speaks=ProtocolName.NEWGETDNS,
    service="wechat",
    role=Role.WEB,
    certainty=Certainty.REPORTED,
    retired=date(2030, 1, 2),
    roots=("ab" * 32, "public"),
)
BODY = b"<title>WeChat</title>" * 500
BODY_SHA256 = hashlib.sha256(BODY).hexdigest()
DER = b"0\x82\x01\x00 not a real certificate"
DER_SHA256 = hashlib.sha256(DER).hexdigest()

OBSERVATIONS = (
    Observation(
        id=1,
        started=0.0,
        runtime=0.1 + 0.2,  # no round number: kept as measured, not as printed
        attempt=2,
        detail=DnsDetail(
            hostname="wechat.example",
            query_type="A",
            resolver_address="192.31.196.53",
            resolver_port=53,
            transport="udp",
            response=2,
            rcode="NOERROR",
            flags=("QR", "RD", "RA"),
            answers=(DnsRecord(name="wechat.example", type="A", value="192.31.196.1", ttl=300),),
            answers_truncated=True,
        ),
    ),
    Observation(
        id=2,
        started=0.012,
        runtime=5.0,
        hop=1,
        failure=Failure.CONNECTION_RESET,
        error="[Errno 104] «сброс»",
        detail=TcpDetail(address="2620:4f:8000::1", port=443),
    ),
    Observation(
        id=3,
        started=0.02,
        runtime=0.03,
        failure=Failure.SSL_UNKNOWN_AUTHORITY,
        detail=TlsDetail(
            address="192.31.196.1",
            port=443,
            server_name=None,
            tls_version="TLSv1.3",
            cipher="TLS_AES_128_GCM_SHA256",
            alpn="h2",
            certificates=(DER_SHA256, "ff" * 32),
            subject="CN=wechat.example",
            issuer="CN=someone",
            not_before="2026-01-01T00:00:00Z",
            not_after="2027-01-01T00:00:00Z",
            alternative_names=("wechat.example", "*.wechat.example"),
            public_key_sha256="ab" * 32,
        ),
    ),
    Observation(
        id=4,
        started=0.05,
        runtime=0.1,
        detail=HttpDetail(
            address="192.31.196.1",
            port=443,
            url="https://wechat.example/",
            status=200,
            http_version="HTTP/2",
            headers=(("server", "x"), ("set-cookie", "a=1"), ("set-cookie", 'b="\x00"')),
            title="WeChat — 微信",
            excerpt="微信，是一个生活方式",
            outline=("html", "#app", ".menu", "//res.example", "/"),
            refresh="/ru/",
            refresh_seconds=5,
            body_sha256=BODY_SHA256,
            body_length=len(BODY),
            body_truncated=True,
            recognised=False,
        ),
    ),
    Observation(
        id=5,
        started=0.2,
        runtime=0.1,
        detail=GreetingDetail(
            address="192.31.196.1",
            port=3478,
            transport="udp",
            protocol=ProtocolName.STUN,
            bytes_sent=20,
            bytes_received=32,
            first_bytes="0101000c",
            recognised=True,
        ),
    ),
)


def a_run(run_id: str = "run-1", command: str = "run", **changes: object) -> Run:
    """A run that goes on in this process."""
    run = Run(
        id=run_id,
        command=command,
        vantage=HOME,
        host=Host(online=True, ipv6=False, resolvers=("192.31.196.53:53",)),
        started_at=BEGIN,
        process=process_token(),
        software="probe 0.1.0",
        settings={"rate": 2.5, "controls": ["https://control.example/"], "timeout": None},
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def a_control(control_id: str = "control-1", target: Target = TARGET) -> Measurement:
    """What a control saw of the same target."""
    return Measurement(
        id=control_id,
        run_id=None,
        target=target,
        vantage=CONTROL,
        started_at=BEGIN - timedelta(seconds=200),
        runtime=0.7,
        observations=OBSERVATIONS[:2],
    )


def a_verdict(measurement_id: str, outcome: Outcome = Outcome.BLOCKED, rules_version: str = "1") -> Verdict:
    """A verdict with everything in it; `blocked` ones name method and confidence."""
    blocked = outcome is Outcome.BLOCKED
    return Verdict(
        measurement_id=measurement_id,
        outcome=outcome,
        methods=(Method.DNS, Method.TLS) if blocked else (),
        confidence=Confidence.CONFIRMED if blocked else None,
        reasons=(
            Reason(code="tls.reset_after_client_hello", text="Cut off on seeing the name.", observations=(2, 3)),
            Reason(code="dns.injected", text="A second answer came."),
        ),
        rules_version=rules_version,
        controls=("control-nl",),
    )


def a_result(
    measurement_id: str,
    *,
    run_id: str = "run-1",
    target: Target = TARGET,
    outcome: Outcome = Outcome.BLOCKED,
    minutes: int = 0,
    observations: Sequence[Observation] = OBSERVATIONS,
    controls: Sequence[Measurement] | None = None,
) -> Result:
    """A finished measurement, begun `minutes` after the run."""
    return Result(
        measurement=Measurement(
            id=measurement_id,
            run_id=run_id,
            target=target,
            vantage=HOME,
            started_at=BEGIN + timedelta(minutes=minutes),
            runtime=0.412345678,
            observations=tuple(observations),
            bodies={BODY_SHA256: BODY},
            certificates={DER_SHA256: DER},
        ),
        controls=tuple(controls) if controls is not None else (a_control(target=target),),
        verdict=a_verdict(measurement_id, outcome),
    )


def write_for_ever(path: Path, run_id: str, size: int = 7) -> None:
    """Begins a run and adds batches until it is killed or cannot go on; prints how many results are recorded."""
    with Store.open(path) as store:
        store.begin_run(a_run(run_id))
        done = 0
        while True:
            batch = [a_result(f"{run_id}-{number:06}", run_id=run_id) for number in range(done, done + size)]
            try:
                store.add(batch)
            except StoreError as error:
                print("error", error, flush=True)
                return
            done += size
            print(done, time.monotonic(), flush=True)
