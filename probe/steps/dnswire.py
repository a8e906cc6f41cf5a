"""DNS messages as bytes: the questions that are asked here, and the answers to them (RFC 1035 §4).

Law: pure. Questions are written, and ordinary answers read, by the few lines that this takes; whatever these lines are
not sure of (`read_ordinary` gives None) is read by dnspython. Both give the same reply to the same bytes.
"""

from __future__ import annotations

import re
import socket
import struct
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from probe.model import DnsRecord

PAYLOAD = 1232
"""Bytes; the size that crosses any path whole (DNS Flag Day 2020)."""

_A, _NS, _CNAME, _SOA, _AAAA, _OPT = 1, 2, 5, 6, 28, 41
_ASKED = {"A": _A, "NS": _NS, "AAAA": _AAAA}
_TEXT = {_A: "A", _CNAME: "CNAME", _AAAA: "AAAA"}
_IN = 1

_QR, _TC, _RD = 0x8000, 0x0200, 0x0100
_OPCODE = 0x7800
_FLAGS = (("QR", _QR), ("AA", 0x0400), ("TC", _TC), ("RD", _RD), ("RA", 0x0080), ("AD", 0x0020), ("CD", 0x0010))

_HEAD = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_ASKING = _HEAD.pack(0, _RD, 1, 0, 0, 1)[2:]
_EDNS = b"\0" + _RECORD.pack(_OPT, PAYLOAD, 0, 0)

_MOST_RECORDS = 1000
"""In all sections: more is no answer, and 64 kB of small ones with long names would keep us busy for half a second."""
_LONGEST_LABEL = 63
_LONGEST_NAME = 253  # without its last dot
_LONGEST_WIRE_NAME = 255
_MOST_POINTERS = 8
_NAMES_IN = {_NS: 1, _SOA: 2}
_SOA_NUMBERS = 20  # bytes
_POINTER = 0xC0
_LONGEST_TTL = 0x7FFF_FFFF
_LONGEST_VALUE = 500
_PLAIN = re.compile(rb"[A-Za-z0-9_-]+")  # labels whose text is the label itself


class MisbehavingError(Exception):
    """What came back is no DNS message, or no answer to the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that was read."""

    rcode: int
    """Extended by EDNS where that was used."""
    flags: tuple[str, ...]
    records: tuple[DnsRecord, ...]
    """Of the answer section, those of one name and type together, each once."""


def ask(number: bytes, hostname: str, query_type: str) -> bytes:
    """The question with the id `number`, two bytes. Raises ValueError for a name that cannot be asked for."""
    name = hostname.removesuffix(".")
    labels = name.encode("ascii").split(b".") if name else []
    if len(name) > _LONGEST_NAME or not all(0 < len(label) <= _LONGEST_LABEL for label in labels):
        raise ValueError(f"{name[:80]!r} is too long for a name, or has an empty or too long label")
    wire = b"".join(bytes((len(label),)) + label for label in labels)
    tail = struct.pack("!HH", _ASKED[query_type], _IN)
    return number + _ASKING + wire + b"\0" + tail + _EDNS


def is_answer(question: bytes, wire: bytes) -> bool:
    """The question's id, and a response: what a resolver library looks at before it reads on."""
    return len(wire) >= _HEAD.size and wire[:2] == question[:2] and bool(wire[2] & 0x80)


def is_about(question: bytes, wire: bytes) -> bool:
    """Whether these bytes repeat the question itself, as an answer to it does."""
    asked = question[_HEAD.size : -len(_EDNS)]
    return wire[_HEAD.size : _HEAD.size + len(asked)].lower() == asked.lower()


def read(question: bytes, wire: bytes) -> Reply:
    """The reply in these bytes. Raises MisbehavingError."""
    count = sum(_HEAD.unpack_from(wire)[3:]) if len(wire) >= _HEAD.size else 0
    if count > _MOST_RECORDS:
        raise MisbehavingError(f"a message of {count} records")
    return read_ordinary(question, wire) or read_any(question, wire)


def read_any(question: bytes, wire: bytes) -> Reply:
    """Reads with dnspython, which knows every type and extension. Raises MisbehavingError."""
    try:
        answer = dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
    except (dns.exception.DNSException, ValueError) as error:
        raise MisbehavingError(str(error)) from error
    if not dns.message.from_wire(question).is_response(answer):
        raise MisbehavingError("the answer is to another question")
    return Reply(
        rcode=answer.rcode(),
        flags=tuple(dns.flags.to_text(answer.flags).split()),
        records=tuple(record for rrset in answer.answer for record in _records(rrset)),
    )


def _records(rrset: Any) -> list[DnsRecord]:
    return [
        DnsRecord(
            name=rrset.name.to_text(omit_final_dot=True),
            type=dns.rdatatype.to_text(rrset.rdtype),
            value=rdata.to_text().rstrip(".")[:_LONGEST_VALUE],
            ttl=rrset.ttl,
        )
        for rdata in rrset
    ]


def read_ordinary(question: bytes, wire: bytes) -> Reply | None:
    """The reply in an answer to this very question that holds only what is usual; None for anything else."""
    start = len(question) - len(_EDNS)
    if len(wire) < start or wire[:2] != question[:2] or not is_about(question, wire):
        return None
    _, flags, questions, *counts = _HEAD.unpack_from(wire)
    if not flags & _QR or flags & _OPCODE or questions != 1:
        return None
    try:
        records = _Sections(wire, start).read(*counts)
    except (_UnsureError, struct.error, IndexError):
        return None
    return Reply(rcode=flags & 0x0F, flags=tuple(name for name, bit in _FLAGS if flags & bit), records=records)


class _UnsureError(Exception):
    """Not what is usual."""


@dataclass(slots=True)
class _Sections:
    """The part of a message after its question. Everything here raises _UnsureError, struct.error or IndexError."""

    wire: bytes
    at: int

    def read(self, answers: int, authorities: int, additions: int) -> tuple[DnsRecord, ...]:
        """The answers, once the other sections have been found to be sound too."""
        sets: dict[tuple[str, int], tuple[str, int, dict[str, None]]] = {}
        for _ in range(answers):
            name, kind, ttl, value = self._answer()
            first, least, values = sets.get((name.lower(), kind), (name, ttl, {}))
            if kind == _CNAME and values:
                raise _UnsureError  # a name is another name's alias once
            values[value] = None
            sets[name.lower(), kind] = (first, min(least, ttl), values)
        for _ in range(authorities):
            self._pass(edns=False)
        for number in range(additions):
            self._pass(edns=number == additions - 1)
        return tuple(
            DnsRecord(name=name, type=_TEXT[kind], value=value[:_LONGEST_VALUE], ttl=ttl)
            for (_, kind), (name, ttl, values) in sets.items()
            for value in values
        )

    def _answer(self) -> tuple[str, int, int, str]:
        name = self._name()
        kind, ttl, length = self._record_head()
        if kind == _CNAME:
            end = self.at + length
            value = self._name()
            if self.at != end:
                raise _UnsureError
            return name, kind, ttl, value
        data = self._take(length)
        if kind == _A and length == 4:
            return name, kind, ttl, socket.inet_ntop(socket.AF_INET, data)
        if kind == _AAAA and length == 16 and any(data[:10]):  # those that embed an IPv4 address have several forms
            return name, kind, ttl, socket.inet_ntop(socket.AF_INET6, data)
        raise _UnsureError

    def _pass(self, *, edns: bool) -> None:
        """Goes over a record that is not kept: EDNS without options, or one of a kind that comes with answers."""
        if edns and self.wire[self.at] == 0:
            self.at += 1
            kind, _, extension, length = _RECORD.unpack(self._take(_RECORD.size))
            if kind != _OPT or extension >> 24 or length:
                raise _UnsureError
            return
        self._labels()
        kind, _, length = self._record_head()
        if kind in _NAMES_IN:
            end = self.at + length
            for _ in range(_NAMES_IN[kind]):
                self._labels()
            self._take(_SOA_NUMBERS if kind == _SOA else 0)
            if self.at != end:
                raise _UnsureError
        elif (kind, length) in ((_A, 4), (_AAAA, 16)):
            self._take(length)
        else:
            raise _UnsureError

    def _record_head(self) -> tuple[int, int, int]:
        kind, class_, ttl, length = _RECORD.unpack(self._take(_RECORD.size))
        if class_ != _IN or ttl > _LONGEST_TTL:
            raise _UnsureError
        return kind, ttl, length

    def _take(self, length: int) -> bytes:
        data = self.wire[self.at : self.at + length]
        if len(data) < length:
            raise _UnsureError
        self.at += length
        return data

    def _name(self) -> str:
        """The name that begins here, as text. The root, and names of odd letters, are not usual for what is kept."""
        labels = self._labels()
        if not labels or not all(map(_PLAIN.fullmatch, labels)):
            raise _UnsureError
        return b".".join(labels).decode("ascii")

    def _labels(self) -> list[bytes]:
        """The labels of the name that begins here; a pointer leads backwards, to what lies wholly before the place it
        was met from (RFC 1035 §4.1.4)."""
        wire, at = self.wire, self.at
        begin, end, after = at, len(wire), 0
        labels: list[bytes] = []
        size, pointers = 1, 0
        while (length := wire[at]) != 0:
            if length > _LONGEST_LABEL:
                pointers += 1
                target = (length & 0x3F) << 8 | wire[at + 1]
                if length < _POINTER or at + 2 > end or target >= begin or pointers > _MOST_POINTERS:
                    raise _UnsureError
                after = after or at + 2
                begin, end, at = target, begin, target
            else:
                labels.append(wire[at + 1 : at + 1 + length])
                at += 1 + length
                size += 1 + length
            if at >= end or size > _LONGEST_WIRE_NAME:
                raise _UnsureError
        self.at = after or at + 1
        return labels
