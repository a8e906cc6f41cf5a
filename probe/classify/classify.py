"""From a measurement and its controls to a verdict, by the table of rules."""

from __future__ import annotations

from collections.abc import Sequence

from probe.classify.facts import Case
from probe.classify.fingerprints import Fingerprints
from probe.classify.notes import NOTES
from probe.classify.path import Evidence
from probe.classify.rule import Note, Rule
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
    `fingerprints` are the shipped ones where none are named. Bodies that are not kept any more show nothing. What there
    is to note comes after the reasons that decided.
    """
    return conclude(Case.of(measurement, controls, host, fingerprints))


def conclude(case: Case) -> Verdict:
    """The verdict on a case, by the table of rules."""
    held = ((rule, evidence) for rule in RULES if (evidence := rule.when(case)) is not None)
    decisive, shown = next(held)
    same = [(decisive, shown)]
    if decisive.outcome is Outcome.BLOCKED:  # every way in which it is
        same += [(rule, evidence) for rule, evidence in held if rule.outcome is Outcome.BLOCKED]
    told: list[tuple[Rule | Note, Evidence]] = list(same)
    told += [
        (note, evidence)
        for note in NOTES
        if decisive.outcome in note.outcomes and (evidence := note.when(case)) is not None
    ]
    return Verdict(
        measurement_id=case.mine.measurement.id,
        outcome=decisive.outcome,
        methods=tuple(dict.fromkeys(each.method for each, _ in told if each.method is not None)),
        confidence=_confidence(case, [rule for rule, _ in same]) if decisive.outcome is Outcome.BLOCKED else None,
        reasons=tuple(
            Reason(code=each.code, text=sentence(each.text, case), observations=evidence) for each, evidence in told
        ),
        rules_version=rules_version(case.fingerprints),
        controls=tuple(dict.fromkeys(case.asked[n].measurement.vantage.name for n in case.opinion.compared)),
    )


def rules_version(fingerprints: Fingerprints) -> str:
    """The version of the rules, and after a `+` that of fingerprints beyond the shipped ones."""
    return f"{RULES_VERSION}+{fingerprints.version}" if fingerprints.version else RULES_VERSION


def _confidence(case: Case, rules: Sequence[Rule]) -> Confidence:
    """What the evidence has by itself, or else: likely where the failure was seen twice, possible where once."""
    repeated = Confidence.LIKELY if case.repeated else Confidence.POSSIBLE
    most = max((rule.confidence or repeated for rule in rules), key=_ORDER.index)
    # A control that may be behind the same censor cannot vouch for more.
    return min(most, Confidence.LIKELY, key=_ORDER.index) if case.opinion.is_near else most
