"""The target lists that come with the program, and what a word on the command line means by them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
    owners = [
        (len(domain), service.id)
        for service in services
        for domain in service.domains
        if host == domain or host.endswith(f".{domain}")
    ]
    return max(owners)[1] if owners else None


def resolve(words: Sequence[str], services: Sequence[Service]) -> tuple[Target, ...]:
    """What the words of `probe check` mean: a service's targets, or the target that a word spells.

    Each target once, in the order given. Raises TargetError for a word that is neither.
    """
    known = {target.name: target for target in targets_of(services)}
    return tuple(dict.fromkeys(target for word in words for target in _meaning(word, services, known)))


def named(words: Sequence[str], services: Sequence[Service]) -> tuple[Service, ...]:
    """The services that words name, by id or title, each once."""
    found = (service for word in words if (service := _named(word, services)) is not None)
    return tuple({service.id: service for service in found}.values())


def _named(word: str, services: Sequence[Service]) -> Service | None:
    return next((s for s in services if word.casefold() in (s.id.casefold(), s.title.casefold())), None)


def _meaning(word: str, services: Sequence[Service], known: Mapping[str, Target]) -> tuple[Target, ...]:
    service = _named(word, services)
    if service is not None:
        return targets_of([service])
    if not any(c in word for c in ".:/"):
        near = difflib.get_close_matches(word.casefold(), [service.id for service in services], n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise TargetError(word, f"no service has this name{hint or ';'} `probe targets list` shows all")
    return tuple(belonging(target, services, known) for target in parse(word))


def belonging(target: Target, services: Sequence[Service], known: Mapping[str, Target]) -> Target:
    """A target as the services describe it (`known`: what they name), or with the service whose domain it is at, and
    with the roots that are good for its host."""
    if target.name in known:
        return known[target.name]
    own = (each.roots for each in known.values() if each.roots and each.host == target.host)
    return replace(
        target,
        service=service_of(target.host, services),
        roots=next(own, ()) if target.scheme in _SHOWING else (),
    )
