"""The censor: rules in, packets in, packets out.

Law: no sockets, no clock, no chance. It keeps what a middlebox keeps: the flows it has seen, what it did to them, and
which pairs of addresses it still punishes. The first rule that fits a packet decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address

import dns.message
import dns.rcode
import dns.rrset

from tests.lab.names import READERS, asked, covers, question
from tests.lab.packet import ACK, FIN, PSH, RST, SYN, TCP, UDP, Packet, error, readdressed, tcp, udp
from tests.lab.spec import (
    Action,
    Back,
    Drop,
    Eof,
    Forge,
    HostHeader,
    Inject,
    Question,
    Redirect,
    Reject,
    Reset,
    Rule,
    Saying,
    Sni,
    Throttle,
    To,
    Trigger,
)

Sent = list[tuple[bool, bytes]]
"""What leaves the censor: whether towards the client, and the packet."""
Ends = tuple[bytes, int, bytes, int, int]
"""A flow: the inner address and port, the outer address and port, the protocol."""

_MOST_HEARD = 16_384
_MOST_FLOWS = 20_000
_SEGMENT = 1400

# What each kind of trigger can be answered with.
_POSSIBLE: Mapping[type[Trigger], tuple[type[Action], ...]] = {
    To: (Drop, Reset, Reject, Redirect, Throttle),
    Back: (Drop, Reset),
    Sni: (Drop, Reset, Eof, Inject, Throttle),
    HostHeader: (Drop, Reset, Eof, Inject, Throttle),
    Saying: (Drop, Reset, Eof, Inject, Throttle),
    Question: (Drop, Reject, Forge, Reset),
}


class Fate(Enum):
    OPEN = 1
    DEAD = 2
    """Nothing passes."""
    TAKEN = 3
    """The censor has answered in the server's place, and acknowledges what the client still sends."""


@dataclass(slots=True)
class Flow:
    """What is remembered of one flow."""

    first_seq: int
    fate: Fate = Fate.OPEN
    heard: bytearray = field(default_factory=bytearray)
    expected: int = 0
    """The next sequence number of the client."""
    deaf: bool = False
    """Its first bytes have been judged."""
    server_seq: int = 0
    """The next sequence number in the server's name, once the flow is taken."""
    meter: Throttle | None = None
    passed: int = 0
    """Bytes from the server that have passed."""
    slowed_since: float | None = None
    target: tuple[bytes, int] | None = None
    """Where it is redirected to."""
    refusal: Sent = field(default_factory=list)
    """What further packets of a dead flow are answered with. A client whose socket was busy when an ICMP error came
    heeds the next one only (Linux, tcp_v4_err), and sends its SYN again for it."""


@dataclass(slots=True)
class Armed:
    """A rule with what it has done so far."""

    rule: Rule
    addresses: frozenset[bytes] | None
    fired: int = 0

    @classmethod
    def of(cls, rule: Rule) -> Armed:
        """Raises ValueError for an action that the trigger cannot be answered with."""
        if not isinstance(rule.do, _POSSIBLE[type(rule.when)]):
            raise ValueError(f"{type(rule.when).__name__} cannot be answered with {type(rule.do).__name__}")
        given: Sequence[str] | None = getattr(rule.when, "addresses", None)
        if isinstance(rule.when, Sni) and rule.when.address is not None:
            given = (rule.when.address,)
        return cls(rule, None if given is None else frozenset(ip_address(a).packed for a in given))

    def is_live(self, is_control: bool) -> bool:
        """Whether it acts (again) on traffic of this host."""
        spent = self.rule.times is not None and self.fired >= self.rule.times
        return not spent and (self.rule.also_control or not is_control)

    def concerns(self, address: bytes, port: int) -> bool:
        wanted = getattr(self.rule.when, "port", None)
        return (self.addresses is None or address in self.addresses) and wanted in (None, port)


class Censor:
    """The rules at work on the path between the inner hosts and the rest. `here` is the address of its hop."""

    def __init__(self, rules: Sequence[Rule], here: Mapping[int, bytes], control: frozenset[bytes]) -> None:
        self.armed = [Armed.of(rule) for rule in rules]
        self._here, self._control = here, control
        self._flows: dict[Ends, Flow] = {}
        self._redirected: dict[Ends, Ends] = {}
        self._punished: dict[tuple[bytes, bytes], float] = {}

    def outbound(self, packet: Packet, now: float) -> Sent:
        """A packet from an inner host."""
        if self._punished.get((packet.source, packet.destination), 0.0) > now:
            return []
        if packet.protocol not in (TCP, UDP):
            return [(False, packet.raw)]
        ends = (packet.source, packet.sport, packet.destination, packet.dport, packet.protocol)
        flow, is_new = self._flow(ends, packet)
        if flow.fate is Fate.DEAD:
            return flow.refusal
        if flow.fate is Fate.TAKEN:
            return _acknowledged(packet, flow)
        found = self._first_packet(packet, is_new) or self._named(packet, flow)
        if found is not None:
            found.fired += 1
            sent = _ACTIONS[type(found.rule.do)](self, found.rule, packet, flow)
            if found.rule.residual:
                self._punished[packet.source, packet.destination] = now + found.rule.residual
            if sent is not None:
                return sent
        return [(False, self._towards_target(ends, packet, flow).raw)]

    def inbound(self, packet: Packet, now: float) -> Sent:
        """A packet to an inner host."""
        if packet.protocol not in (TCP, UDP):
            return [(True, packet.raw)]
        ends = (packet.destination, packet.dport, packet.source, packet.sport, packet.protocol)
        ends = self._redirected.get(ends, ends)
        if self._punished.get((ends[0], ends[2]), 0.0) > now:
            return []
        flow = self._flows.get(ends)
        if flow is not None:
            if flow.fate is not Fate.OPEN or not _may_pass(packet, flow, now):
                return []
            if flow.target is not None:
                packet = readdressed(packet, (ends[2], ends[3]), (ends[0], ends[1]))
            found = self._on_its_way_back(packet, ends)
            if found is not None:
                found.fired += 1
                flow.fate = Fate.DEAD
                end = tcp((ends[2], ends[3]), (ends[0], ends[1]), packet.seq, packet.ack, RST | ACK)
                return [(True, end)] if isinstance(found.rule.do, Reset) else []
        return [(True, packet.raw)]

    def _flow(self, ends: Ends, packet: Packet) -> tuple[Flow, bool]:
        """The flow of a packet, and whether it begins with it. A SYN sent again begins nothing."""
        flow = self._flows.get(ends)
        begins = packet.protocol == UDP or packet.flags & (SYN | ACK) == SYN
        if flow is not None and (packet.protocol == UDP or not begins or packet.seq == flow.first_seq):
            return flow, False
        # What was under way before these rules came (an old world's repeats, too) is let be.
        flow = Flow(packet.seq, expected=(packet.seq + 1) % 2**32, deaf=not begins)
        self._flows[ends] = flow
        if len(self._flows) > _MOST_FLOWS:
            del self._flows[next(iter(self._flows))]
        return flow, begins

    def _first_packet(self, packet: Packet, is_new: bool) -> Armed | None:
        """The rule about where a flow goes, or about the question in a datagram."""
        is_control, message = packet.source in self._control, None
        if packet.protocol == UDP and packet.dport == 53:
            message = question(packet.payload)
        for armed in self.armed:
            when = armed.rule.when
            if not armed.is_live(is_control):
                continue
            if isinstance(when, To) and is_new and (when.protocol == "udp") is (packet.protocol == UDP):
                if armed.concerns(packet.destination, packet.dport):
                    return armed
            elif isinstance(when, Question) and when.protocol == "udp" and message is not None:
                name, kind = asked(message)
                if covers(when.name, name) and (when.types is None or kind in when.types):
                    return armed
        return None

    def _named(self, packet: Packet, flow: Flow) -> Armed | None:
        """The rule about the name in the client's first bytes."""
        if packet.protocol != TCP or flow.deaf or packet.payload_at == len(packet.raw):
            return None
        segment = packet.payload
        if packet.seq == flow.expected:
            flow.heard += segment
            flow.expected = (packet.seq + len(segment)) % 2**32
        flow.deaf = len(flow.heard) > _MOST_HEARD
        is_control, undecided = packet.source in self._control, False
        for armed in self.armed:
            when = armed.rule.when
            if isinstance(when, Saying) and armed.is_live(is_control):
                if when.data in flow.heard and armed.concerns(packet.destination, packet.dport):
                    return armed
                undecided = True
            if type(when) not in READERS or not armed.is_live(is_control):
                continue
            if isinstance(when, Question) and (when.protocol != "tcp" or packet.dport != 53):
                continue
            found = READERS[type(when)](bytes(flow.heard) if armed.rule.reassemble else segment)
            undecided = undecided or found is None
            if found and covers(_name_of(when), found) and armed.concerns(packet.destination, packet.dport):
                return armed
        flow.deaf = flow.deaf or not undecided
        return None

    def _on_its_way_back(self, packet: Packet, ends: Ends) -> Armed | None:
        if packet.protocol != TCP or packet.flags & (SYN | ACK) != SYN | ACK:
            return None
        for armed in self.armed:
            live = isinstance(armed.rule.when, Back) and armed.is_live(ends[0] in self._control)
            if live and armed.concerns(ends[2], ends[3]):
                return armed
        return None

    def _towards_target(self, ends: Ends, packet: Packet, flow: Flow) -> Packet:
        if flow.target is None:
            return packet
        inner = (ends[0], ends[1])
        self._redirected[(*inner, *flow.target, ends[4])] = ends
        return readdressed(packet, inner, flow.target)

    # Actions. None: the packet goes on.

    def drop(self, rule: Rule, packet: Packet, flow: Flow) -> Sent | None:
        # A question is dropped alone: the next one from the same port may be about another name.
        flow.fate = flow.fate if packet.protocol == UDP and isinstance(rule.when, Question) else Fate.DEAD
        return []

    def reset(self, rule: Rule, packet: Packet, flow: Flow) -> Sent | None:
        flow.fate = Fate.DEAD
        client, server = _both(packet)
        sent = [(True, tcp(server, client, packet.ack, packet.seq + packet.length, RST | ACK))]
        if not packet.flags & SYN:
            sent.append((False, tcp(client, server, packet.seq, packet.ack, RST | ACK)))
        return sent

    def end(self, rule: Rule, packet: Packet, flow: Flow) -> Sent | None:
        return self._take(packet, flow, b"")

    def inject(self, rule: Rule, packet: Packet, flow: Flow) -> Sent | None:
        assert isinstance(rule.do, Inject)
        return self._take(packet, flow, rule.do.data)

    def _take(self, packet: Packet, flow: Flow, data: bytes) -> Sent:
        """Ends the flow at the server, and goes on in its name: the data, then a FIN."""
        client, server = _both(packet)
        sent: Sent = [(False, tcp(client, server, packet.seq, packet.ack, RST | ACK))]
        ack = packet.seq + packet.length
        pieces = [data[i : i + _SEGMENT] for i in range(0, len(data), _SEGMENT)] or [b""]
        seq = packet.ack
        for number, piece in enumerate(pieces, start=1):
            flags = ACK | (FIN if number == len(pieces) else 0) | (PSH if piece else 0)
            sent.append((True, tcp(server, client, seq, ack, flags, piece)))
            seq += len(piece)
        flow.fate, flow.server_seq = Fate.TAKEN, seq + 1
        return sent

    def reject(self, rule: Rule, packet: Packet, flow: Flow) -> Sent | None:
        assert isinstance(rule.do, Reject)
        flow.fate = flow.fate if packet.protocol == UDP and isinstance(rule.when, Question) else Fate.DEAD
        sent: Sent = [(True, error(rule.do.why, self._here[len(packet.source)], packet))]
        if flow.fate is Fate.DEAD:
            flow.refusal = sent
        return sent

    def forge(self, rule: Rule, packet: Packet, flow: Flow) -> Sent | None:
        assert isinstance(rule.do, Forge)
        message = question(packet.payload)
        assert message is not None, "the trigger has read it"
        client, server = _both(packet)
        sent: Sent = [(True, udp(server, client, forged(message, rule.do).to_wire()))]
        return sent if rule.do.swallow else [*sent, (False, packet.raw)]

    def throttle(self, rule: Rule, packet: Packet, flow: Flow) -> Sent | None:
        assert isinstance(rule.do, Throttle)
        flow.meter = rule.do
        return None

    def redirect(self, rule: Rule, packet: Packet, flow: Flow) -> Sent | None:
        assert isinstance(rule.do, Redirect)
        target = ip_address(rule.do.address).packed
        if len(target) == len(packet.source):
            flow.target = (target, rule.do.port or packet.dport)
            return None
        flow.fate = Fate.DEAD
        return []


_ACTIONS: Mapping[type[Action], Callable[[Censor, Rule, Packet, Flow], Sent | None]] = {
    Drop: Censor.drop,
    Reset: Censor.reset,
    Eof: Censor.end,
    Inject: Censor.inject,
    Reject: Censor.reject,
    Forge: Censor.forge,
    Throttle: Censor.throttle,
    Redirect: Censor.redirect,
}


def forged(message: dns.message.Message, lie: Forge) -> dns.message.Message:
    """An answer to a question, with those of the addresses that fit its type."""
    answer = dns.message.make_response(message, recursion_available=True)
    answer.set_rcode(dns.rcode.from_text(lie.rcode))
    kind = asked(message)[1]
    fitting = [a for a in lie.addresses if (":" in a) is (kind == "AAAA") and kind in ("A", "AAAA")]
    if fitting:
        answer.answer.append(dns.rrset.from_text(message.question[0].name, 300, "IN", kind, *fitting))
    return answer


def _both(packet: Packet) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
    return (packet.source, packet.sport), (packet.destination, packet.dport)


def _name_of(when: Trigger) -> str:
    assert isinstance(when, Sni | HostHeader | Question)
    return when.name


def _acknowledged(packet: Packet, flow: Flow) -> Sent:
    """What a server would say to what the client sends after the end: only that it has come."""
    if not packet.length or packet.flags & RST:
        return []
    client, server = _both(packet)
    return [(True, tcp(server, client, flow.server_seq, packet.seq + packet.length, ACK))]


def _may_pass(packet: Packet, flow: Flow, now: float) -> bool:
    """Whether a packet from the server is within what its flow is allowed."""
    size = len(packet.raw) - packet.payload_at
    if flow.meter is None or not size:
        return True
    if flow.slowed_since is None and flow.passed + size > flow.meter.after:
        flow.slowed_since = now
    if flow.slowed_since is not None:
        allowed = flow.meter.after + flow.meter.rate * (now - flow.slowed_since)
        if flow.passed + size > allowed:
            return False
    flow.passed += size
    return True
