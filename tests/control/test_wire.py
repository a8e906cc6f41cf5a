"""The form on the wire: what is written can be read, and what nobody wrote is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.control.wire import (
    MOST_LINE_BYTES,
    MOST_OBSERVATIONS,
    Ask,
    WireError,
    error_line,
    measurement_line,
    read_line,
    read_request,
    request_body,
)
from probe.failure import Failure
from probe.model import (
    DnsDetail,
    DnsRecord,
    GreetingDetail,
    HttpDetail,
    Measurement,
    Observation,
    ProtocolName,
    Scheme,
    Target,
    TcpDetail,
    TlsDetail,
    Vantage,
)

TARGET = Target(scheme=Scheme.HTTPS, host="site.test", port=443, service="site")
DETAILS = (
    DnsDetail(
        hostname="site.test",
        query_type="A",
        resolver_address="192.31.196.53",
        resolver_port=53,
        transport="udp",
        rcode="NOERROR",
        flags=("QR", "RA"),
        answers=(DnsRecord(name="site.test", type="A", value="192.31.196.10", ttl=60),),
    ),
    TcpDetail(address="192.31.196.10", port=443),
    TlsDetail(address="192.31.196.10", port=443, server_name="site.test", certificates=("ab", "cd")),
    GreetingDetail(address="192.31.196.10", port=3478, transport="udp", protocol=ProtocolName.STUN, recognised=True),
    HttpDetail(address="192.31.196.10", port=443, url=TARGET.name, status=200, headers=(("server", "x"),)),
)


def measurement(count: int = len(DETAILS), **detail: Any) -> Measurement:
    rows = tuple(
        Observation(
            id=n + 1,
            started=n / 8,
            runtime=0.125,
            failure=Failure.EOF if n == 2 else None,
            detail=DETAILS[n % len(DETAILS)] if not detail else HttpDetail(address="a", port=80, url="u", **detail),
        )
        for n in range(count)
    )
    return Measurement(
        id="m1",
        run_id="of another run",
        target=TARGET,
        vantage=Vantage(name="control", country="NL", asn=64500, network="Lab"),
        started_at=datetime(2026, 11, 24, tzinfo=UTC),
        runtime=0.5,
        observations=rows,
        bodies={"x": b"the body"},
    )


def test_a_request_is_read_as_it_was_written() -> None:
    asks = (
        Ask(target="https://site.test/", addresses=["192.31.196.10"], roots=["ab" * 32]),
        Ask(target="dns://site.test"),
    )
    assert read_request(request_body(asks)) == asks


def test_a_line_is_read_as_it_was_written() -> None:
    line = measurement_line(measurement())
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert b"body" not in line.replace(b"body_", b"")
    read = read_line(line)
    assert read.target == TARGET.name
    assert read.seen is not None
    seen = read.seen.of(TARGET)
    assert (seen.run_id, seen.observations, seen.vantage) == (None, measurement().observations, measurement().vantage)
    assert (seen.id, seen.started_at, seen.runtime) == ("m1", measurement().started_at, 0.5)


def test_an_error_line() -> None:
    read = read_line(error_line("x", "because\x1b[31m of\n this" + "!" * 1000))
    assert (read.target, read.seen) == ("x", None)
    assert read.error is not None
    assert read.error.isprintable()
    assert len(read.error) == 300


@pytest.mark.parametrize("too_much", [measurement(MOST_OBSERVATIONS + 1), measurement(1, title="x" * MOST_LINE_BYTES)])
def test_what_no_reader_takes_is_not_sent(too_much: Measurement) -> None:
    assert read_line(measurement_line(too_much)).error


def test_as_much_as_a_reader_takes_is_sent() -> None:
    seen = read_line(measurement_line(measurement(MOST_OBSERVATIONS))).seen
    assert seen is not None
    assert len(seen.observations) == MOST_OBSERVATIONS


def changed(**columns: Any) -> bytes:
    return json.dumps({**json.loads(measurement_line(measurement())), **columns}).encode()


def changed_row(**columns: Any) -> bytes:
    rows = json.loads(measurement_line(measurement()))["observations"]
    rows[-1].update(columns)
    return changed(observations=rows)


ROW = json.loads(measurement_line(measurement()))["observations"][0]
BAD_LINES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"<html>",
    "cut off": changed()[:-20],
    "a list": b"[]",
    "no target": b"{}",
    "target no text": changed(target=5),
    "nested": b"[" * 100_000,
    "nested inside": b'{"target": "a", "observations": ' + b"[" * 100_000,
    "nested rather deep": b'{"target": "a", "x": ' + b"[" * 900 + b"]" * 900 + b"}",
    "too long": changed(measurement_id="x" * MOST_LINE_BYTES),
    "long id": changed(measurement_id="x" * 201),
    "no id": changed(measurement_id=""),
    "id no text": changed(measurement_id=7),
    "no vantage": changed(vantage=None),
    "vantage without name": changed(vantage={"country": "NL"}),
    "country": changed(vantage={"name": "a", "country": "nl"}),
    "long country": changed(vantage={"name": "a", "country": "NLD"}),
    "negative asn": changed(vantage={"name": "a", "asn": -1}),
    "huge asn": changed(vantage={"name": "a", "asn": 2**32}),
    "long name": changed(vantage={"name": "a" * 201}),
    "no time": changed(started_at=None),
    "bad time": changed(started_at="yesterday"),
    "time before time": changed(started_at="0001-01-01T00:00:00+23:00"),
    "negative runtime": changed(runtime=-1),
    "runtime no number": changed(runtime="1"),
    "runtime true": changed(runtime=True),
    "a day long": changed(runtime=86_400),
    "observations no list": changed(observations={}),
    "observation no object": changed(observations=[5]),
    "too many observations": changed(observations=[ROW] * (MOST_OBSERVATIONS + 1)),
    "ids not distinct": changed(observations=[ROW, ROW]),
    "unknown step": changed_row(step="ftp"),
    "unknown failure": changed_row(failure="because"),
    "started before the start": changed_row(started=-0.1),
    "status no number": changed_row(status="200"),
    "number too large": changed_row(status=10**30),
    "number too small": changed_row(body_length=-(10**17)),
    "unknown protocol": changed_row(step="greeting", transport="udp", protocol="smtp"),
    "headers no pairs": changed_row(headers=["a"]),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_line_is_a_wire_error(case: str) -> None:
    if case == "nested rather deep":
        # Nothing looks into a column nobody knows; it must only not end the reader.
        with pytest.raises(WireError):
            read_line(BAD_LINES[case])
        return
    with pytest.raises(WireError):
        read_line(BAD_LINES[case])


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_bytes_do_anything_but_be_refused(data: bytes) -> None:
    for read in (read_line, read_request):
        with pytest.raises(WireError):
            read(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(json.loads(measurement_line(measurement())))), JSON)
def test_any_value_in_any_column_is_read_or_refused(column: str, value: Any) -> None:
    try:
        line = read_line(changed(**{column: value}))
    except WireError:
        return
    assert isinstance(line.target, str)


@given(st.sampled_from(sorted(ROW)), JSON)
def test_any_value_in_any_column_of_a_row_is_read_or_refused(column: str, value: Any) -> None:
    try:
        line = read_line(changed(observations=[{**ROW, column: value}]))
    except WireError:
        return
    assert line.seen is not None
    assert len(line.seen.observations) == 1
