"""The shape of an OONI measurement, data format 0.2.0: what is read of it, with types and bounds.

Law: literals only. Keys that are not named here are left out; one that has the wrong type refuses the measurement, and
the error names its place. Source: OONI specification, df-000 to df-007 and ts-017.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from probe.ooni.form import MOST_ITEMS, Code, Helper, Text

_MOST_ROWS = 2000

Seconds = Annotated[float, Meta(ge=0, le=1e7)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Tags = Annotated[list[Text], Meta(max_length=MOST_ITEMS)]


class Binary(Struct, frozen=True):
    """Bytes that are no UTF-8 text; also the form of every certificate."""

    data: str
    format: str = "base64"


MaybeBinary = str | Binary | None
"""A text, or bytes that are none."""


class Operation(Struct, frozen=True):
    """What every recorded operation has. Times are seconds since the measurement began."""

    failure: Text | None = None
    t0: Seconds | None = None
    t: Seconds | None = None
    tags: Tags | None = None


class Answer(Struct, frozen=True):
    """One record of a DNS answer (df-002)."""

    answer_type: Text = ""
    hostname: Text | None = None
    ipv4: Text | None = None
    ipv6: Text | None = None
    ttl: Annotated[int, Meta(ge=0, le=1 << 32)] | None = None


class Query(Operation, frozen=True):
    """One DNS query (df-002)."""

    hostname: Text = ""
    query_type: Text = ""
    engine: Text | None = None
    resolver_address: Text | None = None
    rcode: Annotated[int, Meta(ge=0, le=65535)] | None = None
    answers: Annotated[list[Answer], Meta(max_length=MOST_ITEMS)] | None = None


class ConnectStatus(Struct, frozen=True):
    failure: Text | None = None
    success: bool | None = None


class Connect(Operation, frozen=True):
    """One TCP connect (df-005)."""

    ip: Text = ""
    port: Port = 0
    status: ConnectStatus = ConnectStatus()


class Handshake(Operation, frozen=True):
    """One TLS handshake (df-006)."""

    address: Text | None = None
    network: Text | None = None
    server_name: Text | None = None
    tls_version: Text | None = None
    cipher_suite: Text | None = None
    negotiated_protocol: Text | None = None
    no_tls_verify: bool | None = None
    peer_certificates: Annotated[list[Binary], Meta(max_length=20)] | None = None


class Request(Struct, frozen=True):
    url: Text = ""
    method: Text | None = None


class Response(Struct, frozen=True):
    code: Code | None = None
    body: MaybeBinary = None
    body_is_truncated: bool | None = None
    headers: dict[Text, MaybeBinary] | None = None
    headers_list: Annotated[list[tuple[str, MaybeBinary]], Meta(max_length=MOST_ITEMS)] | None = None


class Exchange(Operation, frozen=True):
    """One HTTP exchange (df-001)."""

    address: Text | None = None
    network: Text | None = None
    alpn: Text | None = None
    request: Request = Request()
    response: Response | None = None


class Keys(Struct, frozen=True):
    """`test_keys`, as far as the tests that are read have them in common."""

    queries: Annotated[list[Query], Meta(max_length=_MOST_ROWS)] | None = None
    tcp_connect: Annotated[list[Connect], Meta(max_length=_MOST_ROWS)] | None = None
    tls_handshakes: Annotated[list[Handshake], Meta(max_length=_MOST_ROWS)] | None = None
    requests: Annotated[list[Exchange], Meta(max_length=_MOST_ROWS)] | None = None
    control: Helper | None = None


class Report(Struct, frozen=True):
    """One measurement (df-000), but for its `test_keys`: they are read when it is clear that somebody can."""

    test_name: Text
    measurement_start_time: Text
    test_keys: msgspec.Raw
    test_start_time: Text | None = None
    data_format_version: Text | None = None
    input: Any = None
    probe_asn: Text | None = None
    probe_cc: Text | None = None
    probe_network_name: Text | None = None
    report_id: Text | None = None
    measurement_uid: Text | None = None
    software_name: Text | None = None
    software_version: Text | None = None
    test_version: Text | None = None
    test_runtime: Seconds | None = None
