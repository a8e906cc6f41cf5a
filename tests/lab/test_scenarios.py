"""Every scenario through the command line: verdict, exit status, and the same read back from the database.

Rows that can share a world do, and are checked side by side; the others get a world of their own, one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cli.alone import ask
from tests.lab.lab import Finished, World
from tests.lab.needs import clock, need, without_clocks, without_tunnels
from tests.lab.people import (
    CONTROL_URL,
    FOOLED_URL,
    NEUTRAL_URL,
    NOBODY_URL,
    codes,
    control,
    fooled_control,
    lines,
    neutral_control,
    probe,
)
from tests.lab.scenarios import SCENARIOS, Control, Scenario
from tests.lab.scenarios.scenario import target_list
from tests.lab.spec import Access, To, merged

_AT_ONCE = 5
_CONTROLS = {
    Control.ON: (CONTROL_URL,),
    Control.DOWN: (NOBODY_URL,),
    Control.OFF: ("none",),
    Control.NEUTRAL: (NEUTRAL_URL,),
    Control.TWO: (CONTROL_URL, FOOLED_URL),
}
_CONFIDENCE = ("possible", "likely", "confirmed")

Told = tuple[Finished, Finished, Finished, dict[str, object]]
"""What `check`, `results` and `explain` said, and what the run noted of its host."""


def lacks(scenario: Scenario) -> str | None:
    """What this machine has not, and the scenario needs."""
    return (without_tunnels() if scenario.spec.access.vpn else None) or (without_clocks() if scenario.clock else None)


def shares_a_world(scenario: Scenario) -> bool:
    """Whether nothing in it concerns names and addresses other than its own."""
    spec = scenario.spec
    return (
        spec.access == Access()
        and scenario.control is not Control.NEUTRAL  # whose ground a censor may cut off for everybody
        and all(lie.name for lie in spec.lies)
        and not any(isinstance(rule.when, To) and rule.when.addresses is None for rule in spec.rules)
    )


def tell(world: World, scenario: Scenario) -> Told:
    """Checks the scenario's targets, and reads the verdict back."""
    database = ("--db", str(world.home / f"{scenario.id}.sqlite"))
    controls = [word for url in _CONTROLS[scenario.control] for word in ("--control", url)]
    options = ["--json", "--timeout", str(scenario.seconds), *controls, *scenario.options]
    if scenario.fingerprints is not None:
        own = world.home / f"{scenario.id}-fingerprints.toml"
        own.write_text(scenario.fingerprints)
        options += ["--fingerprints", str(own)]
    words = ["check", *scenario.targets]
    if scenario.own_root:
        own = world.home / f"{scenario.id}.toml"
        own.write_text(target_list(scenario.targets, world.own_root))
        words = ["run", "--targets", str(own)]
    env = clock(scenario.clock) if scenario.clock is not None else {}
    checked = probe(world, *words, *options, *database, timeout=300, **env)
    found = lines(checked)
    results = probe(world, "results", "--json", *database)
    explained = probe(world, "explain", found[0]["measurement_id"] if found else "none", *database)
    (run,) = ask(world.home / f"{scenario.id}.sqlite", "SELECT host FROM run")
    return checked, results, explained, json.loads(run["host"])


def tell_all(scenarios: Sequence[Scenario]) -> dict[str, Told]:
    """What is said of every scenario: of those that can share a world side by side, of the others one by one."""
    together = [scenario for scenario in scenarios if shares_a_world(scenario)]
    with World() as world, control(world), fooled_control(world), neutral_control(world):
        world.become(merged(*(scenario.spec for scenario in together)) if together else world.spec)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            said = dict(zip((s.id for s in together), pool.map(lambda s: tell(world, s), together), strict=True))
        for scenario in scenarios:
            if scenario not in together:
                world.become(scenario.spec)
                said[scenario.id] = tell(world, scenario)
    return said


def faults(scenario: Scenario, said: Told) -> Iterator[str]:
    """What is wrong with what was said of a scenario, each with what was seen."""
    checked, results, explained, host = said
    found = lines(checked)
    if checked.returncode != scenario.exit_status or not found:
        yield f"exit status {checked.returncode}, {len(found)} lines: {checked.stderr}"
    if {name: host[name] for name in scenario.host} != scenario.host:
        yield f"the host is {host}"
    for line in found:
        yield from (f"{fault}; {story(line)}" for fault in _line_faults(scenario, line))
    if scenario.exit_status == 75 or not found:
        return  # nothing was measured, so there is nothing to read back
    by_id = {line["measurement_id"]: line for line in found}
    if {line["measurement_id"]: line for line in lines(results)} != by_id:
        yield "results tells it otherwise"
    if scenario.outcome.upper() not in explained.stdout.splitlines()[0]:
        yield f"explain says {explained.stdout.splitlines()[0]}"
    if any(reason["text"] not in explained.stdout for reason in found[0]["reasons"]):
        yield "explain leaves out a reason"


def _line_faults(scenario: Scenario, line: dict[str, Any]) -> Iterator[str]:
    if line["outcome"] != scenario.outcome or set(line["methods"]) != set(scenario.methods):
        yield f"{line['outcome']} {line['methods']}"
    elif scenario.confidence and _CONFIDENCE.index(line["confidence"]) < _CONFIDENCE.index(scenario.confidence):
        yield f"only {line['confidence']}"
    if scenario.reason is not None and scenario.reason not in codes(line):
        yield f"without {scenario.reason}"


def story(line: dict[str, Any]) -> str:
    """A verdict line in short."""
    rows = "\n".join(
        f"{row['step']} {row['experiment'] or ''} {row['hop']} {row['attempt']} {row['failure']}"
        for row in line["observations"]
    )
    return f"{line['target']}: {codes(line)}\n{rows}"


@pytest.fixture(scope="module")
def told(lab: None, request: pytest.FixtureRequest) -> dict[str, Told]:
    """What was said of every scenario that was asked for."""
    asked = [getattr(item, "callspec", None) for item in request.session.items if item.module is request.module]
    wanted = [call.params["scenario"] for call in asked if call is not None]
    return tell_all([scenario for scenario in wanted if lacks(scenario) is None])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
@pytest.mark.timeout(900)
def test_scenario(told: dict[str, Told], scenario: Scenario) -> None:
    need(lacks(scenario))
    assert "\n".join(faults(scenario, told[scenario.id])) == ""


def test_every_scenario_has_a_name_of_its_own() -> None:
    ids = [scenario.id for scenario in SCENARIOS]
    assert len(ids) == len(set(ids))
