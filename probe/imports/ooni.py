"""OONI measurements, data format 0.2.0, as measurements of ours.

Law: pure. A record becomes whole measurements, or none and a reason; nothing in it is trusted to have the right type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from probe.imports.ooni_form import Keys, Report
from probe.imports.ooni_messengers import SERVICES, read_messenger
from probe.imports.ooni_record import Header, Pair, header_of
from probe.imports.ooni_rows import UnfitError
from probe.imports.ooni_web import read_web
from probe.model import Run

TESTS: Mapping[str, Callable[[Report, Keys, Header], Iterator[Pair]]] = {
    "web_connectivity": read_web,
    **dict.fromkeys(SERVICES, read_messenger),
}
"""The tests whose measurements can be read."""
_FORMATS = frozenset({None, "0.2.0", "0.3.0", "0.3.1", "0.3.2", "0.3.3", "0.3.4", "0.4.0"})
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What one record holds."""

    run: Run
    pairs: tuple[Pair, ...]


def read(data: bytes, source: str) -> Imported:
    """The measurements in one record; `source` names the file. Raises UnfitError, with the place and the reason."""
    try:
        report = msgspec.json.decode(data, type=Report)
        test = TESTS.get(report.test_name)
        if test is None:
            raise UnfitError(f"test_name: {report.test_name[:40]!r} is not imported; {', '.join(TESTS)} are")
        if report.data_format_version not in _FORMATS:
            raise UnfitError(f"data_format_version: {report.data_format_version!r} is not known")
        keys = msgspec.json.decode(report.test_keys, type=Keys)
        header = header_of(report, source)
        return Imported(run=header.run, pairs=tuple(test(report, keys, header)))
    except RecursionError:
        raise UnfitError("nested too deep") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnfitError(str(error)[:_LONGEST_REASON]) from None
