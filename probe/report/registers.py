"""Registers in plain words, beside a verdict and never a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from probe.model import Outcome, Result
from probe.register import By, Entry, Register, Standing
from probe.report.safe import safe

_NEAR = {
    By.PARENT: "{key} above it is",
    By.PAGE: "a page of it is",
    By.SHARED_ADDRESS: "its address {key} is named in an entry for something else",
}


def beside_verdict(result: Result, standings: Sequence[Standing]) -> Iterator[str]:
    """What the registers say of a target that was measured; nothing where there is no register to ask."""
    measured_on = result.measurement.started_at.date()
    listed = [standing for standing in standings if standing.listed]
    outcome = result.verdict.outcome
    for standing in listed:
        yield standing_line(standing, measured_on, "not blocked here" if outcome is Outcome.OK else "")
    if listed or not standings:
        return
    asked = ", ".join(_as_of(standing.register) for standing in standings)
    yield f"{'blocked, but ' if outcome is Outcome.BLOCKED else ''}in no register ({asked})"
    for standing in standings:
        if standing.by is not None:
            yield standing_line(standing, measured_on)


def standing_line(standing: Standing, measured_on: date | None = None, further: str = "") -> str:
    """How a target stands in one register. `measured_on`: a later entry says so. `further` follows the date."""
    name, entry = safe(standing.register.name, 80), standing.entry
    if standing.by is None or entry is None:
        return f"not in the register {_as_of(standing.register)}"
    since = f"since {entry.date}" if entry.date else "since a day that it does not give"
    if entry.date and measured_on and entry.date > measured_on:
        since += ", after this measurement"
    since += f", {further}" if further else ""
    if standing.listed:
        return f"in the register {name} {since} ({_ground(entry, f'{standing.by} {standing.key}')})"
    near = _NEAR[standing.by].format(key=safe(standing.key or ""))
    return f"not in the register {name}, but {near}, {since} ({_ground(entry, entry.url or entry.domain or '')})"


def register_line(register: Register) -> str:
    """A register in one line."""
    damaged = f", {register.damaged} damaged lines" if register.damaged else ""
    imported = f", imported {register.imported_at:%Y-%m-%d %H:%M} UTC" if register.imported_at else ""
    return f"{_as_of(register)}: {register.country}, {register.entries} entries{damaged}{imported}"


def _as_of(register: Register) -> str:
    return f"{safe(register.name, 80)} as of {register.as_of:%Y-%m-%d}"


def _ground(entry: Entry, what: str) -> str:
    """What is listed, and by whose decision."""
    decided = ", ".join(filter(None, (entry.authority, entry.decision)))
    return safe("; ".join(filter(None, (what, decided))))
