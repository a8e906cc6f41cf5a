"""A service's verdict as one plain sentence: "web works, app endpoints blocked (tcp)".

Law: pure. What a person asks first is said first: does the web work, does the app? What else is needed and fails comes
next; what is not needed, or works only in part, after the semicolon.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from probe.classify.state import State, all_of, any_of
from probe.model import Method, Outcome, Role
from probe.service import Need, RoleVerdict


@dataclass(frozen=True, slots=True)
class Part:
    """Roles that a person thinks of as one thing."""

    name: str
    roles: tuple[Role, ...]
    plural: bool = False
    always: bool = False
    """That it works is told also where the service does not need it, and where something else fails."""


PARTS: tuple[Part, ...] = (
    Part("web", (Role.WEB,), always=True),
    Part(
        "app endpoints",
        (Role.LONG_LINK, Role.SHORT_LINK, Role.API, Role.PUSH, Role.BOOTSTRAP),
        plural=True,
        always=True,
    ),
    Part("login", (Role.LOGIN,)),
    Part("registration", (Role.REGISTRATION,)),
    Part("media", (Role.MEDIA,)),
    Part("calls", (Role.CALLS,), plural=True),
    Part("short addresses", (Role.LINKS,), plural=True),
    Part("support", (Role.SUPPORT,)),
)
WORDS = {Role.API: "API", Role.LONG_LINK: "long link", Role.SHORT_LINK: "short link", Role.LINKS: "short address"}
"""Roles that are not called by their own word."""
_FATE = {
    Outcome.BLOCKED: "blocked",
    Outcome.REFUSED: "refused by the service",
    Outcome.DOWN: "down",
    Outcome.INCONCLUSIVE: "undecided",
}


def closed(need: Need) -> str:
    """The sentence on a service that its owner has closed."""
    return f"closed on {need.retired}: {need.retired_reason or 'by its owner'}"


def sentence(need: Need, roles: Sequence[RoleVerdict]) -> str:
    """The sentence on a service with these roles."""
    if not any(role.needed for role in roles):
        return "no endpoint of it is known well enough to decide"
    failing = _failing(need, roles)
    told: dict[str, list[Part]] = {}
    for part in PARTS:
        mine = [role for role in roles if role.role in part.roles]
        broken = [role for role in mine if role in failing]
        if broken:
            told.setdefault(_fate(_together(need, broken)), []).append(part)
        elif any(role.outcome is Outcome.OK and (part.always or (role.needed and not failing)) for role in mine):
            told.setdefault("", []).append(part)
    head = ", ".join(_clause(parts, fate) for fate, parts in told.items())
    return "; ".join((head, *_notes(roles, failing)))


def _failing(need: Need, roles: Sequence[RoleVerdict]) -> list[RoleVerdict]:
    """What the service needs and has not: of those of which it needs one only, all or none."""
    broken = [role for role in roles if role.needed and role.outcome is not Outcome.OK]
    spared = any(role.role in need.any_of and role.outcome is Outcome.OK for role in roles)
    return [role for role in broken if not (spared and role.role in need.any_of)]


def _clause(parts: Sequence[Part], fate: str) -> str:
    names = _listed([part.name for part in parts])
    if fate:
        return f"{names} {fate}"
    return f"{names} work" if len(parts) > 1 or parts[0].plural else f"{names} works"


def _fate(state: State) -> str:
    return _FATE[state.outcome] + (_by(state.methods) if state.outcome is Outcome.BLOCKED else "")


def _together(need: Need, broken: Sequence[RoleVerdict]) -> State:
    """What became of a part: of its roles that are needed each, and of those of which one would have been enough."""
    each = [State.of(role) for role in broken if role.role in need.all_of]
    enough = [State.of(role) for role in broken if role.role in need.any_of]
    return all_of([*each, any_of(enough)] if enough else each)


def _notes(roles: Sequence[RoleVerdict], failing: Sequence[RoleVerdict]) -> Iterable[str]:
    for part in PARTS:
        mine = [role for role in roles if role.role in part.roles]
        well = [_word(role) for role in mine if role.outcome is Outcome.OK]
        if well and any(role in failing for role in mine):
            yield f"of the {part.name} {_listed(well)} still {'work' if len(well) > 1 else 'works'}"
        for role in mine:
            if role.outcome is not Outcome.OK and role not in failing:
                yield f"{_word(role)} {_fate(State.of(role))}"
            elif role.outcome is Outcome.OK and role.blocked:
                yield f"{role.blocked} of {role.targets} {_word(role)} endpoints blocked{_by(role.methods)}"


def _by(methods: Sequence[Method]) -> str:
    return f" ({', '.join(methods)})"


def _word(role: RoleVerdict) -> str:
    return WORDS.get(role.role, role.role.value)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
