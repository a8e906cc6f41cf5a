"""The day's budget, in a run: what is left of it, and what is said when nothing is."""

from __future__ import annotations

from datetime import UTC, datetime

from probe.budget import Budget, Meter
from probe.store import Store

_USED_UP = (
    "The budget of this day is used up ({used}): {left} of {planned} targets were not measured. It begins anew at 00:00"
    " UTC{how}."
)


def meter_of(budget: Budget, store: Store | None) -> Meter | None:
    """What a run may still use, after what was recorded of this day; None where there is no limit."""
    if budget == Budget():
        return None
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Meter(budget, store.usage(midnight)) if store is not None else Meter(budget)


def used_up(meter: Meter, planned: int, measured: int, *, resumable: bool) -> str:
    """One sentence on a run that the budget has ended."""
    budget, used = meter.budget, meter.used
    parts = []
    if budget.bytes is not None:
        parts.append(f"{used.bytes} of {budget.bytes} bytes")
    if budget.connections is not None:
        parts.append(f"{used.connections} of {budget.connections} connections")
    how = "; `probe run --resume` measures the rest" if resumable else ""
    return _USED_UP.format(used=", ".join(parts), left=planned - measured, planned=planned, how=how)
