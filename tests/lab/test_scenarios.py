"""Every scenario through the command line: verdict, exit status, and the same read back from the database.

Rows that can share a world do, and are checked side by side; the others get a world of their own, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab.lab import Finished, World
from tests.lab.people import CONTROL_URL, FOOLED_URL, NOBODY_URL, codes, control, fooled_control, lines, probe
from tests.lab.scenarios import SCENARIOS, Control, Scenario
from tests.lab.scenarios.scenario import target_list
from tests.lab.spec import Access, To, merged

_AT_ONCE = 5
_CONTROLS = {
    Control.ON: (CONTROL_URL,),
    Control.DOWN: (NOBODY_URL,),
    Control.OFF: ("none",),
    Control.TWO: (CONTROL_URL, FOOLED_URL),
}
_CONFIDENCE = ("possible", "likely", "confirmed")

Told = tuple[Finished, Finished, Finished]
"""What `check`, `results` and `explain` said."""


def shares_a_world(scenario: Scenario) -> bool:
    """Whether nothing in it concerns names and addresses other than its own."""
    spec = scenario.spec
    return (
        spec.access == Access()
        and all(lie.name for lie in spec.lies)
        and not any(isinstance(rule.when, To) and rule.when.addresses is None for rule in spec.rules)
    )


def tell(world: World, scenario: Scenario) -> Told:
    """Checks the scenario's targets, and reads the verdict back."""
    database = ("--db", str(world.home / f"{scenario.id}.sqlite"))
    controls = [word for url in _CONTROLS[scenario.control] for word in ("--control", url)]
    options = ("--json", "--timeout", str(scenario.seconds), *controls)
    words = ["check", *scenario.targets]
    if scenario.own_root:
        (world.home / f"{scenario.id}.toml").write_text(target_list(scenario.targets, world.own_root))
        words = ["run", "--targets", str(world.home / f"{scenario.id}.toml")]
    checked = probe(world, *words, *options, *database)
    found = lines(checked)
    results = probe(world, "results", "--json", *database)
    explained = probe(world, "explain", found[0]["measurement_id"] if found else "none", *database)
    return checked, results, explained


@pytest.fixture(scope="module")
def told(lab: None, request: pytest.FixtureRequest) -> Iterator[dict[str, Told]]:
    """What was said of every scenario that was asked for."""
    asked = [getattr(item, "callspec", None) for item in request.session.items if item.module is request.module]
    wanted = [call.params["scenario"] for call in asked if call is not None]
    together = [scenario for scenario in wanted if shares_a_world(scenario)]
    with World() as world, control(world), fooled_control(world):
        world.become(merged(*(scenario.spec for scenario in together)) if together else world.spec)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            said = dict(zip((s.id for s in together), pool.map(lambda s: tell(world, s), together), strict=True))
        for scenario in wanted:
            if scenario not in together:
                world.become(scenario.spec)
                said[scenario.id] = tell(world, scenario)
        yield said


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
@pytest.mark.timeout(900)
def test_scenario(told: dict[str, Told], scenario: Scenario) -> None:
    checked, results, explained = told[scenario.id]
    assert checked.returncode == scenario.exit_status, checked.stderr
    found = lines(checked)
    assert found, checked.stderr
    for line in found:
        story = "\n".join(
            f"{row['step']} {row['hop']} {row['attempt']} {row['failure']}" for row in line["observations"]
        )
        said = f"{codes(line)}\n{story}"
        assert line["outcome"] == scenario.outcome, said
        assert set(line["methods"]) == set(scenario.methods), said
        if scenario.confidence is not None:
            assert _CONFIDENCE.index(line["confidence"]) >= _CONFIDENCE.index(scenario.confidence), said
        if scenario.reason is not None:
            assert scenario.reason in codes(line), said
    if scenario.exit_status == 75:
        return  # nothing was measured, so there is nothing to read back
    by_id = {line["measurement_id"]: line for line in found}
    assert {line["measurement_id"]: line for line in lines(results)} == by_id
    assert scenario.outcome.upper() in explained.stdout.splitlines()[0]
    for reason in found[0]["reasons"]:
        assert reason["text"] in explained.stdout


def test_every_scenario_has_a_name_of_its_own() -> None:
    ids = [scenario.id for scenario in SCENARIOS]
    assert len(ids) == len(set(ids))
