"""The nouns: what is measured, from where, what was observed, and what is concluded from it.

Law: frozen records, no I/O, no clock, no judgement. Times are aware UTC datetimes or seconds; absence is `None`.
Each word is defined once, in `docs/ontology.md`; the field docstrings here are the source of the data dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from probe.host import Host
from probe.observation import (
    DETAILS,
    STEP_OF,
    Detail,
    DnsDetail,
    DnsRecord,
    GreetingDetail,
    HttpDetail,
    Observation,
    QuicDetail,
    TcpDetail,
    TlsDetail,
    detail_columns,
)
from probe.service import Need, Unmeasured
from probe.words import Certainty, Confidence, Experiment, Method, Outcome, ProtocolName, Role, Scheme, StepName

__all__ = [
    "DEFAULT_PORTS",
    "DETAILS",
    "PUBLIC",
    "SECURE",
    "STEP_OF",
    "App",
    "Certainty",
    "Confidence",
    "Detail",
    "DnsDetail",
    "DnsRecord",
    "Endpoint",
    "Experiment",
    "GreetingDetail",
    "Host",
    "HttpDetail",
    "Measurement",
    "Method",
    "Observation",
    "Outcome",
    "ProtocolName",
    "QuicDetail",
    "Reason",
    "Result",
    "Role",
    "Run",
    "Scheme",
    "Service",
    "StepName",
    "Target",
    "TcpDetail",
    "TlsDetail",
    "Unmeasured",
    "Vantage",
    "Verdict",
    "detail_columns",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing to check. Two targets are the same when their `name` is the same."""

    scheme: Scheme
    """`dns`, `tcp`, `tls`, `http`, `https` or `udp`."""
    host: str
    """Lower-case, IDNA-encoded host name, or an IP address in its shortest spelling."""
    port: int | None
    """Absent for `dns://` only."""
    path: str = "/"
    """Path and query, for http and https."""
    speaks: ProtocolName | None = None
    """The protocol in which it is spoken to, once it is reached; absent where reaching it is all that is done."""
    service: str | None = None
    """The id of the service it belongs to (the stem of its file in `targets/`)."""
    role: Role | None = None
    """What the endpoint is for; `None` for what a user named."""
    certainty: Certainty = Certainty.DOCUMENTED
    """How sure it is that the endpoint belongs to the service."""
    retired: date | None = None
    """The day the service, or this endpoint of it, was closed down by its owner."""
    roots: tuple[str, ...] = ()
    """Whose certificate it may show: SHA-256 of root certificates of the service's own, hexadecimal, and `public` for
    the authorities that the machine trusts. Empty: those alone."""

    @property
    def decides(self) -> bool:
        """Whether what becomes of it says anything of its service: it is for something, known well enough, and open."""
        return self.role is not None and self.certainty is not Certainty.UNVERIFIED and self.retired is None

    @property
    def name(self) -> str:
        """The target as it is written: `https://host/path`, `tcp://host:port`, `udp://host:port`, `dns://host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port in (None, DEFAULT_PORTS.get(self.scheme)) else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path if self.scheme in DEFAULT_PORTS else ''}"


DEFAULT_PORTS: Mapping[Scheme, int] = {Scheme.HTTP: 80, Scheme.HTTPS: 443}
PUBLIC = "public"
"""In `Target.roots`: the authorities that the machine trusts."""
SECURE = frozenset({Scheme.TLS, Scheme.HTTPS})
"""The schemes with a TLS handshake in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One address of a service as its file in `targets/` describes it; `target` is how it is checked."""

    target: Target
    purpose: str
    source: str
    healthy: str | None = None
    """What a healthy answer is, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A service's app, by its public id in each store."""

    apple: int | None = None
    """The track id in Apple's store."""
    google: str | None = None
    """The package in Google's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A messaging service, described by one file in `targets/`."""

    id: str
    title: str
    operator: str
    homepage: str
    domains: tuple[str, ...]
    """Domains of its own: a host equal to or below one of them belongs to this service."""
    endpoints: tuple[Endpoint, ...]
    all_of: tuple[Role, ...] = ()
    """Roles that must all work for the service to work."""
    any_of: tuple[Role, ...] = ()
    """Roles of which at least one must work as well."""
    unmeasured: tuple[Unmeasured, ...] = ()
    retired: date | None = None
    retired_reason: str | None = None
    app: App | None = None

    @property
    def need(self) -> Need:
        """When it counts as working."""
        return Need(
            service=self.id,
            targets=len(self.endpoints),
            all_of=self.all_of,
            any_of=self.any_of,
            retired=self.retired,
            retired_reason=self.retired_reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """A place measurements are taken from. A control is a vantage point believed to be uncensored."""

    name: str
    """As its owner calls it."""
    country: str = "ZZ"
    """ISO 3166-1 alpha-2; `ZZ` when unknown."""
    asn: int = 0
    """Autonomous system number; 0 when unknown."""
    network: str | None = None
    """Name of the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution over a list of targets at one vantage point."""

    id: str
    command: str
    """`check` or `run`."""
    vantage: Vantage
    host: Host
    """How this machine's own network was."""
    started_at: datetime
    """Begun at this moment, UTC."""
    finished_at: datetime | None = None
    """Absent while it goes on, and for ever when it was killed."""
    process: str = ""
    """Boot id, process id and start time of the process: tells a run that goes on from one that was killed."""
    software: str = ""
    """Name and version of the program."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What it was asked to do: controls, concurrency, rate, deadlines, number of targets, whether a timer started it
    (`scheduled`); and of which lists (`lists`: `shipped`, `bundle VERSION` or `named`), with how many lines of them
    were no target (`bad_lines`)."""
    services: tuple[Need, ...] = ()
    """The services it was to measure as a whole, with what each of them needs to work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One target measured once at one vantage point: facts, never changed afterwards."""

    id: str
    """A version 7 UUID: sorted by time."""
    run_id: str | None
    """Absent for what a control vantage point measured for us."""
    target: Target
    vantage: Vantage
    started_at: datetime
    """Begun at this moment, UTC."""
    runtime: float
    """Seconds from the first operation to the last."""
    observations: tuple[Observation, ...]
    lag: float | None = None
    """Seconds by which the measuring process was late at its worst meanwhile: times are not surer than that. Absent
    where it is not known, as for what a control measured."""
    bodies: Mapping[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """Response bodies by their SHA-256. Kept apart from the rows."""
    certificates: Mapping[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """Certificates (DER) by their SHA-256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One ground for a verdict: a stable code, a sentence, and the observations that show it."""

    code: str
    """`layer.what_was_seen`, listed in `docs/rules.md`."""
    text: str
    """A plain sentence."""
    observations: tuple[int, ...] = ()
    """The ids, within the measurement, of the observations that show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the classifier concludes. Never a fact: it can be computed again from the observations."""

    measurement_id: str
    outcome: Outcome
    """`ok`, `blocked`, `down`, `refused` or `inconclusive`."""
    methods: tuple[Method, ...] = ()
    """What was interfered with: for `blocked`, and `quic` beside `ok` where a page came over TCP and QUIC is cut."""
    confidence: Confidence | None = None
    """For `blocked` only."""
    reasons: tuple[Reason, ...]
    rules_version: str
    """Of the rules it was made by."""
    controls: tuple[str, ...] = ()
    """Names of the control vantage points that were compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished measurement with what the controls saw of the same target, and the verdict."""

    measurement: Measurement
    controls: tuple[Measurement, ...]
    verdict: Verdict
