"""`python -m bench.dataset FILE [OBSERVATIONS [SEED]]`: a database as a group of volunteers would have it by now.

Law: the same number and seed give the same rows. Every kind of measurement is made of the model's own records and
judged by the rules once; what differs from hour to hour (ids, times, cookies) is put into copies of its rows.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from random import Random

from probe.classify import classify, judge
from probe.form import time_text
from probe.model import Host, Measurement, Run, Scheme, Service, Target, Vantage, Verdict
from probe.service import ServiceVerdict
from probe.store import Store, rows
from probe.store.schema import TABLES
from probe.targets import shipped
from tests.lab.recorded import STUB, Recording, Way

OBSERVATIONS = 10_000_000
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
_HOST = Host(online=True, ipv6=True, resolvers=("192.175.48.53:53",))
_CONTROL = Vantage(name="control", country="NL", asn=1103, network="SURF")
# Country, ASN, name, and how its blocks are made.
_NETWORKS = (
    ("RU", 12389, "Rostelecom", Way.LIE),
    ("RU", 8359, "MTS", Way.CUT),
    ("RU", 3216, "Beeline", Way.DROP),
    ("IR", 58224, "TIC", Way.CUT),
    ("IR", 197207, "MCCI", Way.LIE),
    ("TR", 9121, "Turk Telekom", Way.CUT),
    ("BY", 6697, "Beltelecom", Way.LIE),
    ("DE", 3320, "Deutsche Telekom", Way.OPEN),
)
_PROBES = 5  # in each network
_VARIANTS = 4  # of each kind of measurement
_BLOCKED = 0.25  # of the services in a network, for a third of the days
_SID, _REQUEST = "5" * 16, "7" * 32
_MADE_AT = time_text(BEGIN)
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """A target under one way of its network, as rows without their measurement's id."""

    target: Target
    verdict: Verdict
    judged: Row
    """The verdict as a row, without its own number and the measurement's id."""
    reasons: tuple[Row, ...]
    observed: tuple[Row, ...]
    at: int | None
    """Which of the rows has headers."""
    runtime: float


class Filling:
    """A database on its way to a number of observations."""

    def __init__(self, connection: sqlite3.Connection, seed: int) -> None:
        self._connection = connection
        self._chance = Random(seed)  # noqa: S311 - no secret
        self._services = [service for service in shipped() if service.retired is None]
        self._kinds: dict[tuple[str, Way], list[Kind]] = {}
        self._numbers: dict[Target | Vantage, int] = {}
        self._services_found: dict[tuple[int, ...], ServiceVerdict] = {}
        self._verdicts = 0
        self.observations = 0
        points = [(n, probe) for n in range(len(_NETWORKS)) for probe in range(_PROBES)]
        self._vantages = {
            (n, probe): Vantage(name=f"{_NETWORKS[n][2].split()[0].lower()}-{probe}", country=_NETWORKS[n][0],
                                asn=_NETWORKS[n][1], network=_NETWORKS[n][2])
            for n, probe in points
        }  # fmt: skip

    def until(self, observations: int) -> None:
        """Hour after hour, each vantage point runs once. The last run is whole."""
        for hour in count():
            controls = {target: self._control(target, hour) for service in self._services for target in _of(service)}
            for n, probe in self._vantages:
                if self.observations >= observations:
                    return
                self._run(n, probe, hour, controls)

    def _run(self, n: int, probe: int, hour: int, controls: dict[Target, str]) -> None:
        vantage = self._vantages[n, probe]
        at = BEGIN + timedelta(hours=hour, seconds=90 * probe)
        run_id = self._id(at)
        needs = tuple(service.need for service in self._services)
        run = Run(id=run_id, command="run", vantage=vantage, host=_HOST, started_at=at, finished_at=at,
                  process="", software="probe", services=needs)  # fmt: skip
        self._insert("run", [tuple(rows.run_row(run, self._number("vantage", vantage)).values())])
        measurements: list[Row] = []
        observed: list[Row] = []
        judged: list[Row] = []
        reasons: list[Row] = []
        compared: list[Row] = []
        concluded: list[ServiceVerdict] = []
        for service in self._services:
            way = self._way(n, service, hour // 24)
            found: list[Kind] = []
            for target in _of(service):
                at += timedelta(seconds=0.25)
                kind = self._chance.choice(self._kind(target, way))
                measurement_id = self._id(at)
                measurements.append(self._measured(kind, measurement_id, run_id, vantage, at))
                observed += self._rows_of(kind, measurement_id)
                compared.append((measurement_id, 1, controls[target]))
                self._verdicts += 1
                judged.append((self._verdicts, kind.judged[0], measurement_id, *kind.judged[1:]))
                reasons += [(self._verdicts, *row) for row in kind.reasons]
                found.append(kind)
            concluded.append(self._concluded(service, found))
        self._insert("measurement", measurements)
        self._insert("observation", observed)
        self._insert("comparison", compared)
        self._insert("verdict", judged)
        self._insert("reason", reasons)
        point = self._number("vantage", vantage)
        self._insert("service_verdict", (_service_row(each, run_id, point) for each in concluded))
        self.observations += len(observed)

    def _control(self, target: Target, hour: int) -> str:
        """What all vantage points are compared with in this hour."""
        at = BEGIN + timedelta(hours=hour)
        kind, control_id = self._chance.choice(self._kind(target, Way.OPEN)), self._id(at)
        row = self._measured(kind, control_id, None, _CONTROL, at)
        self._insert("control_measurement", [(*row[:2], *row[3:])])
        self._insert("control_observation", self._rows_of(kind, control_id))
        return control_id

    def _measured(self, kind: Kind, measurement_id: str, run_id: str | None, vantage: Vantage, at: datetime) -> Row:
        moment = time_text(at)
        title = f"{kind.target.name} {moment[:16].replace('T', ' ')}"
        numbers = self._number("target", kind.target), self._number("vantage", vantage)
        return (measurement_id, title, run_id, *numbers, moment, kind.runtime, None)

    def _rows_of(self, kind: Kind, measurement_id: str) -> Iterator[Row]:
        for number, row in enumerate(kind.observed):
            if number == kind.at:
                headers = str(row[_HEADERS]).replace(_SID, f"{self._chance.getrandbits(64):016x}", 1)
                headers = headers.replace(_REQUEST, f"{self._chance.getrandbits(128):032x}", 1)
                yield (measurement_id, *row[1:_HEADERS], headers, *row[_HEADERS + 1 :])
            else:
                yield (measurement_id, *row[1:])

    def _concluded(self, service: Service, found: Sequence[Kind]) -> ServiceVerdict:
        """What follows for a service of which what is made here counts as all there is."""
        key = tuple(map(id, found))
        if key not in self._services_found:
            need = replace(service.need, targets=len(found))
            verdict = judge(need, "", [(kind.target, kind.verdict) for kind in found])
            assert verdict is not None, "all of them were measured"
            self._services_found[key] = verdict
        return self._services_found[key]

    def _way(self, n: int, service: Service, day: int) -> Way:
        """Blocked in a network from one day on to another, or not at all."""
        own = Random(f"{n} {service.id}")  # noqa: S311 - no secret
        if _NETWORKS[n][3] is Way.OPEN or own.random() > _BLOCKED:
            return Way.OPEN
        begin = own.randint(0, 9)
        return _NETWORKS[n][3] if begin <= day < begin + own.randint(2, 9) else Way.OPEN

    def _kind(self, target: Target, way: Way) -> list[Kind]:
        key = (target.name, way)
        if key not in self._kinds:
            self._kinds[key] = [_made(target, way, number) for number in range(_VARIANTS)]
        return self._kinds[key]

    def _id(self, at: datetime) -> str:
        """As `probe.identity` makes them, but for the chance."""
        random = f"{self._chance.getrandbits(76):019x}"
        milliseconds = f"{int(at.timestamp() * 1000):012x}"
        return f"{milliseconds[:8]}-{milliseconds[8:]}-7{random[:3]}-8{random[3:6]}-{random[7:19]}"

    def _number(self, table: str, thing: Target | Vantage) -> int:
        if thing not in self._numbers:
            row = rows.target_row(thing) if isinstance(thing, Target) else rows.vantage_row(thing)
            number = sum(isinstance(each, type(thing)) for each in self._numbers) + 1
            self._insert(table, [(number, *row.values())])
            self._numbers[thing] = number
        return self._numbers[thing]

    def _insert(self, table: str, given: Iterable[Row]) -> None:
        marks = ", ".join("?" * len(TABLES[table].columns))
        self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", given)  # noqa: S608 - a literal


_COLUMNS = tuple(TABLES["observation"].columns)
_HEADERS = _COLUMNS.index("headers")


@cache
def _of(service: Service) -> tuple[Target, ...]:
    """Its targets, all of them of kinds that are made here."""
    return tuple(
        endpoint.target
        for endpoint in service.endpoints
        if endpoint.target.scheme in (Scheme.HTTPS, Scheme.HTTP, Scheme.TCP) and endpoint.target.speaks is None
    )


def _made(target: Target, way: Way, number: int) -> Kind:
    chance = Random(f"{target.name} {way} {number}")  # noqa: S311 - no secret
    last = Random(target.host).randint(1, 254)  # noqa: S311 - no secret
    v4, v6 = f"192.31.196.{last}", f"2620:4f:8000::{last:x}"
    addresses = (v4, v6) if last % 2 else (v4,)

    def measured(vantage: Vantage, way: Way, also: Sequence[str] = ()) -> Measurement:
        made = Recording(target=target, addresses=addresses, way=way, chance=chance, also=tuple(also))
        return Measurement(id="m", run_id=None, target=target, vantage=vantage, started_at=BEGIN,
                           observations=made.made(), runtime=made.clock)  # fmt: skip

    here = measured(Vantage(name="here", country="RU", asn=1), way)
    control = measured(_CONTROL, Way.OPEN, (STUB,) if way is Way.LIE else ())
    observed = [tuple(rows.observation_row("m", each).values()) for each in here.observations]
    at = next((n for n, row in enumerate(observed) if "set-cookie" in str(row[_HEADERS])), None)
    if at is not None:
        row = observed[at]
        named = dict(here.observations[at].detail.headers)  # type: ignore[union-attr]
        sid, request = named["set-cookie"][4:20], named["x-request-id"]
        marked = str(row[_HEADERS]).replace(sid, _SID).replace(request, _REQUEST)
        observed[at] = (*row[:_HEADERS], marked, *row[_HEADERS + 1 :])
    verdict = classify(here, [control], _HOST)
    row = rows.verdict_row(verdict, _MADE_AT)
    judged = tuple(row[column] for column in TABLES["verdict"].columns if column not in ("id", "measurement_id"))
    reasons = [rows.reason_row(0, nth, reason) for nth, reason in enumerate(verdict.reasons, start=1)]
    told = tuple(tuple(reason.values())[1:] for reason in reasons)
    return Kind(target, verdict, judged, told, tuple(observed), at, here.runtime)


def _service_row(verdict: ServiceVerdict, run_id: str, vantage_id: int) -> Row:
    row = {**rows.service_verdict_row(verdict, _MADE_AT), "run_id": run_id, "vantage_id": vantage_id, "id": None}
    return tuple(row[column] for column in TABLES["service_verdict"].columns)


def fill(path: Path, observations: int, seed: int = 1) -> int:
    """Makes the database; gives the number of its observations."""
    Store.open(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = MEMORY")  # what is lost with the power is made again
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        filling = Filling(connection, seed)
        filling.until(observations)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    return filling.observations


def main() -> int:
    path, *numbers = sys.argv[1:]
    begun = time.monotonic()
    made = fill(Path(path), *map(int, numbers or [OBSERVATIONS]))
    print(f"{path}: {made:,} observations in {time.monotonic() - begun:.0f} s, {Path(path).stat().st_size >> 20} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
