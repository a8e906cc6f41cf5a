"""Every rule has a golden case, every case hits the rule it is for, and what must hold of all verdicts does."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.classify import NOTES, RULES, classify
from probe.model import Confidence, Host, Measurement, Method, Observation, Outcome, Target
from tests.classify.golden import GOLDEN, Golden
from tests.classify.stories import BOOTSTRAP, CALLS, CHAT, CONTROL, HERE, HTTP, HTTPS, NAME, ONLINE, PUSH, TCP, TLS, Saw


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda g: g.code)
def test_golden_case(golden: Golden) -> None:
    controls = [saw.measured(golden.target, golden.controls_at) for saw in golden.controls]
    verdict = classify(golden.mine.measured(golden.target, HERE), controls, golden.host)
    rule = next(rule for rule in RULES if rule.code == golden.code)
    assert verdict.reasons[0].code == golden.code
    assert verdict.outcome is rule.outcome
    assert tuple(method.value for method in verdict.methods) == golden.methods
    assert len({reason.code for reason in verdict.reasons}) == len(verdict.reasons)
    assert (verdict.confidence.value if verdict.confidence else None) == golden.confidence
    assert tuple(code for code in (reason.code for reason in verdict.reasons) if code in NOTED) == golden.notes
    assert all("{" not in reason.text for reason in verdict.reasons)


NOTED = {note.code for note in NOTES}


def test_every_note_has_a_code_of_its_own() -> None:
    assert len(NOTED) == len(NOTES)
    assert NOTED.isdisjoint(rule.code for rule in RULES)


# Rules that need no control: somebody who blocks was recognised.
KNOWN = {
    "dns.known_block_address",
    "dns.leads_to_known_blocker",
    "http.known_block_page",
    "tls.known_filter_certificate",
}
# Rules that never decide, since another that comes before them holds whenever they do: they add their method.
_ADDED = {"tcp.fails_at_true_address", "tls.fails_at_true_address", "http.fails_at_true_address"}


def test_every_rule_has_a_case_and_every_code_is_one_rules() -> None:
    codes = [rule.code for rule in RULES]
    assert len(codes) == len(set(codes))
    assert {golden.code for golden in GOLDEN} | _ADDED == set(codes)


def test_blocked_rules_alone_name_a_method() -> None:
    assert all((rule.outcome is Outcome.BLOCKED) == (rule.method is not None) for rule in RULES)


ROWS = [row for golden in GOLDEN for saw in (golden.mine, *golden.controls) for row in saw.rows]
rows = st.lists(st.sampled_from(ROWS), max_size=12)
targets = st.sampled_from([HTTPS, HTTP, TLS, TCP, NAME, CHAT, PUSH, CALLS, BOOTSTRAP])
hosts = st.sampled_from(list({golden.host: None for golden in GOLDEN}))


def measured(rows: list[Observation], target: Target, *, here: bool = True) -> Measurement:
    numbered = [replace(row, id=number) for number, row in enumerate(rows, start=1)]
    saw = Saw(rows=numbered)
    return saw.measured(target, HERE if here else CONTROL)


@settings(max_examples=500, deadline=None)
@given(rows, st.lists(rows, max_size=2), targets, hosts)
def test_there_is_always_a_verdict_whose_reasons_show_it(
    mine: list[Observation], theirs: list[list[Observation]], target: Target, host: Host
) -> None:
    measurement = measured(mine, target)
    verdict = classify(measurement, [measured(each, target, here=False) for each in theirs], host)
    known = {row.id for row in measurement.observations}
    assert verdict.reasons
    assert all(set(reason.observations) <= known for reason in verdict.reasons)
    expected = {Outcome.BLOCKED: verdict.methods != (), Outcome.OK: set(verdict.methods) <= {Method.QUIC}}
    assert expected.get(verdict.outcome, verdict.methods == ())
    assert (verdict.outcome is Outcome.BLOCKED) == isinstance(verdict.confidence, Confidence)
    if verdict.outcome is Outcome.BLOCKED:
        assert any(reason.observations for reason in verdict.reasons)
    assert all(isinstance(method, Method) for method in verdict.methods)


@settings(max_examples=300, deadline=None)
@given(rows, targets, hosts)
def test_what_fails_for_the_control_in_the_same_way_is_never_blocked(
    mine: list[Observation], target: Target, host: Host
) -> None:
    verdict = classify(measured(mine, target), [measured(mine, target, here=False)], host)
    assert verdict.outcome is not Outcome.BLOCKED


@settings(max_examples=300, deadline=None)
@given(rows, rows, targets, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_is_nothing_to_it(
    mine: list[Observation], theirs: list[Observation], target: Target, chance: Random
) -> None:
    def shuffled(measurement: Measurement) -> Measurement:
        observed = measurement.observations
        return replace(measurement, observations=tuple(chance.sample(observed, len(observed))))

    here, there = measured(mine, target), measured(theirs, target, here=False)
    assert classify(shuffled(here), [shuffled(there)], ONLINE) == classify(here, [there], ONLINE)


@settings(max_examples=200, deadline=None)
@given(rows, targets, hosts)
def test_without_a_control_nothing_is_blocked_but_by_somebody_known(
    mine: list[Observation], target: Target, host: Host
) -> None:
    verdict = classify(measured(mine, target), [], host)
    if verdict.outcome is Outcome.BLOCKED:
        assert {reason.code for reason in verdict.reasons} - NOTED <= KNOWN
        assert verdict.confidence is Confidence.CONFIRMED
