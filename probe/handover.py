"""What one process of a run hands to another: tasks one way, what was measured the other.

Law: pure. What is unpacked is equal to what was packed. Both ends are this program: nothing of it is kept, and no other
version ever reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, get_type_hints

import msgspec

from probe.model import DETAILS, Host, Measurement, Observation, StepName, Target, Verdict


class Order(msgspec.Struct, frozen=True, array_like=True):
    """A target to be measured, and how many seconds to wait before it."""

    target: Target
    delay: float


class Setup(msgspec.Struct, frozen=True, array_like=True):
    """What a worker must know before it measures anything."""

    run_id: str
    host: Host
    resolvers: tuple[tuple[str, int], ...]
    """Address and port of each, in the order in which they are asked."""


class Heard(msgspec.Struct, frozen=True, array_like=True):
    """What a control's answers have shown so far."""

    clock_offset: float | None
    impostor: bool


class Finding(msgspec.Struct, frozen=True):
    """A finished measurement with what the controls saw, and what follows if the host is one way or another."""

    here: Measurement
    controls: tuple[Measurement, ...]
    verdicts: Mapping[Host, Verdict]
    heard: tuple[Heard, ...]


def _names(record: type, *, but: str) -> tuple[str, ...]:
    return tuple(each.name for each in fields(record) if each.name != but)


def _packed(record: type, names: tuple[str, ...], *more: tuple[str, Any]) -> type[Any]:
    """The columns of a record, in their order and without their names, and some more after them."""
    kinds = get_type_hints(record)
    return msgspec.defstruct(f"Packed{record.__name__}", [*((n, kinds[n]) for n in names), *more], array_like=True)


_ROW, _FACTS = _names(Observation, but="detail"), _names(Measurement, but="observations")
_of_row, _of_facts = attrgetter(*_ROW), attrgetter(*_FACTS)
_Row = _packed(Observation, _ROW, ("step", StepName), ("detail", msgspec.Raw))  # what a detail is, the step says
_Measured = _packed(Measurement, _FACTS, ("rows", tuple[_Row, ...]))  # type: ignore[valid-type]

_encoder = msgspec.msgpack.Encoder()
_orders = msgspec.msgpack.Decoder(Order)
_setups = msgspec.msgpack.Decoder(Setup)
_details = {step: msgspec.msgpack.Decoder(kind) for step, kind in DETAILS.items()}
_findings: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(
    tuple[_Measured, tuple[_Measured, ...], tuple[tuple[Host, Verdict], ...], tuple[Heard, ...]]  # type: ignore[valid-type]
)


def pack_setup(setup: Setup) -> bytes:
    """What a worker is told first."""
    return _encoder.encode(setup)


def unpack_setup(data: bytes) -> Setup:
    """The setup that `pack_setup` packed."""
    return _setups.decode(data)


def pack_order(target: Target, delay: float) -> bytes:
    """A task on its way to a worker."""
    return _encoder.encode(Order(target, delay))


def unpack_order(data: bytes) -> Order:
    """The task that `pack_order` packed."""
    return _orders.decode(data)


def pack(finding: Finding) -> bytes:
    """A finished measurement on its way to whoever records it."""
    controls = [_measured(control) for control in finding.controls]
    return _encoder.encode([_measured(finding.here), controls, list(finding.verdicts.items()), finding.heard])


def unpack(data: bytes) -> Finding:
    """The measurement that `pack` packed."""
    here, controls, verdicts, heard = _findings.decode(data)
    return Finding(_measurement(here), tuple(map(_measurement, controls)), dict(verdicts), heard)


def _measured(each: Measurement) -> list[Any]:
    rows = [(*_of_row(row), row.step, row.detail) for row in each.observations]
    return [*_of_facts(each), rows]


def _measurement(each: Any) -> Measurement:
    facts = dict(zip(_FACTS, _of_facts(each), strict=True))
    return Measurement(**facts, observations=tuple(map(_observation, each.rows)))


def _observation(row: Any) -> Observation:
    return Observation(**dict(zip(_ROW, _of_row(row), strict=True)), detail=_details[row.step].decode(row.detail))
