"""Where on the path a block sits: the same once more, in packets that may go only so far.

Law: two sweeps go the same way, first packets that carry nothing anybody blocks, then those with the name, and only as
far as packets fall short of their end for certain; where they differ is the place (`probe.classify.location`). A sweep
has at most MOST_HOPS hop limits, AT_ONCE side by side, and ends where it is answered or nothing is heard any more.
Both sides of the edge that it found are tried once more, since one lost packet would have moved it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from probe.checks.check import ask_for_page, shake_hands
from probe.checks.follow_up import OTHER_NAME
from probe.checks.inquiry import Inquiry, inquire, target_of
from probe.checks.together import together
from probe.classify import Case, Hop, Layer, Sweep
from probe.model import DnsDetail, Experiment, Host, Measurement, Scheme, Target
from probe.steps import dns, tcp
from probe.steps.network import Network, Resolver, Timeouts
from probe.steps.step import Attempt
from probe.steps.stream import Stream

MOST_HOPS = 30
AT_ONCE = 10
LONGEST = 4.0
"""Seconds for one operation: a lost packet has been sent again by then, more than once."""

Send = Callable[[Sequence[Attempt]], Awaitable[None]]
"""Does the same operation once for each attempt, side by side. The attempts have the hop limits."""


async def locate(
    measurement: Measurement, controls: Sequence[Measurement], host: Host, network: Network
) -> Measurement:
    """The measurement with the observations that tell where on the path it is interfered with.

    Raises HostExhaustedError as `measure` does.
    """
    patient = replace(network, timeouts=Timeouts.of(min(LONGEST, network.timeouts.tcp)))
    return await inquire(measurement, controls, host, patient, _locate)


async def _locate(inquiry: Inquiry) -> None:
    kind = _suspect_question(inquiry.case)
    if kind is not None:
        await _follow_the_question(inquiry, kind)
    else:
        await _follow_the_connection(inquiry, inquiry.case.led_astray or inquiry.hop)


def _suspect_question(case: Case) -> str | None:
    """The type of the question that is answered falsely or not at all; None where it is not the name that fails."""
    forged = next((kind for kind in ("A", "AAAA") if case.forged_of(kind)), None)
    return forged or ("A" if case.name_is_suspect else None)


async def _follow_the_question(inquiry: Inquiry, kind: str) -> None:
    """Questions to whom the false answer came from: for a name that nobody blocks, then for the one that is."""
    asked = _asked(inquiry)

    def about(hostname: str) -> Send:
        return lambda attempts: _ask(attempts, asked, hostname, kind)

    way = await _sweep(inquiry, about(OTHER_NAME), MOST_HOPS)
    await _sweep(inquiry, about(inquiry.hop.host), way.heard)


def _asked(inquiry: Inquiry) -> Resolver:
    """An address where no resolver is, if a question to it was answered: then it is past everybody who might. Else the
    resolver itself."""
    for row in inquiry.case.tried(Experiment.NO_RESOLVER).dns:
        if isinstance(row.detail, DnsDetail) and row.detail.rcode is not None:
            return Resolver(row.detail.resolver_address, row.detail.resolver_port)
    return inquiry.network.resolvers[0]


async def _ask(attempts: Sequence[Attempt], asked: Resolver, hostname: str, kind: str) -> None:
    listening = dns.Listening()
    try:
        await together(
            *(dns.query(each, asked, hostname, kind, listening, each.network.timeouts.dns[0]) for each in attempts)
        )
    finally:
        await listening.finish(0)


async def _follow_the_connection(inquiry: Inquiry, hop: Hop) -> None:
    """Connects to the address; then, where one arrives, what is said on a connection once it is open."""
    target, address = target_of(inquiry.case, hop.index), _address(inquiry.case, hop)
    if target is None or address is None or target.scheme is Scheme.UDP or hop.failed is Layer.GREETING:
        return  # what is said in a target's own protocol is not followed
    way = await _sweep(inquiry, lambda attempts: _connect(attempts, target, address), MOST_HOPS)
    is_said_in_clear = hop.failed is Layer.TLS or (target.scheme is Scheme.HTTP and hop.failed is not Layer.TCP)
    if is_said_in_clear and way.answered:
        await _sweep(inquiry, lambda attempts: _say(attempts, target, address), way.heard)


def _address(case: Case, hop: Hop) -> str | None:
    """Where the hop was interfered with: an address that a control reached, if there is one."""
    addresses = [a for row in hop.failures or hop.http if (a := getattr(row.detail, "address", None)) is not None]
    return next((a for a in addresses if a in case.reachable), next(iter(addresses), None))


async def _connect(attempts: Sequence[Attempt], target: Target, address: str) -> None:
    async def once(attempt: Attempt) -> None:
        stream = await tcp.connect(attempt, address, target.port or 0)
        if stream is not None:
            stream.close()

    await together(*map(once, attempts))


async def _say(attempts: Sequence[Attempt], target: Target, address: str) -> None:
    """Opens all connections before it speaks on any: a censor that has seen the name may then block the address for a
    while."""
    streams: list[tuple[Attempt, Stream]] = []

    async def open_one(attempt: Attempt) -> None:
        stream = await tcp.connect(replace(attempt, hop_limit=None), address, target.port or 0)
        if stream is not None:
            streams.append((attempt, stream))

    try:
        await together(*map(open_one, attempts))
        await together(*(_speak(attempt, stream, target) for attempt, stream in streams))
    finally:
        for _, stream in streams:
            stream.close()


async def _speak(attempt: Attempt, stream: Stream, target: Target) -> None:
    if target.scheme is Scheme.HTTP:
        await ask_for_page(attempt, stream, target)
    else:
        await shake_hands(attempt, stream, target)


async def _sweep(inquiry: Inquiry, send: Send, most: int) -> Sweep:
    """Sends with ever larger hop limits until something comes back, or nothing is heard of any more."""
    attempt, rows = inquiry.attempt(Experiment.HOP_LIMIT), inquiry.journal.rows
    begin = len(rows)
    for first in range(1, most + 1, AT_ONCE):
        before = len(rows)
        await send([replace(attempt, hop_limit=n) for n in range(first, min(first + AT_ONCE, most + 1))])
        batch = Sweep.of(rows[before:])
        if batch.met or not batch.expired:
            break
    edge = Sweep.of(rows[begin:]).edge
    await send([replace(attempt, hop_limit=n, number=2) for n in (edge - 1, edge) if 1 <= n <= most])
    return Sweep.of(rows[begin:])
