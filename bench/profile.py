"""Where the CPU of a check goes, by room: a long run less a short one, so that the start is not in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.contenders import HTTP, HTTPS, NAME, Bench, FailedError, probe_run, run

KINDS = {"HTTPS": HTTPS, "HTTP": HTTP, "DNS": NAME}
_LEAST = 0.005
"""A room that takes less of the whole is not told."""


def profile(bench: Bench, *, few: int, many: int) -> dict[str, dict[str, float]]:
    """CPU seconds for a check, by room, of each kind of check."""
    found: dict[str, dict[str, float]] = {}
    for name, kind in KINDS.items():
        short, long = _rooms(bench, kind, few), _rooms(bench, kind, many)
        each = {room: (long[room] - short.get(room, 0.0)) / (many - few) for room in long}
        whole = sum(each.values())
        found[name] = {room: cpu for room, cpu in each.items() if cpu > whole * _LEAST}
    return found


def _rooms(bench: Bench, kind: str, count: int) -> dict[str, float]:
    path = bench.home / "rooms.json"
    path.unlink(missing_ok=True)
    words = probe_run(bench.proven(kind, count), bench.fresh("probe.sqlite"), bench.concurrency)
    spent = run(bench, [sys.executable, "-m", "bench.clients.profiled", str(path), *words[1:]])
    if not path.exists():
        raise FailedError(f"the profiled run failed: {spent.said[-300:]}")
    rooms: dict[str, float] = json.loads(Path(path).read_text())
    return rooms


def next_factors(found: dict[str, dict[str, float]]) -> str:
    """What would be gained by taking out the dearest room, of each kind of check."""
    said = []
    for name, rooms in found.items():
        whole, dearest = sum(rooms.values()), max(rooms, key=lambda room: rooms[room])
        factor = whole / (whole - rooms[dearest])
        said.append(f"{name} checks would be {factor:.1f} times as cheap if `{dearest}` cost nothing")
    return f"the next factor lies where most is left: {', '.join(said)}."


def table(found: dict[str, dict[str, float]]) -> list[tuple[str, ...]]:
    """Rows for people: microseconds of CPU by room, most first, one column for each kind."""
    rooms = {room: max(of.get(room, 0.0) for of in found.values()) for of in found.values() for room in of}
    ordered = sorted(rooms, key=lambda room: -rooms[room])
    rows = [("CPU µs for a check", *found)]
    rows += [(room, *(f"{of[room] * 1e6:,.0f}" if room in of else "" for of in found.values())) for room in ordered]
    return [*rows, ("together", *(f"{sum(of.values()) * 1e6:,.0f}" for of in found.values()))]
