"""The rows of a dataset as they may leave: JSON read, bodies unpacked, and nothing in them that is a volunteer's own.

Law: every text of every row passes a Redactor; only ids, hashes, times and closed vocabularies do not. What cannot be
changed without becoming something else (a certificate) is left out when it holds anything of a volunteer's.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from probe import certificate
from probe.exports.shape import SHAPES, Kind, Table
from probe.form import observation_from_json, observation_json
from probe.model import Measurement, ProtocolName, Result, Run, Target
from probe.redaction import COOKIE, OWN, SECRET_HEADERS, Redactor
from probe.store.datasets import Dataset

Row = dict[str, Any]

_NO_TEXT = frozenset(
    {"body_sha256", "certificates", "id", "public_key_sha256", "root_sha256", "roots", "rules_version"}
)
"""Columns with ids and hashes, besides those that point at another row."""
_BY_A_SERVER = frozenset(
    {"alternative_names", "error", "excerpt", "issuer", "outline", "refresh", "subject", "title", "url"}
)
"""Columns of an observation that a server may have written what it likes into."""
_CLIENT_HEADERS = frozenset(
    {
        "cf-connecting-ip", "client-ip", "forwarded", "true-client-ip", "x-client-ip", "x-cluster-client-ip",
        "x-forwarded-for", "x-originating-ip", "x-real-ip", "x-remote-addr", "x-remote-ip",
    }
)  # fmt: skip
"""Headers that say to whom a server speaks."""
_STUN_HEADER = 40  # hexadecimal digits; what follows holds the address of who asked
_SHORTEST_COOKIE = 6
_UNITED = ("vantage", "target")
"""Tables whose rows may be the same once they are redacted; then the first stands for all."""


@dataclass(slots=True)
class Redacted:
    """A dataset, redacted."""

    dataset: Dataset
    redactor: Redactor
    bodies: bool = False
    """Whether pages are in it."""

    def tables(self) -> Iterator[tuple[Table, Iterator[Row]]]:
        """Each table with its rows; they must be taken before the next table is."""
        ids = {name: self._united(name) for name in _UNITED}
        for name, table in SHAPES.items():
            if name == "body" and not self.bodies:
                continue
            yield table, self._rows(table, ids)

    def results(self) -> Iterator[Result]:
        """The measurements as records."""
        return map(self._result, self.dataset.results())

    def run_of(self, measurement: Measurement) -> Run:
        """The run of a measurement of ours. No text of it is redacted."""
        return self.dataset.run(measurement.run_id or "")

    def _rows(self, table: Table, ids: dict[str, dict[int, int]]) -> Iterator[Row]:
        pointing = {column: ids[other] for column, other, _ in table.foreign_keys if other in ids}
        rows = _read(table, self.dataset.rows(table.name))
        for row in self._redacted(table, rows):
            for column, numbers in pointing.items():
                row[column] = numbers[row[column]]
            if table.name not in ids or ids[table.name][row["id"]] == row["id"]:
                yield row

    def _united(self, name: str) -> dict[int, int]:
        """For each row of a table, the number of the first one that is the same but for its number."""
        first: dict[bytes, int] = {}
        table = SHAPES[name]
        rows = self._redacted(table, _read(table, self.dataset.rows(name)))
        same = ((row["id"], msgspec.json.encode({**row, "id": None})) for row in rows)
        return {number: first.setdefault(rest, number) for number, rest in same}

    def _redacted(self, table: Table, rows: Iterator[Row]) -> Iterator[Row]:
        if table.name == "body":
            return map(self._body, rows)
        if table.name == "certificate":
            return (row for row in rows if not self._names_somebody(row["der"]))
        if table.name.endswith("observation"):
            return self._observations(table, rows)
        return (self._other(table, row) for row in rows)

    def _observations(self, table: Table, rows: Iterable[Row]) -> Iterator[Row]:
        texts = _texts(table.name)
        for _, each in groupby(rows, itemgetter("measurement_id")):
            yield from self._operations(list(each), texts)

    def _operations(self, rows: Sequence[Row], texts: Sequence[str]) -> Iterator[Row]:
        """The rows of one measurement. What a server wrote may name no address that is not in them."""
        met, cookies = _met(rows), _cookies(rows)
        for row in rows:
            for column in texts:
                value = row.get(column)
                if value is not None:
                    row[column] = self._column(column, value, met, cookies)
            if row.get("first_bytes"):
                row["first_bytes"] = self._first_bytes(row, met)
            yield row

    def _column(self, column: str, value: Any, met: frozenset[str], cookies: Sequence[str]) -> Any:
        if column == "resolver_address":
            return self.redactor.resolver(value)
        if column == "headers":
            return [[name, self._header(name, text, met, cookies)] for name, text in value]
        if not value:
            return value
        clean = self._any(value, met if column in _BY_A_SERVER else None)
        return _without(clean, cookies) if cookies and column in _BY_A_SERVER else clean

    def _header(self, name: str, text: str, met: frozenset[str], cookies: Sequence[str]) -> str:
        if name in SECRET_HEADERS:
            return COOKIE
        if name in _CLIENT_HEADERS:
            return OWN
        return str(_without(self.redactor.text(text, met), cookies))

    def _first_bytes(self, row: Row, met: frozenset[str]) -> str:
        text = str(row["first_bytes"])
        if row["protocol"] == ProtocolName.STUN:
            return text[:_STUN_HEADER]
        try:
            said = bytes.fromhex(text)
        except ValueError:
            return self.redactor.text(text)
        clean = self.redactor.text(self.redactor.text(said.decode("latin-1"), met)).encode("latin-1")
        return self.redactor.text(clean.hex())

    def _other(self, table: Table, row: Row) -> Row:
        if table.name == "run":
            row = {**row, "process": "", "host": self._host(row["host"]), "settings": _without_paths(row["settings"])}
        for column in _texts(table.name):
            row[column] = self._any(row[column], None)
        return row

    def _host(self, host: Any) -> Any:
        """`run.host`, with the resolvers of somebody's own network replaced; how it was before too."""
        if not isinstance(host, dict):
            return host
        named = host.get("resolvers", ())
        asked = [f"{self.redactor.resolver(at)}:{port}" for at, _, port in map(_split, named)]
        return {**host, "resolvers": asked, "before": self._host(host.get("before"))}

    def _any(self, value: Any, met: frozenset[str] | None) -> Any:
        """A value with every text inside it redacted."""
        if isinstance(value, str):
            return self.redactor.text(value, met)
        if isinstance(value, list | tuple):
            return [self._any(each, met) for each in value]
        if isinstance(value, dict):
            return {self.redactor.text(key): self._any(each, met) for key, each in value.items()}
        return value

    def _names_somebody(self, der: bytes) -> bool:
        leaf = certificate.read(der)
        told = (leaf.subject, leaf.issuer, *leaf.alternative_names) if leaf is not None else ()
        return self.redactor.holds(der) or any(self.redactor.text(each) != each for each in told)

    def _body(self, row: Row) -> Row:
        body = self.redactor.body(zlib.decompress(row["compressed"]))
        return {"sha256": row["sha256"], "length": row["length"], "body": body}

    def _result(self, result: Result) -> Result:
        verdict = result.verdict
        return Result(
            measurement=self._measurement(result.measurement),
            controls=tuple(map(self._measurement, result.controls)),
            verdict=replace(
                verdict,
                reasons=tuple(replace(each, text=self.redactor.text(each.text)) for each in verdict.reasons),
                controls=tuple(map(self.redactor.text, verdict.controls)),
            ),
        )

    def _measurement(self, measurement: Measurement) -> Measurement:
        rows = [observation_json(each) for each in measurement.observations]
        texts = _texts("observation")
        vantage = measurement.vantage
        network = self.redactor.text(vantage.network) if vantage.network is not None else None
        return replace(
            measurement,
            target=self._target(measurement.target),
            vantage=replace(vantage, name=self.redactor.text(vantage.name), network=network),
            observations=tuple(observation_from_json(row) for row in self._operations(rows, texts)),
            bodies={key: self.redactor.body(body) for key, body in measurement.bodies.items()} if self.bodies else {},
            certificates={k: der for k, der in measurement.certificates.items() if not self._names_somebody(der)},
        )

    def _target(self, target: Target) -> Target:
        return replace(target, host=self.redactor.text(target.host), path=self.redactor.text(target.path))


def _read(table: Table, rows: Iterator[Row]) -> Iterator[Row]:
    """The rows, with JSON and truth read."""
    as_json = [column.name for column in table.columns if column.kind in (Kind.LIST, Kind.OBJECT)]
    as_truth = [column.name for column in table.columns if column.kind is Kind.BOOLEAN]
    decode = msgspec.json.decode
    for row in rows:
        for name in as_json:
            value = row[name]
            if value is not None:
                row[name] = decode(value) if value != "[]" else []
        for name in as_truth:
            if row[name] is not None:
                row[name] = bool(row[name])
        yield row


@cache
def _texts(name: str) -> tuple[str, ...]:
    """The columns of a table in which there may be anything."""
    table = SHAPES[name]
    pointing = {column for column, _, _ in table.foreign_keys}
    kinds = (Kind.TEXT, Kind.LIST, Kind.OBJECT)
    return tuple(
        each.name
        for each in table.columns
        if each.kind in kinds and not each.words and each.name not in _NO_TEXT | pointing | {"first_bytes"}
    )


def _met(rows: Iterable[Row]) -> frozenset[str]:
    """The addresses that the operations went to, or were given by a resolver."""
    met: set[str] = set()
    for row in rows:
        address = row.get("address") or row.get("resolver_address")
        if address:
            met.add(address)
        answers = row.get("answers")
        if answers:
            met.update(answer["value"] for answer in answers)
    return frozenset(met)


def _cookies(rows: Iterable[Row]) -> tuple[str, ...]:
    """The values of the cookies that were set, as far as they are long enough to be told from other text."""
    found: dict[str, None] = {}
    for name, text in (header for row in rows for header in row.get("headers") or ()):
        if name in SECRET_HEADERS:
            pair = text.partition(";")[0]
            value = pair.partition("=")[2].strip('" ') or pair
            if len(value) >= _SHORTEST_COOKIE:
                found[value] = None
    return tuple(sorted(found, key=len, reverse=True))


def _without(value: Any, cookies: Sequence[str]) -> Any:
    """A text, or a list of them, without the values of cookies."""
    if isinstance(value, list | tuple):
        return [_without(each, cookies) for each in value]
    for cookie in cookies if isinstance(value, str) else ():
        if cookie != COOKIE:
            value = value.replace(cookie, COOKIE)
    return value


def _without_paths(value: Any) -> Any:
    """`run.settings`, in which a file is named without its folder, and a URL without its user."""
    if isinstance(value, str):
        if value.startswith(("/", "~")):
            return value.rpartition("/")[2]
        scheme, mark, rest = value.partition("://")
        place = rest.partition("/")[0]
        return f"{scheme}{mark}{rest[len(place.rpartition('@')[0]) + 1 :]}" if mark and "@" in place else value
    if isinstance(value, list):
        return list(map(_without_paths, value))
    return {key: _without_paths(each) for key, each in value.items()} if isinstance(value, dict) else value


def _split(resolver: str) -> tuple[str, str, str]:
    return resolver.rpartition(":")
