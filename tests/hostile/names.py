"""Hostile resolvers: loops, lies, floods and nasty texts in DNS messages."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.hostile.case import FORMULA, SCRIPT, Answer, Case, Serve

HOME = "192.31.196.1"
_MISBEHAVING, _TIMEOUT, _NO_ANSWER = "dns_server_misbehaving", "generic_timeout_error", "dns_no_answer"
_POINTER = b"\xc0\x0c"
_RECORD = b"\0\1\0\1\0\0\0\x3c\0\4"
"""What stands between the name and the address of a record of type A."""
_A = _POINTER + _RECORD + bytes((192, 31, 196, 1))
_LARGEST = 65_000
"""Bytes of a datagram that loopback carries."""


def _raw(
    records: bytes | Callable[[int], bytes],
    answers: int,
    *,
    authorities: int = 0,
    additions: int = 0,
    flags: int = 0x8180,
) -> Answer:
    """The question, and then these bytes, which may depend on where they begin, as so many records."""

    def answer(question: dns.message.Message) -> list[bytes]:
        asked = question.to_wire()
        asked = asked[12 : asked.index(b"\0", 12) + 5]
        head = struct.pack("!HHHHHH", question.id, flags, 1, answers, authorities, additions)
        return [head + asked + (records if isinstance(records, bytes) else records(12 + len(asked)))]

    return answer


def _pointer(to: int) -> bytes:
    return (0xC000 | to).to_bytes(2, "big")


def _texts(kind: str, *texts: str) -> Answer:
    """An answer with records of another kind, and one of the right kind."""

    def answer(question: dns.message.Message) -> list[bytes]:
        made = dns.message.make_response(question)
        name = question.question[0].name
        made.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *texts))
        if kind == "CNAME":
            name = dns.name.from_text(texts[0])
        if question.question[0].rdtype == dns.rdatatype.A:
            made.answer.append(dns.rrset.from_text(name, 60, "IN", "A", HOME))
        return [made.to_wire(max_size=65_535)]

    return answer


def _addresses(*addresses: str) -> Answer:
    def answer(question: dns.message.Message) -> list[bytes]:
        made = dns.message.make_response(question)
        asked = question.question[0]
        fit = [each for each in addresses if (":" in each) is (asked.rdtype == dns.rdatatype.AAAA)]
        if fit:
            made.answer.append(dns.rrset.from_text(asked.name, 60, "IN", asked.rdtype, *fit))
        return [made.to_wire()]

    return answer


def _other_id(question: dns.message.Message) -> list[bytes]:
    """Answers to every id but the one that was asked."""
    (true,) = _addresses(HOME)(question)
    return [((question.id + number) & 0xFFFF).to_bytes(2, "big") + true[2:] for number in range(1, 3000)]


def _flood(question: dns.message.Message) -> list[bytes]:
    """Three thousand answers to one question, no two the same."""
    (true,) = _raw(_A, 1)(question)
    return [true[:-1] + bytes((number & 0xFF,)) for number in range(1, 3001)]


def _eight_large(question: dns.message.Message) -> list[bytes]:
    return _raw(_A * (_LARGEST // len(_A)), _LARGEST // len(_A))(question) * 8


def _distinct(name: bytes, size: int) -> tuple[bytes, int]:
    """As many records as fit, no two of one address."""
    count = size // (len(name) + 14)
    return b"".join(name + _RECORD + (0xC01F_0000 | number).to_bytes(4, "big") for number in range(count)), count


def _names_of_many_labels(start: int) -> bytes:
    """Each name is as long as can be, and all but the first are pointers to its beginning: a little that is much."""
    first = b"\1a" * 100 + _POINTER + _RECORD + bytes(4)
    return first + _distinct(_pointer(start), _LARGEST - len(first))[0]


def _chains_of_pointers(start: int) -> bytes:
    """A record made of pointers, each to the one before it, and names that begin at the last of them."""
    start += 12
    count = (0x3FFF - start) // 2
    chain = b"".join(_pointer(start + 2 * n - 2 if n else 12) for n in range(count))
    first = _POINTER + b"\xff\0\0\1\0\0\0\x3c" + len(chain).to_bytes(2, "big") + chain
    return first + _distinct(_pointer(start + 2 * count - 2), _LARGEST - len(first))[0]


def _cut_short(question: dns.message.Message) -> list[bytes]:
    return _raw(b"", 0, flags=0x8380)(question)


def _over_tcp(pieces: bytes, times: int, pause: float = 0.0) -> Serve:
    """Says what it likes in place of an answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        writer.write(pieces.replace(b"ID", asked[:2], 1))
        await writer.drain()
        for _ in range(times):
            writer.write(b"\0")
            await writer.drain()
            await asyncio.sleep(pause)
        if times:
            await asyncio.sleep(3600)

    return serve


def _large_over_tcp() -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        records, count = _distinct(_POINTER, 65_535 - 12 - 200)
        (wire,) = _raw(records, count)(dns.message.from_wire(asked))
        writer.write(len(wire).to_bytes(2, "big") + wire)
        await writer.drain()

    return serve


_MANY, _COUNT = _distinct(_POINTER, _LARGEST)
_NASTY_NAME = '\\027\\[2J\\007<script>\\"=1\\+1.\\000\\255\\032.example.'
_ALIASES = b"".join(
    b"\4loop\1" + bytes((97 + n,)) + b"\0\0\5\0\1\0\0\0\x3c\0\x08\4loop\1" + bytes((97 + (n + 1) % 3,)) + b"\0"
    for n in range(3)
)

_ANSWERS: dict[str, tuple[Answer, str | None]] = {
    "pointer-to-itself": (_raw(lambda at: _pointer(at) + _A[2:], 1), _MISBEHAVING),
    "pointer-loop": (_raw(lambda at: b"\1a" + _pointer(at) + _A[2:], 1), _MISBEHAVING),
    "pointer-ahead": (_raw(b"\xff\xff" + _A[2:], 1), _MISBEHAVING),
    "pointer-chains": (_raw(_chains_of_pointers, 3000), _MISBEHAVING),
    "lies-65535-answers": (_raw(_A, 65_535), _MISBEHAVING),
    "lies-65535-everywhere": (_raw(_A * 3, 65_535, authorities=65_535, additions=65_535), _MISBEHAVING),
    "lies-no-answers": (_raw(_A * 100, 0), _NO_ANSWER),
    "long-record": (_raw(_POINTER + b"\0\1\0\1\0\0\0\x3c\xff\xff" + bytes(9000), 1), _MISBEHAVING),
    "short-record": (_raw(_POINTER + b"\0\1\0\1\0\0\0\x3c\0\0", 1), _MISBEHAVING),
    "garbage": (_raw(bytes(range(256)) * 200, 300), _MISBEHAVING),
    "zeros": (_raw(bytes(60_000), 900), _NO_ANSWER),
    "many-zeros": (_raw(bytes(60_000), 5000), _MISBEHAVING),
    "answer-of-no-answer": (_raw(_A, 1, flags=0x0180), _TIMEOUT),
    "nothing-but-a-head": (lambda q: [q.id.to_bytes(2, "big") + b"\x81\x80" + bytes(8)], _MISBEHAVING),
    "loop-of-aliases": (_raw(_ALIASES, 3), _NO_ANSWER),
    "odd-options": (_raw(_A + b"\0\0\x29\xff\xff\xff\xff\xff\xff\0\4\xff\xff\0\x09", 1, additions=1), _MISBEHAVING),
    "many": (_raw(_distinct(_POINTER, 900 * 16)[0], 900), None),
    "large": (_raw(_MANY, _COUNT), _MISBEHAVING),
    "labels": (_raw(_names_of_many_labels, 4000), _MISBEHAVING),
    "nasty-alias": (_texts("CNAME", _NASTY_NAME), None),
    "formula-alias": (_texts("CNAME", "=cmd|x.example."), None),
    "nasty-texts": (_texts("TXT", '"\\027[2J\\007"', f'"{SCRIPT}"', '"' + FORMULA.replace('"', '\\"') + '"'), None),
    "private": (_addresses("10.9.9.9", "169.254.169.254", "127.0.0.1", "::1", "::ffff:10.9.9.9"), None),
    "own-home": (_addresses("0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "fe80::1"), None),
}

APART = (
    Case(name="dns-other-ids", scheme="dns", answer=_other_id, failure=_TIMEOUT),
    Case(name="dns-eight-large", scheme="dns", answer=_eight_large, failure=_MISBEHAVING),
    Case(name="dns-flood", scheme="dns", answer=_flood),
)
"""Measured apart from the others: they answer the questions about those too, or leave no room for their answers."""
CASES = (
    *(
        Case(name=f"dns-{name}", scheme="dns", answer=answer, failure=failure)
        for name, (answer, failure) in _ANSWERS.items()
    ),
    Case(
        name="dns-large-over-tcp",
        scheme="dns",
        answer=_cut_short,
        over_tcp=_large_over_tcp(),
        failure=_MISBEHAVING,
    ),
    Case(
        name="dns-slow-over-tcp",
        scheme="dns",
        answer=_cut_short,
        over_tcp=_over_tcp(b"\xff\xffID\x81\x80", 60_000, 0.05),
        failure=_TIMEOUT,
    ),
    Case(
        name="dns-short-over-tcp",
        scheme="dns",
        answer=_cut_short,
        over_tcp=_over_tcp(b"\0\1\0", 0),
        failure=_MISBEHAVING,
    ),
    Case(name="private", answer=_addresses("10.9.9.9")),
)
