"""Experiments that find out why something failed, run at once when a control contradicts it.

Law: each isolates one possible trigger by changing one thing, and is an observation like any other, marked by its
`experiment`. They are few: at most MOST_OPERATIONS for a target, and none where nothing is suspected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from probe.address import parse
from probe.checks.check import ask_for_page, onward_from, shake_hands
from probe.classify import Case, Hop, Layer
from probe.model import SECURE, Experiment, Host, Measurement, Scheme, Target, TcpDetail
from probe.steps import dns, tcp
from probe.steps.network import Network, Resolver
from probe.steps.step import Attempt, Journal
from probe.steps.stream import Stream

MOST_OPERATIONS = 12

OTHER_NAME = "example.org"
"""A name that nobody blocks, reserved for such use (RFC 6761 §6.5)."""

_MOST_ADDRESSES = 2
_REPEAT_PAUSES = 3
"""How many of the usual pauses lie before the last repeat."""


@dataclass(slots=True)
class Inquiry:
    """One measurement while it is looked into."""

    case: Case
    target: Target
    """The target of the hop at which it ended."""
    journal: Journal
    network: Network
    listening: dns.Listening

    @property
    def hop(self) -> Hop:
        return self.case.end

    def attempt(self, experiment: Experiment) -> Attempt:
        return Attempt(self.journal, self.network, self.hop.index, experiment=experiment)

    @property
    def left(self) -> int:
        """How many operations may still be made."""
        return MOST_OPERATIONS - (len(self.journal.rows) - len(self.case.mine.measurement.observations))


async def follow_up(
    measurement: Measurement, controls: Sequence[Measurement], host: Host, network: Network
) -> Measurement:
    """The measurement with the observations of the experiments that its failure calls for.

    Raises HostExhaustedError as `measure` does.
    """
    case = Case.of(measurement, controls, host)
    target = target_of(case, case.end.index)
    if target is None:
        return measurement
    journal = Journal.going_on(measurement, network)
    inquiry = Inquiry(case, target, journal, replace(network, named=None), dns.Listening())
    try:
        await _inquire(inquiry)
    finally:
        await inquiry.listening.finish(0)
    return replace(
        measurement,
        runtime=journal.elapsed(),
        observations=journal.observations(),
        bodies={**measurement.bodies, **journal.bodies},
        certificates={**measurement.certificates, **journal.certificates},
    )


async def _inquire(inquiry: Inquiry) -> None:
    """What is asked depends on what failed; the order is from what proves most to what proves least."""
    hop, case = inquiry.hop, inquiry.case
    if case.name_is_suspect:
        await ask_where_no_resolver_is(inquiry)
        await ask_over_tcp(inquiry)
        await go_to_the_true_address(inquiry)
    if hop.failed is Layer.DNS:
        await repeat_the_question(inquiry)
        return
    if case.led_astray is not None:
        await repeat_the_redirect(inquiry, case.led_astray)
        return
    if hop.failed in (Layer.TLS, Layer.HTTP) and await say_another_name(inquiry):
        return  # the name alone was changed, and it worked: nothing proves more
    await repeat(inquiry)


async def ask_where_no_resolver_is(inquiry: Inquiry) -> None:
    """The same question to an address of the service, where no resolver is: who answers sits on the way."""
    addresses = sorted(a for a in inquiry.case.their_addresses if ":" not in a)
    if not addresses or inquiry.left < 1:
        return
    attempt = inquiry.attempt(Experiment.NO_RESOLVER)
    timeout = inquiry.network.timeouts.dns[0]
    await dns.query(attempt, Resolver(addresses[0]), inquiry.hop.host, "A", inquiry.listening, timeout)


async def ask_over_tcp(inquiry: Inquiry) -> None:
    """The same question to the same resolver over TCP: a forger of datagrams has no hand in it."""
    if inquiry.left < 1:
        return
    attempt, network = inquiry.attempt(Experiment.OVER_TCP), inquiry.network
    await dns.query_stream(attempt, network.resolvers[0], inquiry.hop.host, "A", network.timeouts.dns[0])


async def go_to_the_true_address(inquiry: Inquiry) -> None:
    """To the addresses that the controls were given: does the service answer there?"""
    ours = inquiry.hop.addresses
    for address in sorted(inquiry.case.their_addresses - ours)[:_MOST_ADDRESSES]:
        parsed = parse(address)
        if inquiry.left < 3 or parsed is None or not inquiry.network.has_route(parsed):
            continue
        await _visit(inquiry, Experiment.CONTROL_ADDRESS, address)


async def say_another_name(inquiry: Inquiry) -> bool:
    """To the same address, under a name that nobody blocks: True when it answers, so that it is the name."""
    address = _failing_address(inquiry.hop)
    if address is None or inquiry.left < 3:
        return False
    return await _visit(inquiry, Experiment.OTHER_NAME, address, replace(inquiry.target, host=OTHER_NAME, path="/"))


async def repeat_the_question(inquiry: Inquiry) -> None:
    """Once more, after a longer pause: a fault that passes is no block."""
    if inquiry.left < 1:
        return
    await asyncio.sleep(_REPEAT_PAUSES * inquiry.network.pause)
    attempt, timeout = inquiry.attempt(Experiment.REPEAT), inquiry.network.timeouts.dns[-1]
    await dns.query(attempt, inquiry.network.resolvers[0], inquiry.hop.host, "A", inquiry.listening, timeout)


async def repeat(inquiry: Inquiry) -> None:
    """The same once more, after a longer pause."""
    address = _failing_address(inquiry.hop) or next(iter(sorted(inquiry.hop.pages)), None)
    if address is None or inquiry.left < 3:
        return
    await asyncio.sleep(_REPEAT_PAUSES * inquiry.network.pause)
    await _visit(inquiry, Experiment.REPEAT, address)


async def repeat_the_redirect(inquiry: Inquiry, hop: Hop) -> None:
    """The page that led elsewhere once more: does it do so again?"""
    target = target_of(inquiry.case, hop.index)
    address = next(iter(sorted(hop.pages)), None)
    if target is None or address is None or inquiry.left < 2:
        return
    await asyncio.sleep(_REPEAT_PAUSES * inquiry.network.pause)
    await _visit(inquiry, Experiment.REPEAT, address, target)


async def _visit(inquiry: Inquiry, experiment: Experiment, address: str, target: Target | None = None) -> bool:
    """Connects, shakes hands and asks for the page, as far as the target goes and the network lets it. True when it
    came to an answer, be it with a certificate for another name."""
    target, attempt = target or inquiry.target, inquiry.attempt(experiment)
    assert target.port is not None, "dns:// ends at its question"
    stream = await tcp.connect(attempt, address, target.port)
    if stream is None:
        return False
    try:
        await _converse(attempt, stream, target)
    finally:
        stream.close()
    last = inquiry.journal.rows[-1]
    return last.failure is None or getattr(last.detail, "tls_version", None) is not None


async def _converse(attempt: Attempt, stream: Stream, target: Target) -> None:
    if target.scheme in SECURE and not await shake_hands(attempt, stream, target):
        return
    if target.scheme in (Scheme.HTTP, Scheme.HTTPS):
        await ask_for_page(attempt, stream, target)


def _failing_address(hop: Hop) -> str | None:
    """An address of the service at which this hop failed; one whose connection was made, where there is one."""
    rows = [row for row in hop.failures if not isinstance(row.detail, TcpDetail)] or list(hop.failures)
    return next((a for row in rows if (a := getattr(row.detail, "address", None)) is not None), None)


def target_of(case: Case, index: int) -> Target | None:
    """What was asked for at a hop: the target itself, or where its redirects led. None for a mere question."""
    target = case.mine.measurement.target
    if target.scheme is Scheme.DNS:
        return None
    for hop in case.mine.hops[:index]:
        location = hop.page.location if hop.page is not None else None
        onward = onward_from(target, location) if location is not None else None
        if onward is None:
            return None
        target = onward
    return target
