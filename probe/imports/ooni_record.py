"""What all measurements read from OONI have in common: who measured, when, in which run, under which ids.

Law: pure. Ids are made from what the file says and from nothing else: the same file gives the same ids.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from probe.imports.ooni_form import Report
from probe.imports.ooni_rows import Rows, UnfitError
from probe.model import Host, HttpDetail, Measurement, Observation, Run, Target, TlsDetail, Vantage

VANTAGE = "ooni"
"""The name of every vantage point here: who measured is not known, and shall not be."""
HOST = Host(online=True)
"""Of the measuring machine nothing is known but that it could send in what it found."""
_NAMES = uuid.UUID("6b0f3b5e-52a4-5f0e-9f8b-2f4f4f6f3c11")
_FORMAT = "%Y-%m-%d %H:%M:%S"
_EARLIEST = datetime(2012, 1, 1, tzinfo=UTC)  # there was no OONI before
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)  # a clock that is so wrong says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A measurement, and what controls saw of its target."""

    measurement: Measurement
    controls: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The top level of an OONI measurement, read."""

    identity: str
    """The text that ids are made from: no other measurement has the same."""
    run: Run
    started_at: datetime
    """UTC."""

    def name_of(self, target: Target, *more: str) -> str:
        """The id of the measurement of one target, or of what belongs to it."""
        return str(uuid.uuid5(_NAMES, "\n".join((self.identity, target.name, *more))))

    def belonging(self, target: Target, service: str | None) -> Target:
        """The target as one of a service."""
        return replace(target, service=service)


def header_of(report: Report, source: str) -> Header:
    """Reads the top level; `source` is the name of the file, for the run's settings. Raises UnfitError."""
    started_at = _moment(report.measurement_start_time, "measurement_start_time")
    begun_at = _moment(report.test_start_time, "test_start_time") if report.test_start_time else started_at
    vantage = Vantage(
        name=VANTAGE,
        country=_country(report.probe_cc or ""),
        asn=_asn(report.probe_asn or ""),
        network=report.probe_network_name or None,
    )
    told = (report.software_name, report.software_version, report.probe_cc, report.probe_asn)
    session = report.report_id or "\n".join(map(str, (report.test_name, report.test_start_time, *told)))
    input_name = report.input if isinstance(report.input, str) else ""
    run = Run(
        id=str(uuid.uuid5(_NAMES, f"run\n{session}")),
        command="import",
        vantage=vantage,
        host=HOST,
        started_at=begun_at,
        finished_at=None,
        software=" ".join(filter(None, (report.software_name, report.software_version))),
        settings={
            "source": source,
            "report_id": report.report_id,
            "test_name": report.test_name,
            "test_version": report.test_version,
        },
    )
    # An id that only the archive gives comes last: the same measurement may be read from the probe's own disk too.
    parts = (
        report.test_name,
        input_name,
        report.measurement_start_time,
        "" if report.report_id else report.measurement_uid or "",
    )
    return Header(identity="\n".join((session, *parts)), run=run, started_at=started_at)


def measured(header: Header, target: Target, observed: tuple[Observation, ...], rows: Rows) -> Measurement:
    """A measurement of one target, with those of the bodies and certificates that its rows name."""
    details = [row.detail for row in observed]
    bodies = {d.body_sha256 for d in details if isinstance(d, HttpDetail)}
    certificates = {each for d in details if isinstance(d, TlsDetail) for each in d.certificates}
    return Measurement(
        id=header.name_of(target),
        run_id=header.run.id,
        target=target,
        vantage=header.run.vantage,
        started_at=header.started_at,
        runtime=max((row.started + row.runtime for row in observed), default=0.0),
        observations=observed,
        bodies={key: body for key, body in rows.bodies.items() if key in bodies},
        certificates={key: der for key, der in rows.certificates.items() if key in certificates},
    )


def _moment(text: str, place: str) -> datetime:
    try:
        moment = datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise UnfitError(f"{place}: {text[:40]!r} is no time such as 2026-11-24 00:00:00") from None
    if not _EARLIEST <= moment < _LATEST:
        raise UnfitError(f"{place}: {text} is no time at which OONI was there")
    return moment


def _country(text: str) -> str:
    return text.upper() if len(text) == 2 and text.isascii() and text.isalpha() else "ZZ"


def _asn(text: str) -> int:
    digits = text.upper().removeprefix("AS")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 11 and int(digits) < 1 << 32 else 0
