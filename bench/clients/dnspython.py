"""dnspython's async resolver: A and AAAA of each name, nothing recorded.

python -m bench.clients.dnspython LIST
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import dns.asyncresolver

from probe.targets import parse_one

_AT_ONCE = 100


async def resolve(places: asyncio.Semaphore, name: str) -> bool:
    """Whether it has an IPv4 address."""
    found = {}
    async with places:
        for kind in ("A", "AAAA"):
            try:
                found[kind] = [record.to_text() for record in await dns.asyncresolver.resolve(name, kind)]
            except dns.exception.DNSException:
                found[kind] = []
    return bool(found["A"])


async def main(names: list[str]) -> int:
    """How many have an address."""
    places = asyncio.Semaphore(_AT_ONCE)
    return sum(await asyncio.gather(*(resolve(places, name) for name in names)))


if __name__ == "__main__":
    print(asyncio.run(main([parse_one(line).host for line in Path(sys.argv[1]).read_text().split()])))
