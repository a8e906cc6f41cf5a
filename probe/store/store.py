"""The database of what was measured and what was concluded.

Law: what is added is added whole, in one transaction, or not at all. Facts are only ever inserted; a verdict may be
replaced by a later one of the same rules. One writer at a time, in this process by a lock, between processes by SQLite.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from probe.budget import Traffic
from probe.form import time_text
from probe.model import Host, Measurement, Result, Run, Target, Verdict
from probe.register import Entry, Keys, Register
from probe.service import ServiceVerdict
from probe.store import care, health, keeping, queries, rows
from probe.store.adding import Adding, id_of, insert
from probe.store.care import Pruned, Stats
from probe.store.datasets import Dataset, view
from probe.store.health import Unreached
from probe.store.keeping import Trimmed
from probe.store.merging import Merged, Source, Tables, merge
from probe.store.migrations import SCHEMA_VERSION, transaction
from probe.store.opening import open_database, reading, schema_of
from probe.store.problem import StoreError, refuse, told_plainly
from probe.store.queries import Filter
from probe.store.registers import Registers, replace_register
from probe.store.uploads import Uploads
from probe.store.usage import usage
from probe.storefront import StoreCheck

if TYPE_CHECKING:
    from sqlite_utils import Database

_SLACK = 1.2
"""How much larger than it may be a file is allowed to stay once room was made in it."""


class Store:
    """An open database. It may be used from several threads, and several may be open on one file."""

    def __init__(self, path: Path, db: Database) -> None:
        self.path = path
        self._db = db
        self._lock = threading.Lock()
        self._open = True

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Self:
        """Opens the database at `path`; makes it, and the directories above it, unless `create` is False.

        Raises StoreError, having changed nothing, for what is no database of this program or cannot be used.
        """
        return cls(path, open_database(path, create=create))

    @classmethod
    def migrate(cls, path: Path) -> tuple[int, int]:
        """Brings a file to today's schema; from which, to which. Raises StoreError as `open` does."""
        before = schema_of(path)
        cls.open(path, create=False).close()
        return before, SCHEMA_VERSION

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file, after what is being written."""
        with self._lock:
            self._open = False
            self._db.close()

    def begin_run(self, run: Run) -> None:
        """Records that a run has begun. Its measurements can be added from now on."""
        with self._writing() as db:
            _begin(db, run)

    def begin_scheduled(self, run: Run) -> datetime | None:
        """The same for a run that a timer started, unless another such run goes on: then nothing is recorded, and it
        gives the moment when that one began. Of two that begin at once, one does."""
        with self._writing() as db:
            since = queries.scheduled_since(db.conn)
            if since is None:
                _begin(db, run)
            return since

    def take_over_run(self, run: Run, process: str) -> bool:
        """Records that another process goes on with a run; False when somebody else was faster."""
        with self._writing() as db:
            sql = "UPDATE run SET process = ? WHERE id = ? AND process = ? AND finished_at IS NULL"
            return bool(db.conn.execute(sql, (process, run.id, run.process)).rowcount)

    def set_host(self, run_id: str, host: Host) -> None:
        """Records what is known of a run's host by now, in place of what was known before."""
        with self._writing() as db:
            db.conn.execute("UPDATE run SET host = ? WHERE id = ?", (rows.host_text(host), run_id))

    def finish_run(self, run_id: str, finished_at: datetime) -> None:
        """Records that all targets of a run are measured."""
        with self._writing() as db:
            sql = "UPDATE run SET finished_at = ? WHERE id = ?"
            if not db.conn.execute(sql, (time_text(finished_at), run_id)).rowcount:
                raise refuse(self.path, f"there is no run {run_id}", "see `probe results`")

    def add(self, results: Sequence[Result]) -> None:
        """Records finished measurements with their verdicts: all of them, or none and a StoreError.

        What a control measured, and each distinct body and certificate, is kept once however often it comes.
        """
        bodies = self._compress_new(_measurements(results))
        with self._writing() as db:
            adding = Adding(db)
            for body in bodies:
                adding.later("body", body, unless_there=True)
            for result in results:
                adding.measurement("measurement", result.measurement)
                for number, control in enumerate(result.controls, start=1):
                    adding.control(control)
                    adding.later("comparison", rows.comparison_row(result.measurement.id, number, control.id))
            adding.verdicts(result.verdict for result in results)
            adding.finish()
            if results:
                care.note_older(db, min(result.measurement.started_at for result in results))

    def add_store_check(self, check: StoreCheck) -> None:
        """Records what an app store was asked, with every step, and what follows."""
        asked = [question.measurement for question in check.questions]
        bodies = self._compress_new(asked)
        with self._writing() as db:
            adding = Adding(db)
            for body in bodies:
                adding.later("body", body, unless_there=True)
            for measurement in asked:
                adding.measurement("store_measurement", measurement)
            adding.finish()
            number = insert(db, "listing", rows.listing_row(check, time_text(datetime.now(UTC)))).lastrowid
            assert number is not None, "an insert that did not raise has a row"
            db.table("listing_question").insert_all(rows.question_rows(check, number))

    def store_checks(self, wanted: Filter) -> Iterator[StoreCheck]:
        """What was found of apps in stores, oldest first; of the filter, service, run and moment count."""
        with reading(self.path) as connection:
            yield from queries.store_checks(connection, wanted)

    def add_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Records new conclusions from old measurements. Each is its measurement's newest from now on, and takes the
        place of one by the same rules."""
        with self._writing() as db:
            for verdict in verdicts:
                same = (verdict.measurement_id, verdict.rules_version)
                old = "SELECT id FROM verdict WHERE measurement_id = ? AND rules_version = ?"
                db.conn.execute(f"DELETE FROM reason WHERE verdict_id IN ({old})", same)  # noqa: S608 - a literal
                db.conn.execute("DELETE FROM verdict WHERE measurement_id = ? AND rules_version = ?", same)
            adding = Adding(db)
            adding.verdicts(verdicts)
            adding.finish()

    def add_service_verdicts(self, verdicts: Sequence[ServiceVerdict]) -> None:
        """Records what was concluded of whole services, each in the place of one by the same rules in the same run.
        Raises StoreError for a run that is not there."""
        made_at = time_text(datetime.now(UTC))
        with self._writing() as db:
            for verdict in verdicts:
                same = (verdict.run_id, verdict.service, verdict.rules_version)
                sql = "DELETE FROM service_verdict WHERE run_id = ? AND service = ? AND rules_version = ?"
                db.conn.execute(sql, same)
                vantage = db.conn.execute("SELECT vantage_id FROM run WHERE id = ?", (verdict.run_id,)).fetchone()
                if vantage is None:
                    raise refuse(self.path, f"there is no run {verdict.run_id}", "see `probe results`")
                insert(db, "service_verdict", {**rows.service_verdict_row(verdict, made_at), "vantage_id": vantage[0]})

    def results(self, wanted: Filter, *, with_bodies: bool = False) -> Iterator[Result]:
        """The measurements that `wanted` names with their newest verdicts, oldest first, one at a time, as they were
        when the first was asked for. Bodies and certificates only where asked."""
        with reading(self.path) as connection:
            yield from queries.results(connection, wanted, with_bodies=with_bodies)

    def result(self, measurement_id: str, *, with_bodies: bool = False) -> Result:
        """One measurement with its newest verdict, by its id or by a beginning of it that no other has."""
        with reading(self.path) as connection:
            return queries.result(connection, measurement_id, with_bodies=with_bodies)

    def results_of(self, measurement_ids: Sequence[str]) -> list[Result]:
        """These measurements, in this order, with their newest verdicts, their bodies and their certificates."""
        with reading(self.path) as connection:
            return list(queries.results_of(connection, measurement_ids))

    def run(self, run_id: str) -> Run:
        """One run by its id. Raises StoreError when there is none."""
        with reading(self.path) as connection:
            return queries.run(connection, run_id)

    def runs(self) -> Iterator[Run]:
        """Every run, oldest first."""
        with reading(self.path) as connection:
            yield from queries.runs(connection)

    def judged(self, run_id: str) -> list[tuple[Target, Verdict]]:
        """Each target that the run has measured, and that says something of its service, with its newest verdict."""
        with reading(self.path) as connection:
            return queries.judged(connection, run_id)

    def service_verdicts(self, wanted: Filter) -> Iterator[tuple[Run, ServiceVerdict]]:
        """The newest verdict on each service in each run, oldest first; `wanted` cannot narrow by target or number."""
        with reading(self.path) as connection:
            yield from queries.service_verdicts(connection, wanted)

    def last_success(self) -> dict[str, datetime]:
        """By service, when the newest run began in which it worked."""
        with reading(self.path) as connection:
            return queries.last_success(connection)

    def unfinished_run(self) -> Run | None:
        """The newest run of `probe run` that was stopped or killed before its end; those that go on are not meant."""
        with reading(self.path) as connection:
            return queries.unfinished_run(connection)

    def measured(self, run_id: str) -> Iterator[tuple[str, str | None]]:
        """Name and service of each target that the run has measured already."""
        with reading(self.path) as connection:
            yield from queries.measured(connection, run_id)

    def unreached(self, days: float) -> Iterator[Unreached]:
        """The targets that failed everywhere, at the controls too, over at least so many days."""
        with reading(self.path) as connection:
            yield from health.unreached(connection, days)

    def replace_register(
        self, register: Register, entries: Iterable[tuple[Entry, Keys]], damaged: Callable[[], int]
    ) -> Register:
        """Records a register in the place of that of the same name; gives it as it is recorded.

        Whatever is raised meanwhile, a StoreError or what `entries` raises, leaves the old one as it was. `damaged` is
        asked at the end for the number of lines that could not be read.
        """
        return replace_register(self.path, register, entries, damaged)

    def registers(self) -> Registers:
        """The registers, to be entered and looked into."""
        return Registers(self.path)

    def uploads(self) -> Uploads:
        """What is to be packed for a collector, and what was."""
        return Uploads(self.path, self._writing)

    def usage(self, since: datetime) -> Traffic:
        """What our own measurements begun since this moment have cost the line."""
        with reading(self.path) as connection:
            return usage(connection, time_text(since))

    def stats(self) -> Stats:
        """How large the file is, and what is in it."""
        return care.stats(self.path)

    def damage(self) -> str | None:
        """What is wrong in the file; None where it is whole. Reads all of it."""
        return care.damage(self.path)

    def exported_until(self) -> datetime | None:
        """What began before this moment is in an export; None when nothing is."""
        with reading(self.path) as connection:
            return care.exported_until(connection)

    def mark_exported(self, until: datetime) -> None:
        """Records that everything begun before this moment is in an export, and so may be pruned."""
        with self._writing() as db:
            care.mark_exported(db, until)

    def prune(self, before: datetime, bodies_before: datetime, *, unexported: bool = False) -> Pruned:
        """Removes the measurements begun before a moment, and the bodies of those begun before another: those that were
        exported, or all where `unexported`. Raises StoreError while a run goes on, and where nothing was exported."""
        return care.prune(self.path, self._writing, before, bodies_before, unexported=unexported)

    def trim(self, most: int, pages_before: datetime) -> Trimmed | None:
        """Makes room where the file holds more than `most` bytes: pages that were last shown before a moment go first,
        then the oldest measurements, whether exported or not. Gives the room back to the disk where there is much of
        it. None where nothing had to go. Raises StoreError while a run of another process goes on."""
        trimmed = keeping.trim(self.path, self._writing, most, pages_before)
        if trimmed is not None and self.path.stat().st_size > most * _SLACK:
            self.vacuum()
        return trimmed

    def vacuum(self) -> None:
        """Gives the room of what was removed back to the disk. Takes as much room again while it works."""
        with self._lock, told_plainly(self.path):
            care.vacuum(self._db)

    def merge(self, source: Source, tables: Tables) -> Merged:
        """Adds what another database or a dataset has and this one lacks: all of it, or nothing and a MergeError."""
        with self._writing() as db:
            return merge(db, source, tables)

    @contextmanager
    def dataset(
        self, wanted: Filter, *, by_day: bool = False, alike: Callable[[], None] | None = None
    ) -> Iterator[Dataset]:
        """The rows of every table that belong to the measurements that `wanted` names, as they are now. Whoever begins
        to read within `alike` sees the same: meanwhile nobody writes."""

        with ExitStack() as standstill:

            def ready() -> None:
                if alike is not None:
                    alike()
                standstill.close()

            if alike is not None:
                standstill.enter_context(self._writing())
            with view(self.path, wanted, by_day=by_day, ready=ready) as dataset:
                yield dataset

    @contextmanager
    def _writing(self) -> Iterator[Database]:
        with self._lock, told_plainly(self.path):
            if not self._open:
                raise StoreError(f"{self.path}: closed; open it again")
            with transaction(self._db):
                yield self._db

    def _compress_new(self, measurements: Iterable[Measurement]) -> list[dict[str, Any]]:
        """Rows for the bodies that the file lacks. Done before the transaction, so that no other writer waits."""
        bodies: dict[str, bytes] = {}
        for measurement in measurements:
            bodies.update(measurement.bodies)
        if not bodies:
            return []
        with reading(self.path) as connection:
            new = [sha256 for sha256 in bodies if not queries.has_body(connection, sha256)]
        return [
            {"sha256": sha256, "length": len(bodies[sha256]), "compressed": zlib.compress(bodies[sha256])}
            for sha256 in new
        ]


def _begin(db: Database, run: Run) -> None:
    insert(db, "run", rows.run_row(run, id_of(db, "vantage", rows.vantage_row(run.vantage))))


def _measurements(results: Iterable[Result]) -> Iterator[Measurement]:
    for result in results:
        yield result.measurement
        yield from result.controls
