"""May 2017 as ten volunteers at each of four providers would have recorded it: a database for each provider.

Law: everything is judged by the real rules from what was observed, and what the lossy line took is not there. The world
is that of `tests.lab.may_2017`; here no packet is sent, so that it may be two weeks instead of six days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from probe.classify import classify, judge
from probe.model import Host, Measurement, Result, Service, Target, Vantage
from probe.store import Store
from probe.targets.load import load_texts
from tests.lab.may_2017 import PROVIDERS, SERVICES, Provider, list_of
from tests.lab.recorded import STUB, Recording, Way
from tests.store.examples import a_run

BEGIN = datetime(2017, 5, 1, 3, tzinfo=UTC)
EVERY, RUNS, PROBES = timedelta(hours=12), 26, 10
LOSS = 0.02
_HOST = Host(online=True, ipv6=False, resolvers=("192.175.48.53:53",))
_CONTROL = Vantage(name="control", country="NL", asn=1103, network="SURF")
_WAYS = (Way.LIE, Way.DROP, Way.CUT, Way.OPEN)
"""Of the providers, in their order."""
# When each service was put into the register, and when it was taken out.
REGISTER: Mapping[str, tuple[datetime, datetime | None]] = {
    "bbm": (datetime(2017, 5, 2, 9, tzinfo=UTC), None),
    "line": (datetime(2017, 5, 2, 21, tzinfo=UTC), None),
    "wechat": (datetime(2017, 5, 4, 10, tzinfo=UTC), datetime(2017, 5, 11, 8, tzinfo=UTC)),
}
LISTS: tuple[Service, ...] = load_texts({f"{service}.toml": list_of(service) for service in SERVICES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One run of one volunteer."""

    vantage: Vantage
    number: int

    @property
    def started_at(self) -> datetime:
        return BEGIN + self.number * EVERY + timedelta(minutes=7 * int(self.vantage.name.rpartition(" ")[2]))


def visits(provider: Provider) -> Iterator[Visit]:
    """Every run at a provider, in the order of time."""
    points = [
        Vantage(name=f"volunteer {n}", country="RU", asn=provider.asn, network=provider.network) for n in range(PROBES)
    ]
    return (Visit(vantage=vantage, number=number) for number in range(RUNS) for vantage in points)


def is_blocked(service: str, at: datetime) -> bool:
    """Whether it stands in the register."""
    begin, end = REGISTER[service]
    return begin <= at and (end is None or at < end)


def record(folder: Path, loss: float = LOSS, seed: int = 2017) -> list[Path]:
    """The databases, in the order of the providers."""
    return [_record(folder, provider, way, loss, seed) for provider, way in zip(PROVIDERS, _WAYS, strict=True)]


def _record(folder: Path, provider: Provider, way: Way, loss: float, seed: int) -> Path:
    path, chance = folder / f"{provider.network.split()[0].lower()}.sqlite", Random(f"{seed} {provider.network}")
    needs = tuple(service.need for service in LISTS)
    with Store.open(path) as store:
        for visit in visits(provider):
            at, name = visit.started_at, f"{provider.asn}-{visit.vantage.name.rpartition(' ')[2]}-{visit.number:02}"
            run = a_run(name, vantage=visit.vantage, host=_HOST, started_at=at, settings={}, services=needs)
            store.begin_run(run)
            results = [
                _result(
                    name, visit.vantage, target, at + timedelta(seconds=3 * n), _way_of(target, way, at), chance, loss
                )
                for n, target in enumerate(endpoint.target for service in LISTS for endpoint in service.endpoints)
            ]
            store.add(results)
            found = [(result.measurement.target, result.verdict) for result in results]
            store.add_service_verdicts([verdict for need in needs if (verdict := judge(need, name, found)) is not None])
            store.finish_run(name, at + timedelta(minutes=1))
    return path


def _way_of(target: Target, way: Way, at: datetime) -> Way:
    return way if is_blocked(target.service or "", at) else Way.OPEN


def _result(
    run_id: str, vantage: Vantage, target: Target, at: datetime, way: Way, chance: Random, loss: float
) -> Result:
    here = _measured(f"{run_id}-{target.host}", run_id, vantage, target, at, way, chance, loss)
    also = (STUB,) if way is Way.LIE else ()
    control = _measured(f"c-{run_id}-{target.host}", None, _CONTROL, target, at, Way.OPEN, chance, loss, also)
    return Result(measurement=here, controls=(control,), verdict=classify(here, [control], _HOST))


def _measured(
    measurement_id: str,
    run_id: str | None,
    vantage: Vantage,
    target: Target,
    at: datetime,
    way: Way,
    chance: Random,
    loss: float,
    also: Sequence[str] = (),
) -> Measurement:
    address = f"192.31.196.{Random(target.host).randint(1, 200)}"
    made = Recording(target=target, addresses=(address,), way=way, chance=chance, loss=loss, also=tuple(also))
    observations = made.made()
    return Measurement(
        id=measurement_id,
        run_id=run_id,
        target=target,
        vantage=vantage,
        started_at=at,
        runtime=made.clock,
        observations=observations,
    )
