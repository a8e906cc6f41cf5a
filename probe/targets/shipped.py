"""The target lists that come with the program, and what a word on the command line means by them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from probe.model import SECURE, Scheme, Service, Target
from probe.targets.load import load
from probe.targets.parse import TargetError, parse

_SHOWING = SECURE | {Scheme.HTTP}
"""Schemes that show a certificate, or are redirected to where one is shown."""


def shipped_dir() -> Path:
    """Where the lists are: in the installed package, or at the top of a checkout."""
    inside = Path(__file__).parent / "shipped"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "targets"


@cache
def shipped() -> tuple[Service, ...]:
    """The services that the program knows. Raises TargetListError where somebody has broken the files."""
    return load([shipped_dir()])


def targets_of(services: Sequence[Service]) -> tuple[Target, ...]:
    """All targets of these services, in the order of their files."""
    return tuple(endpoint.target for service in services for endpoint in service.endpoints)


def service_of(host: str, services: Sequence[Service]) -> str | None:
    """The id of the service that a host belongs to; the longest domain decides."""
    return owner_of(host, owners_of(services))


def owners_of(services: Sequence[Service]) -> dict[str, str]:
    """The id of the service by each domain of its own; of two that claim one domain the last in the alphabet."""
    return {
        domain: id for id, domain in sorted((service.id, domain) for service in services for domain in service.domains)
    }


def owner_of(host: str, owners: Mapping[str, str]) -> str | None:
    """Whose the longest of the domains is that a host is equal to or below."""
    domain = host
    while domain not in owners:
        _, dot, domain = domain.partition(".")
        if not dot:
            return None
    return owners[domain]


def resolve(words: Sequence[str], services: Sequence[Service]) -> tuple[Target, ...]:
    """What the words of `probe check` mean: a service's targets, or the target that a word spells.

    Each target once, in the order given. Raises TargetError for a word that is neither.
    """
    known = Belonging.to(services)
    return tuple(dict.fromkeys(target for word in words for target in _meaning(word, services, known)))


def named(words: Sequence[str], services: Sequence[Service]) -> tuple[Service, ...]:
    """The services that words name, by id or title, each once."""
    found = (service for word in words if (service := _named(word, services)) is not None)
    return tuple({service.id: service for service in found}.values())


def _named(word: str, services: Sequence[Service]) -> Service | None:
    return next((s for s in services if word.casefold() in (s.id.casefold(), s.title.casefold())), None)


def _meaning(word: str, services: Sequence[Service], known: Belonging) -> tuple[Target, ...]:
    service = _named(word, services)
    if service is not None:
        return targets_of([service])
    if not any(c in word for c in ".:/"):
        near = difflib.get_close_matches(word.casefold(), [service.id for service in services], n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise TargetError(word, f"no service has this name{hint or ';'} `probe targets list` shows all")
    return tuple(map(known.of, parse(word)))


@dataclass(frozen=True, slots=True)
class Belonging:
    """What services say of targets that a user names: looked up, since a list may name a million."""

    described: Mapping[str, Target]
    """What they name themselves."""
    roots: Mapping[str, tuple[str, ...]]
    """By host: the roots that are good for it besides the machine's own."""
    owners: Mapping[str, str]
    """By domain: the id of the service."""

    @classmethod
    def to(cls, services: Sequence[Service]) -> Belonging:
        """What these services say."""
        targets = targets_of(services)
        return cls(
            described={target.name: target for target in targets},
            roots={target.host: target.roots for target in reversed(targets) if target.roots},
            owners=owners_of(services),
        )

    def of(self, target: Target) -> Target:
        """A target as the services describe it, or with the service whose domain it is at, and with the roots that are
        good for its host."""
        described = self.described.get(target.name)
        if described is not None:
            return described
        service = owner_of(target.host, self.owners)
        roots = self.roots.get(target.host, ()) if target.scheme in _SHOWING else ()
        return target if service is None and not roots else replace(target, service=service, roots=roots)
