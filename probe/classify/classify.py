"""From a measurement and its controls to a verdict, by the table of rules."""

from __future__ import annotations

from collections.abc import Sequence

from probe.classify.facts import Case
from probe.classify.fingerprints import Fingerprints
from probe.classify.rule import Rule
from probe.classify.rules import RULES, RULES_VERSION
from probe.classify.sentence import sentence
from probe.model import Confidence, Host, Measurement, Outcome, Reason, Verdict

_ORDER = tuple(Confidence)


def classify(
    measurement: Measurement,
    controls: Sequence[Measurement],
    host: Host,
    fingerprints: Fingerprints | None = None,
) -> Verdict:
    """The verdict on one measurement. Pure and total: the same rows give the same verdict, and there always is one.

    `controls` are what control vantage points saw of the same target; `host` is how this machine's network was;
    `fingerprints` are the shipped ones where none are named. Bodies that are not kept any more show nothing.
    """
    case = Case.of(measurement, controls, host, fingerprints)
    held = [(rule, evidence) for rule in RULES if (evidence := rule.when(case)) is not None]
    decisive = held[0][0]
    same = [(rule, evidence) for rule, evidence in held if rule.outcome is decisive.outcome]
    if decisive.outcome is not Outcome.BLOCKED:
        same = same[:1]
    return Verdict(
        measurement_id=measurement.id,
        outcome=decisive.outcome,
        methods=tuple(dict.fromkeys(rule.method for rule, _ in same if rule.method is not None)),
        confidence=_confidence(case, [rule for rule, _ in same]) if decisive.outcome is Outcome.BLOCKED else None,
        reasons=tuple(
            Reason(code=rule.code, text=sentence(rule.text, case), observations=evidence) for rule, evidence in same
        ),
        rules_version=rules_version(case.fingerprints),
        controls=tuple(control.vantage.name for control in controls),
    )


def rules_version(fingerprints: Fingerprints) -> str:
    """The version of the rules, and after a `+` that of fingerprints beyond the shipped ones."""
    return f"{RULES_VERSION}+{fingerprints.version}" if fingerprints.version else RULES_VERSION


def _confidence(case: Case, rules: Sequence[Rule]) -> Confidence:
    """What the evidence has by itself, or else: likely where the failure was seen twice, possible where once."""
    repeated = Confidence.LIKELY if case.repeated else Confidence.POSSIBLE
    return max((rule.confidence or repeated for rule in rules), key=_ORDER.index)
