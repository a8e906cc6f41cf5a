"""Records as rows, and rows as records again: what is read back is equal to what was written.

Law: pure; no SQL. One function each way for each record, wherever its rows are read from.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec

from probe.form import dumps, observation_from_json, parse_time, time_text
from probe.model import (
    Certainty,
    Confidence,
    Host,
    HttpDetail,
    Measurement,
    Method,
    Observation,
    Outcome,
    ProtocolName,
    Reason,
    Result,
    Role,
    Run,
    Scheme,
    StepName,
    Target,
    TlsDetail,
    Vantage,
    Verdict,
    detail_columns,
)
from probe.service import Need, RoleVerdict, ServiceVerdict
from probe.store.problem import StoreError
from probe.store.schema import DETAIL_COLUMNS, OBSERVATION_COLUMNS
from probe.storefront import AppStore, Listing, Question, Said, StoreCheck

Row = Mapping[str, Any] | sqlite3.Row

_DETAILS: Mapping[StepName, tuple[tuple[str, type], ...]] = {
    step: tuple((column, DETAIL_COLUMNS[column]) for column in detail_columns(step)) for step in StepName
}
"""The columns of a step's own, and what is in them."""
_REMEMBERED = 1000
"""Texts whose records are kept: every measurement of a run has the same of its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where bodies and certificates are found by their hashes; None for one that is not kept."""

    body: Callable[[str], bytes | None]
    certificate: Callable[[str], bytes | None]


def vantage_row(vantage: Vantage) -> dict[str, Any]:
    return {"name": vantage.name, "country": vantage.country, "asn": vantage.asn, "network": vantage.network}


def vantage_from_row(row: Row) -> Vantage:
    return Vantage(name=row["name"], country=row["country"], asn=row["asn"], network=row["network"])


def target_row(target: Target) -> dict[str, Any]:
    return {
        "name": target.name,
        "scheme": target.scheme.value,
        "host": target.host,
        "port": target.port,
        "path": target.path,
        "speaks": target.speaks.value if target.speaks else None,
        "service": target.service,
        "role": target.role.value if target.role else None,
        "certainty": target.certainty.value,
        "retired": target.retired.isoformat() if target.retired else None,
        "roots": dumps(target.roots),
    }


def target_from_row(row: Row) -> Target:
    return Target(
        scheme=Scheme(row["scheme"]),
        host=row["host"],
        port=row["port"],
        path=row["path"],
        speaks=ProtocolName(row["speaks"]) if row["speaks"] else None,
        service=row["service"],
        role=Role(row["role"]) if row["role"] else None,
        certainty=Certainty(row["certainty"]),
        retired=date.fromisoformat(row["retired"]) if row["retired"] else None,
        roots=tuple(msgspec.json.decode(row["roots"])),
    )


def run_row(run: Run, vantage_id: int) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": f"{run.started_at:%Y-%m-%d %H:%M:%S} {run.command} at {_place(run.vantage)}",
        "command": run.command,
        "vantage_id": vantage_id,
        "started_at": time_text(run.started_at),
        "finished_at": time_text(run.finished_at) if run.finished_at else None,
        "process": run.process,
        "software": run.software,
        "host": host_text(run.host),
        "settings": dumps(dict(run.settings)),
        "services": dumps(run.services),
    }


def host_text(host: Host) -> str:
    """A host as the JSON that its column holds."""
    return dumps(host)


@lru_cache(maxsize=_REMEMBERED)
def host_from_text(text: str) -> Host:
    return msgspec.json.decode(text, type=Host)


@lru_cache(maxsize=_REMEMBERED)
def needs_from_text(text: str) -> tuple[Need, ...]:
    """The column `services` of a run."""
    return msgspec.json.decode(text, type=tuple[Need, ...])


def run_from_row(row: Row, vantage: Vantage) -> Run:
    return Run(
        id=row["id"],
        command=row["command"],
        vantage=vantage,
        host=host_from_text(row["host"]),
        started_at=parse_time(row["started_at"]),
        finished_at=parse_time(row["finished_at"]) if row["finished_at"] else None,
        process=row["process"],
        software=row["software"],
        settings=msgspec.json.decode(row["settings"]),
        services=needs_from_text(row["services"]),
    )


def measurement_row(measurement: Measurement, target_id: int, vantage_id: int) -> dict[str, Any]:
    """The columns that a measurement of ours and one of a control have in common: all but `run_id`."""
    started_at = time_text(measurement.started_at)
    return {
        "id": measurement.id,
        "title": f"{measurement.target.name} {started_at[:16].replace('T', ' ')}",
        "target_id": target_id,
        "vantage_id": vantage_id,
        "started_at": started_at,
        "runtime": measurement.runtime,
        "lag": measurement.lag,
    }


def measurement_from_rows(row: Row, observed: Iterable[Row], kept: Kept | None) -> Measurement:
    """A measurement from a row that also has the columns of its target and vantage point, and its observations in their
    order. Without `kept` it has no bodies and certificates."""
    observations = observations_from_rows(observed)
    pages = [each.detail.body_sha256 for each in observations if isinstance(each.detail, HttpDetail)]
    chains = [of for each in observations if isinstance(each.detail, TlsDetail) for of in each.detail.certificates]
    return Measurement(
        id=row["id"],
        run_id=row["run_id"],
        target=target_from_row(row),
        vantage=vantage_from_row(row),
        started_at=parse_time(row["started_at"]),
        runtime=row["runtime"],
        lag=row["lag"],
        observations=observations,
        bodies=_found(kept.body, pages) if kept else {},
        certificates=_found(kept.certificate, chains) if kept else {},
    )


def result_from_rows(
    row: Row,
    observed: Iterable[Row],
    controls: Iterable[tuple[Row, Iterable[Row]]],
    reasons: Iterable[Row],
    kept: Kept | None,
) -> Result:
    """A measurement, whose row also has the columns of its newest verdict, with its controls, each as a row and its
    observations, and the verdict's reasons, all in their order. Raises StoreError where they are none."""
    try:
        return Result(
            measurement=measurement_from_rows(row, observed, kept),
            controls=tuple(measurement_from_rows(*control, kept) for control in controls),
            verdict=verdict_from_row(row, tuple(map(reason_from_row, reasons))),
        )
    except (ValueError, msgspec.MsgspecError) as error:
        raise StoreError(f"measurement {row['id']} cannot be read: {error}; was the file changed by hand?") from error


def _found(kept: Callable[[str], bytes | None], hashes: Iterable[str | None]) -> dict[str, bytes]:
    """Those of the hashes that something is kept for."""
    wanted = (sha256 for sha256 in dict.fromkeys(hashes) if sha256)
    return {sha256: content for sha256 in wanted if (content := kept(sha256)) is not None}


def comparison_row(measurement_id: str, number: int, control_measurement_id: str) -> dict[str, Any]:
    """Which measurement of a control stands beside one of ours."""
    return {"measurement_id": measurement_id, "number": number, "control_measurement_id": control_measurement_id}


def observation_row(measurement_id: str, observation: Observation) -> dict[str, Any]:
    """The JSON form with its lists as text, and its times as exact as they were measured; always in one order."""
    detail, step = observation.detail, observation.step
    row: dict[str, Any] = dict.fromkeys(OBSERVATION_COLUMNS)
    for column, kind in _DETAILS[step]:
        value = getattr(detail, column)
        row[column] = dumps(value) if kind is tuple else value
    row["measurement_id"] = measurement_id
    row["id"] = observation.id
    row["step"] = step.value
    row["started"] = observation.started
    row["runtime"] = observation.runtime
    row["attempt"] = observation.attempt
    row["hop"] = observation.hop
    row["experiment"] = observation.experiment.value if observation.experiment else None
    row["hop_limit"] = observation.hop_limit
    row["router"] = observation.router
    row["failure"] = observation.failure.value if observation.failure else None
    row["error"] = observation.error
    return row


def observations_as_rows(measurement: Measurement) -> list[dict[str, Any]]:
    """The observations of a measurement as the database has them."""
    return [observation_row(measurement.id, each) for each in measurement.observations]


def observations_from_rows(found: Iterable[Row]) -> tuple[Observation, ...]:
    """Such rows as observations again."""
    return tuple(map(observation_from_row, found))


def observation_from_row(row: Row) -> Observation:
    form = {column: row[column] for column in OBSERVATION_COLUMNS}
    for column in detail_columns(StepName(row["step"])):
        kind = DETAIL_COLUMNS[column]
        if kind is tuple:
            form[column] = msgspec.json.decode(row[column])
        elif kind is bool and row[column] is not None:
            form[column] = bool(row[column])
    return observation_from_json(form)


def verdict_row(verdict: Verdict, made_at: str) -> dict[str, Any]:
    sure = f", {verdict.confidence.value}" if verdict.confidence else ""
    methods = f" ({', '.join(method.value for method in verdict.methods)})" if verdict.methods else ""
    return {
        "title": f"{verdict.outcome.value}{methods}{sure}",
        "measurement_id": verdict.measurement_id,
        "rules_version": verdict.rules_version,
        "outcome": verdict.outcome.value,
        "methods": dumps([method.value for method in verdict.methods]),
        "confidence": verdict.confidence.value if verdict.confidence else None,
        "controls": dumps(verdict.controls),
        "made_at": made_at,
    }


def verdict_from_row(row: Row, reasons: tuple[Reason, ...]) -> Verdict:
    return Verdict(
        measurement_id=row["measurement_id"],
        outcome=Outcome(row["outcome"]),
        methods=tuple(Method(word) for word in msgspec.json.decode(row["methods"])),
        confidence=Confidence(row["confidence"]) if row["confidence"] else None,
        reasons=reasons,
        rules_version=row["rules_version"],
        controls=tuple(msgspec.json.decode(row["controls"])),
    )


def service_verdict_row(verdict: ServiceVerdict, made_at: str) -> dict[str, Any]:
    """All but the vantage point, which is the run's."""
    sure = f" ({', '.join(verdict.methods)}), {verdict.confidence}" if verdict.confidence else ""
    return {
        "title": f"{verdict.service} {verdict.outcome}{sure}",
        "run_id": verdict.run_id,
        "service": verdict.service,
        "rules_version": verdict.rules_version,
        "outcome": verdict.outcome.value,
        "methods": dumps([method.value for method in verdict.methods]),
        "confidence": verdict.confidence.value if verdict.confidence else None,
        "text": verdict.text,
        "roles": dumps(verdict.roles),
        "made_at": made_at,
    }


def service_verdict_from_row(row: Row) -> ServiceVerdict:
    return ServiceVerdict(
        run_id=row["run_id"],
        service=row["service"],
        outcome=Outcome(row["outcome"]),
        methods=tuple(Method(word) for word in msgspec.json.decode(row["methods"])),
        confidence=Confidence(row["confidence"]) if row["confidence"] else None,
        text=row["text"],
        roles=msgspec.json.decode(row["roles"], type=tuple[RoleVerdict, ...]),
        rules_version=row["rules_version"],
    )


def reason_row(verdict_id: int, number: int, reason: Reason) -> dict[str, Any]:
    return {"verdict_id": verdict_id, "number": number, **_reason_columns(reason)}


def reason_from_row(row: Row) -> Reason:
    return Reason(code=row["code"], text=row["text"], observations=tuple(msgspec.json.decode(row["observations"])))


def listing_row(check: StoreCheck, made_at: str) -> dict[str, Any]:
    return {
        "title": f"{check.service} in {check.store.value}, {check.country}: {check.listing.value}",
        "run_id": check.questions[0].measurement.run_id,
        "service": check.service,
        "store": check.store.value,
        "app": check.app,
        "country": check.country,
        "listing": check.listing.value,
        **_reason_columns(check.reason),
        "rules_version": check.rules_version,
        "made_at": made_at,
    }


def listing_from_row(row: Row, questions: tuple[Question, ...]) -> StoreCheck:
    return StoreCheck(
        service=row["service"],
        store=AppStore(row["store"]),
        app=row["app"],
        country=row["country"],
        listing=Listing(row["listing"]),
        reason=reason_from_row(row),
        questions=questions,
        rules_version=row["rules_version"],
    )


def question_rows(check: StoreCheck, listing_id: int) -> list[dict[str, Any]]:
    return [
        {
            "listing_id": listing_id,
            "number": number,
            "country": question.country,
            "app": question.app,
            "said": question.said.value,
            **_reason_columns(question.reason),
            "store_measurement_id": question.measurement.id,
        }
        for number, question in enumerate(check.questions, start=1)
    ]


def question_from_row(row: Row, measurement: Measurement) -> Question:
    return Question(
        country=row["asked_country"],
        app=row["app"],
        said=Said(row["said"]),
        reason=reason_from_row(row) if row["code"] else None,
        measurement=measurement,
    )


def _reason_columns(reason: Reason | None) -> dict[str, Any]:
    if reason is None:
        return {"code": None, "text": None, "observations": None}
    return {"code": reason.code, "text": reason.text, "observations": dumps(reason.observations)}


def _place(vantage: Vantage) -> str:
    """`home (RU AS12389)`; what is unknown is left out."""
    known = [vantage.country] if vantage.country != "ZZ" else []
    known += [f"AS{vantage.asn}"] if vantage.asn else []
    return f"{vantage.name} ({' '.join(known)})" if known else vantage.name
