"""Target lists, and the words of a target."""

from probe.targets.bundle import Bundle, BundleError
from probe.targets.installed import InForce, NotNewerError, in_force, install
from probe.targets.keys import parse_roots
from probe.targets.lists import Lists, check, read
from probe.targets.load import TargetListError, load
from probe.targets.many import Targets, without
from probe.targets.parse import TargetError, parse, parse_one, redirect
from probe.targets.shipped import named, resolve, service_of, shipped, shipped_dir, targets_of

__all__ = [
    "Bundle",
    "BundleError",
    "InForce",
    "Lists",
    "NotNewerError",
    "TargetError",
    "TargetListError",
    "Targets",
    "check",
    "in_force",
    "install",
    "load",
    "named",
    "parse",
    "parse_one",
    "parse_roots",
    "read",
    "redirect",
    "resolve",
    "service_of",
    "shipped",
    "shipped_dir",
    "targets_of",
    "without",
]
