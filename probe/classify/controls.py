"""The conditions of the rules that are about the controls themselves: whether there are any, and whether they agree.

Law: pure. Which controls count is decided in `weighing`, before any rule is asked.
"""

from __future__ import annotations

from probe.classify.conditions import when
from probe.classify.facts import Case
from probe.classify.path import Evidence, Path
from probe.classify.weighing import is_near
from probe.model import Measurement


def has_no_control(case: Case) -> Evidence | None:
    """None was asked, none answered, or none of them could look."""
    return when(not case.controls, case.end.failures or case.end.rows)


def controls_disagree(case: Case) -> Evidence | None:
    return when(case.control_reached is None, case.end.failures or case.end.rows)


def control_fails_too(case: Case) -> Evidence | None:
    return when(case.control_reached is False, case.end.failures)


def nearby_control_fails_too(case: Case) -> Evidence | None:
    """Where the same censor may sit before the control as well, its failure tells no outage from a block."""
    return when(case.control_reached is False and case.opinion.is_near, case.end.failures)


def control_is_nearby(case: Case) -> Evidence | None:
    return when(case.opinion.is_near)


def some_are_overruled(case: Case) -> Evidence | None:
    return when(bool(case.overruled))


def speaks_alone(mine: Measurement, control: Measurement) -> bool:
    """Whether a verdict can be made with this control and no other."""
    return Path(control).could_look and not is_near(mine.vantage, control.vantage)
