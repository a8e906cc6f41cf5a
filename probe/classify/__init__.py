"""What follows from what was observed: pure, total, and recomputable at any time."""

from probe.classify.classify import classify
from probe.classify.facts import Case, Hop, Layer, addresses_in_doubt
from probe.classify.ground import Ground
from probe.classify.notes import NOTES, Note
from probe.classify.rule import Rule
from probe.classify.rules import RULES, RULES_VERSION
from probe.classify.sentence import clock, plain

__all__ = [
    "NOTES",
    "RULES",
    "RULES_VERSION",
    "Case",
    "Ground",
    "Hop",
    "Layer",
    "Note",
    "Rule",
    "addresses_in_doubt",
    "classify",
    "clock",
    "plain",
]
