"""OONI's form, data format 0.2.0: each measurement of a page as one of `web_connectivity`, one a line.

Law: a form over what is recorded, as OONI's own programs and ours read it again. What has no form there is left out and
counted: targets that are no pages, follow-up experiments, greetings, QUIC. Source: OONI specification, df-000 to df-007
and ts-017.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from probe import __version__
from probe.address import parse
from probe.control.ooni import HelperRequest, response_json
from probe.exports.files import Resource, Seen
from probe.exports.rows import Redacted
from probe.failure import Failure
from probe.form import dumps
from probe.model import (
    DEFAULT_PORTS,
    DnsDetail,
    HttpDetail,
    Measurement,
    Method,
    Observation,
    Outcome,
    Result,
    Run,
    TcpDetail,
    TlsDetail,
)

TEST_VERSION = "0.5.28"
"""Of OONI's web_connectivity, whose keys are written."""
_FILE = "web_connectivity.jsonl"
_BOGON = "dns_bogon_error"
_DIGITS = 6
_RCODES: Mapping[str, int] = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
_BLOCKING: Mapping[Method, str] = {
    Method.DNS: "dns",
    Method.TCP: "tcp_ip",
    Method.TLS: "http-failure",
    Method.HTTP: "http-diff",
    Method.QUIC: "http-failure",
    Method.THROTTLING: "http-failure",
}
# What OONI says of a page: whether something is in the way, and whether it came.
_SAYS: Mapping[Outcome, tuple[bool | None, bool | None]] = {
    Outcome.OK: (False, True),
    Outcome.REFUSED: (False, True),
    Outcome.DOWN: (False, False),
    Outcome.INCONCLUSIVE: (None, None),
}


def write(redacted: Redacted, folder: Path, seen: Seen) -> list[Resource]:
    """One file, or none where there is no measurement of a page."""
    path = folder / _FILE
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for result in redacted.results():
            if result.measurement.target.scheme not in DEFAULT_PORTS:
                seen.left_out += 1
                continue
            seen.result(result)
            file.write(dumps(record(result, redacted.run_of(result.measurement))) + "\n")
            count += 1
    if not count:
        path.unlink()
        return []
    return [
        Resource(
            name="web_connectivity",
            paths=(_FILE,),
            table=None,
            rows=count,
            format="jsonl",
            mediatype="application/jsonl",
        )
    ]


def record(result: Result, run: Run) -> dict[str, Any]:
    """One measurement as OONI has it (df-000)."""
    measurement, vantage = result.measurement, result.measurement.vantage
    resolver = next((d.resolver_address for d in _details(measurement) if isinstance(d, DnsDetail)), "")
    serial = measurement.id.replace("-", "")[-16:]
    return {
        "annotations": {
            "engine_name": "probe",
            "engine_version": __version__,
            "probe_measurement_id": measurement.id,
            "probe_outcome": result.verdict.outcome.value,
            "probe_rules_version": result.verdict.rules_version,
        },
        "data_format_version": "0.2.0",
        "extensions": {"dnst": 0, "httpt": 0, "tcpconnect": 0, "tlshandshake": 0},
        "input": measurement.target.name,
        "measurement_start_time": _second(measurement.started_at),
        "measurement_uid": f"{measurement.started_at:%Y%m%d%H%M%S}.{measurement.started_at.microsecond:06}"
        f"_{vantage.country}_webconnectivity_{serial}",
        "probe_asn": f"AS{vantage.asn}",
        "probe_cc": vantage.country,
        "probe_ip": "127.0.0.1",
        "probe_network_name": vantage.network or "",
        "report_id": f"{run.started_at:%Y%m%dT%H%M%SZ}_webconnectivity_{vantage.country}_{vantage.asn}"
        f"_n1_{run.id.replace('-', '')[-16:]}",
        "resolver_asn": "AS0",
        "resolver_ip": resolver if parse(resolver) is not None else "",
        "resolver_network_name": "",
        "software_name": "probe",
        "software_version": __version__,
        "test_helpers": {"backend": {"address": result.verdict.controls[0], "type": "https"}}
        if result.verdict.controls
        else {},
        "test_keys": _keys(result),
        "test_name": "web_connectivity",
        "test_runtime": round(measurement.runtime, _DIGITS),
        "test_start_time": _second(run.started_at),
        "test_version": TEST_VERSION,
    }


def _keys(result: Result) -> dict[str, Any]:
    """`test_keys` (ts-017)."""
    rows = [row for row in result.measurement.observations if _has_form(row)]
    control = result.controls[0] if result.controls else None
    request = HelperRequest(
        http_request=result.measurement.target.name,
        tcp_connect=[_endpoint(row.detail) for row in rows if isinstance(row.detail, TcpDetail)],
    )
    blocking, accessible = _says(result)
    return {
        "accessible": accessible,
        "agent": "redirect",
        "blocking": blocking,
        "body_length_match": None,
        "client_resolver": None,
        "control": response_json(request, [control]) if control is not None else None,
        "control_failure": None if control is not None else "unknown_failure: no control vantage point was asked",
        "dns_consistency": _consistency(result),
        "dns_experiment_failure": _last_failure(rows, DnsDetail),
        "headers_match": None,
        "http_experiment_failure": _last_failure(rows, HttpDetail),
        "network_events": [],
        "queries": [_query(row, row.detail) for row in rows if isinstance(row.detail, DnsDetail)],
        "requests": [
            _exchange(row, row.detail, result.measurement.bodies)
            for row in reversed(rows)
            if isinstance(row.detail, HttpDetail)
        ],
        "retries": None,
        "socksproxy": None,
        "status_code_match": None,
        "tcp_connect": [_connect(row, row.detail) for row in rows if isinstance(row.detail, TcpDetail)],
        "title_match": None,
        "tls_handshakes": [
            _handshake(row, row.detail, result.measurement.certificates)
            for row in rows
            if isinstance(row.detail, TlsDetail)
        ],
    }


def _has_form(row: Observation) -> bool:
    """Whether a row is one of the check itself, and went to an address that is known and may be told."""
    if row.experiment is not None or row.hop_limit is not None:
        return False
    if isinstance(row.detail, DnsDetail):
        return not row.detail.answers or any(answer.value for answer in row.detail.answers)
    return not isinstance(row.detail, TcpDetail | TlsDetail) or parse(row.detail.address) is not None


def _says(result: Result) -> tuple[str | bool | None, bool | None]:
    verdict = result.verdict
    if verdict.outcome is Outcome.BLOCKED:
        return next((_BLOCKING[method] for method in verdict.methods), "http-failure"), False
    return _SAYS[verdict.outcome]


def _consistency(result: Result) -> str | None:
    if not result.controls or result.verdict.outcome is Outcome.INCONCLUSIVE:
        return None
    return "inconsistent" if Method.DNS in result.verdict.methods else "consistent"


def _last_failure(rows: Sequence[Observation], kind: type[DnsDetail | HttpDetail]) -> str | None:
    """Of a layer at which nothing succeeded, the last failure."""
    of_kind = [row for row in rows if isinstance(row.detail, kind)]
    if any(row.failure is None for row in of_kind):
        return None
    return _failure(of_kind[-1]) if of_kind else None


def _query(row: Observation, detail: DnsDetail) -> dict[str, Any]:
    """df-002. The resolver is the one that the host is set to ask."""
    answers = list(_answers(detail))
    withheld = bool(detail.answers) and not answers  # of a private network, all of them
    return {
        "answers": answers or None,
        "engine": "system",
        "failure": _BOGON if withheld and row.failure is None else _failure(row),
        "hostname": detail.hostname,
        "query_type": detail.query_type,
        "rcode": _RCODES.get(detail.rcode or ""),
        "resolver_address": _endpoint_of(detail.resolver_address, detail.resolver_port),
        "resolver_hostname": None,
        "resolver_port": None,
        **_times(row),
    }


def _answers(detail: DnsDetail) -> Iterator[dict[str, Any]]:
    places = {"A": "ipv4", "AAAA": "ipv6", "CNAME": "hostname"}
    for answer in detail.answers:
        if answer.type in places and (answer.type == "CNAME" or parse(answer.value) is not None):
            network = {"asn": answer.asn, "as_org_name": answer.network or ""} if answer.asn else {}
            yield {"answer_type": answer.type, places[answer.type]: answer.value, "ttl": answer.ttl, **network}


def _connect(row: Observation, detail: TcpDetail) -> dict[str, Any]:
    """df-005."""
    failure = _failure(row)
    return {
        "ip": detail.address,
        "port": detail.port,
        "status": {"blocked": False, "failure": failure, "success": failure is None},
        **_times(row),
    }


def _handshake(row: Observation, detail: TlsDetail, kept: Mapping[str, bytes]) -> dict[str, Any]:
    """df-006. The certificates as far as they are there."""
    chain = [kept[each] for each in detail.certificates if each in kept]
    return {
        "address": _endpoint(detail),
        "cipher_suite": detail.cipher or "",
        "failure": _failure(row),
        "negotiated_protocol": detail.alpn or "",
        "network": "tcp",
        "no_tls_verify": False,
        "peer_certificates": [{"data": base64.b64encode(der).decode(), "format": "base64"} for der in chain] or None,
        "server_name": detail.server_name or "",
        "so_error": None,
        "tls_version": detail.tls_version or "",
        **_times(row),
    }


def _exchange(row: Observation, detail: HttpDetail, bodies: Mapping[str, bytes]) -> dict[str, Any]:
    """df-001."""
    headers: dict[str, str] = {}
    for name, value in detail.headers:
        headers.setdefault(name.title(), value)
    return {
        "address": _endpoint(detail),
        "alpn": {"HTTP/2": "h2", "HTTP/1.1": "http/1.1"}.get(detail.http_version or "", ""),
        "failure": _failure(row),
        "network": "tcp",
        "request": {
            "body": "",
            "body_is_truncated": False,
            "headers": {},
            "headers_list": [],
            "method": detail.method,
            "tor": {"exit_ip": None, "exit_name": None, "is_tor": False},
            "url": detail.url,
            "x_transport": "tcp",
        },
        "response": {
            "body": _maybe_binary(bodies.get(detail.body_sha256 or "", b"")),
            "body_is_truncated": detail.body_truncated,
            "code": detail.status or 0,
            "headers": headers,
            "headers_list": [[name.title(), value] for name, value in detail.headers],
        },
        **_times(row),
    }


def _maybe_binary(body: bytes) -> str | dict[str, str]:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"data": base64.b64encode(body).decode(), "format": "base64"}


def _times(row: Observation) -> dict[str, Any]:
    return {
        "t0": round(row.started, _DIGITS),
        "t": round(row.started + row.runtime, _DIGITS),
        "tags": [f"depth={row.hop}"],
        "transaction_id": row.id,
    }


def _failure(row: Observation) -> str | None:
    """Our words are those of df-007."""
    if row.failure is Failure.UNKNOWN:
        return f"{row.failure.value}: {row.error or ''}".rstrip()
    return row.failure.value if row.failure is not None else None


def _details(measurement: Measurement) -> list[object]:
    return [row.detail for row in measurement.observations]


def _endpoint(detail: TcpDetail | TlsDetail | HttpDetail) -> str:
    return _endpoint_of(detail.address, detail.port)


def _endpoint_of(address: str, port: int) -> str:
    if parse(address) is None:
        return ""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _second(moment: datetime) -> str:
    return f"{moment - timedelta(microseconds=moment.microsecond):%Y-%m-%d %H:%M:%S}"
