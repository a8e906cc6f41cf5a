"""What follows from what was observed: pure, total, and recomputable at any time."""

from probe.classify.classify import classify, is_suspicious
from probe.classify.facts import Case, Hop, Layer, addresses_in_doubt
from probe.classify.rule import Rule
from probe.classify.rules import RULES, RULES_VERSION
from probe.classify.sentence import plain
from probe.classify.speed import is_slowed

__all__ = [
    "RULES",
    "RULES_VERSION",
    "Case",
    "Hop",
    "Layer",
    "Rule",
    "addresses_in_doubt",
    "classify",
    "is_slowed",
    "is_suspicious",
    "plain",
]
