"""What a control counts, as Prometheus text. No label ever holds what a client sent, and no client is counted apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

OTHER = "other"
"""The route of every request that fits none."""
TEXT = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "probe_control_"


@dataclass(slots=True)
class Requests:
    """Requests by route and status."""

    counts: Counter[tuple[str, int]] = field(default_factory=Counter)

    def count(self, route: str, status: int) -> None:
        self.counts[route, status] += 1


def metrics_text(requests: Requests, *, made: int, addresses: int, hits: int, in_flight: int) -> str:
    """The text of `GET /metrics`."""
    by_route = {f'{{route="{route}",status="{status}"}}': n for (route, status), n in sorted(requests.counts.items())}
    families: tuple[tuple[str, str, str, dict[str, int]], ...] = (
        ("requests_total", "counter", "Requests by route and status.", by_route),
        ("measurements_total", "counter", "Measurements of targets begun.", {"": made}),
        ("addresses_total", "counter", "Additional addresses at which a target was looked at.", {"": addresses}),
        ("cache_hits_total", "counter", "Asks for a target that was fresh or under way.", {"": hits}),
        ("in_flight", "gauge", "Measurements running or waiting for a place.", {"": in_flight}),
    )
    lines: list[str] = []
    for name, kind, meaning, values in families:
        lines += [f"# HELP {_PREFIX}{name} {meaning}", f"# TYPE {_PREFIX}{name} {kind}"]
        lines += [f"{_PREFIX}{name}{labels} {value}" for labels, value in values.items()]
    return "\n".join(lines) + "\n"
