"""What a verb asks a session to do.

Law: all of it is decided before anything is contacted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from probe.budget import Budget
from probe.classify import Fingerprints
from probe.cli.app_stores import StoresJob
from probe.model import Target, Vantage
from probe.networks import Networks
from probe.run import Pace
from probe.service import Need
from probe.steps.network import Resolver, SecureResolver, Timeouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be measured, how, and where it goes."""

    command: str
    targets: tuple[Target, ...]
    services: tuple[Need, ...]
    """The services among them that are measured as a whole."""
    vantage: Vantage
    controls: tuple[str, ...]
    resolvers: tuple[Resolver, ...]
    secure_resolver: SecureResolver | None
    """Asked over HTTPS in follow-ups; `None`: nobody is."""
    fingerprints: Fingerprints
    networks: Networks
    timeouts: Timeouts
    pace: Pace
    jitter: float
    database: Path | None
    """`None`: nothing is recorded."""
    json: bool
    by_service: bool = False
    """Verdicts on services are printed in place of those on targets; for people, after them otherwise."""
    locate: bool = False
    """Find out where on the path a block sits."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What else the run records of how it was asked for."""
    resume: bool = False
    """Go on with the last run that was killed, instead of a new one."""
    scheduled: bool = False
    """Nobody is there: a timer started it."""
    allow_vpn: bool = False
    """Measure all the same where the way out is a VPN."""
    allow_metered: bool = False
    """Measure all the same where the way out is paid for by the byte."""
    budget: Budget = field(default_factory=Budget)
    """What the day may cost, with what was recorded of it before."""
    metrics: Path | None = None
    """Where to write what became of the run, for Prometheus."""
    stores: StoresJob | None = None
    """The app stores are asked about these apps, when the targets are measured; `None`: no store is."""
