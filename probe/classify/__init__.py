"""What follows from what was observed: pure, total, and recomputable at any time."""

from probe.classify.anew import Anew, judge_anew, judge_services_anew
from probe.classify.classify import classify, conclude, rules_version
from probe.classify.controls import speaks_alone
from probe.classify.facts import Case, addresses_in_doubt
from probe.classify.fingerprint_files import FingerprintError
from probe.classify.fingerprints import Fingerprint, Fingerprints
from probe.classify.ground import Ground
from probe.classify.host import is_ghost
from probe.classify.known import telling_bodies
from probe.classify.location import Sweep, located, location_of
from probe.classify.notes import NOTES
from probe.classify.path import Hop, Layer, Path
from probe.classify.rule import Note, Rule
from probe.classify.rules import RULES, RULES_VERSION
from probe.classify.sentence import clock, plain
from probe.classify.service import judge
from probe.classify.speed import is_slowed
from probe.classify.stores import STORE_PROBLEMS, STORE_RULES, STORE_RULES_VERSION, heard, judge_listing
from probe.classify.turning import what_would_change

__all__ = [
    "NOTES",
    "RULES",
    "RULES_VERSION",
    "STORE_PROBLEMS",
    "STORE_RULES",
    "STORE_RULES_VERSION",
    "Anew",
    "Case",
    "Fingerprint",
    "FingerprintError",
    "Fingerprints",
    "Ground",
    "Hop",
    "Layer",
    "Note",
    "Path",
    "Rule",
    "Sweep",
    "addresses_in_doubt",
    "classify",
    "clock",
    "conclude",
    "heard",
    "is_ghost",
    "is_slowed",
    "judge",
    "judge_anew",
    "judge_listing",
    "judge_services_anew",
    "located",
    "location_of",
    "plain",
    "rules_version",
    "speaks_alone",
    "telling_bodies",
    "what_would_change",
]
