"""Which target lists a verb works with: those that were named, else those in force.

Law: whatever in a list cannot be used is told here, once, on stderr.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from probe.cli.errors import Refusal, Status, say
from probe.cli.settings import Config, installed_lists
from probe.targets import Bundle, InForce, Lists, TargetListError, in_force, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The lists of one call, and how they are named in what is recorded of it."""

    lists: Lists
    name: str
    """`shipped`, `bundle VERSION`, or `named`."""
    bundle: Bundle | None = None
    """The installed bundle that they are from."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What a run records of its lists."""
        return {"lists": self.name, "bad_lines": len(self.lists.faults), "repeated_targets": self.lists.repeated}

    def of_services(self, names: Sequence[str]) -> Lists:
        """What of the lists belongs to these services; all, where none is named. Raises Refusal for an unknown one."""
        if not names:
            return self.lists
        known = {target.service for target in self.lists.targets if target.service is not None}
        for name in names:
            if name not in known:
                text = f"--service {name}: no such service in the lists (known: {', '.join(sorted(known))})"
                raise Refusal(text, Status.USAGE)
        return replace(
            self.lists,
            services=tuple(service for service in self.lists.services if service.id in names),
            others=self.lists.others.of_services(names),
        )


def known_services(config: Config) -> InForce:
    """The services that words mean: of the installed bundle, where it may be used, or of the program itself."""
    try:
        found = in_force(installed_lists(), config.targets.key, datetime.now(UTC))
    except TargetListError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None
    if found.problem is not None:
        say(f"the installed target lists are not used, but those that came with the program: {found.problem}")
    return found


def sources(paths: Sequence[Path] | None, config: Config) -> Sources:
    """The lists that were named, or those in force."""
    known = known_services(config)
    if not paths:
        return Sources(lists=Lists(services=known.services), name=known.name, bundle=known.bundle)
    try:
        lists = read(paths, known.services)
    except TargetListError as error:
        raise Refusal(str(error), Status.CONFIGURATION) from None
    for fault in lists.faults:
        say(fault)
    return Sources(lists=lists, name="named")
