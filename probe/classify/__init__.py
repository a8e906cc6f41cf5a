"""What follows from what was observed: pure, total, and recomputable at any time."""

from probe.classify.classify import classify
from probe.classify.facts import Case, Hop, Layer, addresses_in_doubt
from probe.classify.location import Sweep, located, location_of
from probe.classify.rule import Rule
from probe.classify.rules import RULES, RULES_VERSION
from probe.classify.sentence import plain

__all__ = [
    "RULES",
    "RULES_VERSION",
    "Case",
    "Hop",
    "Layer",
    "Rule",
    "Sweep",
    "addresses_in_doubt",
    "classify",
    "located",
    "location_of",
    "plain",
]
