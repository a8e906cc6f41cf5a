"""The `dns` step: one question to one resolver, every answer to it a row.

Law: messages are dnswire's, transport is ours. After the first answer the socket goes on listening, since a forged
answer is given away by the true one that follows it. What comes back is hostile until it has been read.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

import dns.rcode

from probe.failure import Failure
from probe.model import DnsDetail
from probe.steps import dnswire, hop_limit
from probe.steps.dns_stream import TLS_PORT, over_https, over_tcp, over_tls
from probe.steps.errors import failure_of, said
from probe.steps.network import Resolver, SecureResolver
from probe.steps.outlets import Outlet, new_id, socket_to
from probe.steps.step import Attempt, Operation, operation

_MOST_RECORDS = 64
_MOST_RESPONSES = 8
_LARGEST = 65_535  # bytes of a datagram

BY_RCODE: dict[int, Failure] = {
    dns.rcode.NXDOMAIN: Failure.DNS_NXDOMAIN,
    dns.rcode.REFUSED: Failure.DNS_REFUSED,
    dns.rcode.SERVFAIL: Failure.DNS_SERVFAIL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the first answer said."""

    addresses: tuple[str, ...] = ()
    failure: Failure | None = None


@dataclass(slots=True, eq=False)
class Listener:
    """One question: hands over the first answer, then notes down every later one."""

    attempt: Attempt
    resolver: Resolver
    question: bytes
    """As it was last sent."""
    first: asyncio.Future[bytes]
    outlet: Outlet | None = None
    """Where it left from, with others."""
    sock: socket.socket | None = None
    """Where it left from alone."""
    answered: float | None = None
    """When the first answer came, on the measurement's clock."""
    router: str | None = None
    """Where the question expired, when it had a hop limit."""
    late: list[tuple[float, bytes]] = field(default_factory=list)

    def ask(self) -> None:
        """Sends the question and listens from then on. Raises OSError."""
        if self.attempt.hop_limit is not None:
            self._ask_alone()
            return
        outlet = self.attempt.network.outlets.to(self.resolver.address, self.resolver.port)
        try:
            self.question = outlet.ask(self, self.question)
            self.outlet = outlet
        except OSError as error:
            failure_of(error)  # raises where the fault is this machine's
            self._ask_alone()

    def _ask_alone(self) -> None:
        self.sock = socket_to(self.resolver.address, self.resolver.port)
        if self.attempt.hop_limit is not None:
            hop_limit.impose(self.sock, self.attempt.hop_limit)
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self._hear)
        self.sock.send(self.question)

    def shared_in_vain(self) -> None:
        if self.answered is not None:
            return
        self._leave()
        try:
            self._ask_alone()
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        self._leave()
        if self.sock is not None:
            asyncio.get_running_loop().remove_reader(self.sock.fileno())
            self.sock.close()
            self.sock = None

    def _leave(self) -> None:
        if self.outlet is not None:
            self.outlet.leave(self.question)
            self.outlet = None

    def _hear(self) -> None:
        assert self.sock is not None
        limit = self.attempt.hop_limit
        if limit is not None:
            report = hop_limit.reported(self.sock, limit)
            self.router = report.router or self.router
            if report.error is not None:
                self._fail(report.error)
        try:
            data = self.sock.recv(_LARGEST)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:  # what ICMP said of the question
            if limit is None or error.errno != errno.EHOSTUNREACH:
                self._fail(error)
            return  # with a limit it expired, as it was to; whoever saw it before that may still answer
        self.heard(data)

    def _fail(self, error: OSError) -> None:
        if not self.first.done():
            self.first.set_exception(error)

    def heard(self, wire: bytes) -> None:
        if not dnswire.is_answer(self.question, wire):
            return
        if self.outlet is not None and not dnswire.is_about(self.question, wire):
            self.shared_in_vain()  # whoever guesses ids finds one more easily where several are open
            return
        if self.answered is None:
            self.answered = self.attempt.journal.elapsed()
            if not self.first.done():
                self.first.set_result(wire)
        elif len(self.late) < _MOST_RESPONSES - 1:
            self.late.append((self.attempt.journal.elapsed(), wire))


@dataclass(slots=True)
class Listening:
    """The questions of one measurement that are still listened to."""

    listeners: list[tuple[Listener, Operation]] = field(default_factory=list)

    async def finish(self, linger: float) -> None:
        """Waits until each question was listened to for `linger` seconds after its answer, then notes what came."""
        waits = [
            lis.answered + linger - lis.attempt.journal.elapsed()
            for lis, _ in self.listeners
            if lis.answered is not None
        ]
        try:
            await asyncio.sleep(max(0.0, *waits) if waits else 0)
        finally:
            for listener, operation_ in self.listeners:
                listener.close()
                _note_late(listener, operation_)
            self.listeners.clear()


async def query(
    attempt: Attempt, resolver: Resolver, hostname: str, query_type: str, listening: Listening, timeout: float
) -> Answer:
    """Asks once over UDP, and again over TCP where the answer says it was cut short (RFC 7766)."""
    detail = _asked(resolver.address, resolver.port, hostname, query_type, "udp")
    turns = attempt.network.outlets.turns(resolver.address, resolver.port)
    turn = await turns.take()
    try:
        async with operation(attempt, detail, timeout) as current:
            question = _question(current, hostname, query_type)
            if question is not None:
                listener = Listener(attempt, resolver, question, asyncio.get_running_loop().create_future())
                listening.listeners.append((listener, current))
                try:
                    listener.ask()
                    wire = await listener.first
                finally:
                    current.router = listener.router
                _examine(current, detail, listener.question, wire)
    finally:
        turns.give_back(turn)
    seen = cast(DnsDetail, current.detail)
    if "TC" in seen.flags and attempt.hop_limit is None:  # a connection would go all the way
        return await query_tcp(attempt, resolver, hostname, query_type, timeout)
    return Answer(addresses=addresses(seen), failure=current.failure)


async def query_tcp(attempt: Attempt, resolver: Resolver, hostname: str, query_type: str, timeout: float) -> Answer:
    """Asks once over TCP."""
    detail = _asked(resolver.address, resolver.port, hostname, query_type, "tcp")
    return await _query_over(partial(over_tcp, resolver, attempt.network), detail, attempt, timeout)


async def query_tls(attempt: Attempt, resolver: Resolver, hostname: str, query_type: str, timeout: float) -> Answer:
    """Asks the same resolver once over TLS, at its port for that."""
    detail = _asked(resolver.address, TLS_PORT, hostname, query_type, "tls")
    return await _query_over(partial(over_tls, resolver, attempt.network), detail, attempt, timeout)


async def query_https(
    attempt: Attempt, resolver: SecureResolver, hostname: str, query_type: str, timeout: float
) -> Answer:
    """Asks another resolver once over HTTPS."""
    detail = _asked(resolver.address, resolver.port, hostname, query_type, "https")
    return await _query_over(partial(over_https, resolver, attempt.network), detail, attempt, timeout)


async def _query_over(
    converse: Callable[[bytes], Awaitable[bytes]], detail: DnsDetail, attempt: Attempt, timeout: float
) -> Answer:
    """Asks once, in a way that brings one answer only."""
    async with operation(attempt, detail, timeout) as current:
        question = _question(current, detail.hostname, detail.query_type)
        if question is not None:
            _examine(current, detail, question, await converse(question))
    return Answer(addresses=addresses(cast(DnsDetail, current.detail)), failure=current.failure)


def addresses(detail: DnsDetail) -> tuple[str, ...]:
    """The addresses in an answer, each once, in the order given."""
    return tuple(dict.fromkeys(r.value for r in detail.answers if r.type == detail.query_type))


def _asked(address: str, port: int, hostname: str, query_type: str, transport: str) -> DnsDetail:
    """What is known of a question before it is answered."""
    return DnsDetail(
        hostname=hostname,
        query_type=query_type,
        resolver_address=address,
        resolver_port=port,
        transport=transport,
    )


def _question(current: Operation, hostname: str, query_type: str) -> bytes | None:
    """The question's bytes, or None where the name cannot be asked for, which the row then says."""
    try:
        return dnswire.ask(new_id(), hostname, query_type)
    except ValueError as error:
        current.fail(Failure.INVALID_ARGUMENT, said(error))
        return None


def _examine(current: Operation, detail: DnsDetail, question: bytes, wire: bytes) -> None:
    """Fills in the operation from an answer."""
    try:
        reply = dnswire.read(question, wire)
    except dnswire.MisbehavingError as error:
        current.fail(Failure.DNS_SERVER_MISBEHAVING, said(error))
        return
    seen = DnsDetail(
        hostname=detail.hostname,
        query_type=detail.query_type,
        resolver_address=detail.resolver_address,
        resolver_port=detail.resolver_port,
        transport=detail.transport,
        response=detail.response,
        rcode=dns.rcode.to_text(dns.rcode.Rcode(reply.rcode)),
        flags=reply.flags,
        answers=reply.records[:_MOST_RECORDS],
        answers_truncated=len(reply.records) > _MOST_RECORDS,
    )
    current.detail = seen
    if reply.rcode != dns.rcode.NOERROR:
        current.fail(BY_RCODE.get(reply.rcode, Failure.DNS_SERVER_MISBEHAVING))
    elif not addresses(seen) and "TC" not in seen.flags:
        current.fail(Failure.DNS_NO_ANSWER)


def _note_late(listener: Listener, first: Operation) -> None:
    """Every further answer to the same question is a row of its own, `response` counting on."""
    if not listener.late:
        return
    plain = replace(cast(DnsDetail, first.detail), rcode=None, flags=(), answers=(), answers_truncated=False)
    for count, (when, wire) in enumerate(listener.late, start=2):
        number = listener.attempt.journal.number()
        later = Operation(listener.attempt, number, first.started, replace(plain, response=count))
        _examine(later, cast(DnsDetail, later.detail), listener.question, wire)
        later.write(ended=when)


async def ask_for_rcode(resolver: Resolver, hostname: str, query_type: str, timeout: float) -> int | None:
    """The rcode of the resolver's answer; None when none came. For the question "is there a network at all?"."""
    _, wire = await _ask_alone(resolver, hostname, query_type, timeout)
    return wire[3] & 0x0F if wire is not None else None


async def ask_for_addresses(resolver: Resolver, hostname: str, timeout: float) -> tuple[str, ...] | None:
    """The IPv4 addresses in the resolver's answer, none when it denies the name; None when it says neither."""
    question, wire = await _ask_alone(resolver, hostname, "A", timeout)
    if wire is None:
        return None
    try:
        reply = dnswire.read(question, wire)
    except dnswire.MisbehavingError:
        return None
    if reply.rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return None
    return tuple(dict.fromkeys(record.value for record in reply.records if record.type == "A"))


async def _ask_alone(resolver: Resolver, hostname: str, query_type: str, timeout: float) -> tuple[bytes, bytes | None]:
    """A question that belongs to no measurement, and the answer to it; None when none came."""
    loop = asyncio.get_running_loop()
    question = dnswire.ask(new_id(), hostname, query_type)
    try:
        async with asyncio.timeout(timeout):
            with socket_to(resolver.address, resolver.port) as sock:
                await loop.sock_sendall(sock, question)
                wire = await loop.sock_recv(sock, _LARGEST)
    except OSError as error:
        failure_of(error)  # raises where the fault is this machine's
        return question, None
    return question, wire if dnswire.is_answer(question, wire) else None
