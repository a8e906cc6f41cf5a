"""Target lists, and the words of a target."""

from probe.targets.keys import parse_roots
from probe.targets.load import TargetListError, check, load
from probe.targets.parse import TargetError, parse, parse_one, redirect
from probe.targets.shipped import named, resolve, service_of, shipped, shipped_dir, targets_of

__all__ = [
    "TargetError",
    "TargetListError",
    "check",
    "load",
    "named",
    "parse",
    "parse_one",
    "parse_roots",
    "redirect",
    "resolve",
    "service_of",
    "shipped",
    "shipped_dir",
    "targets_of",
]
