"""What OONI's test helper answered, as the measurement of a control vantage point.

Law: pure. The helper says what its page was, but not at which address, nor where redirects had led it. It is taken to
have gone the way of the probe as far as that stays on the target's own site, or as the pages at the end agree. Where
neither holds, and somebody on the way could have made the redirect, nothing can be compared: there is no control then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from probe.address import parse
from probe.classify.pages import Likeness, compare
from probe.classify.path import same_site
from probe.failure import Failure
from probe.model import DnsDetail, HttpDetail, Measurement, Scheme, Target, TcpDetail, TlsDetail, Vantage
from probe.ooni.form import Helper, HelperPage, HelperPlace
from probe.ooni.hop import Hop, Row, answered, observations, split
from probe.ooni.words import failure_of

HELPER = Vantage(name="ooni test helper")
_RESOLVER = "helper"
"""Stands for the address of its resolver, which it does not tell."""
_IMPLIED = "not told by the helper: shown by the page"
_PAGES = frozenset({Scheme.HTTP, Scheme.HTTPS})


def control_of(
    helper: Helper | None,
    hops: Sequence[Hop],
    name: str,
    started_at: datetime,
    *,
    target: Target | None = None,
    vantage: Vantage = HELPER,
    runtime: float = 0.0,
) -> Measurement | None:
    """The helper's side of a measurement that took these hops; None where there is nothing to compare.

    `name` becomes the measurement's id, `started_at` its time: the helper tells neither. `target` is what was asked
    about where that is less than a page: its name, connection or handshake, at the first hop.
    """
    if helper is None or helper.http_request is None:
        return None
    first, last = hops[0], hops[-1]
    page = _page(helper.http_request, first.target.port or 0, first.target.name)
    end = _where_it_ended(hops, page)
    if end is None:
        return None
    visited = [_visit(helper, hops[0])]
    visited += [_visit(helper, hop) for hop in hops[1 : end + 1] if hop.target.host == first.target.host]
    if hops[end].target.host != first.target.host:
        visited.append(Hop(last.target, None))
    _put_page(visited[-1], page)
    asked = target or first.target
    if asked.scheme not in _PAGES:
        visited = [
            Hop(asked, None, visited[0].dns, visited[0].tcp, visited[0].tls if asked.scheme is Scheme.TLS else [])
        ]
    return Measurement(
        id=name,
        run_id=None,
        target=asked,
        vantage=vantage,
        started_at=started_at,
        runtime=runtime,
        observations=observations(visited),
    )


def addresses(helper: Helper | None) -> frozenset[str]:
    """Where the helper's resolver says that the name leads."""
    listed = helper.dns.addrs if helper is not None and helper.dns is not None else None
    return frozenset(str(address) for text in listed or () if (address := parse(text)) is not None)


def _where_it_ended(hops: Sequence[Hop], page: Row) -> int | None:
    """The hop at which the helper got its page; None where that cannot be said."""
    first, end = hops[0], len(hops) - 1
    if all(same_site(hop.target.host, first.target.host) for hop in hops):
        return end
    if all(hop.is_secure for hop in hops[:-1]):
        return end  # the service itself, proven by its certificates, led there
    mine = next((row.detail for row in reversed(hops[end].http) if isinstance(row.detail, HttpDetail)), None)
    theirs = page.detail
    assert isinstance(theirs, HttpDetail), "a page is an exchange"
    if page.failure is not None or mine is None or mine.status is None:
        return None
    likeness = compare(mine, _at(theirs, mine.address, mine.port, mine.url))
    return {Likeness.SAME: end, Likeness.OTHER: 0}.get(likeness)


def _visit(helper: Helper, hop: Hop) -> Hop:
    """The helper's rows for one place of the target's own name."""
    visit = Hop(hop.target, None)
    if parse(hop.target.host) is None:
        visit.dns = _names(helper, hop.target.host)
    visit.tcp = [
        _row(TcpDetail(address=address, port=port), place)
        for address, port, place in _places(helper.tcp_connect)
        if port == hop.target.port
    ]
    if hop.is_secure:
        visit.tls = [
            _row(TlsDetail(address=address, port=port, server_name=place.server_name or hop.target.host), place)
            for address, port, place in _places(helper.tls_handshake)
            if port == hop.target.port
        ]
    return visit


def _places(listed: dict[str, HelperPlace] | None) -> list[tuple[str, int, HelperPlace]]:
    found = []
    for endpoint, place in (listed or {}).items():
        host, port = split(endpoint)
        address = parse(host)
        if address is not None:
            found.append((str(address), port, place))
    return found


def _row(detail: TcpDetail | TlsDetail, place: HelperPlace) -> Row:
    failure, error = failure_of(place.failure)
    if failure is None and not place.status:
        failure = Failure.UNKNOWN
    return Row(started=0.0, runtime=0.0, detail=detail, failure=failure, error=error)


def _names(helper: Helper, host: str) -> list[Row]:
    failure, error = failure_of(helper.dns.failure if helper.dns is not None else None)
    found = sorted(addresses(helper))
    families = [f for f in ("A", "AAAA") if any((":" in address) == (f == "AAAA") for address in found)]
    if not found and failure is None:
        failure = Failure.DNS_NO_ANSWER
    return [
        Row(
            started=0.0,
            runtime=0.0,
            detail=answered(_RESOLVER, host, family, [a for a in found if (":" in a) == (family == "AAAA")]),
            failure=None if found else failure,
            error=error,
        )
        for family in families or ["A"]
    ]


def _page(page: HelperPage, port: int, url: str) -> Row:
    failure, error = failure_of(page.failure)
    answered = failure is None and page.status_code is not None and page.status_code > 0
    if not answered:
        failure = failure or Failure.HTTP_REQUEST_FAILED
    length = page.body_length if page.body_length is not None and page.body_length >= 0 else None
    detail = HttpDetail(
        address="",
        port=port,
        url=url,
        status=page.status_code if answered else None,
        headers=tuple((name.lower(), value) for name, value in (page.headers or {}).items()),
        title=" ".join((page.title or "").split())[:500] or None,
        body_length=length,
    )
    return Row(started=0.0, runtime=0.0, detail=detail, failure=failure, error=error)


def _at(page: HttpDetail, address: str, port: int, url: str) -> HttpDetail:
    return HttpDetail(
        address=address,
        port=port,
        url=url,
        status=page.status,
        headers=page.headers,
        title=page.title,
        body_length=page.body_length,
    )


def _put_page(visit: Hop, page: Row) -> None:
    """Puts the page at the first address of a place that worked, with the connection that it proves."""
    target, detail = visit.target, page.detail
    assert isinstance(detail, HttpDetail), "a page is an exchange"
    own = {r.value for row in visit.dns if isinstance(row.detail, DnsDetail) for r in row.detail.answers}
    good = [row.address for row in (visit.tls or visit.tcp) if row.failure is None]
    if page.failure is not None and (visit.tcp and not good):
        return  # the rows below say already why there was no page
    address = next((each for each in good if each in own), "") or next(iter(good), "")
    address = address or (target.host if parse(target.host) else min(own, default=""))
    page = Row(
        started=0.0,
        runtime=0.0,
        detail=_at(detail, address, target.port or 0, target.name),
        failure=page.failure,
        error=page.error,
    )
    if page.failure is None:
        _prove(visit, address)
    visit.http = [page]


def _prove(visit: Hop, address: str) -> None:
    """The rows below a page, where the helper lists none: older ones made no handshakes of their own."""
    target = visit.target
    port = target.port or 0
    if not any(row.address == address and row.failure is None for row in visit.tcp):
        visit.tcp.append(_shown(TcpDetail(address=address, port=port)))
    if target.scheme is Scheme.HTTPS and not visit.tls:
        visit.tls.append(_shown(TlsDetail(address=address, port=port, server_name=target.host)))
    if not visit.dns and parse(target.host) is None:
        visit.dns.append(_shown(answered(_RESOLVER, target.host, "A", [address])))


def _shown(detail: DnsDetail | TcpDetail | TlsDetail) -> Row:
    return Row(started=0.0, runtime=0.0, detail=detail, error=_IMPLIED)
