"""What follows from what was observed: pure, total, and recomputable at any time."""

from probe.classify.classify import classify, rules_version
from probe.classify.facts import Case, Hop, Layer, addresses_in_doubt
from probe.classify.fingerprint_files import FingerprintError
from probe.classify.fingerprints import Fingerprint, Fingerprints
from probe.classify.rule import Rule
from probe.classify.rules import RULES, RULES_VERSION
from probe.classify.sentence import plain

__all__ = [
    "RULES",
    "RULES_VERSION",
    "Case",
    "Fingerprint",
    "FingerprintError",
    "Fingerprints",
    "Hop",
    "Layer",
    "Rule",
    "addresses_in_doubt",
    "classify",
    "plain",
    "rules_version",
]
