"""What the rows say, read hop by hop: small questions with answers, over which the rules are written.

Law: pure. Nothing here concludes anything; it only puts rows that belong together side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from probe.classify.addresses import addresses_in, addresses_of
from probe.classify.fingerprint_files import shipped
from probe.classify.fingerprints import Fingerprints
from probe.classify.networks import SHARED, asns_of, records_of
from probe.classify.pages import Likeness, compare
from probe.classify.path import Hop, Layer, Path, asked_for, same_site
from probe.classify.weighing import Opinion, Voice, weigh
from probe.model import (
    DnsRecord,
    Experiment,
    Host,
    Measurement,
    Observation,
)
from probe.once import once


@dataclass(frozen=True)
class Case:
    """All that a verdict is made from: what was seen here, what the controls saw, how this host was, and the signs by
    which those who block are known."""

    mine: Path
    controls: tuple[Path, ...]
    """Those that count (`weighing`): whatever the others saw plays no part."""
    host: Host
    fingerprints: Fingerprints
    opinion: Opinion
    overruled: tuple[Path, ...]
    """Controls that saw it otherwise than a clear majority."""
    asked: tuple[Path, ...]
    """All controls: what any of them met as well is no proof of anything, whether it counts or not."""

    @classmethod
    def of(
        cls,
        measurement: Measurement,
        controls: Sequence[Measurement],
        host: Host,
        fingerprints: Fingerprints | None = None,
    ) -> Case:
        """`fingerprints` are the shipped ones where none are named."""
        paths = [Path(control) for control in controls]
        opinion = weigh(measurement.vantage, [_voice(path) for path in paths])
        heard, overruled = (tuple(paths[n] for n in numbers) for numbers in (opinion.heard, opinion.overruled))
        return cls(Path(measurement), heard, host, fingerprints or shipped(), opinion, overruled, tuple(paths))

    def on(self, host: Host) -> Case:
        """The same, had this host been otherwise. What is read of the rows is not read again."""
        return self if host == self.host else replace(self, host=host)

    @once
    def end(self) -> Hop:
        return self.mine.end

    @property
    def control_reached(self) -> bool | None:
        """Whether the target works from the controls; None where there are none or they disagree."""
        return self.opinion.works

    @once
    def peers(self) -> tuple[Hop, ...]:
        """The controls' hops to the same place as the hop at which this path ended."""
        return tuple(peer for path in self.controls if (peer := path.at(self.end)) is not None)

    @once
    def their_addresses(self) -> frozenset[str]:
        """Where the name of the last hop leads, by the controls' resolvers."""
        return frozenset().union(*(peer.public for peer in self.peers))

    @once
    def tested(self) -> frozenset[str]:
        """Addresses of the last hop to which a control connected, or tried to, or sent a datagram."""
        return addresses_in(row for peer in self.peers for row in (*peer.tcp, *peer.greeting))

    @once
    def reachable(self) -> frozenset[str]:
        """Addresses of the last hop to which a control connected."""
        return frozenset().union(*(peer.connected for peer in self.peers))

    @once
    def working(self) -> frozenset[str]:
        """Addresses at which the last hop works for a control, as itself."""
        return frozenset().union(*(working_addresses(peer) for peer in self.peers))

    @once
    def confirmed_addresses(self) -> frozenset[str]:
        """Our addresses that are the service's: a control's resolver names them, or the service works there for it."""
        return self.end.addresses & (self.their_addresses | self.working)

    @once
    def related(self) -> Mapping[str, DnsRecord]:
        """Our public addresses that are in a network (ASN) in which the controls' addresses of this name are."""
        theirs = asns_of((row for peer in self.peers for row in peer.dns), self.their_addresses)
        ours = records_of(self.end.dns)
        return {address: ours[address] for address in self.end.public & set(ours) if ours[address].asn in theirs}

    @once
    def forged_addresses(self) -> bool:
        """No address here is one of the controls', nor in a network of the service's own, and at none of them does the
        service work for a control."""
        ours = self.end.public
        own = any(record.asn not in SHARED for record in self.related.values())
        return bool(ours) and ours <= self.tested and not self.confirmed_addresses and not own

    @property
    def name_is_suspect(self) -> bool:
        """The name of the last hop could not be resolved here, or only to addresses that are not the service's."""
        return self.end.failed is Layer.DNS or self.forged_addresses

    def forged_of(self, query_type: str) -> frozenset[str]:
        """Addresses of one type, A or AAAA, when all that came here are false: none of them is one of the controls',
        and each is one of no public service, or was tried in vain both here and by a control that reaches its own."""
        asked = [row for row in self.end.dns if asked_for(row, query_type)]
        ours = addresses_of(asked)
        theirs = addresses_of(row for peer in self.peers for row in peer.dns if asked_for(row, query_type))
        if not ours or not theirs or ours & theirs:
            return frozenset()
        here = addresses_in((*self.end.tcp, *self.end.greeting))
        tried = here & self.tested if theirs & self.working else frozenset()
        dead = tried - self.working - self.end.secured - frozenset(self.end.pages) - self.end.answered
        return ours if all(address in dead or address not in self.end.public for address in ours) else frozenset()

    @once
    def led_astray(self) -> Hop | None:
        """The hop in clear that led to a host outside the site, to which it led no control."""
        if self.control_reached is not True:
            return None
        for before, after in zip(self.mine.hops, self.mine.hops[1:], strict=False):
            visited = any(hop.host == after.host for path in self.controls for hop in path.hops)
            if before.http and not before.secured and not visited and not same_site(after.host, before.host):
                return before
        return None

    @property
    def repeated(self) -> bool:
        """The failure that ended this path was seen again: on a second try, or when it was repeated later."""
        again = self.tried(Experiment.REPEAT)
        if self.led_astray is not None:
            pages = [page for page in (self.led_astray.page, *again.pages.values()) if page is not None]
            return len(pages) > 1 and len({page.location for page in pages}) == 1
        if self.end.failed is None:  # a page came that is not the service's
            theirs = [peer.page for peer in self.peers if peer.page is not None]
            return any(compare(page, their) is Likeness.OTHER for page in again.pages.values() for their in theirs)
        return any(row.attempt > 1 for row in self.end.failures) or any(row.failure for row in again.rows)

    def tried(self, experiment: Experiment) -> Hop:
        """The rows of one experiment, read as a hop."""
        return self._experiments[experiment]

    @once
    def _experiments(self) -> Mapping[Experiment, Hop]:
        rows: dict[Experiment, list[Observation]] = {experiment: [] for experiment in Experiment}
        for row in sorted(self.mine.measurement.observations, key=lambda row: row.id):
            if row.experiment is not None:
                rows[row.experiment].append(row)
        return {experiment: Hop(self.end.index, self.end.host, tuple(found)) for experiment, found in rows.items()}


def _voice(path: Path) -> Voice:
    said, works = path.measurement, path.reached if path.could_look else None
    return Voice(vantage=said.vantage, measurement_id=said.id, works=works)


def addresses_in_doubt(mine: Measurement, control: Measurement) -> tuple[str, ...]:
    """Public addresses that only we were given for the target's own name, unless a good certificate or an answer in
    its protocol speaks for them: whether the service is there for the control as well is worth a second question."""
    path = Path(mine)
    here, there = path.hops[0], Path(control).hops[0]
    if path.is_authenticated and not here.tls:
        return ()
    proven = here.publicly_secured if here.tls else here.answered
    if here.greeting:
        proven &= here.answered
    return tuple(sorted(here.public - there.public - proven))


def working_addresses(hop: Hop) -> frozenset[str]:
    """Addresses at which a hop's service answers as itself: in its protocol, with a good certificate, or with the page
    that its own addresses give. A plain TCP connect does not show that, since anybody's server accepts one."""
    if hop.greeting:
        return hop.answered
    if hop.tls:
        return hop.secured
    if hop.page is None:
        return frozenset()
    return frozenset(address for address, page in hop.pages.items() if compare(page, hop.page) is Likeness.SAME)
