"""Verdicts under load: `python -m tests.lab.soak` runs every scenario ten times, and checks 2,000 healthy targets,
while as many other processes as there are cores do nothing but count. `--times N` and `--healthy N` ask for less.

Ends with 1 where one verdict was wrong; the last lines are the counts.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.lab import World
from tests.lab.people import CONTROL_URL, control, lines, probe
from tests.lab.scenarios import SCENARIOS
from tests.lab.scenarios.scenario import HEADERS, at, at6, both, http, https, to
from tests.lab.spec import Access, IPv6, Lie, Page, Site, Spec
from tests.lab.test_scenarios import faults, lacks, story, tell_all

_EACH = 200
"""Targets that one `probe check` is given."""
_SLOW = 1.0
_ACCESSES = {
    "2 % of packets lost": Access(loss=0.02, delay=0.02),
    "IPv6 leads nowhere": Access(ipv6=IPv6.NOWHERE),
    "no IPv6": Access(ipv6=IPv6.NONE),
    "all is well": Access(),
}


def _count() -> None:
    while True:
        pass


@contextmanager
def loaded() -> Iterator[None]:
    """Every core has something else to do."""
    others = [multiprocessing.Process(target=_count, daemon=True) for _ in range(os.cpu_count() or 1)]
    for other in others:
        other.start()
    try:
        yield
    finally:
        for other in others:
            other.kill()


def scenarios(times: int) -> int:
    """Runs all scenarios so many times; how many verdicts were wrong."""
    wrong = 0
    for number in range(1, times + 1):
        here = [scenario for scenario in SCENARIOS if lacks(scenario) is None]
        said = tell_all(here)
        found = {scenario.id: "\n".join(faults(scenario, said[scenario.id])) for scenario in here}
        for name, fault in found.items():
            if fault:
                wrong += 1
                print(f"round {number}: {name}: {fault}", flush=True)
        print(f"round {number}: {len(found)} scenarios, {sum(map(bool, found.values()))} wrong", flush=True)
    return wrong


def _healthy(count: int) -> tuple[Spec, list[str]]:
    """A world of healthy sites of many kinds, and so many targets in it."""
    sites: list[Site] = []
    lies: list[Lie] = []
    targets: list[str] = []
    for number in range(count // 2):
        name, place = f"healthy-{number}.example", number % 100 + 1
        addresses = (at(place), at6(place))
        match number % 5:
            case 0:  # a CDN: other addresses here than elsewhere
                sites += both(name, at(place + 100))
                sites += [Site(**_unpublished(site, addresses[0])) for site in both(name, addresses[0])]
                lies.append(Lie(name=name, addresses=(addresses[0],), types=("A",)))
            case 1:
                sites += both(name, *addresses, page=Page(title="News", dynamic=True, headers=HEADERS))
            case 2:  # the country's own start page
                local = (("/ru/", Page(title="Служба", text="Пишите. " * 30, headers=HEADERS)),)
                sites += [https(name, *addresses, for_client=to("/ru/"), paths=local)]
                sites += [http(name, *addresses, page=to(f"https://{name}/", 301))]
            case 3:
                sites += both(name, *addresses, page=Page(title="Slow", delay=_SLOW, headers=HEADERS))
            case _:
                sites += both(name, *addresses)
        targets += [f"https://{name}/", f"http://{name}/"]
    return Spec(sites=tuple(sites), lies=tuple(lies)), targets


def _unpublished(site: Site, address: str) -> dict[str, object]:
    fields = {name: getattr(site, name) for name in Site.__dataclass_fields__}
    return fields | {"addresses": (address,), "published": False}


def healthy(count: int) -> tuple[Counter[str], int]:
    """Checks so many healthy targets over every kind of access: the outcomes, and how many were called blocked."""
    outcomes: Counter[str] = Counter()
    spec, targets = _healthy(count // len(_ACCESSES))
    for kind, access in _ACCESSES.items():
        world_spec = Spec(sites=spec.sites, lies=spec.lies, access=access)
        with World(world_spec) as world, control(world, "--timeout", "10"):
            for first in range(0, len(targets), _EACH):
                some = targets[first : first + _EACH]
                options = ("--json", "--timeout", "10", "--control", CONTROL_URL, "--no-save")
                for line in lines(probe(world, "check", *some, *options, timeout=900)):
                    outcomes[line["outcome"]] += 1
                    if line["outcome"] != "ok":
                        print(f"{kind}: {line['outcome']}: {story(line)}", flush=True)
        print(f"{kind}: {len(targets)} targets", flush=True)
    return outcomes, outcomes["blocked"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--healthy", type=int, default=2000)
    asked = parser.parse_args()
    with loaded():
        wrong = scenarios(asked.times)
        outcomes, blocked = healthy(asked.healthy)
    print(f"{asked.times} rounds of {len(SCENARIOS)} scenarios: {wrong} wrong verdicts")
    print(f"{sum(outcomes.values())} healthy targets: {blocked} blocked, {dict(outcomes)}")
    return 1 if wrong or blocked else 0


if __name__ == "__main__":
    sys.exit(main())
