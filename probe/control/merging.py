"""One answer from several measurements of a control: a target as it is here, and at addresses that others were given.

Law: pure. No row is changed but in its number and its beginning, which counts from the beginning of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from probe.identity import joined_id
from probe.model import GreetingDetail, Measurement, TcpDetail


def tried(measurement: Measurement) -> frozenset[str]:
    """The addresses at which a measurement has tried its target."""
    rows = (row for row in measurement.observations if row.hop == 0)
    return frozenset(row.detail.address for row in rows if isinstance(row.detail, TcpDetail | GreetingDetail))


def merged(main: Measurement, others: Sequence[Measurement]) -> Measurement:
    """The main measurement with the observations of the others. The same ones give the same, id included."""
    others = sorted((each for each in others if each.observations), key=lambda each: each.id)
    if not others:
        return main
    parts = (main, *others)
    begun = min(part.started_at for part in parts)
    rows = sorted(
        (
            replace(row, started=row.started + (part.started_at - begun) / timedelta(seconds=1))
            for part in parts
            for row in part.observations
        ),
        key=lambda row: row.started,
    )
    return replace(
        main,
        id=joined_id([part.id for part in parts]),
        started_at=begun,
        runtime=max((part.started_at - begun) / timedelta(seconds=1) + part.runtime for part in parts),
        observations=tuple(replace(row, id=number) for number, row in enumerate(rows, start=1)),
    )
