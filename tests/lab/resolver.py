"""DNS servers: honest ones, and the provider's, which lies. UDP and TCP, messages by dnspython.

Law: what is true is one table made from the world's sites and names; a lie is looked up before the truth is told.
The root is always answered, so that a resolver can be told from a closed port.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.lab.names import asked, covers, question
from tests.lab.spec import Answer, Lie, Name, Spec

_PAYLOAD = 1232
_SOA = "a.root.lab. hostmaster.lab. 1 1800 900 604800 300"
_RCODES: Mapping[Answer, dns.rcode.Rcode] = {
    Answer.NXDOMAIN: dns.rcode.NXDOMAIN,
    Answer.NODATA: dns.rcode.NOERROR,
    Answer.SERVFAIL: dns.rcode.SERVFAIL,
    Answer.REFUSED: dns.rcode.REFUSED,
    Answer.ADDRESSES: dns.rcode.NOERROR,
}


class Zone:
    """What is true of names."""

    def __init__(self, spec: Spec) -> None:
        found: dict[str, dict[str, None]] = {}
        for site in spec.sites:
            if site.published:
                found.setdefault(site.name, {}).update(dict.fromkeys(site.addresses))
        self._names = {name: Name(name=name, addresses=tuple(addresses)) for name, addresses in found.items()}
        self._names |= {name.name: name for name in spec.names}
        self._parents = {part for name in self._names for part in _parents(name)}

    def exists(self, name: str) -> bool:
        return name in self._names or name in self._parents or not name

    def answer(self, message: dns.message.Message) -> dns.message.Message:
        """The true answer."""
        name, kind = asked(message)
        if not name:
            return _root(message, kind)
        made = dns.message.make_response(message, recursion_available=True)
        owner = name
        for _ in range(8):
            record = self._names.get(owner)
            if record is None or record.alias is None:
                break
            made.answer.append(dns.rrset.from_text(f"{owner}.", 300, "IN", "CNAME", f"{record.alias}."))
            owner = record.alias
        add_addresses(made, owner, kind, record.addresses if record is not None else ())
        if not self.exists(owner):
            made.set_rcode(dns.rcode.NXDOMAIN)
        if not made.answer:
            made.authority.append(dns.rrset.from_text(".", 300, "IN", "SOA", _SOA))
        return made


def _parents(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[i:]) for i in range(1, len(labels))]


def _root(message: dns.message.Message, kind: str) -> dns.message.Message:
    made = dns.message.make_response(message, recursion_available=True)
    truth = {"NS": "a.root.lab.", "SOA": _SOA}.get(kind)
    section = made.answer if truth is not None else made.authority
    section.append(dns.rrset.from_text(".", 300, "IN", kind if truth else "SOA", truth or _SOA))
    return made


def add_addresses(made: dns.message.Message, owner: str, kind: str, addresses: Sequence[str]) -> None:
    """The addresses that fit the type of a question, as its answer."""
    fitting = [a for a in addresses if kind in ("A", "AAAA") and (":" in a) is (kind == "AAAA")]
    if fitting:
        made.answer.append(dns.rrset.from_text(f"{owner}.", 300, "IN", kind, *fitting))


class Resolver:
    """Answers questions, by the truth or by its lies."""

    def __init__(self, zone: Zone, lies: Sequence[Lie] = ()) -> None:
        self._zone = zone
        self._lies = [[lie, 0] for lie in lies]

    def answer(self, message: dns.message.Message) -> dns.message.Message | None:
        """None is silence."""
        lie = self._lie(*asked(message))
        if lie is None:
            return self._zone.answer(message)
        if lie.answer is Answer.SILENCE:
            return None
        made = dns.message.make_response(message, recursion_available=True)
        made.set_rcode(_RCODES[lie.answer])
        name, kind = asked(message)
        add_addresses(made, name, kind, lie.addresses)
        return made

    def _lie(self, name: str, kind: str) -> Lie | None:
        for entry in self._lies:
            lie, told = cast(Lie, entry[0]), cast(int, entry[1])
            fits = covers(lie.name, name) and kind in lie.types
            if fits and (lie.times is None or told < lie.times) and not (lie.only_dead and self._zone.exists(name)):
                entry[1] = told + 1
                return lie
        return None


class Datagrams(asyncio.DatagramProtocol):
    """A resolver at a UDP port. `resolver` may be exchanged at any time."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        message = question(data)
        answer = self.resolver.answer(message) if message is not None else None
        if answer is not None:
            self._transport.sendto(answer.to_wire(max_size=_PAYLOAD, prefer_truncation=True), addr)

    async def serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The same resolver over TCP (RFC 7766)."""
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                message = question(await reader.readexactly(length))
                answer = self.resolver.answer(message) if message is not None else None
                if answer is not None:
                    wire = answer.to_wire()
                    writer.write(len(wire).to_bytes(2, "big") + wire)
                    await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def serve_https(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The same resolver over HTTPS (RFC 8484), one question a connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
            encoded = head.partition(b"?dns=")[2]
            message = question(base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)))
            answer = self.resolver.answer(message) if message is not None else None
            if answer is not None:
                wire = answer.to_wire()
                fields = f"Content-Type: application/dns-message\r\nContent-Length: {len(wire)}\r\n"
                writer.write(f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode() + wire)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
