"""`web_connectivity`, 0.4 and 0.5: one URL, and a test helper's view of it beside it.

Law: pure. What other resolvers than the machine's own said (0.5 asks several) decides nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from probe.imports.ooni_form import Keys, Report
from probe.imports.ooni_path import follow
from probe.imports.ooni_record import Header, Pair, measured
from probe.imports.ooni_rows import UnfitError, rows_of
from probe.model import DEFAULT_PORTS
from probe.ooni.helper import addresses, control_of
from probe.ooni.hop import observations
from probe.targets import TargetError, parse_one, service_of, shipped


def read_web(report: Report, keys: Keys, header: Header) -> Iterator[Pair]:
    """The one measurement of an URL, with the helper's. Raises UnfitError."""
    if not isinstance(report.input, str):
        raise UnfitError("input: no URL")
    try:
        target = parse_one(report.input)
    except TargetError as wrong:
        raise UnfitError(f"input: {wrong}") from None
    if target.scheme not in DEFAULT_PORTS:
        raise UnfitError(f"input: {target.name} has no pages")
    target = header.belonging(target, service_of(target.host, shipped()))
    rows = rows_of(keys)
    hops = follow(target, rows, addresses(keys.control))
    observed = observations(hops)
    if not observed:
        raise UnfitError("test_keys: no operation is recorded")
    mine = measured(header, target, observed, rows)
    control = control_of(keys.control, hops, header.name_of(target, "control"), header.started_at)
    yield Pair(measurement=mine, controls=(control,) if control is not None else ())
