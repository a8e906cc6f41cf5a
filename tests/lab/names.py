"""The names that a censor reads off the wire: in a ClientHello, in an HTTP request, in a DNS question.

Law: pure. Each reader is given the first bytes of a client and says the name, `""` when there is none and never will
be, None when the bytes end before it can be told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import dns.exception
import dns.message
import dns.rdatatype

from tests.lab.spec import HostHeader, Question, Sni, Trigger

_METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"OPTIONS ", b"DELETE ", b"PATCH ", b"CONNECT ")


def server_name(data: bytes) -> str | None:
    """The server name in a ClientHello (RFC 8446 §4.1.2, RFC 6066 §3), also one spread over several TLS records."""
    if data[:1] not in (b"", b"\x16"):
        return ""
    hello, position = b"", 0
    while len(data) >= position + 5 and data[position] == 22:
        length = int.from_bytes(data[position + 3 : position + 5], "big")
        hello += data[position + 5 : position + 5 + length]
        position += 5 + length
    if len(hello) < 4:
        return None
    if hello[0] != 1:
        return ""
    if len(hello) < 4 + int.from_bytes(hello[1:4], "big"):
        return None
    return _name_in(hello)


def _name_in(hello: bytes) -> str:
    """The name in a whole ClientHello."""
    at = 38  # type, length, version, random
    for width in (1, 2, 1):  # session id, cipher suites, compression methods
        at += width + int.from_bytes(hello[at : at + width], "big")
    at += 2
    while at + 4 <= len(hello):
        kind, length = int.from_bytes(hello[at : at + 2], "big"), int.from_bytes(hello[at + 2 : at + 4], "big")
        if kind == 0:
            return hello[at + 9 : at + 4 + length].decode("ascii", "replace").lower()
        at += 4 + length
    return ""


def host_header(data: bytes) -> str | None:
    """The Host of an HTTP/1.1 request in clear, without its port."""
    if not any(data.startswith(m[: len(data)]) for m in _METHODS):
        return ""
    head = data.partition(b"\r\n\r\n")[0].lower()
    _, found, after = head.partition(b"\r\nhost:")
    if found and (b"\r\n" in after or b"\r\n\r\n" in data):
        return after.partition(b"\r\n")[0].decode("ascii", "replace").strip().partition(":")[0]
    return "" if b"\r\n\r\n" in data else None


def question(wire: bytes) -> dns.message.Message | None:
    """The DNS query in a datagram; None when it is none."""
    try:
        message = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError):
        return None
    return message if message.question and not message.flags & 0x8000 else None


def asked(message: dns.message.Message) -> tuple[str, str]:
    """The name, without its final dot and `""` for the root, and the type of a query."""
    first = message.question[0]
    return first.name.to_text(omit_final_dot=True).lower().lstrip("."), dns.rdatatype.to_text(first.rdtype)


def question_in_stream(data: bytes) -> str | None:
    """The name in the first DNS query over TCP (RFC 7766 §8)."""
    length = int.from_bytes(data[:2], "big")
    if len(data) < 2 or len(data) < 2 + length:
        return None
    message = question(data[2 : 2 + length])
    return asked(message)[0] if message is not None else ""


# What reads the name for each kind of trigger, in the first bytes of a TCP connection.
READERS: Mapping[type[Trigger], Callable[[bytes], str | None]] = {
    Sni: server_name,
    HostHeader: host_header,
    Question: question_in_stream,
}


def covers(name: str, found: str) -> bool:
    """One name is the other or above it. The empty name covers all names but the root."""
    return bool(found) and (found == name or found.endswith(f".{name}") or not name)
