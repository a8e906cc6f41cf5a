"""The conditions of the rules that rest on fingerprints: somebody who blocks was recognised.

Law: pure. A fingerprint counts only where no control meets the same, where no certificate proves the service, and
where the name is none of the blocker's own. A hint counts only where the controls see something else altogether.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from probe.classify.facts import Case
from probe.classify.fingerprints import Fingerprint, Fingerprints, Scope, Sighting
from probe.classify.pages import Likeness, compare
from probe.classify.path import CERTIFICATE_FAILURES, Evidence, Hop, Layer, Path, ids, same_site
from probe.model import DnsDetail, DnsRecord, HttpDetail, Measurement, Observation, TlsDetail


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who was recognised, and by what."""

    sighting: Sighting
    hop: Hop
    rows: tuple[Observation, ...]
    shown: str
    """The address, or the host, that gave them away."""


def dns_known_block_address(case: Case) -> Evidence | None:
    known = block_address(case)
    return ids(known.rows) if known is not None else None


def dns_leads_to_known_blocker(case: Case) -> Evidence | None:
    """The address is none of the service's, and at it stands somebody who is known, by page or certificate."""
    known = block_page(case) or filter_certificate(case)
    if known is None or known.hop is not case.end or not case.forged_addresses or block_address(case) is not None:
        return None
    return (*ids(known.hop.dns), *ids(known.rows))


def http_known_block_page(case: Case) -> Evidence | None:
    known = block_page(case)
    return ids(known.rows) if known is not None and not _is_by_name(case, known) else None


def tls_known_filter_certificate(case: Case) -> Evidence | None:
    known = filter_certificate(case)
    return ids(known.rows) if known is not None and not _is_by_name(case, known) else None


def _is_by_name(case: Case, known: Known) -> bool:
    """It was met because the name had led there: the name was interfered with, and not what was met."""
    return block_address(case) is not None or (known.hop is case.end and case.forged_addresses)


def block_address(case: Case) -> Known | None:
    """A hop whose name was said to be where blocked names are."""
    for hop in case.mine.hops:
        peers = [peer for path in case.asked if (peer := path.at(hop)) is not None]
        given = {found.fingerprint for peer in peers for _, _, found in _answers(case, peer)}
        for row, record, found in _answers(case, hop):
            if found.fingerprint in given or _is_its_own(found.fingerprint, hop.host):
                continue
            if _is_the_service(hop, record, peers) or not (found.is_proof or _name_is_contradicted(case, hop)):
                continue
            return Known(found, hop, (row,), record.value)
    return None


def _answers(case: Case, hop: Hop) -> Iterator[tuple[Observation, DnsRecord, Sighting]]:
    """The records of a hop's answers that are those of a blocker."""
    for row in hop.dns:
        for record in row.detail.answers if isinstance(row.detail, DnsDetail) else ():
            asked = case.fingerprints.of_host if record.type == "CNAME" else case.fingerprints.of_address
            if (found := asked(record.value)) is not None:
                yield row, record, found


def _is_the_service(hop: Hop, record: DnsRecord, peers: list[Hop]) -> bool:
    """What the answer led to proves by its certificate, or by the page that controls get, that it is the service."""
    if record.type == "CNAME":
        return bool(hop.secured)
    page = hop.pages.get(record.value)
    theirs = [peer.page for peer in peers if peer.page is not None]
    alike = page is not None and any(compare(page, other) is Likeness.SAME for other in theirs)
    return record.value in hop.secured or alike


def _name_is_contradicted(case: Case, hop: Hop) -> bool:
    return hop is case.end and case.name_is_suspect and bool(case.their_addresses)


def block_page(case: Case) -> Known | None:
    """A hop in clear at which a blocker's page came, or the way to one."""
    seen = [(hop, *each) for hop in case.mine.hops if not hop.tls for each in _shown(case, case.mine, hop)]
    met = _met_by_controls(case) if seen else frozenset()
    for hop, row, page, found in seen:
        if found.fingerprint.id in met or _is_its_own(found.fingerprint, hop.host) or _is_the_controls(case, hop, page):
            continue
        if found.is_proof or _page_is_contradicted(case, hop, page):
            return Known(found, hop, (row,), hop.host)
    return None


def _shown(case: Case, path: Path, hop: Hop) -> Iterator[tuple[Observation, HttpDetail, Sighting]]:
    """The fingerprints in a hop's responses; where none was whole, in what had come of one before it was broken off."""
    whole = tuple(hop.pages.values())
    for row in hop.http:
        page = row.detail
        if isinstance(page, HttpDetail) and page.status is not None and (page in whole or not whole):
            for found in case.fingerprints.of_page(page, path.measurement.bodies.get(page.body_sha256 or "")):
                yield row, page, found


def telling_bodies(measurement: Measurement, fingerprints: Fingerprints) -> dict[str, bytes]:
    """The bodies of a measurement in which one of the fingerprints is found: no other can matter to its verdict."""
    pages = (row.detail for row in measurement.observations if isinstance(row.detail, HttpDetail))
    return {
        page.body_sha256: body
        for page in pages
        if page.body_sha256 is not None and (body := measurement.bodies.get(page.body_sha256)) is not None
        if fingerprints.of_page(page, body)
    }


def _met_by_controls(case: Case) -> frozenset[str]:
    """The fingerprints that a control was shown, and those to whose hosts it was led."""
    shown = [each for path in case.asked for hop in path.hops for _, _, each in _shown(case, path, hop)]
    led = [case.fingerprints.of_host(hop.host) for path in case.asked for hop in path.hops]
    return frozenset(each.fingerprint.id for each in (*shown, *led) if each is not None)


def _is_the_controls(case: Case, hop: Hop, page: HttpDetail) -> bool:
    """A control was given the same page."""
    peers = [peer.page for path in case.asked if (peer := path.at(hop)) is not None]
    theirs = [*peers, *(path.end.page for path in case.asked)]
    return any(compare(page, other) is Likeness.SAME for other in theirs if other is not None)


def _page_is_contradicted(case: Case, hop: Hop, page: HttpDetail) -> bool:
    if case.led_astray is hop:
        return True
    theirs = [peer.page for path in case.asked if (peer := path.at(hop)) is not None and peer.page is not None]
    return bool(theirs) and all(compare(page, other) is Likeness.OTHER for other in theirs)


def filter_certificate(case: Case) -> Known | None:
    """The last hop ended at a certificate that is a blocker's, and none for the name."""
    hop = case.end
    if hop.failed is not Layer.TLS:
        return None
    given = {
        found.fingerprint
        for path in case.asked
        if (peer := path.at(hop)) is not None
        for row in peer.tls
        if isinstance(row.detail, TlsDetail) and (found := case.fingerprints.of_certificate(row.detail)) is not None
    }
    for row in hop.tls:
        if row.failure not in CERTIFICATE_FAILURES or not isinstance(row.detail, TlsDetail):
            continue
        found = case.fingerprints.of_certificate(row.detail)
        if found is None or found.fingerprint in given or _is_its_own(found.fingerprint, hop.host):
            continue
        if found.is_proof or any(peer.secured for peer in case.peers):
            return Known(found, hop, (row,), hop.host)
    return None


def _is_its_own(fingerprint: Fingerprint, host: str) -> bool:
    """The site is the blocker's own, and shows its signs by right."""
    owned = (*fingerprint.hosts, *(each.partition("/")[0] for each in fingerprint.locations))
    return any(same_site(each, host) for each in owned)


# Who it is, in words


def owner(known: Known | None) -> str:
    """Whose sign it is, and what that says."""
    if known is None:
        return ""
    fp = known.sighting.fingerprint
    country = f" ({fp.country})" if fp.country else ""
    if fp.scope is Scope.NATIONAL:
        return f"{fp.network or 'the national filter'}{country}"
    if fp.scope is Scope.ISP:
        return f"{fp.network or 'a provider'}{country}"
    return f"{fp.network or 'a filter'}{country}, chosen for a network or a household, and no sign of a national block"


def _as_shown(known: Known | None) -> str:
    return known.shown if known else ""


WORDS: Mapping[str, Callable[[Case], str]] = {
    "block_address": lambda case: _as_shown(block_address(case)),
    "named_host": lambda case: address.hop.host if (address := block_address(case)) else "",
    "address_owner": lambda case: owner(block_address(case)),
    "page_host": lambda case: _as_shown(block_page(case)),
    "page_owner": lambda case: owner(block_page(case)),
    "certificate_owner": lambda case: owner(filter_certificate(case)),
    "met_owner": lambda case: owner(block_page(case) or filter_certificate(case)),
}
"""The names that the sentences of these rules use besides those of all rules."""
