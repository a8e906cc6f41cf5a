"""From the verdicts of a service's targets to one of the service.

Law: pure. Endpoints of one role do the same work, so that one that works is enough; roles do different work, and the
service's file says which of them it needs. What is not known well enough never decides, and doubt is never a block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from probe.classify.rules import RULES_VERSION
from probe.classify.service_sentence import closed, sentence
from probe.classify.state import State, all_of, any_of, methods_of
from probe.model import Outcome, Role, Target, Verdict
from probe.service import Need, RoleVerdict, ServiceVerdict


def judge(
    need: Need, run_id: str, found: Iterable[tuple[Target, Verdict]], rules_version: str = RULES_VERSION
) -> ServiceVerdict | None:
    """The verdict on a service by those on its targets in one run, which were made by the rules of this version; None
    while not all of them were measured."""
    roles: tuple[RoleVerdict, ...]
    # A target without a role is at the service's domain and not in its file: of a list from elsewhere.
    own = ((target, verdict) for target, verdict in found if target.service == need.service and target.role is not None)
    verdicts = {target.name: (target, verdict) for target, verdict in own}
    if len(verdicts) < need.targets:
        return None
    if need.retired is not None:
        roles, text, state = (), closed(need), State(Outcome.DOWN)
    else:
        roles = _roles(need, verdicts.values())
        text, state = sentence(need, roles), _state(need, {role.role: State.of(role) for role in roles})
    return ServiceVerdict(
        run_id=run_id,
        service=need.service,
        outcome=state.outcome,
        methods=state.methods,
        confidence=state.confidence,
        text=text,
        roles=roles,
        rules_version=rules_version,
    )


def _roles(need: Need, verdicts: Iterable[tuple[Target, Verdict]]) -> tuple[RoleVerdict, ...]:
    """In the order of the closed list of roles."""
    deciding: dict[Role, list[State]] = {role: [] for role in Role}
    for target, verdict in verdicts:
        if target.decides and target.role is not None:
            deciding[target.role].append(State.of(verdict))
    needed = {*need.all_of, *need.any_of}
    return tuple(_role(role, role in needed, states) for role, states in deciding.items() if states)


def _role(role: Role, needed: bool, states: Sequence[State]) -> RoleVerdict:
    state, counts = any_of(states), Counter(each.outcome for each in states)
    return RoleVerdict(
        role=role,
        needed=needed,
        outcome=state.outcome,
        methods=methods_of(states),
        confidence=state.confidence,
        targets=len(states),
        ok=counts[Outcome.OK],
        blocked=counts[Outcome.BLOCKED],
        down=counts[Outcome.DOWN],
        refused=counts[Outcome.REFUSED],
        inconclusive=counts[Outcome.INCONCLUSIVE],
    )


def _state(need: Need, roles: Mapping[Role, State]) -> State:
    """Without a role that can be judged, nothing is known of the service."""
    nothing = State(Outcome.INCONCLUSIVE)
    if not need.all_of and not need.any_of:
        return nothing
    states = [roles.get(role, nothing) for role in need.all_of]
    if need.any_of:
        states.append(any_of([roles.get(role, nothing) for role in need.any_of]))
    return all_of(states)
