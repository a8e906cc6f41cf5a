"""From a file into the database: every record read, judged by our rules, and recorded once however often it comes.

Law: one record that is wrong costs that record only; each is told with its line and the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from probe.classify import Fingerprints, classify
from probe.imports.files import Record, records
from probe.imports.ooni import read
from probe.imports.ooni_rows import UnfitError
from probe.model import Measurement, Result, Run
from probe.store import Filter, Store, StoreError

_BATCH = 100
"""Records a transaction."""
_OF_A_VALUE = (ValueError, OverflowError, msgspec.MsgspecError)
"""Causes of a StoreError that lie in one record. Any other lies in the disk or the file, and would come again."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that was not imported."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


@dataclass(slots=True)
class Importer:
    """Imports files into one store. `tell` is given each record that was left out."""

    store: Store
    tell: Callable[[Skipped], None]
    fingerprints: Fingerprints | None = None
    """The signs by which those who block are known; the shipped ones where none are named."""
    imported: int = 0
    """Measurements that were recorded."""
    known: int = 0
    """Measurements that were in the database already."""
    skipped: int = 0
    """Records that could not be imported."""
    touched: bool = False
    """Whether a file was begun with."""
    _runs: dict[str, set[str]] = field(default_factory=dict)
    """The ids of the measurements of each run that was met."""
    _ends: dict[str, datetime] = field(default_factory=dict)
    """When the last measurement of each run ended."""

    def read_file(self, path: Path) -> Iterator[Result]:
        """Imports one file; gives each result once it is recorded. Raises UnreadableError and StoreError."""
        batch: list[tuple[Record, list[Result]]] = []
        self.touched = True
        for record in records(path):
            results = self._results(path, record)
            if results:
                batch.append((record, results))
            if len(batch) >= _BATCH:
                yield from self._add(path, batch)
                batch = []
        yield from self._add(path, batch)
        self._finish()

    def _results(self, path: Path, record: Record) -> list[Result]:
        """What a record holds that the database lacks."""
        if record.problem is not None:
            self._skip(path, record, record.problem)
            return []
        try:
            found = read(record.data, path.name)
        except UnfitError as error:
            self._skip(path, record, str(error))
            return []
        known = self._known(found.run)
        new = [pair for pair in found.pairs if pair.measurement.id not in known]
        self.known += len(found.pairs) - len(new)
        known.update(pair.measurement.id for pair in new)
        self._remember_end(found.run, [pair.measurement for pair in new])
        return [
            Result(
                measurement=pair.measurement,
                controls=pair.controls,
                verdict=classify(pair.measurement, pair.controls, found.run.host, self.fingerprints),
            )
            for pair in new
        ]

    def _known(self, run: Run) -> set[str]:
        """The ids of a run's measurements; the run is recorded where it is new."""
        if run.id not in self._runs:
            try:
                self.store.run(run.id)
            except StoreError:
                self.store.begin_run(run)
            self._runs[run.id] = {result.measurement.id for result in self.store.results(Filter(run_id=run.id))}
        return self._runs[run.id]

    def _remember_end(self, run: Run, new: Sequence[Measurement]) -> None:
        for measurement in new:
            end = measurement.started_at + timedelta(seconds=measurement.runtime)
            self._ends[run.id] = max(end, self._ends.get(run.id, end))

    def _add(self, path: Path, batch: Sequence[tuple[Record, list[Result]]]) -> Iterator[Result]:
        """Records a batch. One record that cannot be stored does not take the others with it."""
        try:
            self.store.add([result for _, results in batch for result in results])
            added = list(batch)
        except StoreError as error:
            if not isinstance(error.__cause__, _OF_A_VALUE):
                raise
            added = [each for each in batch if self._add_alone(path, *each)]
        for _, results in added:
            self.imported += len(results)
            yield from results

    def _add_alone(self, path: Path, record: Record, results: Sequence[Result]) -> bool:
        try:
            self.store.add(results)
        except StoreError as error:
            if not isinstance(error.__cause__, _OF_A_VALUE):
                raise
            self._skip(path, record, str(error))
            return False
        return True

    def _skip(self, path: Path, record: Record, reason: str) -> None:
        self.skipped += 1
        self.tell(Skipped(path, record.line, reason))

    def _finish(self) -> None:
        """Records the end of the runs that were met."""
        for run_id, end in self._ends.items():
            earlier = self.store.run(run_id).finished_at
            self.store.finish_run(run_id, max(end, earlier or end))
        self._ends.clear()
