"""The `dns` step: one question to one resolver, every answer to it a row.

Law: messages are dnspython's, transport is ours. After the first answer the socket goes on listening, since a forged
answer is given away by the true one that follows it. What comes back is hostile until it has been read.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field, replace
from typing import Any, cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from probe.failure import Failure
from probe.model import DnsDetail, DnsRecord, Observation
from probe.steps.errors import failure_of, said
from probe.steps.network import Resolver
from probe.steps.step import Attempt, Operation, operation

_PAYLOAD = 1232  # bytes; the size that crosses any path whole (DNS Flag Day 2020)
_MOST_RECORDS = 64
_MOST_RESPONSES = 8
_LONGEST_VALUE = 500

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


@dataclass(slots=True)
class Listener(asyncio.DatagramProtocol):
    """One question on its own socket: hands over the first answer, then notes down every later one."""

    attempt: Attempt
    question: dns.message.Message
    first: asyncio.Future[bytes]
    transport: asyncio.DatagramTransport | None = None
    answered: float | None = None
    """When the first answer came, on the measurement's clock."""
    late: list[tuple[float, bytes]] = field(default_factory=list)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self._mine(data):
            return
        if self.answered is None:
            self.answered = self.attempt.journal.elapsed()
            if not self.first.done():
                self.first.set_result(data)
        elif len(self.late) < _MOST_RESPONSES - 1:
            self.late.append((self.attempt.journal.elapsed(), data))

    def error_received(self, exc: Exception) -> None:
        if not self.first.done():
            self.first.set_exception(exc)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def _mine(self, data: bytes) -> bool:
        """The id of this question, and a response: what a resolver library looks at before it reads on."""
        return len(data) >= 12 and data[:2] == self.question.id.to_bytes(2, "big") and bool(data[2] & 0x80)


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
    question = _question(hostname, query_type)
    detail = DnsDetail(
        hostname=hostname,
        query_type=query_type,
        resolver_address=resolver.address,
        resolver_port=resolver.port,
        transport="udp",
    )
    listener = Listener(attempt, question, asyncio.get_running_loop().create_future())
    async with operation(attempt, detail, timeout) as current:
        listening.listeners.append((listener, current))
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: listener, remote_addr=(resolver.address, resolver.port)
        )
        assert listener.transport is not None
        listener.transport.sendto(question.to_wire())
        _examine(current, detail, question, await listener.first)
    seen = cast(DnsDetail, current.detail)
    if "TC" in seen.flags:
        return await query_stream(attempt, resolver, hostname, query_type, timeout)
    return Answer(addresses=addresses(seen), failure=current.failure)


async def query_stream(attempt: Attempt, resolver: Resolver, hostname: str, query_type: str, timeout: float) -> Answer:
    """Asks once over TCP."""
    question = _question(hostname, query_type)
    detail = DnsDetail(
        hostname=hostname,
        query_type=query_type,
        resolver_address=resolver.address,
        resolver_port=resolver.port,
        transport="tcp",
    )
    async with operation(attempt, detail, timeout) as current:
        reader, writer = await asyncio.open_connection(resolver.address, resolver.port)
        try:
            wire = question.to_wire()
            writer.write(len(wire).to_bytes(2, "big") + wire)
            length = int.from_bytes(await reader.readexactly(2), "big")
            _examine(current, detail, question, await reader.readexactly(length))
        finally:
            writer.close()
    return Answer(addresses=addresses(cast(DnsDetail, current.detail)), failure=current.failure)


def addresses(detail: DnsDetail) -> tuple[str, ...]:
    """The addresses in an answer, each once, in the order given."""
    return tuple(dict.fromkeys(r.value for r in detail.answers if r.type == detail.query_type))


def _question(hostname: str, query_type: str) -> dns.message.Message:
    return dns.message.make_query(
        hostname, query_type, id=secrets.randbits(16), use_edns=0, payload=_PAYLOAD, flags=dns.flags.RD
    )


def _examine(current: Operation, detail: DnsDetail, question: dns.message.Message, wire: bytes) -> None:
    """Fills in the operation from an answer."""
    try:
        answer = dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
    except (dns.exception.DNSException, ValueError) as error:
        current.fail(Failure.DNS_SERVER_MISBEHAVING, said(error))
        return
    if not question.is_response(answer):
        current.fail(Failure.DNS_SERVER_MISBEHAVING, "the answer is to another question")
        return
    records = [record for rrset in answer.answer for record in _records(rrset)]
    seen = replace(
        detail,
        rcode=dns.rcode.to_text(answer.rcode()),
        flags=tuple(dns.flags.to_text(answer.flags).split()),
        answers=tuple(records[:_MOST_RECORDS]),
        answers_truncated=len(records) > _MOST_RECORDS,
    )
    current.detail = seen
    if answer.rcode() != dns.rcode.NOERROR:
        current.fail(BY_RCODE.get(answer.rcode(), Failure.DNS_SERVER_MISBEHAVING))
    elif not addresses(seen) and "TC" not in seen.flags:
        current.fail(Failure.DNS_NO_ANSWER)


def _records(rrset: Any) -> list[DnsRecord]:
    return [
        DnsRecord(
            name=rrset.name.to_text(omit_final_dot=True),
            type=dns.rdatatype.to_text(rrset.rdtype),
            value=rdata.to_text().rstrip(".")[:_LONGEST_VALUE],
            ttl=rrset.ttl,
        )
        for rdata in rrset
    ]


def _note_late(listener: Listener, first: Operation) -> None:
    """Every further answer to the same question is a row of its own, `response` counting on."""
    journal = listener.attempt.journal
    plain = replace(cast(DnsDetail, first.detail), rcode=None, flags=(), answers=(), answers_truncated=False)
    for count, (when, wire) in enumerate(listener.late, start=2):
        later = Operation(listener.attempt, journal.number(), first.started, replace(plain, response=count))
        _examine(later, cast(DnsDetail, later.detail), listener.question, wire)
        journal.rows.append(
            Observation(
                id=later.id,
                started=first.started,
                runtime=when - first.started,
                attempt=listener.attempt.number,
                hop=listener.attempt.hop,
                experiment=listener.attempt.experiment,
                failure=later.failure,
                error=later.error,
                detail=later.detail,
            )
        )


async def ask_for_rcode(resolver: Resolver, hostname: str, query_type: str, timeout: float) -> int | None:
    """The rcode of the resolver's answer; None when none came. For the question "is there a network at all?"."""
    loop = asyncio.get_running_loop()
    question = _question(hostname, query_type)
    answered: asyncio.Future[bytes] = loop.create_future()
    try:
        async with asyncio.timeout(timeout):
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Ear(answered), remote_addr=(resolver.address, resolver.port)
            )
            try:
                transport.sendto(question.to_wire())
                wire = await answered
            finally:
                transport.close()
    except OSError as error:
        failure_of(error)  # raises where the fault is this machine's
        return None
    mine = len(wire) >= 12 and wire[:2] == question.id.to_bytes(2, "big")
    return wire[3] & 0x0F if mine else None


@dataclass(slots=True)
class _Ear(asyncio.DatagramProtocol):
    answered: asyncio.Future[bytes]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self.answered.done():
            self.answered.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answered.done():
            self.answered.set_exception(exc)
