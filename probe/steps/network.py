"""What the steps stand on: which resolvers to ask, whom to trust, how long to wait, where connecting is allowed.

Law: passed in, never looked up by a step. A test or a control server changes it with `dataclasses.replace`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from probe.address import Address, is_global
from probe.certificate import Roots
from probe.networks import Networks
from probe.steps.errors import failure_of
from probe.steps.lag import Lag
from probe.steps.outlets import Outlets


@dataclass(frozen=True, slots=True)
class Resolver:
    """A DNS server, asked over plain port 53 unless it says otherwise."""

    address: str
    port: int = 53

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecureResolver:
    """A DNS server asked over HTTPS, known by its address so that nothing must be resolved to reach it."""

    address: str
    port: int = 443
    path: str = "/dns-query"

    @property
    def authority(self) -> str:
        """As it stands in its URL."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return host if self.port == 443 else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"https://{self.authority}{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Deadlines in seconds, for one operation each."""

    dns: tuple[float, ...] = (2.0, 3.0, 5.0)
    """One for each attempt: a lost datagram is common, so the first ones are short."""
    tcp: float = 10.0
    tls: float = 10.0
    http: float = 15.0
    greeting: float = 10.0
    """Over a stream. A greeting by datagram is tried as often, and waited for as long, as a question over UDP."""

    @classmethod
    def of(cls, seconds: float) -> Timeouts:
        """Deadlines for a user who says "at most this many seconds for an operation"."""
        dns = tuple(min(each, seconds) for each in cls().dns)
        return cls(dns=dns, tcp=seconds, tls=seconds, http=seconds, greeting=seconds)


def has_route(address: Address) -> bool:
    """Whether the kernel has a route to the address."""
    return source_towards(address) is not None


def source_towards(address: Address) -> str | None:
    """The address of this host from which the kernel would send there; None when it has no route. Connecting a
    datagram socket asks it, and sends nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((str(address), 53))
            return str(sock.getsockname()[0])
    except OSError as error:
        failure_of(error)  # raises where the fault is this machine's
        return None


def allow_global(address: Address, port: int) -> bool:
    """The rule for names: connect only where a public service can be."""
    return is_global(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The ground the steps stand on."""

    resolvers: tuple[Resolver, ...]
    """Asked in turn: the first attempt goes to the first one."""
    secure_resolver: SecureResolver | None = None
    """Asked in follow-ups only; None: nobody is."""
    roots: Roots
    public_roots: frozenset[str] = frozenset()
    """SHA-256 of the authorities on Mozilla's list."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    attempts: int = 2
    """How often a connection is tried before its failure stands."""
    pause: float = 1.0
    """Seconds before a failure is tried again."""
    residue: float = 75.0
    """Seconds after which an address is free again that was cut off because of a name: censors keep it up for about a
    minute."""
    linger: float = 0.5
    """Seconds to listen for a second answer to a DNS query after the first one came."""
    has_route: Callable[[Address], bool] = has_route
    """Whether this host knows a way to the address: without one, it is not tried."""
    allow: Callable[[Address, int], bool] = allow_global
    """May a connection be made to this address and port?"""
    literals: bool = True
    """Whether an address that a target names itself may be connected to, whatever `allow` says: the user named it."""
    named: Address | None = None
    """That address, during a measurement."""
    networks: Networks = field(default_factory=Networks)
    """Whose network an address is in, as far as the user's databases know."""
    outlets: Outlets = field(default_factory=Outlets)
    """From where resolvers are asked."""
    lag: Lag = field(default_factory=Lag)
    """How late this process is, whose fault no deadline may be."""
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def may_connect(self, address: Address, port: int) -> bool:
        """Asked at connect time, for every connection, so that no redirect and no changing name slips past it."""
        return address == self.named or self.allow(address, port)
