"""What one network operation left: a row, with the columns of its kind.

Law: frozen records, as those of `probe.model`, by whose name they are known elsewhere. Facts, and no judgement: a
failure is one of the words of `probe.failure`, and `None` is success.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from probe.failure import Failure
from probe.words import Experiment, ProtocolName, StepName


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsRecord:
    """One resource record of an answer section; of an address with its network, where the user's databases know it."""

    name: str
    type: str
    value: str
    ttl: int
    asn: int | None = None
    network: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsDetail:
    """One DNS query and one answer to it. A second answer to the same query is an observation of its own."""

    hostname: str
    """The name that was asked for."""
    query_type: str
    """`A` or `AAAA`."""
    resolver_address: str
    """The resolver that was asked."""
    resolver_port: int
    """Its port."""
    transport: str
    """`udp`, `tcp`, `tls` or `https`; of a greeting `udp`, `tcp`, or `tls` for one inside TLS."""
    response: int = 1
    """1 for the first answer to this query, 2 for a second one to the same query, and so on."""
    rcode: str | None = None
    """As in the IANA registry: `NOERROR`, `NXDOMAIN`, … Absent when there was no answer."""
    flags: tuple[str, ...] = ()
    """Header flags that were set: `QR`, `AA`, `TC`, `RD`, `RA`, `AD`, `CD`."""
    answers: tuple[DnsRecord, ...] = ()
    """The records of the answer section: name, type, value, TTL in seconds; of an address ASN, network and country."""
    answers_truncated: bool = False
    """The answer held more records than are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpDetail:
    """One TCP connect."""

    address: str
    """The address that was connected to."""
    port: int
    """The port that was connected to."""
    round_trip: float | None = None
    """Seconds from the first packet to its answer as the kernel measured them (Linux's TCP_INFO): free of what this
    process was late by. Absent where nothing answered, or the system does not tell."""
    resent: int | None = None
    """How often the kernel sent the first packet again because no answer came. Absent where it does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsDetail:
    """One TLS handshake. The certificate is verified after the handshake: `tls_version` is set when the handshake
    itself was completed, `failure` then tells what is wrong with the certificate."""

    address: str
    port: int
    server_name: str | None
    """The name in the ClientHello (SNI); absent when none was sent."""
    tls_version: str | None = None
    """`TLSv1.3`, `TLSv1.2`, …"""
    cipher: str | None = None
    """The cipher suite, by OpenSSL's name."""
    alpn: str | None = None
    """The protocol that was agreed on: `h2`, `http/1.1`."""
    certificates: tuple[str, ...] = ()
    """SHA-256 of each certificate of the chain (DER), hexadecimal, leaf first."""
    subject: str | None = None
    """Of the leaf, RFC 4514."""
    issuer: str | None = None
    """Of the leaf, RFC 4514."""
    not_before: str | None = None
    """The leaf is valid from then on, ISO 8601 UTC."""
    not_after: str | None = None
    """The leaf is valid until then, ISO 8601 UTC."""
    alternative_names: tuple[str, ...] = ()
    """The names and addresses that the leaf is for."""
    public_key_sha256: str | None = None
    """SHA-256 of the leaf's SubjectPublicKeyInfo, hexadecimal."""
    root_sha256: str | None = None
    """SHA-256 of the authority (DER) that the chain ends in, of those that this host trusts or that are the service's
    own (`target.roots`); absent when of none."""
    root_is_public: bool | None = None
    """Whether that authority is on Mozilla's list, which browsers go by; absent when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuicDetail:
    """One QUIC handshake, tried where a page says that its host speaks HTTP/3. Its certificate is not looked at."""

    address: str
    port: int
    """Of UDP."""
    server_name: str | None
    """The name in the ClientHello (SNI); absent when none was sent."""
    alpn: str | None = None
    """The protocol that was agreed on: `h3`."""


REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""The status codes that send a client elsewhere, when there is a Location."""
PATIENT_SECONDS = 5
"""A page that leads on sooner than somebody has read it is a redirect to them; a later refresh is news, not a way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpDetail:
    """One HTTP exchange."""

    address: str
    port: int
    url: str
    """What was asked for."""
    method: str = "GET"
    """The method of the request."""
    status: int | None = None
    """The status code of the response; absent when none came."""
    http_version: str | None = None
    """`HTTP/1.1` or `HTTP/2`."""
    headers: tuple[tuple[str, str], ...] = ()
    """Response headers in the order received, names in lower case."""
    title: str | None = None
    """The page's title, white space folded."""
    excerpt: str | None = None
    """How the page's visible text begins, white space folded, at most 400 characters."""
    outline: tuple[str, ...] = ()
    """What the page is built of, each once, in the order met, at most 48: elements (`div`), their ids (`#main`) and
    classes (`.menu`), the hosts that something is fetched from (`//cdn.example`), and `/` for the page's own."""
    refresh: str | None = None
    """Where the page itself leads, by `<meta http-equiv=refresh>` or a Refresh header, as the server wrote it."""
    refresh_seconds: int | None = None
    """Whole seconds after which it does."""
    body_sha256: str | None = None
    """SHA-256 of the decoded body as far as it was read, hexadecimal."""
    body_length: int | None = None
    """Bytes of the decoded body as far as it was read."""
    body_truncated: bool = False
    """The body was longer than what is read."""
    head_after: float | None = None
    """Seconds from the request until the head of the response was there; absent when none came."""
    received: int | None = None
    """Bytes that came over the connection during the exchange, those of TLS included; absent when none came."""
    received_after: float | None = None
    """Seconds from the request until the last of them had come."""
    recognised: bool | None = None
    """Whether the answer is one in the protocol of the target; absent where a page may be anything."""

    def header(self, name: str) -> str | None:
        """The first header of this name (in lower case); None where there is none."""
        return next((value for each, value in self.headers if each == name), None)

    @property
    def is_redirect(self) -> bool:
        """The response is nothing but a way to another one (RFC 9110 §15.4)."""
        return self.status in REDIRECTS and self.header("location") is not None

    @property
    def location(self) -> str | None:
        """Where the response sends its visitor, as the server wrote it: by a redirect, or else by a page in clear that
        leads on within PATIENT_SECONDS. Over TLS a page is the service's own, and there is nothing to learn behind it.
        """
        if self.is_redirect:
            return self.header("location")
        leads_on = self.refresh_seconds is not None and self.refresh_seconds <= PATIENT_SECONDS
        return self.refresh if leads_on and self.url.startswith("http://") else None

    @property
    def http3_port(self) -> int | None:
        """The UDP port at which the same host says that it speaks HTTP/3 (RFC 7838 §3); None where it does not."""
        offers = (value for name, value in self.headers if name == "alt-svc")
        for offer in ",".join(offers).split(","):
            protocol, _, place = offer.partition(";")[0].strip().partition("=")
            port = place.strip('"').removeprefix(":")
            if protocol == "h3" and port.isascii() and port.isdigit() and 0 < len(port) < 6 and int(port) < 65_536:
                return int(port) or None
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class GreetingDetail:
    """The first bytes in a protocol, and the first answer to them."""

    address: str
    port: int
    transport: str
    protocol: ProtocolName
    """The protocol that was spoken."""
    bytes_sent: int = 0
    """How much was said."""
    bytes_received: int = 0
    """How much came back, as far as it was read."""
    first_bytes: str | None = None
    """The beginning of what came back, at most 64 bytes, hexadecimal."""
    recognised: bool = False


Detail = DnsDetail | TcpDetail | TlsDetail | HttpDetail | QuicDetail | GreetingDetail

DETAILS: Mapping[StepName, type[Detail]] = {
    StepName.DNS: DnsDetail,
    StepName.TCP: TcpDetail,
    StepName.TLS: TlsDetail,
    StepName.HTTP: HttpDetail,
    StepName.QUIC: QuicDetail,
    StepName.GREETING: GreetingDetail,
}
STEP_OF: Mapping[type[Detail], StepName] = {detail: step for step, detail in DETAILS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One network operation in a measurement, as it happened. Never a judgement."""

    id: int
    """1, 2, … within the measurement, in the order in which the operations were begun."""
    started: float
    """Seconds since the measurement began."""
    runtime: float
    """Seconds the operation took."""
    attempt: int = 1
    """1 for the first try; a try again of the same operation counts on."""
    hop: int = 0
    """0 for the target itself, 1 for where its redirect led, and so on."""
    experiment: Experiment | None = None
    """What was changed, where the operation is a follow-up; absent in the check itself."""
    hop_limit: int | None = None
    """How many hops its packets could go (TTL of IPv4, hop limit of IPv6), where that was kept small on purpose: with 3
    they expire at the third router. Absent where they could go any way."""
    router: str | None = None
    """Where its packet expired, as the router there reported it: an address, or what its range is for where that is no
    public one, or `own network` where it would tell where the vantage point is. Absent where nothing was reported; of
    an open connection the kernel tells no router, and such a report is the failure `host_unreachable` alone."""
    failure: Failure | None = None
    """Why it did not succeed, a word of OONI's df-007; absent when it did."""
    error: str | None = None
    """What the system or library said of the failure, in at most 200 printable characters."""
    detail: Detail

    @property
    def step(self) -> StepName:
        return STEP_OF[type(self.detail)]


def detail_columns(step: StepName) -> tuple[str, ...]:
    """The names of the columns that belong to one kind of operation."""
    return tuple(f.name for f in fields(DETAILS[step]))
