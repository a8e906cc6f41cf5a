"""This program's DNS engine alone: A and AAAA of each name, a row for each answer; nothing judged, nothing recorded.

python -m bench.clients.engine LIST RESOLVER
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from probe.certificate import Roots
from probe.steps import dns
from probe.steps.network import Network, Resolver
from probe.steps.step import Attempt, Journal
from probe.targets import parse_one

_AT_ONCE, _SECONDS = 100, 5.0


async def resolve_all(names: list[str], network: Network) -> int:
    """How many have an address. As many askers as questions at once, so that nothing waits for a place."""
    left, found = iter(names), 0

    async def ask() -> None:
        nonlocal found
        for name in left:
            listening, attempt = dns.Listening(), Attempt(Journal(time.monotonic), network)
            for kind in ("A", "AAAA"):
                answer = await dns.query(attempt, network.resolvers[0], name, kind, listening, _SECONDS)
                found += bool(answer.addresses)
            await listening.finish(0.0)

    await asyncio.gather(*(ask() for _ in range(_AT_ONCE)))
    return found


if __name__ == "__main__":
    ground = Network(resolvers=(Resolver(sys.argv[2]),), roots=Roots((), "none"))
    print(asyncio.run(resolve_all([parse_one(line).host for line in Path(sys.argv[1]).read_text().split()], ground)))
