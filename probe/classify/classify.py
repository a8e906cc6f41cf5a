"""From a measurement and its controls to a verdict, by the table of rules."""

from __future__ import annotations

from collections.abc import Sequence

from probe.classify.facts import Case, Evidence
from probe.classify.notes import NOTES, Note
from probe.classify.rule import Rule
from probe.classify.rules import RULES, RULES_VERSION
from probe.classify.sentence import sentence
from probe.model import Confidence, Host, Measurement, Outcome, Reason, Verdict

_ORDER = tuple(Confidence)


def classify(measurement: Measurement, controls: Sequence[Measurement], host: Host) -> Verdict:
    """The verdict on one measurement. Pure and total: the same rows give the same verdict, and there always is one.

    `controls` are what control vantage points saw of the same target; `host` is how this machine's network was. What
    there is to note of it comes after the reasons that decided.
    """
    case = Case.of(measurement, controls, host)
    held = [(rule, evidence) for rule in RULES if (evidence := rule.when(case)) is not None]
    decisive = held[0][0]
    same = [(rule, evidence) for rule, evidence in held if rule.outcome is decisive.outcome]
    if decisive.outcome is not Outcome.BLOCKED:
        same = same[:1]
    said: list[tuple[Rule | Note, Evidence]] = [*same]
    said += [(note, evidence) for note in NOTES if (evidence := note.when(case)) is not None]
    return Verdict(
        measurement_id=measurement.id,
        outcome=decisive.outcome,
        methods=tuple(dict.fromkeys(rule.method for rule, _ in same if rule.method is not None)),
        confidence=_confidence(case, [rule for rule, _ in same]) if decisive.outcome is Outcome.BLOCKED else None,
        reasons=tuple(
            Reason(code=row.code, text=sentence(row.text, case), observations=evidence) for row, evidence in said
        ),
        rules_version=RULES_VERSION,
        controls=tuple(control.vantage.name for control in controls),
    )


def _confidence(case: Case, rules: Sequence[Rule]) -> Confidence:
    """What the evidence has by itself, or else: likely where the failure was seen twice, possible where once."""
    repeated = Confidence.LIKELY if case.repeated else Confidence.POSSIBLE
    return max((rule.confidence or repeated for rule in rules), key=_ORDER.index)
