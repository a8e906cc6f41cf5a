"""One measurement while it is looked into: what is known of it, and what an experiment is made with.

Law: an experiment changes one thing, and every operation of it is an observation marked by its name. At most
MOST_OPERATIONS are made for a target, whatever they find.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from probe.checks.check import ask_for_page, greet, greet_by_datagram, onward_from, shake_hands
from probe.classify import Case, Hop
from probe.model import SECURE, Experiment, Host, Measurement, Observation, Scheme, Target, TcpDetail
from probe.steps import dns, tcp
from probe.steps.network import Network
from probe.steps.step import Attempt, Journal
from probe.steps.stream import Split, Stream

MOST_OPERATIONS = 12

VISIT = 3
"""Operations of a visit at the most: a connection, a handshake, an exchange or a greeting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an experiment does otherwise than the check did."""

    experiment: Experiment
    host: str | None = None
    """Asked for in the place of the target's own."""
    server_name: str | None = None
    """Named in the handshake alone; the page is asked for by its own name."""
    port: int | None = None
    split: bool = False
    """The name leaves in two segments; in two records where `records` is set."""
    records: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NeutralGround:
    """An address and port of a control's own, which answer whatever name they are asked by."""

    address: str
    port: int
    apart: bool
    """The control itself is asked at another address: what a censor does to this one does not cut it off."""


FindNeutralGround = Callable[[Scheme], Awaitable[Sequence[NeutralGround]]]
"""Says what neutral ground the controls have: in clear for `http`, with TLS for any other scheme."""


@dataclass(slots=True)
class Inquiry:
    """One measurement while it is looked into."""

    case: Case
    target: Target
    """The target of the hop at which it ended."""
    journal: Journal
    network: Network
    listening: dns.Listening
    find_neutral_ground: FindNeutralGround
    _under_way: int = 0
    """Operations for which room is kept, since a visit that is not over may make them."""

    @property
    def hop(self) -> Hop:
        return self.case.end

    def attempt(self, experiment: Experiment) -> Attempt:
        return Attempt(self.journal, self.network, self.hop.index, experiment=experiment)

    def affords(self, operations: int) -> bool:
        """Whether so many operations may still be made."""
        made = len(self.journal.rows) - len(self.case.mine.measurement.observations)
        return made + self._under_way + operations <= MOST_OPERATIONS

    async def visit(self, change: Change, address: str, target: Target | None = None) -> Sequence[Observation]:
        """Connects to the address, shakes hands, and asks for the page or greets, as far as the target goes and the
        network lets it. The rows that came of it, the last one how it ended; none where they could not be afforded.
        Visits for several experiments may be made side by side."""
        if not self.affords(VISIT):
            return ()
        before = len(self.journal.rows)
        self._under_way += VISIT
        try:
            await _visit(self.attempt(change.experiment), change, address, target or self.target)
        finally:
            self._under_way -= VISIT
        return [row for row in self.journal.rows[before:] if row.experiment is change.experiment]


async def _nowhere(_: Scheme) -> Sequence[NeutralGround]:
    return ()


async def inquire(
    measurement: Measurement,
    controls: Sequence[Measurement],
    host: Host,
    network: Network,
    ask: Callable[[Inquiry], Awaitable[None]],
    find_neutral_ground: FindNeutralGround = _nowhere,
) -> Measurement:
    """The measurement with what `ask` observes besides. Raises HostExhaustedError as `measure` does."""
    case = Case.of(measurement, controls, host)
    target = target_of(case, case.end.index)
    if target is None:
        return measurement
    journal = Journal.going_on(measurement, network)
    inquiry = Inquiry(case, target, journal, replace(network, named=None), dns.Listening(), find_neutral_ground)
    try:
        await ask(inquiry)
    finally:
        await inquiry.listening.finish(0)
    return replace(
        measurement,
        runtime=journal.elapsed(),
        lag=network.lag.worst(journal.elapsed()),
        observations=network.networks.rows(journal.observations()),
        bodies={**measurement.bodies, **journal.bodies},
        certificates={**measurement.certificates, **journal.certificates},
    )


def answered(rows: Sequence[Observation]) -> bool:
    """Whether a visit came to an answer, be it with a certificate for another name."""
    return bool(rows) and (rows[-1].failure is None or getattr(rows[-1].detail, "tls_version", None) is not None)


async def _visit(attempt: Attempt, change: Change, address: str, target: Target) -> None:
    if target.scheme is Scheme.UDP:
        await greet_by_datagram(attempt, address, target, attempt.network.timeouts.dns[-1])
        return
    port = change.port or target.port
    assert port is not None, "dns:// ends at its question"
    stream = await tcp.connect(attempt, address, port)
    if stream is None:
        return
    if change.split:
        stream.split = Split(name=target.host.encode(), records=change.records)
    try:
        await _converse(attempt, stream, change, target)
    finally:
        stream.close()


async def _converse(attempt: Attempt, stream: Stream, change: Change, target: Target) -> None:
    asked = replace(target, host=change.host, path="/") if change.host is not None else target
    if target.scheme in SECURE:
        good = await shake_hands(attempt, stream, asked, change.server_name)
        if not good and not (change.server_name and stream.tls is not None and stream.tls.version()):
            return
    if target.scheme in (Scheme.HTTP, Scheme.HTTPS):
        await ask_for_page(attempt, stream, asked)
    elif change.host is None:  # under another's name there is nothing to say in the target's protocol
        await greet(attempt, stream, asked)


def failing_address(hop: Hop) -> str | None:
    """An address of the service at which this hop failed; one whose connection was made, where there is one."""
    rows = [row for row in hop.failures if not isinstance(row.detail, TcpDetail)] or list(hop.failures)
    return next((a for row in rows if (a := getattr(row.detail, "address", None)) is not None), None)


def target_of(case: Case, index: int) -> Target | None:
    """What was asked for at a hop: the target itself, or where its redirects led. None where that is not known."""
    target = case.mine.measurement.target
    for hop in case.mine.hops[:index]:
        location = hop.page.location if hop.page is not None else None
        onward = onward_from(target, location) if location is not None else None
        if onward is None:
            return None
        target = onward
    return target
