"""Verdicts over time and places, as pure functions over narrow rows: who sees what, and since when."""

from probe.analysis.compare import compare, compare_each
from probe.analysis.course import CONSECUTIVE, Course, course
from probe.analysis.gather import Cluster, Gathered, gather
from probe.analysis.lines import block_json, cell_json
from probe.analysis.places import By, by_place, places_of
from probe.analysis.share import wilson
from probe.analysis.timeline import timeline, timeline_each

__all__ = [
    "CONSECUTIVE",
    "By",
    "Cluster",
    "Course",
    "Gathered",
    "block_json",
    "by_place",
    "cell_json",
    "compare",
    "compare_each",
    "course",
    "gather",
    "places_of",
    "timeline",
    "timeline_each",
    "wilson",
]
