"""What follows from what was observed: pure, total, and recomputable at any time."""

from probe.classify.classify import classify
from probe.classify.facts import Case, Hop, Layer, addresses_in_doubt
from probe.classify.rule import Rule
from probe.classify.rules import RULES, RULES_VERSION
from probe.classify.sentence import plain
from probe.classify.service import judge

__all__ = ["RULES", "RULES_VERSION", "Case", "Hop", "Layer", "Rule", "addresses_in_doubt", "classify", "judge", "plain"]
