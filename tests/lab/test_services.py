"""The thirty services as their files describe them: all well, and blocked role by role, whole, and in one endpoint.

The worlds are made from the shipped files (`tests/lab/shipped.py`). A handful of runs measure many services each, so
that each case below only reads what was said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from probe.model import Method, Role, Service, Target
from probe.targets import load, shipped
from tests.lab.lab import World
from tests.lab.people import CONTROL_URL, codes, control, lines, outcomes, probe
from tests.lab.shipped import Country, method, write_lists
from tests.lab.spec import Spec

pytestmark = pytest.mark.timeout(600)

APP = {Role.LONG_LINK, Role.SHORT_LINK, Role.API, Role.PUSH, Role.BOOTSTRAP}
WORDS = {Role.LONG_LINK: "long link", Role.SHORT_LINK: "short link", Role.API: "API"}
CLOSED = [service for service in shipped() if service.retired is not None]
LIVE = [service for service in shipped() if service.retired is None]
JUDGED = [service for service in LIVE if service.all_of]
NEEDED = [(service, number) for service in JUDGED for number in range(len(service.all_of))]


def deciding(service: Service, *roles: Role) -> list[Target]:
    """The endpoints of these roles that decide; of all roles where none is named."""
    targets = [endpoint.target for endpoint in service.endpoints]
    return [target for target in targets if target.decides and (not roles or target.role in roles)]


def largest(service: Service) -> list[Target]:
    """The endpoints of that of its needed roles which has most of them."""
    return max((deciding(service, role) for role in service.all_of), key=len, default=[])


def whole(service: Service) -> list[Target]:
    return [endpoint.target for endpoint in service.endpoints]


def of_need(number: int) -> Callable[[Service], list[Target]]:
    """The endpoints of the service's needed role of this number."""
    return lambda service: [t for role in service.all_of[number : number + 1] for t in deciding(service, role)]


def one(service: Service) -> list[Target]:
    """One endpoint of a role that has several."""
    return largest(service)[:1] if len(largest(service)) > 1 else []


# What is blocked of each service in each world; a service of which nothing is is not measured there.
WORLDS: dict[str, Callable[[Service], list[Target]]] = {
    **{f"role {number}": of_need(number) for number in range(3)},
    "one endpoint": one,
    "everything": lambda service: whole(service) if service.all_of else [],
}


@dataclass(frozen=True)
class Told:
    """What a run said: the verdict on each service, and the outcome of each target."""

    services: dict[str, dict[str, Any]]
    targets: dict[str, str]
    unclear: dict[str, list[str]]
    """Why, of each target whose verdict is `inconclusive`."""
    status: int


Measure = Callable[[str], Told]


@pytest.fixture(scope="module")
def measure(lab: None) -> Iterator[Measure]:
    """Runs over the services of a world, each world once. The control's answers are the same in all of them."""
    with World() as world, control(world, "--ttl", "3600", "--timeout", "5"):
        folder = world.home / "lists"
        write_lists(folder, world.own_root)
        country = Country(load([folder]))

        @cache
        def told(name: str) -> Told:
            spec, services = world_of(country, name)
            world.become(spec)
            database = ("--db", str(world.home / f"{name}.sqlite"))
            chosen = [word for service in services for word in ("--service", service)]
            pace = ("--rate", "1000", "--concurrency", "400", "--timeout", "5")
            options = ("--targets", str(folder), *chosen, *pace, "--control", CONTROL_URL)
            done = probe(world, "run", *options, "--json", *database, timeout=300)
            read = probe(world, "results", "--services", "--json", *database)
            found = {row["service"]: row for row in lines(read)}
            said = lines(done)
            unclear = {line["target"]: codes(line) for line in said if line["outcome"] == "inconclusive"}
            return Told(services=found, targets=outcomes(said), unclear=unclear, status=done.returncode)

        yield told


def world_of(country: Country, name: str) -> tuple[Spec, list[str]]:
    """The world of this name, and the services that are measured in it."""
    if name == "well":
        return country.healthy(), [service.id for service in country.services]
    blocked = {service.id: WORLDS[name](service) for service in country.live}
    targets = [target for each in blocked.values() for target in each]
    spec = country.denying(targets) if name == "everything" else country.blocking(targets)
    return spec, [service for service, each in blocked.items() if each]


@pytest.mark.parametrize("service", LIVE, ids=lambda service: service.id)
def test_a_live_service_is_ok(measure: Measure, service: Service) -> None:
    told = measure("well")
    assert {told.targets[target.name] for target in whole(service)} == {"ok"}, told.unclear
    row = told.services[service.id]
    if not service.all_of:
        assert (row["outcome"], row["text"]) == ("inconclusive", "no endpoint of it is known well enough to decide")
        return
    assert row["outcome"] == "ok"
    assert row["text"].endswith((" work", " works"))
    assert {role["role"]: role["ok"] for role in row["roles"]} == {
        role: len(deciding(service, role)) for role in Role if deciding(service, role)
    }


@pytest.mark.parametrize("service", CLOSED, ids=lambda service: service.id)
def test_a_closed_service_is_down(measure: Measure, service: Service) -> None:
    told = measure("well")
    assert {told.targets[target.name] for target in whole(service)} == {"down"}
    row = told.services[service.id]
    assert (row["outcome"], row["methods"]) == ("down", [])
    assert row["text"] == f"closed on {service.retired}: {service.retired_reason}"
    assert told.status == 4


@pytest.mark.parametrize(("service", "number"), NEEDED, ids=lambda each: getattr(each, "id", each))
def test_a_role_is_blocked(measure: Measure, service: Service, number: int) -> None:
    told = measure(f"role {number}")
    role, row = service.all_of[number], told.services[service.id]
    methods = [word for word in Method if word in {method(target) for target in deciding(service, role)}]
    assert (row["outcome"], row["methods"]) == ("blocked", methods), told.unclear
    # An endpoint that only IPv6 leads to leaves a gap: no IPv6 connection of this run has worked, so none can tell.
    found = {each["role"]: each for each in row["roles"]}
    gap = found[role]["inconclusive"]
    assert gap <= 1, told.unclear
    assert row["confidence"] in (("possible",) if gap else ("likely", "confirmed"))
    assert (found[role]["blocked"], found[role]["ok"]) == (found[role]["targets"] - gap, 0)
    assert {each: found[each]["ok"] - found[each]["targets"] for each in found if each != role} == {
        each: 0 for each in found if each != role
    }
    assert row["text"].split("; ")[0] == headline(service, role, f"blocked ({', '.join(methods)})")
    assert told.status == 3


def headline(service: Service, role: Role, fate: str) -> str:
    """What is said first when one needed role fails and all else works."""
    roles = {target.role for target in deciding(service)}
    web, app = Role.WEB in roles, bool(roles & APP)
    if role is Role.WEB:
        return f"web {fate}" + (", app endpoints work" if app else "")
    if role in APP:
        return ("web works, " if web else "") + f"app endpoints {fate}"
    return ("web and app endpoints work, " if app else "web works, ") + f"{role} {fate}"


@pytest.mark.parametrize("service", [service for service in JUDGED if one(service)], ids=lambda service: service.id)
def test_one_endpoint_of_many_is_a_note(measure: Measure, service: Service) -> None:
    told = measure("one endpoint")
    blocked, *others = largest(service)
    assert told.targets[blocked.name] == "blocked"
    assert {told.targets[target.name] for target in others} == {"ok"}
    row = told.services[service.id]
    assert (row["outcome"], row["methods"], row["confidence"]) == ("ok", [], None)
    assert blocked.role is not None
    word = WORDS.get(blocked.role, blocked.role)
    head, note = row["text"].split("; ")
    assert head.endswith((" work", " works"))
    assert note == f"1 of {1 + len(others)} {word} endpoints blocked ({method(blocked)})"


@pytest.mark.parametrize("service", JUDGED, ids=lambda service: service.id)
def test_a_service_is_blocked_as_a_whole(measure: Measure, service: Service) -> None:
    told = measure("everything")
    row = told.services[service.id]
    assert row["outcome"] == "blocked", told.unclear
    assert {role["role"] for role in row["roles"] if role["needed"]} == set(service.all_of)
    for role in row["roles"]:
        if role["needed"]:
            assert (role["outcome"], role["blocked"], role["ok"]) == ("blocked", role["targets"], 0), told.unclear
    assert "blocked (dns)" in row["text"]
    assert "work" not in row["text"]
