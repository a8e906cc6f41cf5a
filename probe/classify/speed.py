"""How fast a page came, set against the controls: a transfer that freezes, and one that crawls.

Law: pure. A slow line is no interference: that a control's transfer was faster is never enough by itself. What counts
is a transfer that stops dead again and again, or that runs as soon as the name in the handshake is another.
"""

from __future__ import annotations

from collections.abc import Iterable

from probe.classify.facts import Case
from probe.classify.path import TIMEOUTS, Evidence, ids
from probe.model import Experiment, HttpDetail, Observation

MUCH = 16_000
"""Bytes: whoever slows lets a little pass first, and less says nothing about how fast the rest is."""
TIMES_FASTER = 10
"""How much faster another transfer of the same page must have been."""
NOTICEABLE = 1.0
"""Seconds: a transfer that takes less is not slow, whatever it is set against."""
_SILENCE = 1.0
"""Seconds before the deadline in which nothing more came."""
_FIRST_FULL_PACKETS = 4_000
"""Bytes: what stops before is more often a path that loses large packets than somebody who counts."""
_MOMENT = 0.001  # seconds: a page that came in one piece


def is_slowed(case: Case) -> bool:
    """Whether the transfer here is so unlike a control's that it is worth a closer look."""
    return bool(frozen(case) or crawling(case))


def frozen(case: Case) -> tuple[Observation, ...]:
    """Transfers that began and then stopped dead, while a control got more of the same page."""
    best = _most(peer.http for peer in case.peers)
    rows = tuple(row for row in case.end.http if _stopped(row))
    return rows if rows and case.end.page is None and all(_bytes(row) < best for row in rows) else ()


def crawling(case: Case) -> tuple[Observation, ...]:
    """Transfers that took their time, while a control's of the same page were ten times as fast."""
    rows = tuple(row for row in case.end.http if _bytes(row) >= MUCH and _seconds(row) >= NOTICEABLE)
    theirs = [row for peer in case.peers for row in peer.http if row.failure is None and _bytes(row) >= MUCH]
    return tuple(row for row in rows if any(_outruns(other, row) and _same_url(other, row) for other in theirs))


def freezes_again(case: Case) -> Evidence | None:
    """It stopped dead every time."""
    rows = frozen(case)
    again = tuple(row for row in case.tried(Experiment.TRANSFER).http if _stopped(row))
    return ids((*rows, *again)) if rows and (again or len(rows) > 1) else None


def slow_by_name(case: Case) -> Evidence | None:
    """Under another name in the handshake, or its own in two pieces, the same page comes ten times as fast."""
    slow = frozen(case) or crawling(case)
    again = tuple(row for row in case.tried(Experiment.TRANSFER).http if _bytes(row) or row.failure)
    faster = tuple(
        row
        for experiment in (Experiment.OTHER_SERVER_NAME, Experiment.SPLIT_SEGMENTS)
        for row in case.tried(experiment).http
        if row.failure is None and _bytes(row) >= MUCH and all(_outruns(row, other) for other in (*slow, *again))
    )
    return ids((*slow, *again, *faster)) if slow and again and faster else None


def _stopped(row: Observation) -> bool:
    detail = row.detail
    if not isinstance(detail, HttpDetail) or detail.received_after is None or row.failure not in TIMEOUTS:
        return False
    return _bytes(row) >= _FIRST_FULL_PACKETS and row.runtime - detail.received_after >= _SILENCE


def _bytes(row: Observation) -> int:
    return getattr(row.detail, "received", None) or 0


def _seconds(row: Observation) -> float:
    """From the head of the answer to the end of the transfer; to the deadline, where it did not end."""
    detail = row.detail
    if not isinstance(detail, HttpDetail) or detail.head_after is None:
        return 0.0
    end = row.runtime if row.failure in TIMEOUTS else (detail.received_after or detail.head_after)
    return max(end - detail.head_after, _MOMENT)


def _outruns(row: Observation, other: Observation) -> bool:
    """One transfer was ten times as fast as the other."""
    return _bytes(row) / _seconds(row) >= TIMES_FASTER * _bytes(other) / max(_seconds(other), _MOMENT)


def _same_url(row: Observation, other: Observation) -> bool:
    return getattr(row.detail, "url", None) == getattr(other.detail, "url", None)


def _most(several: Iterable[tuple[Observation, ...]]) -> int:
    return max((_bytes(row) for rows in several for row in rows if row.failure is None), default=0)
