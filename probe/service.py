"""What is known of a service besides its endpoints, what it needs in order to work, and what is concluded of it.

Law: frozen records and nothing else. A service's verdict follows from those of its targets alone, by what was recorded
with the run of what the service needs, so that it can be made again at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from probe.words import Certainty, Confidence, Method, Outcome, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """Where a service can be met as well, and what no target says yet: why is part of the record."""

    address: str
    """As its source has it: a host and port, a range, a pattern."""
    role: Role
    purpose: str
    certainty: Certainty
    source: str
    why: str
    """Why it is not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A service that a run was to measure as a whole, and when it counts as working."""

    service: str
    targets: int
    """How many endpoints it has: with fewer measured, nothing is said of it."""
    all_of: tuple[Role, ...] = ()
    any_of: tuple[Role, ...] = ()
    retired: date | None = None
    retired_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleVerdict:
    """What became of one role: of those of its endpoints that are known well enough, and open, to decide."""

    role: Role
    needed: bool
    """The service does not work without it, or needs it among others."""
    outcome: Outcome
    methods: tuple[Method, ...] = ()
    """What its blocked endpoints met, also where others of the role work."""
    confidence: Confidence | None = None
    """For `blocked` only."""
    targets: int
    ok: int = 0
    blocked: int = 0
    down: int = 0
    refused: int = 0
    inconclusive: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceVerdict:
    """What is concluded of a service in one run. Never a fact, as no verdict is."""

    run_id: str
    """The run whose measurements it is concluded from."""
    service: str
    """The service's id."""
    outcome: Outcome
    """`ok`, `blocked`, `down`, `refused` or `inconclusive`."""
    methods: tuple[Method, ...] = ()
    """For `blocked` only: what was interfered with, in the roles that it needs."""
    confidence: Confidence | None = None
    """For `blocked` only."""
    text: str
    """A plain sentence: what works and what does not."""
    roles: tuple[RoleVerdict, ...] = ()
    """Each role with what became of it; empty for a service that is closed."""
    rules_version: str
    """Of the rules its targets' verdicts were made by."""
