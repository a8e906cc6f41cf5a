"""Cells and blocks as JSON, one object a line.

Law: pure. Every conclusion stands with the ids of the measurements that it rests on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from probe.form import time_text, vantage_json
from probe.history import Between, Block, Cell, Edge, Evidence, Judged, Place, Point, Said, Span

Ask = Callable[[Judged], tuple[Evidence, ...]]
"""Where the evidence of a verdict comes from."""


def cell_json(cell: Cell, kind: str, ask: Ask) -> dict[str, Any]:
    """One line of `compare --json`; `kind` says what the subject is: `service` or `target`."""
    return {
        kind: cell.subject,
        **_place(cell.place),
        "outcome": cell.outcome.value if cell.outcome else "mixed",
        "methods": [method.value for method in cell.methods],
        "confidence": cell.confidence.value if cell.confidence else None,
        "since": _between(cell.since),
        "settled": cell.settled,
        "measurements": cell.measurements,
        "vantage_points": len(cell.said),
        "verdicts": {outcome.value: count for outcome, count in cell.counts.items()},
        "blocked_share": round(cell.share, 6) if cell.share is not None else None,
        "blocked_interval": [round(end, 6) for end in cell.interval] if cell.interval else None,
        "said": [_said(said, ask) for said in cell.said],
    }


def block_json(block: Block, kind: str, ask: Ask) -> dict[str, Any]:
    """One line of `timeline --json`."""
    return {
        kind: block.subject,
        **_place(block.place),
        "methods": [method.value for method in block.methods],
        "confidence": block.confidence.value,
        "begin": _edge(block.begin, ask),
        "end": _edge(block.end, ask),
        "last_seen": time_text(block.last_seen),
        "verdicts": block.verdicts,
        "seen_by": [_span(span) for span in block.spans],
        "open_to": [_point(point) for point in block.against],
    }


def _place(place: Place) -> dict[str, Any]:
    known = place.known and place.network
    return {"country": place.country, "asn": place.asn, "network": place.network if known else None}


def _between(when: Between | None) -> dict[str, Any] | None:
    if when is None:
        return None
    return {
        "earliest": time_text(when.earliest) if when.earliest is not None else None,
        "latest": time_text(when.latest),
    }


def _point(point: Point) -> dict[str, Any]:
    return {"vantage": vantage_json(point.vantage), "database": point.source}


def _verdict(verdict: Judged, ask: Ask) -> dict[str, Any]:
    return {
        "started_at": time_text(verdict.started_at),
        "outcome": verdict.outcome.value,
        "methods": [method.value for method in verdict.methods],
        "confidence": verdict.confidence.value if verdict.confidence else None,
        "reason": verdict.reason,
        "rules_version": verdict.rules_version,
        "run_id": verdict.run_id,
        "measurements": [each.measurement_id for each in verdict.told_by(ask(verdict))],
    }


def _said(said: Said, ask: Ask) -> dict[str, Any]:
    state = {"since": _between(said.since), "settled": said.settled}
    return {**_point(said.point), **_verdict(said.verdict, ask), **state}


def _edge(edge: Edge | None, ask: Ask) -> dict[str, Any] | None:
    if edge is None:
        return None
    evidence = [{**_point(verdict.point), **_verdict(verdict, ask)} for verdict in edge.verdicts]
    return {**(_between(edge.when) or {}), "evidence": evidence}


def _span(span: Span) -> dict[str, Any]:
    return {
        **_point(span.point),
        "begin": _between(span.begin.when),
        "end": _between(span.end.when if span.end else None),
        "last_seen": time_text(span.last_seen),
        "verdicts": span.verdicts,
    }
