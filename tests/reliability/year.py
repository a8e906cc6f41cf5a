"""A year of runs over the shipped lists, every six hours, on a machine whose owner never looks and never exports.

What a run records is real: one in the lab, in a country that blocks three of the services. It is recorded again and
again with new ids, times and pages, by the store, and after each run the database is kept small as a scheduled run
does it. Then real processes start on what the year has left.
"""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from probe.cli.keeping import keep_small
from probe.cli.settings import KEPT_MEGABYTES
from probe.identity import new_id
from probe.model import HttpDetail, Measurement, Observation, Result, Role, Run
from probe.service import ServiceVerdict
from probe.store import Filter, Store
from probe.targets import load
from tests.cli.alone import ask
from tests.lab.lab import World
from tests.lab.people import CONTROL_URL, control, probe
from tests.lab.shipped import Country, write_lists
from tests.reliability.job import Figure, Job, at_least, at_most

_RUNS = 4 * 365
_PERIOD = timedelta(hours=6)
_BLOCKED = ("signal", "telegram", "wechat")
_MOST = 200.0
"""MB."""
_STARTS = 7
_START = 1.0
"""Seconds."""
_AT_ONCE = 100
"""Results a transaction, as the writer has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one real run has recorded."""

    run: Run
    results: Sequence[Result]
    services: Sequence[ServiceVerdict]


@contextmanager
def _countries() -> Iterator[tuple[World, Path]]:
    """A country with all the shipped services, three of which are blocked in it, and its lists."""
    with World() as world, control(world, "--timeout", "5"):
        folder = world.home / "lists"
        write_lists(folder, world.own_root)
        country = Country(load([folder]))
        blocked = [service for service in country.live if service.id in _BLOCKED]
        world.become(country.blocking([each.target for service in blocked for each in service.endpoints]))
        yield world, folder


def _words(folder: Path, database: Path, *more: str) -> tuple[str, ...]:
    return ("run", "--targets", str(folder), "--control", CONTROL_URL, "--db", str(database), *more)


def _sample(world: World, folder: Path) -> Sample:
    database = world.home / "sample.sqlite"
    done = probe(world, *_words(folder, database, "--rate", "100"), timeout=600)
    assert done.returncode == 3, done.stderr
    with Store.open(database) as store:
        (run,) = store.runs()
        verdicts = [verdict for _, verdict in store.service_verdicts(Filter())]
        return Sample(run=run, results=list(store.results(Filter(), with_bodies=True)), services=verdicts)


@cache
def _words_of_a_page(site: str) -> bytes:
    """Text in the amount that a start page has: 20 to 300 kB, which compress to a fifth, the same for a site."""
    chance = random.Random(site)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(600)]
    size = round(20_000 * 15 ** chance.random())
    return " ".join(chance.choices(words, k=size // 6)).encode()


def _paged(measurement: Measurement, number: int) -> Measurement:
    """With pages as large as real ones. Half of the sites send another one each time, the others every month."""
    if measurement.target.role is not Role.WEB:
        return measurement
    site, bodies = measurement.target.name, dict(measurement.bodies)
    changes = number if random.Random(site).random() < 0.5 else number // 120
    page = f"<title>{changes}</title>".encode() + _words_of_a_page(site)
    name = hashlib.sha256(page).hexdigest()

    def paged(row: Observation) -> Observation:
        detail = row.detail
        if not isinstance(detail, HttpDetail) or not detail.body_sha256:
            return row
        bodies[name] = page
        return replace(row, detail=replace(detail, body_sha256=name, body_length=len(page)))

    rows = tuple(map(paged, measurement.observations))
    return replace(measurement, observations=rows, bodies=bodies)


def _again(sample: Sample, number: int, moment: datetime) -> tuple[Run, list[Result], list[ServiceVerdict]]:
    """What the run would have recorded had it begun at this moment."""
    run = replace(sample.run, id=new_id(moment), started_at=moment, finished_at=None)
    later = moment - sample.run.started_at

    def moved(measurement: Measurement, run_id: str | None) -> Measurement:
        began = measurement.started_at + later
        return replace(measurement, id=new_id(began), run_id=run_id, started_at=began)

    results = []
    for result in sample.results:
        here = _paged(moved(result.measurement, run.id), number)
        controls = tuple(moved(each, None) for each in result.controls)
        results.append(
            Result(measurement=here, controls=controls, verdict=replace(result.verdict, measurement_id=here.id))
        )
    return run, results, [replace(verdict, run_id=run.id) for verdict in sample.services]


@dataclass(slots=True)
class Year:
    """What became of the database."""

    measurements: int = 0
    largest: int = 0
    """Bytes on the disk, log included, at the largest."""
    slowest: float = 0.0
    """Seconds that keeping it small took at most."""


def live_through(sample: Sample, database: Path, runs: int, megabytes: int) -> Year:
    """So many runs, the last of which is now."""
    year, now = Year(), datetime.now(UTC)
    with _watched(database, year):
        for number in range(runs):
            moment = now - _PERIOD * (runs - number)
            run, results, services = _again(sample, number, moment)
            with Store.open(database) as store:
                store.begin_run(run)
                for begin in range(0, len(results), _AT_ONCE):
                    store.add(results[begin : begin + _AT_ONCE])
                store.add_service_verdicts(services)
                store.finish_run(run.id, moment + timedelta(minutes=2))
            began = time.monotonic()
            keep_small(database, megabytes, moment + timedelta(minutes=2))
            year.slowest = max(year.slowest, time.monotonic() - began)
            year.measurements += len(results)
    return year


@contextmanager
def _watched(database: Path, year: Year) -> Iterator[None]:
    """Looks ten times a second how large it is."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            year.largest = max(year.largest, _size(database))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _size(database: Path) -> int:
    """Bytes on the disk, of the file and of what SQLite has beside it."""
    total = 0
    for end in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):  # SQLite takes it away when nobody has it open
            total += os.stat(f"{database}{end}").st_size
    return total


def _starts(world: World, folder: Path, database: Path) -> list[float]:
    """Seconds from the start of a process to the beginning of its first measurement, a few times."""
    found = []
    for _ in range(_STARTS):
        began = datetime.now(UTC)
        # not by the name `probe`, for which the lab has a process that has everything loaded already
        command = [sys.executable, "-m", "probe", *_words(folder, database, "--service", "line", "--scheduled")]
        done = world.run(command, env={"PROBE_VANTAGE_COUNTRY": "RU"}, timeout=120)
        assert done.returncode in (0, 3, 4), done.stderr
        sql = "SELECT min(started_at) AS first FROM measurement WHERE run_id = (SELECT max(id) FROM run)"
        first = datetime.fromisoformat(ask(database, sql)[0]["first"])
        found.append((first - began).total_seconds())
    return found


def _run() -> Sequence[Figure]:
    with _countries() as (world, folder), tempfile.TemporaryDirectory(dir=world.home) as scratch:
        assert probe(world, "consent", "--agree").returncode == 0
        sample = _sample(world, folder)
        database = Path(scratch) / "probe.sqlite"
        year = live_through(sample, database, _RUNS, KEPT_MEGABYTES)
        size = _size(database)
        kept = ask(database, "SELECT min(started_at) AS first, count(*) AS n FROM measurement")[0]
        days = (datetime.now(UTC) - datetime.fromisoformat(kept["first"])).days
        lacking = """SELECT max(started_at) AS last FROM measurement JOIN observation ON measurement_id = measurement.id
                     WHERE body_sha256 IS NOT NULL AND body_sha256 NOT IN (SELECT sha256 FROM body)"""
        whole = (datetime.now(UTC) - datetime.fromisoformat(ask(database, lacking)[0]["last"])).days
        sound = ask(database, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        old, new = _starts(world, folder, database), _starts(world, folder, Path(scratch) / "new.sqlite")
    return (
        at_least("runs, six hours apart", _RUNS, 1460),
        Figure(what="measurements recorded", value=f"{year.measurements:,}"),
        at_most("on the disk at the end", size / 1e6, _MOST, "MB"),
        at_most("on the disk at the largest, log included", year.largest / 1e6, _MOST, "MB"),
        Figure(what="measurements kept", value=f"{kept['n']:,}, the last {days} days"),
        Figure(what="of them with all their pages", value=f"the last {whole} days"),
        Figure(what="SQLite finds no fault in the file", value="yes" if sound else "no", promised="yes", kept=sound),
        Figure(what="keeping it small, after a run, at the longest", value=f"{year.slowest:.1f} s"),
        at_most("from the start of a process to its first check, median", statistics.median(old), _START, "s", 2),
        Figure(what="the same with a new database", value=f"{statistics.median(new):.2f} s"),
    )


JOB = Job(
    title="A year by itself",
    how="What a real run over the shipped lists records in a country that blocks three of the services, with pages of"
    " 20 to 300 kB, is recorded 1,460 times, and the database kept small after each as a scheduled run does, with the"
    f" default (`keep`, {KEPT_MEGABYTES} MB) and nothing ever exported. Then real processes start with that database.",
    run=_run,
)
