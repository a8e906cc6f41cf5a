"""Experiments that find out why something failed, run at once when a control contradicts it.

Law: what is asked depends on what failed, in an order from what proves most to what proves least, and no more is asked
than the proof needs. Nothing is judged here; `checks/inquiry.py` says how few operations there may be.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace

from probe.address import parse
from probe.checks.inquiry import (
    VISIT,
    Change,
    FindNeutralGround,
    Inquiry,
    answered,
    failing_address,
    inquire,
    target_of,
)
from probe.checks.together import together
from probe.classify import Hop, Layer, is_ghost, is_slowed
from probe.model import Experiment, Host, Measurement, Scheme
from probe.steps import dns
from probe.steps.network import Network, Resolver

OTHER_NAME = "example.org"
"""A name that nobody blocks, reserved for such use (RFC 6761 §6.5)."""

_MOST_ADDRESSES = 2
_REPEAT_PAUSES = 3
"""How many of the usual pauses lie before the last repeat."""
_OTHER_PORTS = (443, 80)
"""Ports at which most hosts of a service answer."""


async def follow_up(
    measurement: Measurement,
    controls: Sequence[Measurement],
    host: Host,
    network: Network,
    find_neutral_ground: FindNeutralGround,
) -> Measurement:
    """The measurement with the observations of the experiments that its failure calls for.

    Raises HostExhaustedError as `measure` does.
    """
    if measurement.target.scheme is Scheme.DNS:
        return measurement  # it was a mere question
    return await inquire(measurement, controls, host, network, _inquire, find_neutral_ground)


async def _inquire(inquiry: Inquiry) -> None:
    hop, case = inquiry.hop, inquiry.case
    if is_slowed(case):
        await time_the_transfer(inquiry)
        return
    if is_ghost(case):
        await ask_below_the_name(inquiry)
        return
    if case.name_is_suspect:
        await ask_otherwise(inquiry)
        await go_to_the_true_address(inquiry)
    if hop.failed is Layer.DNS:
        await repeat_the_question(inquiry)
    elif case.led_astray is not None:
        await repeat_the_redirect(inquiry, case.led_astray)
    elif hop.failed is Layer.TCP:
        await try_another_port(inquiry)
        await repeat(inquiry)
    elif hop.failed in (Layer.TLS, Layer.HTTP):
        await isolate_the_name(inquiry)
    else:
        await repeat(inquiry)


# The name


async def ask_otherwise(inquiry: Inquiry) -> None:
    """The same question in ways in which a forger of datagrams has no hand, and to an address where no resolver is."""
    network, name, timeout = inquiry.network, inquiry.hop.host, inquiry.network.timeouts.dns[0]
    resolver, nowhere = network.resolvers[0], sorted(a for a in inquiry.case.their_addresses if ":" not in a)
    if nowhere and inquiry.affords(1):
        attempt = inquiry.attempt(Experiment.NO_RESOLVER)
        await dns.query(attempt, Resolver(nowhere[0]), name, "A", inquiry.listening, timeout)
    if inquiry.affords(1):
        await dns.query_tcp(inquiry.attempt(Experiment.OVER_TCP), resolver, name, "A", timeout)
    if inquiry.affords(1):
        await dns.query_tls(inquiry.attempt(Experiment.OVER_TLS), resolver, name, "A", timeout)
    if network.secure_resolver is not None and inquiry.affords(1):
        attempt = inquiry.attempt(Experiment.OVER_HTTPS)
        await dns.query_https(attempt, network.secure_resolver, name, "A", timeout)


async def ask_below_the_name(inquiry: Inquiry) -> None:
    """For a name below the dead one that nobody has asked for before: what answers that does not come from a cache."""
    resolver, name = inquiry.network.resolvers[0], f"{secrets.token_hex(4)}.{inquiry.hop.host}"
    attempt, timeout = inquiry.attempt(Experiment.BELOW_THE_NAME), inquiry.network.timeouts.dns[-1]
    await dns.query(attempt, resolver, name, "A", inquiry.listening, timeout)


async def go_to_the_true_address(inquiry: Inquiry) -> None:
    """To the addresses that the controls were given: does the service answer there?"""
    for address in sorted(inquiry.case.their_addresses - inquiry.hop.addresses)[:_MOST_ADDRESSES]:
        parsed = parse(address)
        if parsed is not None and inquiry.network.has_route(parsed):
            await inquiry.visit(Change(experiment=Experiment.CONTROL_ADDRESS), address)


async def repeat_the_question(inquiry: Inquiry) -> None:
    """Once more, after a longer pause: a fault that passes is no block."""
    if not inquiry.affords(1):
        return
    await asyncio.sleep(_REPEAT_PAUSES * inquiry.network.pause)
    attempt, timeout = inquiry.attempt(Experiment.REPEAT), inquiry.network.timeouts.dns[-1]
    await dns.query(attempt, inquiry.network.resolvers[0], inquiry.hop.host, "A", inquiry.listening, timeout)


# The connection


async def try_another_port(inquiry: Inquiry) -> None:
    """To the same address at a port where most hosts answer: is it the address, or this port of it?"""
    address = failing_address(inquiry.hop)
    port = next(port for port in _OTHER_PORTS if port != inquiry.target.port)
    if address is not None:
        plain = replace(inquiry.target, scheme=Scheme.TCP, port=port, speaks=None)
        await inquiry.visit(Change(experiment=Experiment.OTHER_PORT), address, plain)


# The name in the handshake or the request


async def isolate_the_name(inquiry: Inquiry) -> None:
    """The same address under a name that nobody blocks; where that is answered, the true name in two pieces, and once
    more in one: what failed by chance has passed by then. Where it is not, the name at an address where it cannot
    matter, and the same once more.

    An address that is cut off for a while because of the name is waited for, unless neutral ground tells as much."""
    address = failing_address(inquiry.hop)
    if address is None:
        return
    is_cut_off = address in inquiry.hop.cut_off
    if is_cut_off:
        if await say_it_on_neutral_ground(inquiry, apart=True):
            return
        await asyncio.sleep(inquiry.network.residue)
    if not answered(await inquiry.visit(Change(experiment=Experiment.OTHER_NAME, host=OTHER_NAME), address)):
        if not is_cut_off:
            await say_it_on_neutral_ground(inquiry, apart=False)
        await repeat(inquiry)
        return
    repeat_it = Change(experiment=Experiment.REPEAT)
    split_it = [Change(experiment=Experiment.SPLIT_SEGMENTS, split=True)]
    if inquiry.target.scheme is not Scheme.HTTP:
        split_it.append(Change(experiment=Experiment.SPLIT_RECORDS, split=True, records=True))
    if is_cut_off:  # and would be again: what shows the name most comes last
        for change in (*split_it, repeat_it):
            await inquiry.visit(change, address)
    else:  # each may have to wait for its deadline
        await together(*(inquiry.visit(change, address) for change in (repeat_it, *split_it)))


async def say_it_on_neutral_ground(inquiry: Inquiry, *, apart: bool) -> bool:
    """The name at an address of a control's own, which answers under any name: first a name that nobody blocks, then
    the true one. True when only the first was answered. `apart`: never where the control itself would be cut off."""
    for ground in await inquiry.find_neutral_ground(inquiry.target.scheme):
        if apart and not ground.apart:
            continue
        usual = Change(experiment=Experiment.NEUTRAL_GROUND, host=OTHER_NAME, port=ground.port)
        if answered(await inquiry.visit(usual, ground.address)):
            true_name = Change(experiment=Experiment.NEUTRAL_GROUND, port=ground.port)
            return inquiry.affords(VISIT) and not answered(await inquiry.visit(true_name, ground.address))
    return False


async def repeat(inquiry: Inquiry) -> None:
    """The same once more, after a longer pause."""
    address = failing_address(inquiry.hop) or next(iter(sorted(inquiry.hop.pages)), None)
    if address is not None:
        await asyncio.sleep(_REPEAT_PAUSES * inquiry.network.pause)
        await inquiry.visit(Change(experiment=Experiment.REPEAT), address)


async def repeat_the_redirect(inquiry: Inquiry, hop: Hop) -> None:
    """The page that led elsewhere once more: does it do so again?"""
    target = target_of(inquiry.case, hop.index)
    address = next(iter(sorted(hop.pages)), None)
    if target is not None and address is not None:
        await asyncio.sleep(_REPEAT_PAUSES * inquiry.network.pause)
        await inquiry.visit(Change(experiment=Experiment.REPEAT), address, target)


# How fast


async def time_the_transfer(inquiry: Inquiry) -> None:
    """The same page once more; then with another name in the handshake, and with its own in two pieces: is it the
    line that is slow, or this name on it?"""
    address = next((row.detail.address for row in inquiry.hop.http if hasattr(row.detail, "address")), None)
    if address is None:
        return
    await inquiry.visit(Change(experiment=Experiment.TRANSFER), address)
    if inquiry.target.scheme is Scheme.HTTPS:
        await inquiry.visit(Change(experiment=Experiment.OTHER_SERVER_NAME, server_name=OTHER_NAME), address)
    await inquiry.visit(Change(experiment=Experiment.SPLIT_SEGMENTS, split=True), address)
