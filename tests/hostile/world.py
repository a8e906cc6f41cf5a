"""All hostile servers in one network namespace, and the program sent to each: `python -m tests.hostile.world FOLDER`.

Law: what is measured is the program itself, in a process of its own, whose peak of memory is read where it ends. The
addresses count as public and are this machine's own; a connection to one that may not be connected to is a hit.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import trustme
from pyroute2 import IPRoute

from tests.hostile import certificates, http2, names, web
from tests.hostile.case import DOMAIN, Case, Serve

ROOT = Path(__file__).resolve().parents[2]
CASES: tuple[Case, ...] = (*web.CASES, *http2.CASES, *certificates.CASES, *names.CASES, *names.APART)
BATCHES = {"servers": (*web.CASES, *http2.CASES, *certificates.CASES), "resolvers": names.CASES, "apart": names.APART}
"""What is measured at once."""
CALM = Case(name="calm", serve=web.calm)
"""A server that is not hostile: what the program needs in any case."""

RESOLVER, PRIVATE, METADATA = "192.31.196.53", "10.9.9.9", "169.254.169.254"
_FREE = [f"{net}.{n}" for net in ("192.31.196", "192.175.48") for n in range(60, 255)]
PLACES: dict[str, str] = {case.host: _FREE[number] for number, case in enumerate((CALM, *CASES)) if case.serve}
PLACES[f"private.{DOMAIN}"] = PRIVATE
PLACES[f"mail.{DOMAIN}"] = names.HOME
FORBIDDEN = (
    *((address, 80) for address in (PRIVATE, METADATA, "127.0.0.1", "::1")),
    (names.HOME, 25),
    (names.HOME, 22),
)
ALL_AT_ONCE = 6.0
"""Seconds for an operation: enough that a server which answers is heard, though a hundred others are busy."""
ALONE = 3.0


def bring_up() -> None:
    with IPRoute() as route:
        index = route.link_lookup(ifname="lo")[0]
        route.link("set", index=index, state="up")
        for address in {RESOLVER, PRIVATE, METADATA, names.HOME, *PLACES.values()}:
            route.addr("add", index=index, address=address, prefixlen=32)
        route.route("add", dst="0.0.0.0/0", oif=index)  # "is there a network?" is asked of the routes


class Names(asyncio.DatagramProtocol):
    """The resolver: hostile for the names of hostile resolvers, honest for all others."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        answer = _OVER_UDP.get(_name(question), _address)
        for wire in answer(question):
            self.transport.sendto(wire, addr)


def _name(question: dns.message.Message) -> str:
    return str(question.question[0].name.to_text(omit_final_dot=True)).lower()


def _address(question: dns.message.Message) -> Sequence[bytes]:
    made = dns.message.make_response(question)
    made.flags |= dns.flags.RA
    asked, place = question.question[0], PLACES.get(_name(question))
    if place is not None and asked.rdtype == dns.rdatatype.A:
        made.answer.append(dns.rrset.from_text(asked.name, 60, "IN", "A", place))
    return [made.to_wire()]


_OVER_UDP = {case.host: case.answer for case in CASES if case.answer is not None}
_OVER_TCP = {case.host: case.over_tcp for case in CASES if case.over_tcp is not None}


async def _names_over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    length = await reader.readexactly(2)
    asked = await reader.readexactly(int.from_bytes(length, "big"))
    again = asyncio.StreamReader()
    again.feed_data(length + asked)
    await _OVER_TCP[_name(dns.message.from_wire(asked))](again, writer)


def _guarded(serve: Serve) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A client that goes away ends the connection, and nothing else."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    return guarded


async def _resolve() -> None:
    """Is the resolver. In a process of its own, so that no flood of another server keeps it from answering."""
    await asyncio.get_running_loop().create_datagram_endpoint(Names, local_addr=(RESOLVER, 53))
    await (await asyncio.start_server(_guarded(_names_over_tcp), RESOLVER, 53)).serve_forever()


async def open_servers(folder: Path, hits: list[str]) -> None:
    """Starts the web servers, and writes the roots that are to be trusted into the folder."""
    authority = trustme.CA()
    (folder / "roots.pem").write_bytes(authority.cert_pem.bytes())
    for case in (CALM, *CASES):
        if case.serve is not None:
            await _open(case, authority, folder)
    for place in FORBIDDEN:
        await asyncio.start_server(partial(_note, hits, place), *place)


async def _open(case: Case, authority: trustme.CA, folder: Path) -> None:
    assert case.serve is not None
    secure = case.scheme == "https" and not case.raw
    context: ssl.SSLContext | None = None
    if secure:
        if case.chain is not None:
            context = certificates.context(case.chain, case.host, folder)
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(case.host).configure_cert(context)
        context.set_alpn_protocols([case.alpn])
    port = 443 if case.scheme == "https" else 80
    await asyncio.start_server(_guarded(case.serve), PLACES[case.host], port, ssl=context)


async def _note(
    hits: list[str], place: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    hits.append("{}:{}".format(*place))
    writer.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One call of `probe check`."""

    status: int
    peak: int
    """Bytes of memory, at most."""
    seconds: float
    out: str
    err: str


async def check(folder: Path, cases: Sequence[Case], *, timeout: float, database: str = "probe.sqlite") -> Checked:
    """Measures the cases at once, as a user would."""
    peak = folder / "peak"
    words = ["check", *(case.target for case in cases), "--control", "none", "--resolver", RESOLVER]
    words += ["--timeout", str(timeout), "--db", str(folder / database)]
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SSL_CERT_FILE": str(folder / "roots.pem"),
        "LANG": "C.UTF-8",
    }
    begun = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.hostile.measured", str(peak), *words),
        cwd=ROOT,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Checked(
        status=process.returncode,
        peak=int(peak.read_text()),
        seconds=time.monotonic() - begun,
        out=out.decode(),
        err=err.decode(),
    )


def _told(checked: Checked) -> dict[str, Any]:
    return {name: getattr(checked, name) for name in Checked.__slots__}


async def live(folder: Path, *, one_by_one: bool) -> None:
    hits: list[str] = []
    with contextlib.suppress(asyncio.CancelledError):
        await open_servers(folder, hits)
        calm = await check(folder, [CALM], timeout=ALL_AT_ONCE, database="calm.sqlite")
        said: dict[str, Any] = {"calm": _told(calm)}
        if one_by_one:
            for case in CASES:
                said[case.name] = _told(await check(folder, [case], timeout=ALONE))
        else:
            for name, cases in BATCHES.items():
                said[name] = _told(await check(folder, cases, timeout=ALL_AT_ONCE))
        (folder / "said.json").write_text(json.dumps({"checks": said, "hits": hits}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--one-by-one", action="store_true")
    words = parser.parse_args()
    bring_up()
    multiprocessing.Process(target=lambda: asyncio.run(_resolve()), daemon=True).start()
    asyncio.run(live(words.folder, one_by_one=words.one_by_one))


if __name__ == "__main__":
    main()
