"""What a run learns of the machine it runs on, from its own measurements: the ground that its verdicts stand on.

Law: pure, and no packet is sent for it. A fact begins as unknown and is decided once: by the first observation that
decides it, or at the run's end by all of them together. What was decided is never taken back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product
from typing import Any
from urllib.parse import urlsplit

from probe.address import parse
from probe.classify.addresses import addresses_in
from probe.classify.host import is_of_ipv6, v4_addresses
from probe.classify.path import CERTIFICATE_FAILURES, Hop, Path, leaf_of, same_site
from probe.failure import Failure
from probe.form import parse_time
from probe.model import Host, Measurement, Observation, TcpDetail, TlsDetail

CLOCK_TOLERANCE = 300.0
"""Seconds that a clock may be off: more than a network's delays and a lazy clock make, less than matters."""
IPV6_TRIES = 3
"""After so many hosts that IPv4 reached and IPv6 did not, while IPv6 reached none, IPv6 is not tried again."""
_SEVERAL = 2
"""Sites that must meet the same stranger, or show certificates of one wrong time, before it can be no fault of theirs.
"""


@dataclass(slots=True)
class Ground:
    """What is known so far; `host` holds it."""

    host: Host
    _proven: bool = False
    """Some service proved by its certificate who it is."""
    _impostor: bool = False
    """Something that is no control answered in a control's place."""
    _known_name_rewritten: bool = False
    _without_ipv6: set[str] = field(default_factory=set)
    """Hosts that IPv4 reached, and IPv6 did not."""
    _ipv6_elsewhere: bool = False
    """A control reached one of them over IPv6."""
    _late: dict[str, set[str | None]] = field(default_factory=dict)
    """Certificates that are past, by the site that showed them."""
    _early: dict[str, set[str | None]] = field(default_factory=dict)
    """Those that are still to come."""
    _strangers: dict[str, set[str | None]] = field(default_factory=dict)
    """Certificates that were refused for a name or an authority, by the site that showed them."""
    _pages: dict[str, set[str]] = field(default_factory=dict)
    """Where the pages in clear of each site led, or what they were."""
    _addresses: dict[str, set[str]] = field(default_factory=dict)
    """What the resolver said of each site's names."""
    _elsewhere: bool = False
    """It said something else of one of them than of a name that cannot exist."""
    _led_away: bool = False
    """A page in clear led to another site."""

    def learn(self, mine: Measurement, controls: Sequence[Measurement]) -> None:
        """Takes a finished measurement, and what the controls saw of the same target, into account."""
        for row in mine.observations:
            if isinstance(row.detail, TlsDetail):
                self._learn_certificate(row, row.detail, mine.started_at)
            elif isinstance(row.detail, TcpDetail) and row.failure is None and is_of_ipv6(row):
                self._decide(ipv6_works=True)
        if self._proven or controls:
            self._decide(captive_portal=False)
        theirs = [Path(control) for control in controls]
        for hop in Path(mine).hops:
            self._learn_ipv6(hop, theirs)
            self._learn_name(hop, theirs)
            if self.host.captive_portal is None:
                self._learn_page(hop)

    def hear(self, clock_offset: float | None, impostor: bool) -> None:
        """Takes into account what a control's answers showed: how far our clock is ahead of its, and whether something
        else answered in its place. The first control that says its time is believed."""
        self._impostor = self._impostor or impostor
        if clock_offset is None:
            return
        self._decide(captive_portal=False)
        if self.host.clock_offset is None:
            offset = round(clock_offset, 1)
            self._decide(clock_offset=offset, clock_wrong=abs(offset) > CLOCK_TOLERANCE)

    @property
    def tries_ipv6(self) -> bool:
        """Whether there is still a point in connecting over IPv6."""
        return bool(self.host.ipv6_works) or len(self._without_ipv6) < IPV6_TRIES

    def possible(self, measurement: Measurement) -> Iterator[Host]:
        """How this host may turn out to be by the end of the run, as far as it matters to the verdict on one
        measurement: as it is known now first, then every other way."""
        open_ones: dict[str, tuple[Any, ...]] = {}
        rows = measurement.observations
        if self.host.captive_portal is None:
            open_ones["captive_portal"] = (None, True)
        if self.host.clock_wrong is None and any(row.failure is Failure.SSL_INVALID_CERTIFICATE for row in rows):
            open_ones["clock_wrong"] = (None, True)
        if self.host.ipv6_works is None and any(map(is_of_ipv6, rows)):
            open_ones["ipv6_works"] = (None, True, False)
        if self.host.rewritten_to and self.host.resolver_intercepts is None:
            open_ones["resolver_intercepts"] = (None, True, False)
        if not open_ones:
            yield self.host
            return
        for chosen in product(*open_ones.values()):
            yield replace(self.host, **dict(zip(open_ones, chosen, strict=True)))

    def conclude(self) -> Host:
        """The host as the whole run shows it. To be called when nothing more will be learned."""
        if self._is_portal():
            self._decide(captive_portal=True)
        if self._ipv6_elsewhere or not self.tries_ipv6:
            self._decide(ipv6_works=False)
        if self._known_name_rewritten:
            self._decide(resolver_intercepts=True)
        if self._proven:
            self._decide(clock_wrong=False)
        elif not (self._late and self._early) and _is_of_several({**self._late, **self._early}):
            self._decide(clock_wrong=True)
        return self.host

    def _decide(self, **facts: Any) -> None:
        """Sets what is still unknown."""
        new = {name: value for name, value in facts.items() if getattr(self.host, name) is None}
        if new:
            self.host = replace(self.host, **new)

    def _learn_certificate(self, row: Observation, seen: TlsDetail, started_at: datetime) -> None:
        if row.failure is None:
            self._proven = True
        if row.failure not in CERTIFICATE_FAILURES or seen.server_name is None:
            return
        site = _site(seen.server_name)
        if row.failure is not Failure.SSL_INVALID_CERTIFICATE:
            _note(self._strangers, site, leaf_of(row))
        elif seen.not_before and seen.not_after:
            if started_at > parse_time(seen.not_after):
                _note(self._late, site, leaf_of(row))
            elif started_at < parse_time(seen.not_before):
                _note(self._early, site, leaf_of(row))

    def _learn_ipv6(self, hop: Hop, theirs: Sequence[Path]) -> None:
        tried = addresses_in(filter(is_of_ipv6, hop.tcp))
        if tried and hop.connected and not hop.connected & tried:
            self._without_ipv6.add(hop.host)
            peers = [peer for path in theirs if (peer := path.at(hop)) is not None]
            self._ipv6_elsewhere = self._ipv6_elsewhere or any(peer.connected & tried for peer in peers)

    def _learn_name(self, hop: Hop, theirs: Sequence[Path]) -> None:
        if parse(hop.host) is not None or not hop.dns:
            return
        given = v4_addresses(hop.dns)
        if self.host.captive_portal is None and given:
            for address in given:
                _note(self._addresses, _site(hop.host), address)
            self._elsewhere = self._elsewhere or not given <= frozenset(self.host.rewritten_to)
        if not self.host.rewritten_to:
            return
        if (given and not given <= frozenset(self.host.rewritten_to)) or hop.failure is Failure.DNS_NXDOMAIN:
            self._decide(resolver_intercepts=False)
        elif given and any(peer.public for path in theirs if (peer := path.at(hop)) is not None):
            self._known_name_rewritten = True

    def _learn_page(self, hop: Hop) -> None:
        """What stood in the place of a page in clear. A redirect within a site, and an empty page, tell nothing."""
        page = hop.page
        if page is None or hop.tls:
            return
        mark = f"page {page.body_sha256}" if page.status == 200 and page.body_length else f"page of {hop.host}"
        if page.location is not None:
            onward = _host_of(page.location)
            if onward is not None and not same_site(onward, hop.host):
                mark = f"to {onward}"
        self._led_away = self._led_away or mark.startswith("to ")
        _note(self._pages, _site(hop.host), mark)

    def _is_portal(self) -> bool:
        """Nothing was authenticated, and what was met shows the hand of one stranger."""
        if self.host.captive_portal is not None or not self.host.online:
            return False
        rewritten = frozenset(self.host.rewritten_to)
        if rewritten and self._addresses and not self._elsewhere:
            return True
        if _is_one(self._strangers) or _is_one(self._pages):
            # One address for many names, from a resolver that denies what does not exist, is a filter of these names.
            return not (_is_one(self._addresses) and self.host.resolver_rewrites_nxdomain is False)
        return self._impostor and (bool(rewritten) or bool(self._strangers) or self._led_away)


def _note(found: dict[str, set[Any]], site: str, thing: Any) -> None:
    """Adds what a site gave, as long as that says more: that there are several sites, or several things. A run may meet
    a million of either."""
    things = frozenset[Any]().union(*found.values())
    if (site not in found and len(found) < _SEVERAL) or (thing not in things and len(things) < _SEVERAL):
        found.setdefault(site, set()).add(thing)


def _is_one(found: dict[str, Any]) -> bool:
    """Whether several sites gave one and the same thing."""
    return len(found) >= _SEVERAL and len(frozenset().union(*map(frozenset, found.values()))) == 1


def _is_of_several(found: dict[str, set[str | None]]) -> bool:
    """Whether several sites gave something each of its own."""
    return len(found) >= _SEVERAL and len(frozenset().union(*found.values())) >= _SEVERAL


def _site(host: str) -> str:
    """Whom a name may belong to: its last two labels. Too coarse below `co.uk`, where it only makes for caution."""
    return ".".join(host.rstrip(".").split(".")[-2:])


def _host_of(location: str) -> str | None:
    try:
        return urlsplit(location).hostname
    except ValueError:
        return None
