"""From `targets/*.toml` to services. A bad file is told whole: every fault with file, line, key and reason.

Law: a list is read or refused, never half of it. The form of a file is the two tables below.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from probe.model import DEFAULT_PORTS, Certainty, Endpoint, Role, Service, Target
from probe.targets.parse import TargetError, parse_one

ENDING = ".toml"
_LARGEST = 1 << 20
_LONGEST_SHOWN = 60


class TargetListError(Exception):
    """A target list that cannot be used: every fault, a line each."""


@dataclass(frozen=True, slots=True)
class Key:
    """What one key of a file may hold."""

    required: bool
    read: Callable[[Any], Any]
    """Gives the value, or raises ValueError with the reason."""


def _shown(text: str) -> str:
    """A piece of a file as an error can show it: short, and on one line."""
    return "".join(c if c.isprintable() else "?" for c in text[:_LONGEST_SHOWN])


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    if not value.isprintable():
        raise ValueError("has control characters in it")
    return value


def _date(value: Any) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError("must be a date without quotes, such as 2019-05-31")
    return value


def _word_of(kind: type[Role] | type[Certainty]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value not in tuple(kind):
            raise ValueError(f"must be one of {', '.join(kind)}, not {_shown(repr(value))}")
        return kind(value)

    return read


def _domains(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('must be a list of domains, such as ["line.me"]')
    return tuple(parse_one(f"dns://{_text(each)}").host for each in value)


def _endpoints(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise ValueError("must be at least one [[endpoint]] table")
    return value


def _target(value: Any) -> Target:
    return parse_one(_text(value))


def _page(value: Any) -> str:
    if parse_one(_text(value)).scheme not in DEFAULT_PORTS:
        raise ValueError("must be a web page, such as https://line.me/")
    return _text(value)


SERVICE: Mapping[str, Key] = {
    "title": Key(True, _text),
    "operator": Key(True, _text),
    "homepage": Key(True, _page),
    "domains": Key(True, _domains),
    "retired": Key(False, _date),
    "retired_reason": Key(False, _text),
    "endpoint": Key(True, _endpoints),
}
ENDPOINT: Mapping[str, Key] = {
    "target": Key(True, _target),
    "role": Key(True, _word_of(Role)),
    "purpose": Key(True, _text),
    "certainty": Key(True, _word_of(Certainty)),
    "source": Key(True, _text),
    "healthy": Key(False, _text),
    "retired": Key(False, _date),
}


def load(paths: Sequence[Path]) -> tuple[Service, ...]:
    """The services of files, or of folders of them. Raises TargetListError with every fault of all of them."""
    faults: list[str] = []
    files = dict.fromkeys(files_of(paths, (ENDING,), faults))
    return _gathered(((path, *_read(path)) for path in files), faults)


def load_texts(texts: Mapping[str, str]) -> tuple[Service, ...]:
    """The services of texts by the name of their file. Raises TargetListError with every fault of all of them."""
    return _gathered(((Path(name), *_understood(Path(name), text)) for name, text in texts.items()), [])


def _gathered(read: Iterable[tuple[Path, Service | None, list[str]]], faults: list[str]) -> tuple[Service, ...]:
    """One service a file, each service once."""
    services: dict[str, Service] = {}
    origins: dict[str, Path] = {}
    for path, service, found in read:
        if service is not None and service.id in services:
            faults.append(f"{path}: the service {service.id!r} is in {origins[service.id]} already; each has one file")
        elif service is not None:
            services[service.id] = service
            origins[service.id] = path
        faults += found
    if faults:
        raise TargetListError("\n".join(faults))
    return tuple(services.values())


def files_of(paths: Sequence[Path], endings: Sequence[str], faults: list[str]) -> Iterator[Path]:
    """The files that are named, and of each folder those with one of these endings, in the order of their names."""
    for path in paths:
        if not os.path.isdir(path):  # Path.is_dir() raises where a folder above may not be entered
            yield path
            continue
        try:
            inside = sorted(each for each in path.iterdir() if each.suffix.lower() in endings)
        except OSError as error:
            faults.append(f"{path}: cannot be read: {error.strerror}")
            continue
        if not inside:
            faults.append(f"{path}: a folder without any {' or '.join(endings)} file")
        yield from inside


def _source(path: Path) -> str:
    """The text of a file. Raises ValueError with the reason where it has none that could be a list."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)  # a device has no size to ask for
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST:
        raise ValueError("larger than 1 MiB, so no target list")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: is not UTF-8 text") from None


def _read(path: Path) -> tuple[Service | None, list[str]]:
    try:
        source = _source(path)
    except ValueError as error:
        return None, [f"{path}: {error}"]
    return _understood(path, source)


def _understood(path: Path, source: str) -> tuple[Service | None, list[str]]:
    try:
        table = tomllib.loads(source)
    except (ValueError, RecursionError) as error:  # besides its own, tomllib raises these for huge numbers and nesting
        return None, [f"{path}: not TOML: {error}"]
    reading = _Reading(path, source.splitlines(), [])
    service = reading.service(table)
    return (None if reading.faults else service), reading.faults


@dataclass(slots=True)
class _Reading:
    """One file while it is read, and what is wrong with it."""

    path: Path
    lines: Sequence[str]
    faults: list[str]

    def service(self, table: Mapping[str, Any]) -> Service | None:
        values = self._table(table, SERVICE, "", 0)
        endpoints = [self._endpoint(each, number) for number, each in enumerate(values.get("endpoint", ()), start=1)]
        self._refuse_repeats(endpoints)
        if "retired_reason" in values and "retired" not in table:
            self._fault("retired_reason", 0, "retired_reason", "is there without retired, the day it was closed")
        if self.faults:
            return None
        retired, name = values.get("retired"), self.path.stem.lower()
        return Service(
            id=name,
            title=values["title"],
            operator=values["operator"],
            homepage=values["homepage"],
            domains=values["domains"],
            endpoints=tuple(
                replace(
                    each,
                    target=replace(each.target, service=self.path.stem.lower(), retired=each.target.retired or retired),
                )
                for each in endpoints
                if each is not None
            ),
            retired=retired,
            retired_reason=values.get("retired_reason"),
        )

    def _endpoint(self, table: Mapping[str, Any], number: int) -> Endpoint | None:
        values = self._table(table, ENDPOINT, f"endpoint[{number}].", number)
        if any(key.required and name not in values for name, key in ENDPOINT.items()):
            return None
        target = replace(
            values["target"], role=values["role"], certainty=values["certainty"], retired=values.get("retired")
        )
        return Endpoint(
            target=target, purpose=values["purpose"], source=values["source"], healthy=values.get("healthy")
        )

    def _table(self, table: Mapping[str, Any], keys: Mapping[str, Key], prefix: str, number: int) -> dict[str, Any]:
        """The good values of one table; what is wrong with the others goes to the faults."""
        values: dict[str, Any] = {}
        for name, value in table.items():
            if name not in keys:
                near = difflib.get_close_matches(name, keys, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(keys)}"
                self._fault(prefix + _shown(name), number, name, f"unknown key; {hint}")
                continue
            try:
                values[name] = keys[name].read(value)
            except (ValueError, TargetError) as error:
                self._fault(prefix + name, number, name, str(error))
        for name, key in keys.items():
            if key.required and name not in table:
                self._fault(prefix + name, number, None, "is missing")
        return values

    def _refuse_repeats(self, endpoints: Sequence[Endpoint | None]) -> None:
        seen: dict[str, int] = {}
        for number, endpoint in enumerate(endpoints, start=1):
            if endpoint is None:
                continue
            first = seen.setdefault(endpoint.target.name, number)
            if first != number:
                reason = f"{endpoint.target.name} is endpoint[{first}] already"
                self._fault(f"endpoint[{number}].target", number, "target", reason)

    def _fault(self, key: str, number: int, name: str | None, reason: str) -> None:
        line = self._line(number, name)
        where = f"line {line}: " if line else ""
        self.faults.append(f"{self.path}: {where}{key}: {reason}")

    def _line(self, number: int, name: str | None) -> int | None:
        """The line of a key: in the nth [[endpoint]] table, or in front of the first when n is 0."""
        heads = [i for i, line in enumerate(self.lines) if re.match(r"\s*\[\[\s*endpoint\s*\]\]", line)]
        bounds = [0, *heads, len(self.lines)]
        if number + 1 >= len(bounds):
            return None
        start, end = bounds[number], bounds[number + 1]
        if name is None:
            return start + 1 if number else None
        for index in range(start, end):
            if re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*[=.]", self.lines[index]):
                return index + 1
        return start + 1 if number else None
