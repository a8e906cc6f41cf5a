"""How much a day may cost the line this machine is on, and what measurements cost it.

Law: pure. What is known of an operation's bytes is counted, what is not is taken from one table; headers of IP and TCP
are not counted. A day is a day of UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from probe.model import DnsDetail, GreetingDetail, HttpDetail, Measurement, Observation, StepName


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What went over the line."""

    bytes: int = 0
    """Sent and received."""
    connections: int = 0
    """TCP connections that were tried, and first datagrams to a port where no resolver is asked."""

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(bytes=self.bytes + other.bytes, connections=self.connections + other.connections)


COSTS: Mapping[tuple[StepName, str | None], Traffic] = {
    (StepName.DNS, "udp"): Traffic(bytes=300),
    (StepName.DNS, "tcp"): Traffic(bytes=400, connections=1),
    (StepName.DNS, "tls"): Traffic(bytes=7_000, connections=1),
    (StepName.DNS, "https"): Traffic(bytes=8_000, connections=1),
    (StepName.TCP, None): Traffic(connections=1),
    (StepName.TLS, None): Traffic(bytes=6_000),  # a ClientHello, and a chain of three
    (StepName.HTTP, None): Traffic(bytes=600),  # the request; what was received is known
    (StepName.QUIC, None): Traffic(bytes=8_000, connections=1),
    (StepName.GREETING, "udp"): Traffic(connections=1),  # what was sent and received is known
    (StepName.GREETING, "tcp"): Traffic(),
    (StepName.GREETING, "tls"): Traffic(),
}
"""By step and, where it has one, transport: what an operation costs besides the bytes that its row knows of."""
ANSWER = Traffic(bytes=6_000)
"""One control's answer about one target, with the question; they share a few connections."""
RESERVED = Traffic(bytes=300_000, connections=12)
"""For a measurement that is under way, until it is known what it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a day may cost; None for no limit."""

    bytes: int | None = None
    connections: int | None = None

    def allows(self, used: Traffic) -> bool:
        """Whether so much may be used."""
        return (self.bytes is None or used.bytes <= self.bytes) and (
            self.connections is None or used.connections <= self.connections
        )


@dataclass(slots=True)
class Meter:
    """What of a budget is used while a run goes on."""

    budget: Budget
    used: Traffic = field(default_factory=Traffic)

    def admits(self, under_way: int) -> bool:
        """Whether another measurement may begin beside so many. The last one of a day may take more than is left; so
        that nothing is left that no measurement would fit into."""
        if under_way == 0:
            return self.budget.allows(self.used + Traffic(bytes=1, connections=1))
        reserved = Traffic(bytes=RESERVED.bytes * (under_way + 1), connections=RESERVED.connections * (under_way + 1))
        return self.budget.allows(self.used + reserved)

    def spend(self, here: Measurement, controls: int) -> None:
        """A measurement has ended, about which so many controls have answered."""
        self.used += cost(_kinds(here.observations), controls)


def cost(operations: Iterable[tuple[StepName, str | None, int, int]], answers: int) -> Traffic:
    """What operations cost: step, transport, how many, and the bytes that their rows know of."""
    total = Traffic(bytes=ANSWER.bytes * answers)
    for step, transport, count, known in operations:
        each = COSTS[step, transport]
        total += Traffic(bytes=each.bytes * count + known, connections=each.connections * count)
    return total


def _kinds(rows: Iterable[Observation]) -> Iterable[tuple[StepName, str | None, int, int]]:
    for row in rows:
        detail = row.detail
        if isinstance(detail, DnsDetail):
            yield row.step, detail.transport, int(detail.response == 1), 0
        elif isinstance(detail, GreetingDetail):
            yield row.step, detail.transport, 1, detail.bytes_sent + detail.bytes_received
        else:
            yield row.step, None, 1, (detail.received or 0) if isinstance(detail, HttpDetail) else 0
