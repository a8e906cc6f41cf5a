"""What a vantage point records of a target, operation by operation as `checks` makes them, without a packet being sent.

Law: of the model alone, and the same for the same `chance`. An attempt whose packets were lost has failed, and is made
again as the recipe does; what failed for good is followed up. It is for many measurements at once: what the steps do on
sockets, the lab shows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from probe.failure import Failure
from probe.model import (
    Detail,
    DnsDetail,
    DnsRecord,
    Experiment,
    HttpDetail,
    Observation,
    Scheme,
    Target,
    TcpDetail,
    TlsDetail,
)

STUB = "192.175.48.66"
"""Where resolvers that lie lead to."""
RESOLVER = "192.175.48.53"
_WAITS = {"dns": (2.0, 3.0, 5.0), "tcp": 10.0}
_SENT = {"dns": 1, "tcp": 4, "tls": 5, "http": 5}
"""How often a packet is sent within that time: a datagram once, a segment by TCP again after 1, 3 and 7 seconds, and
sooner on a connection that is open."""
_ATTEMPTS = 2
_PAUSE = 1.0
_OTHER_NAME = "example.org"


class Way(StrEnum):
    """What a network does with a target."""

    OPEN = "open"
    LIE = "lie"
    """The resolver leads to a stub page."""
    DROP = "drop"
    """Packets to its addresses vanish."""
    CUT = "cut"
    """Connections are cut when its name is sent."""


@dataclass(kw_only=True)
class Recording:
    """One measurement while it is made."""

    target: Target
    addresses: tuple[str, ...]
    way: Way
    chance: Random
    loss: float = 0.0
    """The share of packets that are lost, each way."""
    also: tuple[str, ...] = ()
    """Addresses that a control is asked to try besides, since a vantage point was given them."""
    rows: list[Observation] = field(default_factory=list)
    clock: float = 0.0

    def made(self) -> tuple[Observation, ...]:
        """Everything that is observed of the target."""
        answers = [answer for kind in ("A", "AAAA") for answer in self._resolve(kind)]
        reached = [self._reach(address) for address in (*answers, *self.also)]
        if not any(reached):
            self._follow_up(answers)
        return tuple(self.rows)

    def _resolve(self, kind: str) -> tuple[str, ...]:
        true = tuple(address for address in self.addresses if (":" in address) == (kind == "AAAA"))
        given = ((STUB,) if kind == "A" else ()) if self.way is Way.LIE else true
        for attempt, wait in enumerate(_WAITS["dns"], start=1):
            if self._ask(kind, given, attempt, wait):
                return given
            self.clock += _PAUSE
        return ()

    def _ask(
        self, kind: str, given: tuple[str, ...], attempt: int, wait: float, experiment: Experiment | None = None
    ) -> bool:
        records = tuple(
            DnsRecord(name=self.target.host, type=kind, value=address, ttl=self.chance.randint(1, 300))
            for address in given
        )
        detail = DnsDetail(
            hostname=self.target.host,
            query_type=kind,
            resolver_address=RESOLVER,
            resolver_port=53,
            transport="tcp" if experiment else "udp",
        )
        if self._is_lost("dns"):
            self._row(detail, wait, Failure.GENERIC_TIMEOUT, attempt, experiment)
            return False
        heard = DnsDetail(
            hostname=detail.hostname,
            query_type=kind,
            resolver_address=RESOLVER,
            resolver_port=53,
            transport=detail.transport,
            rcode="NOERROR",
            flags=("QR", "RD", "RA"),
            answers=records,
        )
        self._row(heard, 0.02, None if given else Failure.DNS_NO_ANSWER, attempt, experiment)
        return True

    def _reach(self, address: str) -> bool:
        """Attempt after attempt, each on a fresh connection; True when there was an answer."""
        for attempt in range(1, _ATTEMPTS + 1):
            if self._visit(address, attempt):
                return True
            self.clock += _PAUSE
        return False

    def _visit(self, address: str, attempt: int = 1, experiment: Experiment | None = None) -> bool:
        """As far as it goes. True when it came to its end."""
        target = self.target
        port = 80 if experiment is Experiment.OTHER_PORT else target.port or 443
        if (self.way is Way.DROP and address != STUB) or self._is_lost("tcp"):
            self._row(
                TcpDetail(address=address, port=port), _WAITS["tcp"], Failure.GENERIC_TIMEOUT, attempt, experiment
            )
            return False
        if address == STUB and port not in (80, 443):
            self._row(TcpDetail(address=address, port=port), 0.03, Failure.CONNECTION_REFUSED, attempt, experiment)
            return False
        self._row(TcpDetail(address=address, port=port), 0.03, None, attempt, experiment)
        if experiment is Experiment.OTHER_PORT or target.scheme is Scheme.TCP:
            return True
        if target.scheme is Scheme.HTTPS and not self._shake_hands(address, port, attempt, experiment):
            return False
        return self._exchange(address, port, attempt, experiment)

    def _shake_hands(self, address: str, port: int, attempt: int, experiment: Experiment | None) -> bool:
        other = experiment is Experiment.OTHER_NAME
        name = _OTHER_NAME if other else self.target.host
        if self.way is Way.CUT and not other:
            return self._tls_failed(address, port, name, Failure.CONNECTION_RESET, attempt, experiment)
        if self._is_lost("tls"):
            return self._tls_failed(address, port, name, Failure.GENERIC_TIMEOUT, attempt, experiment)
        leaf = "stub.provider.example" if address == STUB else self.target.host
        failure = Failure.SSL_UNKNOWN_AUTHORITY if address == STUB else Failure.SSL_INVALID_HOSTNAME if other else None
        detail = TlsDetail(
            address=address,
            port=port,
            server_name=name,
            tls_version="TLSv1.3",
            cipher="TLS_AES_128_GCM_SHA256",
            alpn="h2",
            certificates=(digest(leaf), digest("authority")),
            subject=f"CN={leaf}",
            issuer="CN=R11,O=Let's Encrypt,C=US",
            not_before="2017-04-01T00:00:00.000000Z",
            not_after="2027-07-01T00:00:00.000000Z",
            alternative_names=(leaf, f"*.{leaf}"),
            public_key_sha256=digest(f"key of {leaf}"),
            root_sha256=digest("root") if failure is None else None,
            root_is_public=True if failure is None else None,
        )
        self._row(detail, 0.06, failure, attempt, experiment)
        return failure is None

    def _tls_failed(
        self, address: str, port: int, name: str, failure: Failure, attempt: int, experiment: Experiment | None
    ) -> bool:
        runtime = _WAITS["tcp"] if failure is Failure.GENERIC_TIMEOUT else 0.03
        error = "[Errno 104] Connection reset by peer" if failure is Failure.CONNECTION_RESET else None
        detail = TlsDetail(address=address, port=port, server_name=name)
        self._row(detail, runtime, failure, attempt, experiment, error)
        return False

    def _exchange(self, address: str, port: int, attempt: int, experiment: Experiment | None) -> bool:
        url = self.target.name
        if self._is_lost("http"):
            detail = HttpDetail(address=address, port=port, url=url)
            self._row(detail, _WAITS["tcp"], Failure.GENERIC_TIMEOUT, attempt, experiment)
            return False
        moment = f"{self.chance.randint(1, 28):02} Mar 2026 {self.chance.randint(10, 23)}:{self.chance.randint(10, 59)}"
        detail = HttpDetail(
            address=address,
            port=port,
            url=url,
            status=200,
            http_version="HTTP/2",
            headers=(
                ("date", f"Tue, {moment}:07 GMT"),
                ("content-type", "text/html; charset=utf-8"),
                ("server", "nginx"),
                ("strict-transport-security", "max-age=31536000; includeSubDomains"),
                ("set-cookie", f"sid={self.chance.getrandbits(64):016x}; Path=/; Secure"),
                ("cache-control", "private, no-store"),
                ("x-request-id", f"{self.chance.getrandbits(128):032x}"),
            ),
            title=f"{self.target.service or self.target.host}: stay in touch",
            excerpt=f"{self.target.host} is where people talk to each other. " * 4,
            outline=("html", "body", "#app", ".menu", "//cdn.example", "/"),
            body_sha256=digest(f"page of {self.target.host}"),
            body_length=18_244,
            head_after=0.051,
            received=19_020,
            received_after=0.062,
        )
        self._row(detail, 0.07, None, attempt, experiment)
        return True

    def _follow_up(self, answers: list[str]) -> None:
        """What is asked besides, where the control says that it works."""
        self.clock += _PAUSE
        failed = self.rows[-1]
        if self.way is Way.LIE:
            self._ask("A", (STUB,), 1, 2.0, Experiment.OVER_TCP)
            self._visit(self.addresses[0], 1, Experiment.CONTROL_ADDRESS)
        if not answers:
            self._ask("A", self.addresses[:1], 1, 5.0, Experiment.REPEAT)
        elif isinstance(failed.detail, TcpDetail):
            self._visit(answers[0], 1, Experiment.OTHER_PORT)
            self._visit(answers[0], 1, Experiment.REPEAT)
        elif self._visit(answers[0], 1, Experiment.OTHER_NAME) or self.rows[-1].failure is Failure.SSL_INVALID_HOSTNAME:
            self._visit(answers[0], 1, Experiment.SPLIT_SEGMENTS)
            self._visit(answers[0], 1, Experiment.SPLIT_RECORDS)
        else:
            self._visit(answers[0], 1, Experiment.REPEAT)

    def _is_lost(self, step: str) -> bool:
        """Whether an attempt fails of it: what TCP sends again arrives late, and not never."""
        both_ways = 1 - (1 - self.loss) ** 2
        return self.loss > 0 and all(self.chance.random() < both_ways for _ in range(_SENT[step]))

    def _row(
        self,
        detail: Detail,
        runtime: float,
        failure: Failure | None,
        attempt: int,
        experiment: Experiment | None,
        error: str | None = None,
    ) -> None:
        took = runtime if failure is Failure.GENERIC_TIMEOUT else runtime * self.chance.uniform(0.5, 2.0)
        row = Observation(
            id=len(self.rows) + 1,
            started=self.clock,
            runtime=took,
            attempt=attempt,
            experiment=experiment,
            failure=failure,
            error=error,
            detail=detail,
        )
        self.rows.append(row)
        self.clock += took


def digest(text: str) -> str:
    """A hash that stands for something, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
