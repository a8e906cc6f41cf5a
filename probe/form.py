"""How records look as JSON, and back: the one shape of `--json`, of the control wire, and of golden cases.

Law: pure. Reading takes nothing for granted: what came from elsewhere is checked against the model's types.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from probe.failure import Failure
from probe.model import (
    DETAILS,
    Experiment,
    Measurement,
    Observation,
    Reason,
    Result,
    Run,
    Service,
    StepName,
    Vantage,
    Verdict,
    detail_columns,
)
from probe.register import Register, Standing
from probe.service import ServiceVerdict
from probe.storefront import StoreCheck

# The columns every observation has, but for `step`, with the types they are read as.
_COMMON: dict[str, Any] = {
    "id": int,
    "started": float,
    "runtime": float,
    "attempt": int,
    "hop": int,
    "experiment": Experiment | None,
    "hop_limit": int | None,
    "router": str | None,
    "failure": Failure | None,
    "error": str | None,
}
_DIGITS = 6  # a microsecond: finer is noise


class FormError(ValueError):
    """A record from elsewhere does not have the form it must have; the text says where and how."""


def time_text(moment: datetime) -> str:
    """UTC, ISO 8601, with microseconds and `Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> datetime:
    """The moment a `time_text` names."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is UTC:  # ours are, and there are millions of them
            return moment
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise FormError(f"not an ISO 8601 time: {text!r:.60}") from None


def observation_json(observation: Observation) -> dict[str, Any]:
    """An observation as one flat object: the common columns, then those of its step."""
    row: dict[str, Any] = {
        "id": observation.id,
        "step": observation.step.value,
        "started": round(observation.started, _DIGITS),
        "runtime": round(observation.runtime, _DIGITS),
        "attempt": observation.attempt,
        "hop": observation.hop,
        "experiment": observation.experiment.value if observation.experiment else None,
        "hop_limit": observation.hop_limit,
        "router": observation.router,
        "failure": observation.failure.value if observation.failure else None,
        "error": observation.error,
    }
    for column in detail_columns(observation.step):
        row[column] = msgspec.to_builtins(getattr(observation.detail, column))
    return row


def observation_from_json(row: object) -> Observation:
    """The observation that `observation_json` wrote. Unknown columns are left out, wrong types are a FormError."""
    if not isinstance(row, dict):
        raise FormError("an observation must be an object")
    try:
        step = StepName(str(row.get("step")))
        detail = {key: row[key] for key in detail_columns(step) if key in row}
        return Observation(
            **{name: msgspec.convert(row[name], kind) for name, kind in _COMMON.items() if name in row},
            detail=msgspec.convert(detail, DETAILS[step]),
        )
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise FormError(f"not an observation: {error}") from None


def vantage_json(vantage: Vantage) -> dict[str, Any]:
    """A vantage point as it stands in every verdict line."""
    return {"name": vantage.name, "country": vantage.country, "asn": vantage.asn, "network": vantage.network}


def vantage_from_json(row: object) -> Vantage:
    """The vantage point that `vantage_json` wrote."""
    try:
        return msgspec.convert(row, Vantage)
    except msgspec.ValidationError as error:
        raise FormError(f"not a vantage point: {error}") from None


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The columns of a verdict line that are conclusions."""
    return {
        "outcome": verdict.outcome.value,
        "methods": [method.value for method in verdict.methods],
        "confidence": verdict.confidence.value if verdict.confidence else None,
        "reasons": [_reason_json(reason) for reason in verdict.reasons],
        "rules_version": verdict.rules_version,
        "controls": list(verdict.controls),
    }


def measurement_json(measurement: Measurement) -> dict[str, Any]:
    """The columns of a verdict line that are facts, but for the observations."""
    return {
        "measurement_id": measurement.id,
        "run_id": measurement.run_id,
        "target": measurement.target.name,
        "service": measurement.target.service,
        "vantage": vantage_json(measurement.vantage),
        "started_at": time_text(measurement.started_at),
        "runtime": round(measurement.runtime, _DIGITS),
    }


def result_json(result: Result) -> dict[str, Any]:
    """One line of `--json`: facts, conclusion, observations (contract, `--json`)."""
    return {
        **measurement_json(result.measurement),
        **verdict_json(result.verdict),
        "observations": [observation_json(row) for row in result.measurement.observations],
    }


def service_verdict_json(run: Run, verdict: ServiceVerdict) -> dict[str, Any]:
    """One line of `--services --json`: a service in one run."""
    return {
        "service": verdict.service,
        "run_id": run.id,
        "vantage": vantage_json(run.vantage),
        "started_at": time_text(run.started_at),
        "outcome": verdict.outcome.value,
        "methods": [method.value for method in verdict.methods],
        "confidence": verdict.confidence.value if verdict.confidence else None,
        "text": verdict.text,
        "roles": [msgspec.to_builtins(role) for role in verdict.roles],
        "rules_version": verdict.rules_version,
    }


# Characters that JSON allows as they are, and a terminal or a reader may be deceived by.
_ESCAPED = re.compile("[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def dumps(row: object) -> str:
    """One line of JSON, in which control and direction characters are escaped."""
    text = msgspec.json.encode(row).decode()
    if text.isascii() and text.isprintable():
        return text
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def explain_json(result: Result) -> dict[str, Any]:
    """A verdict line with the controls' side beside it."""
    return {
        **result_json(result),
        "control_measurements": [
            {
                **measurement_json(control),
                "observations": [observation_json(row) for row in control.observations],
            }
            for control in result.controls
        ],
    }


def service_json(service: Service) -> dict[str, Any]:
    """A service of the target lists."""
    return {
        "service": service.id,
        "title": service.title,
        "operator": service.operator,
        "homepage": service.homepage,
        "domains": list(service.domains),
        "retired": service.retired.isoformat() if service.retired else None,
        "retired_reason": service.retired_reason,
        "all_of": [role.value for role in service.all_of],
        "any_of": [role.value for role in service.any_of],
        "app": {"apple": service.app.apple, "google": service.app.google} if service.app else None,
        "targets": [
            {
                "target": endpoint.target.name,
                "role": endpoint.target.role.value if endpoint.target.role else None,
                "speaks": endpoint.target.speaks.value if endpoint.target.speaks else None,
                "purpose": endpoint.purpose,
                "certainty": endpoint.target.certainty.value,
                "source": endpoint.source,
                "healthy": endpoint.healthy,
                "roots": list(endpoint.target.roots),
                "retired": endpoint.target.retired.isoformat() if endpoint.target.retired else None,
            }
            for endpoint in service.endpoints
        ],
        "unmeasured": [msgspec.to_builtins(each) for each in service.unmeasured],
    }


def register_json(register: Register) -> dict[str, Any]:
    """A register of blocked resources."""
    return {
        "register": register.name,
        "country": register.country,
        "form": register.form,
        "source": register.source,
        "updated_at": time_text(register.updated_at) if register.updated_at else None,
        "imported_at": time_text(register.imported_at) if register.imported_at else None,
        "entries": register.entries,
        "damaged": register.damaged,
    }


def standing_json(standing: Standing) -> dict[str, Any]:
    """How a target stands in a register."""
    register, entry = standing.register, standing.entry
    return {
        "register": register.name,
        "country": register.country,
        "as_of": time_text(register.as_of) if register.as_of else None,
        "listed": standing.listed,
        "by": standing.by.value if standing.by else None,
        "key": standing.key,
        "since": entry.date.isoformat() if entry and entry.date else None,
        "authority": entry.authority if entry else None,
        "decision": entry.decision if entry else None,
        "line": entry.line if entry else None,
    }


def store_check_json(check: StoreCheck) -> dict[str, Any]:
    """What was found of an app in a store: a line of its own kind, which has no outcome."""
    here = check.questions[0].measurement
    return {
        "kind": "store",
        "run_id": here.run_id,
        "service": check.service,
        "store": check.store.value,
        "app": check.app,
        "country": check.country,
        "listing": check.listing.value,
        "reasons": [_reason_json(reason) for reason in check.reasons],
        "rules_version": check.rules_version,
        "vantage": vantage_json(here.vantage),
        "started_at": time_text(here.started_at),
        "questions": [
            {
                "country": question.country,
                "app": question.app,
                "said": question.said.value,
                "reason": _reason_json(question.reason) if question.reason else None,
                **{key: row[key] for key in ("measurement_id", "target", "started_at", "runtime")},
                "observations": [observation_json(each) for each in question.measurement.observations],
            }
            for question in check.questions
            for row in (measurement_json(question.measurement),)
        ],
    }


def _reason_json(reason: Reason) -> dict[str, Any]:
    return {"code": reason.code, "text": reason.text, "observations": list(reason.observations)}
