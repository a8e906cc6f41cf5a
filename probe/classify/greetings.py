"""The conditions about greetings: what is answered to the first bytes in a target's own protocol.

Law: pure. An exchange that is cut here counts only where the control got a proper answer from the very same address,
since a server that answers nobody there proves nothing. Inside TLS, whoever answers is the service itself.
"""

from __future__ import annotations

from collections.abc import Callable

from probe.classify import conditions as c
from probe.classify.facts import Case
from probe.classify.path import TIMEOUTS, Evidence, Layer
from probe.failure import Failure
from probe.model import GreetingDetail, Observation

# PERMISSION_DENIED is not among them: for a datagram it is this host's own firewall that says so.
_REJECTED = c.UNREACHABLE - {Failure.PERMISSION_DENIED} | {Failure.CONNECTION_REFUSED}
_TAMPERED = frozenset({Failure.SSL_FAILED_HANDSHAKE, Failure.UNKNOWN})


def answered(case: Case) -> Evidence | None:
    """An answer in the target's own protocol: nobody else at that place would speak it."""
    page = case.end.page
    if page is not None and page.recognised:
        return c.when(case.mine.reached, case.end.http)
    rows = tuple(row for row in case.end.greeting if getattr(row.detail, "recognised", False))
    return c.when(case.mine.reached and bool(rows), rows)


def fails_everywhere(case: Case) -> Evidence | None:
    return c.fails_everywhere(case, Layer.GREETING)


def refused(case: Case) -> Evidence | None:
    """What has proven to be the service by its certificate answers otherwise here than at the control."""
    rows = _at_the_same_place(case, _is_other, inside_tls=True)
    return c.when(case.control_reached is True and bool(rows), rows)


def other_answer(case: Case) -> Evidence | None:
    rows = _at_the_same_place(case, _is_other, inside_tls=False)
    return c.when(bool(rows), rows)


def reset(case: Case) -> Evidence | None:
    return _fails(case, c.CUT, inside_tls=False)


def timeout(case: Case) -> Evidence | None:
    return _fails(case, TIMEOUTS, inside_tls=False)


def eof(case: Case) -> Evidence | None:
    return _fails(case, frozenset({Failure.EOF}), inside_tls=False)


def rejected(case: Case) -> Evidence | None:
    return _fails(case, _REJECTED, inside_tls=False)


def reset_inside_tls(case: Case) -> Evidence | None:
    return _fails(case, c.CUT | _TAMPERED, inside_tls=True)


def timeout_inside_tls(case: Case) -> Evidence | None:
    return _fails(case, TIMEOUTS, inside_tls=True)


def eof_inside_tls(case: Case) -> Evidence | None:
    return _fails(case, frozenset({Failure.EOF}), inside_tls=True)


def _fails(case: Case, words: frozenset[Failure], *, inside_tls: bool) -> Evidence | None:
    rows = _at_the_same_place(case, lambda row: row.failure in words, inside_tls=inside_tls)
    return c.when(bool(rows), rows)


def _is_other(row: Observation) -> bool:
    return row.failure is None and not getattr(row.detail, "recognised", False)


def _at_the_same_place(
    case: Case, wanted: Callable[[Observation], bool], *, inside_tls: bool
) -> tuple[Observation, ...]:
    """Greetings of this kind, at addresses where a control got a proper answer."""
    if case.end.failed is not Layer.GREETING:
        return ()
    proper = frozenset().union(*(peer.answered for peer in case.peers))
    return tuple(
        row
        for row in case.end.greeting
        if isinstance(row.detail, GreetingDetail)
        and wanted(row)
        and row.detail.address in proper
        and (row.detail.transport == "tls") is inside_tls
    )
