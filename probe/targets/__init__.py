"""Target lists, and the words of a target."""

from probe.targets.lists import Lists, check, read
from probe.targets.load import TargetListError, load
from probe.targets.parse import TargetError, parse, parse_one, redirect
from probe.targets.shipped import resolve, service_of, shipped, shipped_dir, targets_of

__all__ = [
    "Lists",
    "TargetError",
    "TargetListError",
    "check",
    "load",
    "parse",
    "parse_one",
    "read",
    "redirect",
    "resolve",
    "service_of",
    "shipped",
    "shipped_dir",
    "targets_of",
]
