"""The form between a probe and a control: `POST /v1/measure`, the lines that answer it, and `GET /healthz`.

Law: pure, both directions side by side. The reader takes nothing for granted: size, count, range and type of
everything are checked, whichever side is hostile. Bodies and certificates are never sent, only what rows say of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from probe.address import is_global, parse
from probe.form import (
    FormError,
    measurement_json,
    observation_from_json,
    observation_json,
    parse_time,
    vantage_from_json,
    vantage_json,
)
from probe.model import Measurement, Observation, Target, Vantage

MEASURE_PATH = "/v1/measure"
HEALTH_PATH = "/healthz"
LINES = "application/x-ndjson"
"""Media type of the answer."""

MOST_LINE_BYTES = 1024 * 1024
MOST_OBSERVATIONS = 200
_LONGEST_SECONDS = 7200.0
"""A control may put together what it measured at different times, an hour apart at most."""
_LARGEST_NUMBER = 2**53
"""What every reader of JSON, and a database, can hold."""
_LONGEST_NAME = 200
_LONGEST_REASON = 300
_LARGEST_ASN = 2**32 - 1
_LARGEST_PORT = 2**16 - 1
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")

NEUTRAL_TEXT = b"Neutral ground: a control answers this under every name.\n"
"""The whole body of what neutral ground answers. Whatever else comes back, somebody on the way has sent."""

# The columns of a verdict line that a control answers with; run and service are the caller's own matter.
_COLUMNS = ("measurement_id", "target", "vantage", "started_at", "runtime")

T = TypeVar("T")


class WireError(ValueError):
    """What came over the wire does not have the form it must have; the text says how."""


class Ask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One target that a probe wants measured. What there is none of is not sent."""

    target: str
    """As `Target.name` writes it."""
    addresses: list[str] = []
    """Addresses that the asking vantage point saw, to be connected to as well."""
    speaks: str | None = None
    """The protocol to speak to it: a word of `words.ProtocolName`, or one that only a newer program knows."""
    roots: list[str] = []
    """Whose certificates are good for it (`Target.roots`). A control that does not know the word does not mind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    targets: list[Ask]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a control says it measured, without the target: that is the caller's own record."""

    measurement_id: str
    vantage: Vantage
    started_at: datetime
    runtime: float
    observations: tuple[Observation, ...]

    def of(self, target: Target) -> Measurement:
        """The measurement, as one of `target`."""
        return Measurement(
            id=self.measurement_id,
            run_id=None,
            target=target,
            vantage=self.vantage,
            started_at=self.started_at,
            runtime=self.runtime,
            observations=self.observations,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The answer for one target: what was seen, or why nothing was measured."""

    target: str
    seen: Seen | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NeutralGround:
    """Where a control answers whatever name it is asked by: with TLS to any server name, or in clear to any Host."""

    port: int
    address: str | None = None
    """Absent on the wire where it is the address at which the control itself is reached; never from a client."""
    certificate_sha256: str | None = None
    """Of the certificate that it shows to everybody, hexadecimal; absent in clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a control says of itself."""

    vantage: Vantage
    neutral_tls: NeutralGround | None = None
    neutral_http: NeutralGround | None = None
    reached_at: str | None = None
    """The address at which it was asked. Never on the wire."""


def request_body(asks: Sequence[Ask]) -> bytes:
    """The body of `POST /v1/measure`. What is absent is not sent."""
    rows = [msgspec.to_builtins(ask) for ask in asks]
    targets = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return msgspec.json.encode({"targets": targets})


def read_request(body: bytes) -> tuple[Ask, ...]:
    """The asks of a request. Raises WireError; how many there may be is the server's matter."""
    return tuple(decode(body, _Request).targets)


def measurement_line(measurement: Measurement) -> bytes:
    """The line for a target that was measured; an error line when it would be longer than a reader takes."""
    count = len(measurement.observations)
    if count > MOST_OBSERVATIONS:
        return error_line(measurement.target.name, f"{count} observations, at most {MOST_OBSERVATIONS} are sent")
    facts = measurement_json(measurement)
    row: dict[str, Any] = {name: facts[name] for name in _COLUMNS}
    row["observations"] = [observation_json(each) for each in measurement.observations]
    line = msgspec.json.encode(row) + b"\n"
    if len(line) > MOST_LINE_BYTES:
        return error_line(measurement.target.name, f"the answer is over {MOST_LINE_BYTES} bytes")
    return line


def error_line(target: str, reason: str) -> bytes:
    """The line for a target that was not measured."""
    return msgspec.json.encode({"target": target, "error": reason}) + b"\n"


def read_line(line: bytes) -> Line:
    """One line of an answer. Raises WireError."""
    if len(line) > MOST_LINE_BYTES:
        raise WireError(f"a line is over {MOST_LINE_BYTES} bytes")
    row = decode(line, dict[str, Any])
    target, error = row.get("target"), row.get("error")
    if not isinstance(target, str):
        raise WireError("a line without a target")
    if error is not None:
        return Line(target=target, error=printable(str(error), _LONGEST_REASON))
    try:
        _check_numbers(row)
        return Line(target=target, seen=_seen(row))
    except (FormError, OverflowError, RecursionError) as wrong:  # times before year 1, objects nested too deep
        raise WireError(str(wrong)) from None


def _seen(row: dict[str, Any]) -> Seen:
    vantage, started_at = vantage_from_json(row.get("vantage")), parse_time(row.get("started_at", ""))
    identity, runtime, rows = row.get("measurement_id"), row.get("runtime"), row.get("observations")
    if not isinstance(identity, str) or not 0 < len(identity) <= _LONGEST_NAME:
        raise WireError("measurement_id is missing or too long")
    if isinstance(runtime, bool) or not isinstance(runtime, int | float):
        raise WireError("runtime is missing")
    if not isinstance(rows, list) or len(rows) > MOST_OBSERVATIONS:
        raise WireError(f"observations must be a list of at most {MOST_OBSERVATIONS}")
    observations = tuple(observation_from_json(each) for each in rows)
    _check_vantage(vantage)
    durations = [runtime, *(each.started for each in observations), *(each.runtime for each in observations)]
    if not all(0 <= seconds <= _LONGEST_SECONDS for seconds in durations):
        raise WireError("a duration is out of range")
    if len({each.id for each in observations}) != len(observations):
        raise WireError("two observations have the same id")
    return Seen(
        measurement_id=identity,
        vantage=vantage,
        started_at=started_at,
        runtime=float(runtime),
        observations=observations,
    )


def health_json(description: Description, version: str) -> dict[str, Any]:
    """The answer of `GET /healthz`."""
    return {
        "status": "ok",
        "version": version,
        "vantage": vantage_json(description.vantage),
        "neutral_tls": msgspec.to_builtins(description.neutral_tls),
        "neutral_http": msgspec.to_builtins(description.neutral_http),
    }


def read_health(body: bytes, reached: str | None) -> Description:
    """What a control says of itself; `reached` is the address at which it was asked. Raises WireError."""
    row = decode(body, dict[str, Any])
    try:
        vantage = vantage_from_json(row.get("vantage"))
    except FormError as wrong:
        raise WireError(str(wrong)) from None
    _check_vantage(vantage)
    return Description(
        vantage=vantage,
        neutral_tls=_neutral(row.get("neutral_tls"), reached, certified=True),
        neutral_http=_neutral(row.get("neutral_http"), reached, certified=False),
        reached_at=str(address) if (address := parse(reached or "")) is not None else None,
    )


def _neutral(row: object, reached: str | None, *, certified: bool) -> NeutralGround | None:
    """A control may send its clients to itself, or to a public address, and nowhere else."""
    if row is None:
        return None
    try:
        ground = msgspec.convert(row, NeutralGround)
    except (msgspec.ValidationError, ValueError) as wrong:
        raise WireError(f"neutral ground: {wrong}") from None
    address = parse(ground.address if ground.address is not None else reached or "")
    if address is None or (ground.address is not None and not is_global(address)):
        raise WireError("neutral ground at no public address")
    if not 0 < ground.port <= _LARGEST_PORT:
        raise WireError("neutral ground at no port")
    if certified != bool(_SHA256.match(ground.certificate_sha256 or "")):
        raise WireError("neutral ground without its certificate's SHA-256, or with one in clear")
    return replace(ground, address=str(address))


def _check_vantage(vantage: Vantage) -> None:
    """Raises WireError for a vantage point that none can be."""
    country = vantage.country
    if not 0 < len(vantage.name) <= _LONGEST_NAME or len(vantage.network or "") > _LONGEST_NAME:
        raise WireError("the vantage point's name is missing or too long")
    if len(country) != 2 or not (country.isascii() and country.isalpha() and country.isupper()):
        raise WireError("the vantage point's country is no ISO 3166-1 alpha-2 code")
    if not 0 <= vantage.asn <= _LARGEST_ASN:
        raise WireError("the vantage point's ASN is out of range")


def _check_numbers(row: Any) -> None:
    left = [row]
    while left:
        value = left.pop()
        if isinstance(value, dict | list):
            left.extend(value.values() if isinstance(value, dict) else value)
        elif isinstance(value, int | float) and abs(value) > _LARGEST_NUMBER:
            raise WireError("a number is out of range")


def decode(body: bytes, kind: type[T]) -> T:
    """JSON of this type. Raises WireError for anything else, whatever it is."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"not the JSON that belongs here: {error}") from None
    except RecursionError:
        raise WireError("not the JSON that belongs here: nested too deep") from None


def printable(text: str, longest: int) -> str:
    """Text from elsewhere with nothing in it that moves a cursor, cut at `longest` characters."""
    return "".join(each if each.isprintable() else " " for each in text[:longest]).strip()
