"""The rows of a dataset as they may leave: JSON read, bodies unpacked, and nothing in them that is a volunteer's own.

Law: what may not leave is replaced in `probe.exports.cells`, for every format in the same way. What cannot be changed
without becoming something else (a certificate) is left out when it holds anything of a volunteer's.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from probe import certificate
from probe.exports.cells import Cells
from probe.exports.memo import Columns
from probe.exports.shape import SHAPES, Kind, Table
from probe.form import dumps
from probe.model import Measurement, Observation, Result, Run, Target
from probe.once import once
from probe.redaction import Redactor
from probe.store import observations_as_rows, observations_from_rows
from probe.store.datasets import BATCH, Dataset, Part

Row = dict[str, Any]

_FEW = 16
"""Rows of pages or certificates, each of which may have half a megabyte, that are held."""
_UNITED = ("vantage", "target")
"""Tables whose rows may be the same once they are redacted; then the first stands for all."""


@dataclass
class Redacted:
    """A dataset, redacted."""

    dataset: Dataset
    redactor: Redactor
    bodies: bool = False
    """Whether pages are in it."""
    cells: Cells = field(init=False)

    def __post_init__(self) -> None:
        self.cells = Cells(self.redactor)

    def tables(self) -> Iterator[tuple[Table, Iterator[Columns]]]:
        """Each table with its rows, a batch at a time; they must be taken before the next table is."""
        for table in self.present():
            yield table, (batch for part in self.dataset.parts(table.name) for batch in self.batches(table, part))

    def present(self) -> Iterator[Table]:
        """The tables that may have rows."""
        return (table for name, table in SHAPES.items() if name != "body" or self.bodies)

    def batches(self, table: Table, part: Part) -> Iterator[Columns]:
        """The rows of a part of a table, a batch at a time."""
        pointing = {column: self._united[other] for column, other, _ in table.foreign_keys if other in _UNITED}
        for columns in self._redacted(table, self._whole(table, part)):
            for column, numbers in pointing.items():
                columns[column] = [numbers[number] for number in columns[column]]
            if table.name in _UNITED:
                numbers = self._united[table.name]
                columns = _kept(columns, [numbers[number] == number for number in columns["id"]])
            if columns[table.columns[0].name]:
                yield columns

    def results(self) -> Iterator[Result]:
        """The measurements as records."""
        return map(self._result, self.dataset.results())

    def run_of(self, measurement: Measurement) -> Run:
        """The run of a measurement of ours. No text of it is redacted."""
        return self.dataset.run(measurement.run_id or "")

    @once
    def _united(self) -> Mapping[str, Mapping[int, int]]:
        """For each row of these tables, the number of the first one that is the same but for its number."""
        return {name: self._first_of(SHAPES[name]) for name in _UNITED}

    def _first_of(self, table: Table) -> Mapping[int, int]:
        first: dict[bytes, int] = {}
        numbers = {}
        for part in self.dataset.parts(table.name):
            for columns in self._redacted(table, self._whole(table, part)):
                for number, *rest in zip(*columns.values(), strict=True):
                    numbers[number] = first.setdefault(msgspec.json.encode(rest), number)
        return numbers

    def _whole(self, table: Table, part: Part) -> Iterator[Columns]:
        """The rows of a part by columns; of observations, no measurement is in two of them."""
        names = [column.name for column in table.columns]
        size = _FEW if any(column.kind is Kind.BYTES for column in table.columns) else BATCH
        batches = self.dataset.batches(table.name, part, size)
        if not table.name.endswith("observation"):
            return (_by_columns(names, batch) for batch in batches)
        return (_by_columns(names, batch) for batch in _unbroken(batches, names.index("measurement_id")))

    def _redacted(self, table: Table, batches: Iterator[Columns]) -> Iterator[Columns]:
        clean = self._special.get(table.name)
        for columns in batches:
            if clean is not None:
                yield clean(columns)
            elif table.name.endswith("observation"):
                self.cells.clean_observations(table, columns)
                yield columns
            else:
                self.cells.clean(table, columns)
                yield columns

    @property
    def _special(self) -> Mapping[str, Callable[[Columns], Columns]]:
        """The tables that are more than texts."""
        return {"body": self._bodies, "certificate": self._certificates, "run": self._runs}

    def _bodies(self, columns: Columns) -> Columns:
        """`body` was `compressed`."""
        pages = [self.redactor.body(zlib.decompress(packed)) for packed in columns["body"]]
        return {**columns, "body": pages}

    def _certificates(self, columns: Columns) -> Columns:
        return _kept(columns, [not self._names_somebody(der) for der in columns["der"]])

    def _runs(self, columns: Columns) -> Columns:
        decode = msgspec.json.decode
        columns["process"] = [""] * len(columns["id"])
        columns["host"] = [dumps(self._host(decode(text))) for text in columns["host"]]
        columns["settings"] = [dumps(_without_paths(decode(text))) for text in columns["settings"]]
        self.cells.clean(SHAPES["run"], columns)
        return columns

    def _host(self, host: Any) -> Any:
        """`run.host`, with the resolvers of somebody's own network replaced; how it was before too."""
        if not isinstance(host, dict):
            return host
        named = host.get("resolvers", ())
        asked = [f"{self.redactor.resolver(at)}:{port}" for at, _, port in map(_split, named)]
        return {**host, "resolvers": asked, "before": self._host(host.get("before"))}

    def _names_somebody(self, der: bytes) -> bool:
        leaf = certificate.read(der)
        told = (leaf.subject, leaf.issuer, *leaf.alternative_names) if leaf is not None else ()
        return self.redactor.holds(der) or any(self.redactor.text(each) != each for each in told)

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
        vantage = measurement.vantage
        network = self.redactor.text(vantage.network) if vantage.network is not None else None
        return replace(
            measurement,
            target=self._target(measurement.target),
            vantage=replace(vantage, name=self.redactor.text(vantage.name), network=network),
            observations=self._observations(measurement),
            bodies={key: self.redactor.body(body) for key, body in measurement.bodies.items()} if self.bodies else {},
            certificates={k: der for k, der in measurement.certificates.items() if not self._names_somebody(der)},
        )

    def _observations(self, measurement: Measurement) -> tuple[Observation, ...]:
        if not measurement.observations:
            return ()
        table = SHAPES["observation"]
        rows = observations_as_rows(measurement)
        columns: Columns = {column.name: [row[column.name] for row in rows] for column in table.columns}
        self.cells.clean_observations(table, columns)
        return observations_from_rows(rows_of(columns))

    def _target(self, target: Target) -> Target:
        return replace(target, host=self.redactor.text(target.host), path=self.redactor.text(target.path))


def rows_of(columns: Columns) -> Iterator[Row]:
    """The same, row by row, as the database has them."""
    names = tuple(columns)
    return (dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True))


def read(table: Table, batches: Iterable[Columns]) -> Iterator[Row]:
    """The rows of a table, with JSON and truth read."""
    as_json = [column.name for column in table.columns if column.kind in (Kind.LIST, Kind.OBJECT)]
    as_truth = [column.name for column in table.columns if column.kind is Kind.BOOLEAN]
    decode = msgspec.json.decode
    for columns in batches:
        for row in rows_of(columns):
            for name in as_json:
                value = row[name]
                if value is not None:
                    row[name] = decode(value) if value != "[]" else []
            for name in as_truth:
                if row[name] is not None:
                    row[name] = bool(row[name])
            yield row


def _by_columns(names: Iterable[str], batch: list[tuple[Any, ...]]) -> Columns:
    return dict(zip(names, zip(*batch, strict=True), strict=True))


def _unbroken(batches: Iterable[list[tuple[Any, ...]]], key: int) -> Iterator[list[tuple[Any, ...]]]:
    """The same rows, those of one key together; they come one after the other."""
    waiting: list[tuple[Any, ...]] = []
    for batch in batches:
        waiting += batch
        last = waiting[-1][key]
        end = next((n for n in range(len(waiting) - 1, -1, -1) if waiting[n][key] != last), -1) + 1
        if end:
            yield waiting[:end]
            waiting = waiting[end:]
    if waiting:
        yield waiting


def _kept(columns: Columns, wanted: list[bool]) -> Columns:
    if all(wanted):
        return columns
    return {
        name: [value for value, keep in zip(values, wanted, strict=True) if keep] for name, values in columns.items()
    }


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
