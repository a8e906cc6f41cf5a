"""A measurement read as the way it took, hop after hop: what each layer of each hop met.

Law: pure. Nothing here concludes anything, or knows of a control; it only puts rows that belong together side by side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from probe.address import is_global, parse
from probe.classify.addresses import addresses_in, addresses_of, addresses_where_good
from probe.classify.weighing import NO_WAY_OUT, OF_THE_NAME
from probe.failure import Failure
from probe.model import (
    DnsDetail,
    GreetingDetail,
    HttpDetail,
    Measurement,
    Observation,
    QuicDetail,
    Scheme,
    TcpDetail,
    TlsDetail,
)
from probe.once import once

Evidence = tuple[int, ...]
"""The ids of the observations that show something."""

CERTIFICATE_FAILURES = frozenset(
    {Failure.SSL_INVALID_CERTIFICATE, Failure.SSL_INVALID_HOSTNAME, Failure.SSL_UNKNOWN_AUTHORITY}
)
TIMEOUTS = frozenset({Failure.GENERIC_TIMEOUT, Failure.TIMED_OUT})


PATIENCE = 1.0
"""Seconds: no way on Earth is longer, there and back. Whoever waited less learned nothing from silence."""


class Layer(StrEnum):
    """How far a hop came: the first layer that did not work."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    GREETING = "greeting"


@dataclass(frozen=True)
class Hop:
    """The rows of one hop of a measurement."""

    index: int
    host: str
    rows: tuple[Observation, ...]
    own_roots: tuple[str, ...] = ()
    """`Target.roots`."""

    def _of(self, kind: type) -> tuple[Observation, ...]:
        return tuple(row for row in self.rows if isinstance(row.detail, kind))

    @once
    def dns(self) -> tuple[Observation, ...]:
        """The first answers; a second answer to the same question is in `second_answers`."""
        return tuple(row for row in self._of(DnsDetail) if row.detail.response == 1)  # type: ignore[union-attr]

    @once
    def second_answers(self) -> tuple[Observation, ...]:
        return tuple(row for row in self._of(DnsDetail) if row.detail.response > 1)  # type: ignore[union-attr]

    @once
    def tcp(self) -> tuple[Observation, ...]:
        return self._of(TcpDetail)

    @once
    def tls(self) -> tuple[Observation, ...]:
        return self._of(TlsDetail)

    @once
    def http(self) -> tuple[Observation, ...]:
        return self._of(HttpDetail)

    @once
    def quic(self) -> tuple[Observation, ...]:
        return self._of(QuicDetail)

    @once
    def greeting(self) -> tuple[Observation, ...]:
        return self._of(GreetingDetail)

    @once
    def addresses(self) -> frozenset[str]:
        """Where the name leads, by the first answers; the address itself where the target is one."""
        if parse(self.host) is not None:
            return frozenset({self.host})
        return addresses_of(self.dns)

    @once
    def public(self) -> frozenset[str]:
        """Those of the addresses at which a public service can be."""
        return frozenset(a for a in self.addresses if (p := parse(a)) is not None and is_global(p))

    @once
    def port(self) -> int | None:
        rows = (*self.tcp, *self.greeting)
        return next((row.detail.port for row in rows if isinstance(row.detail, TcpDetail | GreetingDetail)), None)

    @once
    def connected(self) -> frozenset[str]:
        return addresses_where_good(self.tcp)

    @once
    def secured(self) -> frozenset[str]:
        """Addresses that completed a handshake with a good certificate."""
        return addresses_where_good(self.tls)

    @once
    def privately_vouched(self) -> tuple[Observation, ...]:
        """Good certificates that only an authority vouches for which is neither public nor the service's own."""
        return tuple(
            row
            for row in self.tls
            if row.failure is None and isinstance(row.detail, TlsDetail) and row.detail.root_is_public is False
            if row.detail.root_sha256 not in self.own_roots
        )

    @once
    def publicly_secured(self) -> frozenset[str]:
        """Those of the secured whose certificate is vouched for by an authority that everybody knows, or the service's
        own."""
        return self.secured - addresses_in(self.privately_vouched)

    @once
    def cut_off(self) -> frozenset[str]:
        """Addresses to which a connection was made, and later ones could not be: what a censor does for a while to
        the address at which it saw a name."""
        return frozenset(
            later.detail.address
            for row in self.tcp
            for later in self.tcp
            if isinstance(row.detail, TcpDetail) and isinstance(later.detail, TcpDetail)
            if row.detail.address == later.detail.address and row.failure is None
            if later.failure is not None and later.attempt > row.attempt
        )

    @once
    def answered(self) -> frozenset[str]:
        """Addresses that answered a greeting in its protocol."""
        return addresses_in(row for row in self.greeting if getattr(row.detail, "recognised", False))

    @once
    def page(self) -> HttpDetail | None:
        """The response that was read to its end, at one of the name's own addresses."""
        return next((page for address, page in self.pages.items() if address in self.addresses), None)

    @once
    def pages(self) -> dict[str, HttpDetail]:
        """The last full response from each address."""
        return {
            row.detail.address: row.detail
            for row in self.http
            if _is_answered(row) and isinstance(row.detail, HttpDetail)
        }

    @once
    def is_untried(self) -> bool:
        """There are public addresses, and yet none was tried: this host has no Internet of their family."""
        return bool(self.public) and not self.tcp and not self.greeting

    @once
    def failed(self) -> Layer | None:
        """The layer at which this hop ended; None when all its layers worked."""
        if not self.connected and (not self.addresses or (self.dns and not self.public)):
            return Layer.DNS
        if self.tcp and not self.connected:
            return Layer.TCP
        if self.tls and not self.secured:
            return Layer.TLS
        if self.http and self.page is None:
            return Layer.HTTP
        if self.greeting and not self.answered & self.addresses:
            return Layer.GREETING
        return None

    @once
    def failures(self) -> tuple[Observation, ...]:
        """The failed rows of the layer at which this hop ended."""
        if self.failed is None:
            return ()
        rows: tuple[Observation, ...] = getattr(self, self.failed)
        return tuple(row for row in rows if row.failure is not None) or rows

    @once
    def failure(self) -> Failure | None:
        """The word for how it ended: of the last try. A name that failed for A is judged by A."""
        rows = [row for row in self.failures if row.failure is not None]
        if self.failed is Layer.DNS:
            # What A met counts for more than what AAAA met, and "no address" for less than any other word.
            rows.sort(key=lambda row: (row.failure is not Failure.DNS_NO_ANSWER, asked_for(row, "A")))
        return rows[-1].failure if rows else None


@dataclass(frozen=True)
class Path:
    """A measurement read as the way it took: hop after hop."""

    measurement: Measurement

    @once
    def hops(self) -> tuple[Hop, ...]:
        rows = sorted((row for row in self.measurement.observations if row.experiment is None), key=lambda row: row.id)
        return tuple(
            Hop(index, self._host(index), tuple(row for row in rows if row.hop == index), self.measurement.target.roots)
            for index in sorted({row.hop for row in rows} | {0})
        )

    def _host(self, index: int) -> str:
        if index == 0:
            return self.measurement.target.host
        here = sorted((row for row in self.measurement.observations if row.hop == index), key=lambda row: row.id)
        named = (row.detail.hostname for row in here if isinstance(row.detail, DnsDetail))
        return next(named, next((row.detail.address for row in here if isinstance(row.detail, TcpDetail)), ""))

    @once
    def end(self) -> Hop:
        return self.hops[-1]

    @once
    def has_unfollowed_redirect(self) -> bool:
        """It ended on a redirect: a loop, too long a chain, or one that leads nowhere."""
        return self.end.page is not None and self.end.page.is_redirect

    @once
    def reached(self) -> bool:
        """Every layer that was tried worked, up to a page that is no redirect where pages are asked for."""
        if self.end.failed is not None or self.has_unfollowed_redirect:
            return False
        scheme = self.measurement.target.scheme
        if scheme is Scheme.DNS:
            return bool(self.end.public)
        if scheme in (Scheme.HTTP, Scheme.HTTPS):
            return self.end.page is not None
        deepest = {Scheme.TLS: self.end.secured, Scheme.UDP: self.end.answered}
        return bool(deepest.get(scheme, self.end.connected))

    @once
    def is_authenticated(self) -> bool:
        """The end was reached over TLS with a good certificate for a host that the service itself sent us to:
        no hop before it was in clear, or the end is on the target's own site."""
        if not self.reached or not self.end.secured:
            return False
        earlier = self.hops[:-1]
        return all(hop.secured for hop in earlier) or same_site(self.end.host, self.measurement.target.host)

    @once
    def could_look(self) -> bool:
        """Something was learned about the target: a resolver spoke of its name, and there was a way on from there."""
        asked, end = self.hops[0].dns, self.end
        # That there is no IPv6 address, where the question for IPv4 was not answered, is no word about the name.
        heard = not asked or any(
            row.failure is None or (row.failure in OF_THE_NAME and asked_for(row, "A")) for row in asked
        )
        tried = end.tcp or end.greeting
        stuck = bool(tried) and all(row.failure in NO_WAY_OUT for row in tried)
        untried = end.is_untried and self.measurement.target.scheme is not Scheme.DNS
        return bool(self.measurement.observations) and heard and not stuck and not untried

    def at(self, hop: Hop) -> Hop | None:
        """This path's hop to the same host and port; of several, the one that came nearest to being as far on."""
        for own in sorted(self.hops, key=lambda own: abs(own.index - hop.index)):
            if own.host == hop.host and (own.port == hop.port or own.port is None or hop.port is None):
                return own
        return None


def leaf_of(row: Observation) -> str | None:
    """The fingerprint of the certificate that was shown in a handshake."""
    return row.detail.certificates[0] if isinstance(row.detail, TlsDetail) and row.detail.certificates else None


def ids(rows: Iterable[Observation]) -> Evidence:
    return tuple(row.id for row in rows)


def is_impatient(row: Observation) -> bool:
    """A deadline of ours that ended before an answer could have come."""
    return row.failure in TIMEOUTS and row.runtime < PATIENCE * 0.95  # timers are not exact


def same_site(host: str, other: str) -> bool:
    """One host is the other, or below it, `www.` aside."""
    a, b = host.removeprefix("www."), other.removeprefix("www.")
    return a == b or a.endswith(f".{b}") or b.endswith(f".{a}")


def asked_for(row: Observation, query_type: str) -> bool:
    return isinstance(row.detail, DnsDetail) and row.detail.query_type == query_type


def _is_answered(row: Observation) -> bool:
    return row.failure in (None, Failure.HTTP_INVALID_REDIRECT) and getattr(row.detail, "status", None) is not None
