"""All lists that a user names, as one: service files, and targets of lists from elsewhere.

Law: a service file is read or refused whole, and a list from elsewhere in which nothing is a target is refused; a line
of it that is no target is told, and costs that line only. Each target is there once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from probe.model import Service
from probe.roster import Roster
from probe.targets.entries import LIST_ENDINGS, Form, open_list
from probe.targets.entry import Entry, ListError
from probe.targets.load import ENDING, TargetListError, files_of, load
from probe.targets.many import Targets
from probe.targets.parse import TargetError, parse
from probe.targets.shipped import Belonging, targets_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """What is to be measured, and what in the lists was none of it."""

    services: tuple[Service, ...]
    others: Targets = field(default_factory=Targets)
    """Targets that are in no service file; those at a service's domain belong to it all the same."""
    faults: tuple[str, ...] = ()
    """Lines of lists that are no target, each with file, line and reason."""
    repeated: int = 0
    """How often a list from elsewhere names a target that is there already."""

    @property
    def targets(self) -> Targets:
        """All of them: those of the service files first."""
        return self.others.after(targets_of(self.services))


def read(paths: Sequence[Path], known: Sequence[Service] = ()) -> Lists:
    """The lists at these paths: files, or folders of them. `known` are services to which targets may belong.

    Raises TargetListError, with every fault of all of them, where one cannot be used.
    """
    reading = _Reading()
    for path in dict.fromkeys(files_of(paths, (ENDING, *LIST_ENDINGS), reading.fatal)):
        reading.add(path, named=path in paths)
    services = reading.services()
    if not (services or reading.found or reading.fatal):
        reading.fatal.append(f"{', '.join(map(str, paths))}: nothing in it is a target")
    if reading.fatal:
        raise TargetListError("\n".join([*reading.faults, *reading.fatal]))
    return reading.lists(services, known)


def check(paths: Sequence[Path]) -> list[str]:
    """Every fault of these lists, a line each; none when all is well."""
    try:
        return list(read(paths).faults)
    except TargetListError as error:
        return str(error).splitlines()


@dataclass(slots=True)
class _Reading:
    """Lists while they are read."""

    service_files: list[Path] = field(default_factory=list)
    found: Roster = field(default_factory=Roster)
    """What the lists from elsewhere name."""
    faults: list[str] = field(default_factory=list)
    fatal: list[str] = field(default_factory=list)
    """Why there is nothing to go on with."""
    repeated: int = 0

    def add(self, path: Path, *, named: bool) -> None:
        """Reads one file. One in a folder may hold no target: there are legends beside Citizen Lab's lists."""
        if path.suffix.lower() == ENDING:
            self.service_files.append(path)
            return
        try:
            with open_list(path) as opened:
                if opened.form is Form.SERVICE:
                    self.service_files.append(path)
                elif not self._add_entries(path, opened.entries()):
                    (self.fatal if named else self.faults).append(f"{path}: nothing in it is a target")
        except ListError as error:
            self.fatal.append(f"{path}: {error}")

    def _add_entries(self, path: Path, entries: Iterator[Entry]) -> bool:
        """Whether there is a target among them."""
        any_target = False
        for entry in entries:
            try:
                targets = () if entry.problem is not None else parse(entry.text)
            except TargetError as error:
                entry = replace(entry, problem=str(error))
            if entry.problem is not None:
                self.faults.append(f"{path}:{entry.line}: {entry.problem}")
                continue
            any_target = True
            for target in targets:
                before = len(self.found)
                self.found.add(target.name)
                self.repeated += len(self.found) == before
        return any_target

    def services(self) -> tuple[Service, ...]:
        """Those of the service files; none, and the faults told, where one of them cannot be used."""
        try:
            return load(self.service_files)
        except TargetListError as error:
            self.fatal += str(error).splitlines()
            return ()

    def lists(self, services: Sequence[Service], known: Sequence[Service]) -> Lists:
        """What was read, as one."""
        named = {service.id for service in services}  # a file of the user's takes the place of what we know of it
        every = (*(service for service in known if service.id not in named), *services)
        own = {target.name for target in targets_of(services)}
        others: Sequence[str] = self.found
        if any(name in self.found for name in own):
            others = Roster(name for name in self.found if name not in own)
        return Lists(
            services=tuple(services),
            others=Targets(names=others, belonging=Belonging.to(every).of),
            faults=tuple(self.faults),
            repeated=self.repeated + len(self.found) - len(others),
        )
