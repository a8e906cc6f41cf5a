"""Many targets in little memory: those of lists from elsewhere are kept as their names, and made when asked for.

Law: a target's name read again is the same target, so that nothing is lost by it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from probe.model import Target
from probe.roster import Roster
from probe.targets.parse import parse_one


@dataclass(frozen=True, slots=True)
class Targets(Sequence[Target]):
    """Some targets as they are, and after them those with these names."""

    own: tuple[Target, ...] = ()
    names: Sequence[str] = ()
    belonging: Callable[[Target], Target] = lambda target: target
    """What is known of a target that only its name was kept of."""

    def __len__(self) -> int:
        return len(self.own) + len(self.names)

    @overload
    def __getitem__(self, index: int) -> Target: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Target]: ...
    def __getitem__(self, index: int | slice) -> Target | Sequence[Target]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        if number < len(self.own):
            return self.own[number]
        return self.belonging(parse_one(self.names[number - len(self.own)]))

    def __iter__(self) -> Iterator[Target]:
        return map(self.__getitem__, range(len(self)))

    def after(self, own: tuple[Target, ...]) -> Targets:
        """The same with others in front."""
        return Targets((*own, *self.own), self.names, self.belonging)

    def of_services(self, services: Iterable[str]) -> Targets:
        """Those that belong to these services."""
        wanted = frozenset(services)
        own = tuple(target for target in self.own if target.service in wanted)
        made = (self[number] for number in range(len(self.own), len(self)))
        return Targets(own, Roster(target.name for target in made if target.service in wanted), self.belonging)


@dataclass(frozen=True, slots=True)
class Some(Sequence[Target]):
    """Some of many targets."""

    targets: Sequence[Target]
    numbers: array[int]

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Target: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Target]: ...
    def __getitem__(self, index: int | slice) -> Target | Sequence[Target]:
        if isinstance(index, slice):
            return [self.targets[each] for each in self.numbers[index]]
        return self.targets[self.numbers[index]]


def without(targets: Sequence[Target], measured: Iterable[tuple[str, str | None]]) -> Sequence[Target]:
    """The targets that are not among these, each named by its name and service."""
    done = Roster(f"{name}\n{service or ''}" for name, service in measured)
    if not done:
        return targets
    left = (n for n, each in enumerate(targets) if f"{each.name}\n{each.service or ''}" not in done)
    return Some(targets, array("I", left))
