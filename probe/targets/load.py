"""From `targets/*.toml` to services. A bad file is told whole: every fault with file, line, key and reason.

Law: a list is read or refused, never half of it. The form of a file is in `keys`; here is what its parts have to do
with each other.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from probe.model import PUBLIC, SECURE, Endpoint, ProtocolName, Role, Service, Target, Unmeasured
from probe.targets.keys import ENDPOINT, SERVICE, UNMEASURED, Key, shown
from probe.targets.parse import TargetError
from probe.words import SPOKEN_OVER

ENDING = ".toml"
_LARGEST = 1 << 20


class TargetListError(Exception):
    """A target list that cannot be used: every fault, a line each."""


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


@dataclass(frozen=True, slots=True)
class At:
    """Which table of a file: the nth of its kind, or the keys in front of all of them."""

    kind: str
    number: int

    def __str__(self) -> str:
        return f"{self.kind}[{self.number}]." if self.number else ""


TOP = At("", 0)
_HEAD = re.compile(r"\s*\[\[\s*(\w+)\s*\]\]")


@dataclass(slots=True)
class _Reading:
    """One file while it is read, and what is wrong with it."""

    path: Path
    lines: Sequence[str]
    faults: list[str]

    def service(self, table: Mapping[str, Any]) -> Service | None:
        values = self._table(table, SERVICE, TOP)
        read = [self._endpoint(each, at) for each, at in _numbered(values, "endpoint")]
        unmeasured = [self._table(each, UNMEASURED, at) for each, at in _numbered(values, "unmeasured")]
        self._refuse_repeats(read)
        if "retired_reason" in values and "retired" not in table:
            self._fault(TOP, "retired_reason", "is there without retired, the day it was closed")
        endpoints = [_belonging(each, self.path.stem.lower(), values) for each in read if each is not None]
        if len(endpoints) == len(read):
            self._check_roles(endpoints, values)
            self._check_roots(endpoints, values)
        if self.faults:
            return None
        return Service(
            id=self.path.stem.lower(),
            title=values["title"],
            operator=values["operator"],
            homepage=values["homepage"],
            domains=values["domains"],
            endpoints=tuple(endpoints),
            **_needed(endpoints, values),
            unmeasured=tuple(Unmeasured(**each) for each in unmeasured),
            retired=values.get("retired"),
            retired_reason=values.get("retired_reason"),
            app=values.get("app"),
        )

    def _endpoint(self, table: Mapping[str, Any], at: At) -> Endpoint | None:
        values = self._table(table, ENDPOINT, at)
        if any(key.required and name not in values for name, key in ENDPOINT.items()):
            return None
        target = replace(
            values["target"],
            role=values["role"],
            certainty=values["certainty"],
            speaks=self._speaks(values, at),
            retired=values.get("retired"),
            roots=values.get("roots", ()),
        )
        if target.roots and target.scheme not in SECURE:
            reason = f"{target.scheme}:// shows no certificate; leave it out, or use https:// or tls://"
            self._fault(at, "roots", reason)
        return Endpoint(
            target=target, purpose=values["purpose"], source=values["source"], healthy=values.get("healthy")
        )

    def _speaks(self, values: Mapping[str, Any], at: At) -> ProtocolName | None:
        target: Target = values["target"]
        speaks: ProtocolName | None = values.get("speaks")
        if speaks is not None and target.scheme not in SPOKEN_OVER[speaks]:
            over = " or ".join(sorted(f"{scheme}://" for scheme in SPOKEN_OVER[speaks]))
            self._fault(at, "speaks", f"{speaks} is spoken over {over} only")
        return speaks or target.speaks

    def _table(self, table: Mapping[str, Any], keys: Mapping[str, Key], at: At) -> dict[str, Any]:
        """The good values of one table; what is wrong with the others goes to the faults."""
        values: dict[str, Any] = {}
        for name, value in table.items():
            if name not in keys:
                near = difflib.get_close_matches(name, keys, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(keys)}"
                self._fault(at, name, f"unknown key; {hint}")
                continue
            try:
                values[name] = keys[name].read(value)
            except (ValueError, TargetError) as error:
                self._fault(at, name, str(error))
        for name, key in keys.items():
            if key.required and name not in table:
                self._fault(at, name, "is missing")
        return values

    def _refuse_repeats(self, endpoints: Sequence[Endpoint | None]) -> None:
        seen: dict[str, int] = {}
        for number, endpoint in enumerate(endpoints, start=1):
            if endpoint is None:
                continue
            first = seen.setdefault(endpoint.target.name, number)
            if first != number:
                self._fault(At("endpoint", number), "target", f"{endpoint.target.name} is endpoint[{first}] already")

    def _check_roles(self, endpoints: Sequence[Endpoint], values: Mapping[str, Any]) -> None:
        judged = _judged(endpoints)
        for name in ("all_of", "any_of"):
            if name in values and "retired" in values:
                self._fault(TOP, name, "a service that is closed needs nothing; leave it out")
                continue
            for role in values.get(name, ()):
                if role not in judged:
                    reason = f"no endpoint with the role {role} is known well enough to decide; there are: "
                    self._fault(TOP, name, reason + (", ".join(judged) or "none"))
        for role in values.get("any_of", ()):
            if role in values.get("all_of", ()):
                self._fault(TOP, "any_of", f"{role} is in all_of already")

    def _check_roots(self, endpoints: Sequence[Endpoint], values: Mapping[str, Any]) -> None:
        if "roots" in values and not any(each.target.scheme in SECURE for each in endpoints):
            self._fault(TOP, "roots", "no endpoint shows a certificate; leave it out, or use https:// or tls://")

    def _fault(self, at: At, name: str, reason: str) -> None:
        line = self._line(at, name)
        where = f"line {line}: " if line else ""
        self.faults.append(f"{self.path}: {where}{at}{shown(name)}: {reason}")

    def _line(self, at: At, name: str) -> int | None:
        """The line of a key; of the head of its table where the key is not there."""
        heads = [(i, found[1]) for i, line in enumerate(self.lines) if (found := _HEAD.match(line))]
        own = [i for i, kind in heads if kind == at.kind]
        if at.number > len(own):
            return None
        start = own[at.number - 1] if at.number else 0
        end = next((i for i, _ in heads if i > start or not at.number), len(self.lines))
        for index in range(start, end):
            if re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*[=.]", self.lines[index]):
                return index + 1
        return start + 1 if at.number else None


def _numbered(values: Mapping[str, Any], kind: str) -> list[tuple[Mapping[str, Any], At]]:
    return [(each, At(kind, number)) for number, each in enumerate(values.get(kind, ()), start=1)]


def _belonging(endpoint: Endpoint, service: str, values: Mapping[str, Any]) -> Endpoint:
    """An endpoint with what its service's file says for all of them."""
    target = endpoint.target
    roots = target.roots or (values.get("roots", ()) if target.scheme in SECURE else ())
    belonging = replace(
        target,
        service=service,
        retired=target.retired or values.get("retired"),
        roots=() if roots == (PUBLIC,) else roots,  # as it is without the key
    )
    return replace(endpoint, target=belonging)


def _judged(endpoints: Sequence[Endpoint]) -> tuple[Role, ...]:
    """The roles of which something can be said: each has an endpoint that is known well enough to decide."""
    targets = [each.target for each in endpoints]
    return tuple(dict.fromkeys(target.role for target in targets if target.decides and target.role is not None))


def _needed(endpoints: Sequence[Endpoint], values: Mapping[str, Any]) -> dict[str, tuple[Role, ...]]:
    """Which roles must work. Where a file does not say, all of which something can be said."""
    if "all_of" in values or "any_of" in values:
        return {name: values.get(name, ()) for name in ("all_of", "any_of")}
    return {"all_of": _judged(endpoints)}
