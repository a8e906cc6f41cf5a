"""How a target is measured: recipes that read top to bottom, and one table of them.

Law: a recipe calls steps and follows what they found; it never judges. A failure is tried again after a pause, and
every attempt is a row. Steps of one recipe may run side by side, but never outlive it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from probe.address import parse
from probe.checks.protocols import opening_of, page_of
from probe.checks.together import together
from probe.failure import Failure
from probe.identity import new_id
from probe.model import SECURE, Measurement, Scheme, Target, Vantage
from probe.steps import dns, greeting, http, quic, tcp, tls
from probe.steps.network import Network
from probe.steps.step import Attempt, Journal
from probe.steps.stream import Stream
from probe.targets import TargetError, redirect

MOST_HOPS = 10
MOST_ADDRESSES = 4
"""Of each family: more would be a burden to the service and say nothing new."""
MOST_EXCHANGES = 2
"""Addresses on which a page is asked for, when the first one does not answer."""

# "No such name" and "no address" may well be true: they are asked once more, and only where nothing was found.
_PERHAPS_TRUE = frozenset({Failure.DNS_NXDOMAIN, Failure.DNS_NO_ANSWER})


@dataclass(slots=True)
class Visit:
    """One hop of a measurement: a target, and what has been found on the way to it."""

    target: Target
    journal: Journal
    network: Network
    listening: dns.Listening
    hop: int = 0
    streams: list[Stream] = field(default_factory=list)
    """The connections that are open, in the order in which they were made."""

    def attempt(self, number: int = 1) -> Attempt:
        return Attempt(self.journal, self.network, self.hop, number)

    def close(self) -> None:
        for stream in self.streams:
            stream.close()


async def measure(target: Target, network: Network, *, vantage: Vantage, run_id: str | None = None) -> Measurement:
    """Measures one target.

    Raises HostExhaustedError when this machine could not do it; network failures are rows, not exceptions.
    """
    started_at = network.now()
    journal, listening = Journal(network.clock), dns.Listening()
    named = parse(target.host) if network.literals else None
    on = network if named == network.named else replace(network, named=named)
    visit: Visit | None = Visit(target, journal, on, listening)
    linger = 0.0
    try:
        while visit is not None:
            visit = await _visit(visit)
        linger = network.linger
    finally:
        await listening.finish(linger)
    return _measured(target, journal, network, started_at, vantage, run_id)


async def measure_at(address: str, target: Target, network: Network, *, vantage: Vantage) -> Measurement:
    """Measures a target at one address that another vantage point was given for its name: nothing is resolved, and no
    redirect is followed. Not for `dns://`, which is at no address. Raises HostExhaustedError as `measure` does."""
    started_at = network.now()
    journal = Journal(network.clock)
    visit = Visit(target, journal, replace(network, named=None), dns.Listening())
    try:
        addresses = choose([address], visit.network)
        if target.scheme is Scheme.UDP:
            await greet_each_by_datagram(visit, addresses)
        else:
            await reach_each(visit, addresses)
            await (exchange(visit, visit.streams) if target.scheme in _PAGES else greet_all(visit))
    finally:
        visit.close()
    return _measured(target, journal, network, started_at, vantage, None)


def _measured(
    target: Target, journal: Journal, network: Network, started_at: datetime, vantage: Vantage, run_id: str | None
) -> Measurement:
    return Measurement(
        id=new_id(started_at),
        run_id=run_id,
        target=target,
        vantage=vantage,
        started_at=started_at,
        runtime=journal.elapsed(),
        observations=network.networks.rows(journal.observations()),  # only now: a step is timed
        lag=network.lag.worst(journal.elapsed()),
        bodies=journal.bodies,
        certificates=journal.certificates,
    )


async def _visit(visit: Visit) -> Visit | None:
    """Checks one hop, and says which one is next."""
    try:
        response = await CHECKS[visit.target.scheme](visit)
    finally:
        visit.close()
    if response is None or response.location is None or visit.hop + 1 >= MOST_HOPS:
        return None
    onward = onward_from(visit.target, response.location)
    if onward is None or (not response.is_redirect and onward.name in visit.journal.pages()):
        return None  # a page that leads back waits for a cookie, which no step keeps: it is the page itself
    # Nobody asked for where a redirect leads: only public addresses there, whatever the user named at first.
    return replace(visit, target=onward, hop=visit.hop + 1, streams=[], network=replace(visit.network, named=None))


def onward_from(target: Target, location: str) -> Target | None:
    """The target to which a Location leads; None where it leads nowhere that can be checked."""
    try:
        return redirect(target, location)
    except TargetError:
        return None


async def ask_for_page(attempt: Attempt, stream: Stream, target: Target) -> http.Response | None:
    """One exchange about a target's page."""
    return await http.fetch(
        attempt,
        stream,
        target.name,
        lambda location: onward_from(target, location) is not None,
        recognise=page_of(target),
    )


async def greet(attempt: Attempt, stream: Stream, target: Target) -> bool:
    """Speaks to a target in its protocol; True when it is answered, or when nothing is known to be said."""
    opening = opening_of(target, attempt.network)
    return opening is None or await greeting.greet(attempt, stream, opening)


async def greet_by_datagram(attempt: Attempt, address: str, target: Target, timeout: float) -> bool:
    """Speaks to a target in one datagram, and waits for the answer."""
    opening = opening_of(target, attempt.network)
    assert opening is not None, "a target over UDP speaks something"
    assert target.port is not None, "only dns:// has no port"
    return await greeting.greet_by_datagram(attempt, address, target.port, opening, timeout)


async def check_name(visit: Visit) -> None:
    """`dns://`: does the name resolve?"""
    await resolve(visit)


async def check_port(visit: Visit) -> None:
    """`tcp://`: does anything at the port accept, and answer in the protocol where one is known?"""
    await reach_all(visit)
    await greet_all(visit)


async def check_handshake(visit: Visit) -> None:
    """`tls://`: is the name answered with a good certificate, and then in the protocol where one is known?"""
    await reach_all(visit)
    await greet_all(visit)


async def check_datagram(visit: Visit) -> None:
    """`udp://`: is a datagram answered in the protocol? Nothing is reached before something is said."""
    await greet_each_by_datagram(visit, choose(await resolve(visit), visit.network))


async def check_page(visit: Visit) -> http.Response | None:
    """`http://` and `https://`: is the page answered? A redirect is the next hop."""
    await reach_all(visit)
    response = await exchange(visit, visit.streams)
    if response is not None and response.http3_port is not None and quic.available():
        await greet_over_quic(visit, response.address, response.http3_port)
    return response


CHECKS: Mapping[Scheme, Callable[[Visit], Awaitable[http.Response | None]]] = {
    Scheme.DNS: check_name,
    Scheme.TCP: check_port,
    Scheme.TLS: check_handshake,
    Scheme.HTTP: check_page,
    Scheme.HTTPS: check_page,
    Scheme.UDP: check_datagram,
}

_PAGES = frozenset({Scheme.HTTP, Scheme.HTTPS})


async def resolve(visit: Visit) -> tuple[str, ...]:
    """The addresses of the target's host: A and AAAA side by side, each tried again while it fails."""
    if parse(visit.target.host) is not None:
        return (visit.target.host,)
    v4, v6 = await together(_ask(visit, "A"), _ask(visit, "AAAA"))
    if not v4.addresses and not v6.addresses and v4.failure in _PERHAPS_TRUE:
        v4 = await _ask(visit, "A", first=2)
    return (*v4.addresses, *v6.addresses)


async def _ask(visit: Visit, query_type: str, first: int = 1) -> dns.Answer:
    network = visit.network
    answer = dns.Answer()
    for number, timeout in enumerate(network.timeouts.dns[first - 1 :], start=first):
        if number > 1:
            await asyncio.sleep(network.pause)
        resolver = network.resolvers[(number - 1) % len(network.resolvers)]
        answer = await dns.query(
            visit.attempt(number), resolver, visit.target.host, query_type, visit.listening, timeout
        )
        if answer.failure is None or answer.failure in _PERHAPS_TRUE:
            break
    return answer


async def reach_all(visit: Visit) -> None:
    """Opens a stream to each address of the target that can be reached."""
    await reach_each(visit, choose(await resolve(visit), visit.network))


async def reach_each(visit: Visit, addresses: Sequence[str]) -> None:
    """Opens a stream to each of these addresses that can be reached."""
    await together(*(_try_to_reach(visit, address) for address in addresses))


async def _try_to_reach(visit: Visit, address: str) -> None:
    for number in range(1, visit.network.attempts + 1):
        if number > 1:
            await asyncio.sleep(visit.network.pause)
        if await reach(visit, address, number) is not None:
            return


async def reach(visit: Visit, address: str, number: int) -> Stream | None:
    """Connects to one address, with TLS where the target has it. None when either failed."""
    target, attempt = visit.target, visit.attempt(number)
    assert target.port is not None, "only dns:// has no port, and it connects to nothing"
    stream = await tcp.connect(attempt, address, target.port)
    if stream is None:
        return None
    good = target.scheme not in SECURE
    try:
        good = good or await shake_hands(attempt, stream, target)
    finally:
        if not good:
            stream.close()
    if not good:
        return None
    visit.streams.append(stream)
    return stream


async def shake_hands(attempt: Attempt, stream: Stream, target: Target, server_name: str | None = None) -> bool:
    """One handshake as a target wants it, under another name where one is given. True when the certificate is good."""
    alpn = tls.ALPN_WEB if target.scheme is Scheme.HTTPS else ()
    return await tls.handshake(attempt, stream, server_name or target.host, alpn, target.roots)


async def greet_all(visit: Visit) -> None:
    """Speaks to the target on every stream, since at each address somebody else may answer."""
    await together(*(_try_to_greet(visit, stream) for stream in tuple(visit.streams)))


async def _try_to_greet(visit: Visit, stream: Stream) -> None:
    """A failure is tried again on a fresh connection."""
    good = await greet(visit.attempt(), stream, visit.target)
    for number in range(2, visit.network.attempts + 1):
        if good:
            return
        stream.close()
        await asyncio.sleep(visit.network.pause)
        again = await reach(visit, stream.address, number)
        if again is not None:
            stream = again
            good = await greet(visit.attempt(number), stream, visit.target)


async def greet_each_by_datagram(visit: Visit, addresses: Sequence[str]) -> None:
    """Speaks to the target at each of these addresses."""
    await together(*(_greet_by_datagrams(visit, address) for address in addresses))


async def _greet_by_datagrams(visit: Visit, address: str) -> None:
    """A lost datagram is common: it is sent again as a question to a resolver is, and as long."""
    for number, timeout in enumerate(visit.network.timeouts.dns, start=1):
        if number > 1:
            await asyncio.sleep(visit.network.pause)
        if await greet_by_datagram(visit.attempt(number), address, visit.target, timeout):
            return


async def exchange(visit: Visit, streams: Sequence[Stream]) -> http.Response | None:
    """Asks for the page on the first stream that answers; a failure is tried again on a fresh connection."""
    for stream in streams[:MOST_EXCHANGES]:
        response = await ask_for_page(visit.attempt(), stream, visit.target)
        for number in range(2, visit.network.attempts + 1):
            if response is not None:
                break
            await asyncio.sleep(visit.network.pause)
            again = await reach(visit, stream.address, number)
            if again is not None:
                response = await ask_for_page(visit.attempt(number), again, visit.target)
        if response is not None:
            return response
    return None


async def greet_over_quic(visit: Visit, address: str, port: int) -> None:
    """Shakes hands over QUIC, at the address that has just given the page."""
    for number in range(1, visit.network.attempts + 1):
        if number > 1:
            await asyncio.sleep(visit.network.pause)
        if await quic.shake_hands(visit.attempt(number), address, port, visit.target.host):
            return


def choose(addresses: Sequence[str], network: Network) -> list[str]:
    """Those to connect to: each once, with a route, at most MOST_ADDRESSES of a family."""
    routed = [a for a in dict.fromkeys(addresses) if (p := parse(a)) is not None and network.has_route(p)]
    families = ([a for a in routed if (":" in a) is v6] for v6 in (False, True))
    return [address for family in families for address in family[:MOST_ADDRESSES]]
