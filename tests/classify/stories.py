"""What a vantage point saw, told in a line an operation: for golden cases of the classifier."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from probe.failure import Failure
from probe.model import (
    Detail,
    DnsDetail,
    DnsRecord,
    Experiment,
    GreetingDetail,
    Host,
    HttpDetail,
    Measurement,
    Observation,
    ProtocolName,
    QuicDetail,
    Scheme,
    Target,
    TcpDetail,
    TlsDetail,
    Vantage,
)
from probe.page import describe

HERE = Vantage(name="here", country="RU", asn=12389)
CONTROL = Vantage(name="control", country="NL", asn=1103)
NEIGHBOUR = Vantage(name="neighbour", country="RU", asn=8359)
"""A control in the country of the vantage point."""
ONLINE = Host(online=True)
OFFLINE = Host(online=False, why_offline="there is no route to anywhere")
PORTAL = Host(online=True, captive_portal=True)
ON_VPN = Host(online=True, vpn="wireguard")
YEAR_AHEAD = Host(online=True, clock_wrong=True, clock_offset=365 * 86_400.0)
CLOCK_WRONG = Host(online=True, clock_wrong=True)
NO_IPV6 = Host(online=True, ipv6_works=False)
WITH_IPV6 = Host(online=True, ipv6_works=True)

HTTPS = Target(scheme=Scheme.HTTPS, host="line.me", port=443)
HTTP = Target(scheme=Scheme.HTTP, host="line.me", port=80)
TLS = Target(scheme=Scheme.TLS, host="line.me", port=443)
TCP = Target(scheme=Scheme.TCP, host="long.line.me", port=5222)
CHAT = replace(TCP, speaks=ProtocolName.XMPP)
PUSH = replace(TLS, speaks=ProtocolName.MQTT)
CALLS = Target(scheme=Scheme.UDP, host="stun.line.me", port=3478, speaks=ProtocolName.STUN)
BOOTSTRAP = replace(HTTP, speaks=ProtocolName.NEWGETDNS)
NAME = Target(scheme=Scheme.DNS, host="line.me", port=None)
RETIRED = replace(HTTPS, retired=date(2019, 5, 31))

REAL6, STUB6 = "2620:4f:8000:100::1", "2620:4f:8000:100::77"
REAL, REAL2, FORGED, STUB = "192.31.196.1", "192.31.196.2", "192.175.48.66", "192.175.48.77"

REWRITES = Host(online=True, resolver_rewrites_nxdomain=True, rewritten_to=(STUB,), resolver_intercepts=False)
INTERCEPTS = replace(REWRITES, resolver_intercepts=True)


@dataclass
class Saw:
    """Rows in the order in which they are told; every method gives the story back."""

    rows: list[Observation] = field(default_factory=list)
    hop: int = 0
    host: str | None = None
    experiment: Experiment | None = None
    bodies: dict[str, bytes] = field(default_factory=dict)
    waited: float = 10.0
    """Seconds until a silence counts as a timeout."""

    def _row(self, detail: Detail, failure: Failure | None, tries: int) -> Saw:
        for attempt in range(1, tries + 1):
            number = len(self.rows) + 1
            self.rows.append(
                Observation(
                    id=number,
                    started=0.01 * number,
                    runtime=self.waited if failure is Failure.GENERIC_TIMEOUT else 0.01,
                    attempt=attempt,
                    hop=self.hop,
                    experiment=self.experiment,
                    failure=failure,
                    detail=detail,
                )
            )
        return self

    def dns(
        self,
        *addresses: str,
        failure: Failure | None = None,
        tries: int = 1,
        kind: str = "A",
        nth: int = 1,
        alias: str | None = None,
        asn: int | None = None,
    ) -> Saw:
        records = tuple(
            DnsRecord(name="line.me", type=kind, value=value, ttl=60, asn=asn, network=asn and "LINE")
            for value in addresses
        )
        if alias is not None:
            records = (DnsRecord(name="line.me", type="CNAME", value=alias, ttl=60), *records)
        detail = DnsDetail(
            hostname=self.host or "line.me",
            query_type=kind,
            resolver_address="192.175.48.53",
            resolver_port=53,
            transport="udp",
            response=nth,
            rcode=None if failure is Failure.GENERIC_TIMEOUT else "NOERROR",
            answers=records,
        )
        return self._row(detail, failure, tries)

    def tcp(self, address: str, failure: Failure | None = None, *, tries: int = 1, port: int = 443) -> Saw:
        return self._row(TcpDetail(address=address, port=port), failure, tries)

    def tls(
        self,
        address: str,
        failure: Failure | None = None,
        *,
        tries: int = 1,
        leaf: str = "good",
        name: str | None = None,
        public: bool | None = True,
        valid: tuple[str, str] | None = None,
        **names: object,
    ) -> Saw:
        finished = failure is None or (failure.value.startswith("ssl_") and failure is not Failure.SSL_FAILED_HANDSHAKE)
        detail = TlsDetail(
            address=address,
            port=443,
            server_name=name or self.host or "line.me",
            tls_version="TLSv1.3" if finished else None,
            certificates=(leaf,) if finished else (),
            **{"issuer": f"CN=issuer of {leaf}", **names},  # type: ignore[arg-type]
            public_key_sha256=f"key of {leaf}",
            root_is_public=public if failure is None else None,
            not_before=f"{valid[0]}T00:00:00.000000Z" if valid else None,
            not_after=f"{valid[1]}T00:00:00.000000Z" if valid else None,
        )
        return self._row(detail, failure, tries)

    def http(
        self,
        address: str,
        status: int | None = 200,
        *,
        title: str | None = "LINE",
        body: str = "body",
        length: int = 9000,
        headers: tuple[tuple[str, str], ...] = (("server", "line"), ("x-line-id", "7")),
        failure: Failure | None = None,
        tries: int = 1,
        location: str | None = None,
        url: str = "http://line.me/",
        recognised: bool | None = None,
        **more: object,
    ) -> Saw:
        detail = HttpDetail(
            address=address,
            port=80,
            url=url,
            status=status,
            title=title,
            body_sha256=body,
            body_length=length,
            headers=(*headers, *((("location", location),) if location else ())),
            recognised=recognised,
            **more,  # type: ignore[arg-type]
        )
        if failure is not None and failure is not Failure.HTTP_INVALID_REDIRECT:
            detail = HttpDetail(address=address, port=80, url=url)
        return self._row(detail, failure, tries)

    def transfer(self, address: str, size: int, seconds: float, *, frozen: bool = False, tries: int = 1) -> Saw:
        """The transfer of a page: so many bytes in so many seconds; then nothing more, if it froze."""
        detail = HttpDetail(
            address=address,
            port=443,
            url="https://line.me/",
            status=200,
            title="LINE",
            body_sha256=f"{size} bytes",
            body_length=size,
            head_after=0.005,
            received_after=0.005 + seconds,
            received=size,
        )
        rows = len(self.rows)
        self._row(detail, Failure.GENERIC_TIMEOUT if frozen else None, tries)
        self.rows[rows:] = [
            replace(row, runtime=self.waited if frozen else 0.006 + seconds) for row in self.rows[rows:]
        ]
        return self

    def quic(self, address: str, failure: Failure | None = None, *, tries: int = 1) -> Saw:
        return self._row(QuicDetail(address=address, port=443, server_name=self.host or "line.me"), failure, tries)

    def page(
        self,
        address: str,
        body: bytes,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (("content-type", "text/html; charset=utf-8"),),
        failure: Failure | None = None,
        url: str = "http://line.me/",
    ) -> Saw:
        """A response of which the body is kept."""
        detail = describe(HttpDetail(address=address, port=80, url=url, status=status, headers=headers), body)
        self.bodies[detail.body_sha256 or ""] = body
        return self._row(detail, failure, 1)

    def said(
        self, address: str, failure: Failure | None = None, *, over: str = "tcp", other: bool = False, tries: int = 1
    ) -> Saw:
        """A greeting, and its answer: a proper one, none for a failure, or one that is `other` than the protocol's."""
        detail = GreetingDetail(
            address=address,
            port=3478 if over == "udp" else 5222,
            transport=over,
            protocol=ProtocolName.STUN if over == "udp" else ProtocolName.XMPP,
            bytes_sent=20,
            bytes_received=0 if failure else 32,
            first_bytes=None if failure else "00ff",
            recognised=failure is None and not other,
        )
        return self._row(detail, failure, tries)

    def redirected(self, host: str) -> Saw:
        """What follows happened one hop further, at another host."""
        self.hop += 1
        self.host = host
        return self

    def then(self, experiment: Experiment) -> Saw:
        """What follows is a follow-up."""
        self.experiment = experiment
        return self

    def measured(self, target: Target, vantage: Vantage) -> Measurement:
        return Measurement(
            id="0199-test",
            run_id="0199-run" if vantage is HERE else None,
            target=target,
            vantage=vantage,
            started_at=datetime(2026, 11, 24, tzinfo=UTC),
            runtime=1.0,
            observations=tuple(self.rows),
            bodies=self.bodies,
        )


def well(address: str = REAL) -> Saw:
    """A healthy HTTPS check."""
    return Saw().dns(address).tcp(address).tls(address).http(address)


def chatting(address: str = REAL) -> Saw:
    """A healthy check of a port that speaks."""
    return Saw().dns(address).tcp(address, port=5222).said(address)


def pushing(address: str = REAL) -> Saw:
    """A healthy check of a port that speaks inside TLS."""
    return Saw().dns(address).tcp(address).tls(address).said(address, over="tls")


def calling(address: str = REAL) -> Saw:
    """A healthy check over UDP."""
    return Saw().dns(address).said(address, over="udp")


def well_in_clear(address: str = REAL, **page: object) -> Saw:
    """A healthy plain HTTP check."""
    return Saw().dns(address).tcp(address, port=80).http(address, **page)  # type: ignore[arg-type]
