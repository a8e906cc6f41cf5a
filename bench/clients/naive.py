"""The program that anybody would write first: httpx and dnspython's resolver, one insert for each result.

python -m bench.clients.naive LIST DATABASE
"""

from __future__ import annotations

import asyncio
import sqlite3
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

import dns.asyncresolver
import httpx

_AT_ONCE = 100


async def check(client: httpx.AsyncClient, database: sqlite3.Connection, places: asyncio.Semaphore, url: str) -> None:
    async with places:
        host = urlsplit(url).hostname or ""
        addresses: list[str] = []
        for kind in ("A", "AAAA"):
            try:
                addresses += [record.to_text() for record in await dns.asyncresolver.resolve(host, kind)]
            except dns.exception.DNSException:
                continue
        try:
            status: int | None = (await client.get(url)).status_code
        except httpx.HTTPError:
            status = None
        with database:
            database.execute("INSERT INTO result VALUES (?, ?, ?)", (url, " ".join(addresses), status))


async def main(urls: list[str], path: str) -> int:
    """How many were answered."""
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE result (url TEXT, addresses TEXT, status INTEGER)")
    places = asyncio.Semaphore(_AT_ONCE)
    trust = ssl.create_default_context()
    async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=30) as client:
        await asyncio.gather(*(check(client, database, places, url) for url in urls))
    return int(database.execute("SELECT count(*) FROM result WHERE status = 200").fetchone()[0])


if __name__ == "__main__":
    print(asyncio.run(main(Path(sys.argv[1]).read_text().split(), sys.argv[2])))
