"""The ways in which an address or a name can stand in a text, as a regular expression.

Law: pure. A spelling that is short and could be anything else by chance is found between boundaries only.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from probe.address import Address

_STUN_COOKIE = bytes.fromhex("2112a442")
"""What STUN crosses an address with, to hide it from routers that would change it (RFC 8489 §14.2)."""


class _Way(NamedTuple):
    """One way to spell something."""

    pattern: str
    needs: Iterable[Sequence[str]]
    """In lower case: of each such spelling in which no character is escaped, one of these is part, whole, in pieces
    that stand anywhere in it; the rarest piece first. None where every character is escaped."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """Ways to spell something."""

    pattern: re.Pattern[str]
    needs: tuple[tuple[str, ...], ...]
    """Where no character of a text is escaped, and of none of these all pieces are in it, no spelling is."""

    @classmethod
    def of(cls, ways: Iterable[_Way]) -> Spelling:
        ways = tuple(ways)
        pattern = re.compile("|".join(f"(?:{way.pattern})" for way in ways))
        return cls(pattern, tuple(dict.fromkeys(tuple(pieces) for way in ways for pieces in way.needs)))


@dataclass(frozen=True, slots=True)
class Signs:
    """What tells whether it is worth the while to look for spellings: their patterns are slow, and most texts hold
    none. For texts in which nothing is escaped."""

    whole: tuple[str, ...]
    """In lower case: each is enough."""
    pieces: tuple[tuple[str, ...], ...]
    """The same: all of one of these."""
    cores: tuple[str, ...]
    """Of base64: each is enough, as it is."""
    have_capitals: bool
    """Whether there is a capital letter in each core, as is so but for the rarest chance."""
    run: re.Pattern[str]
    """As many characters of base64 in a row as the shortest core has."""

    @classmethod
    def of(cls, needs: Iterable[tuple[str, ...]], cores: Iterable[str] = ()) -> Signs:
        """`needs` are those of spellings, `cores` those of `in_base64`."""
        needs, cores = tuple(dict.fromkeys(needs)), tuple(dict.fromkeys(cores))
        run = re.compile(rf"[\w+/-]{{{min(map(len, cores), default=1)}}}", re.ASCII)
        return cls(
            whole=tuple(pieces[0] for pieces in needs if len(pieces) == 1),
            pieces=tuple(pieces for pieces in needs if len(pieces) > 1),
            cores=cores,
            have_capitals=all(core != core.lower() for core in cores),
            run=run,
        )

    def are_in(self, text: str, lowered: str) -> bool:
        """Whether one is in a text; the text in lower case comes with it."""
        for sign in self.whole:
            if sign in lowered:
                return True
        for pieces in self.pieces:
            for piece in pieces:
                if piece not in lowered:
                    break
            else:
                return True
        if (self.have_capitals and text == lowered) or not self.run.search(text):
            return False
        for core in self.cores:  # noqa: SIM110 - a generator takes longer than all that it asks here
            if core in text:
                return True
        return False


_ESCAPES = re.compile(r"[%&\\\x00]")


def may_be_escaped(text: str) -> bool:
    """Whether not every character of a text must stand for itself."""
    return not text.isascii() or _ESCAPES.search(text) is not None


def any_spelling(address: Address) -> Spelling:
    """Everything that spells this address but base64: plain, padded, escaped, dashed, reversed, as a number, in
    hexadecimal, mapped into IPv6."""
    return Spelling.of(_v4_ways(address) if isinstance(address, IPv4Address) else _v6_ways(address))


def word_spelling(name: str) -> Spelling:
    """A name as a whole word in any case, escaped or in hexadecimal."""
    plain = rf"(?<![\w-])(?i:{_escaped(name)})(?![\w-])"
    return Spelling.of((_Way(plain, [(name.lower(),)]), *_hexadecimal(_cases(name))))


def in_base64(thing: Address | str) -> tuple[str, ...]:
    """What an address or a name becomes inside base64: where a text has none of these, it is not encoded in it."""
    if isinstance(thing, str):
        said = [name.encode() for name in _cases(thing)]
    elif isinstance(thing, IPv4Address):
        said = [text.encode() for text in _v4_texts(thing)]
    else:
        said = [thing.packed, *(text.encode() for text in _v6_texts(thing))]
    return tuple(dict.fromkeys(core for each in said for core in _base64_of(each)))


def base64_spelling(cores: Iterable[str]) -> str:
    """These with a neighbour on either side, which has bits of the same bytes."""
    return rf"[A-Za-z0-9+/_-]?(?:{'|'.join(map(re.escape, cores))})[A-Za-z0-9+/_-]?={{0,2}}"


def _cases(name: str) -> tuple[str, ...]:
    return (name, name.upper(), name.capitalize())


def _v4_texts(address: IPv4Address) -> tuple[str, ...]:
    octets = str(address).split(".")
    return (str(address), ".".join(octets[::-1]), "-".join(octets))


def _v6_texts(address: IPv6Address) -> tuple[str, ...]:
    spelled = (address.compressed, address.exploded, _unpadded(address))
    return tuple(dict.fromkeys(each for text in spelled for each in (text, text.upper())))


def _v4_ways(address: IPv4Address) -> Iterator[_Way]:
    octets = str(address).split(".")
    dot = rf"\x00?(?:{_escaped('.')}|[-_]|\[\.\]|\(\.\))\x00?"
    dotted = []
    for order in (octets, octets[::-1]):
        parts = [f"(?:0*{_escaped(octet)}|0+{int(octet):o}|0x0*{int(octet):x})" for octet in order]
        dotted.append(rf"(?<!\d)(?i:{dot.join(parts)})(?!\d)")
    longest = max(octets, key=len)
    yield _Way("|".join(dotted), [(longest,), (f"0{int(longest):o}",), ("0x",)])
    yield _Way(rf"(?<![\d.])0*{int(address)}(?!\d)", [(str(int(address)),)])
    for packed in (address.packed, _crossed(address.packed)):
        pairs = [f"{byte:02x}" for byte in packed]
        plain = rf"(?<![0-9a-fA-F])(?:0[xX])?(?i:{'[:. -]?'.join(pairs)})(?![0-9a-fA-F])"
        yield _Way(plain, [pairs])
        yield _Way(rf"(?i:{''.join(f'%(?:25)?{pair}' for pair in pairs)})", [])
    yield from _packed_base64(address.packed)
    yield from _hexadecimal(_v4_texts(address))


def _v6_ways(address: IPv6Address) -> Iterator[_Way]:
    spelled = list(dict.fromkeys((address.compressed, address.exploded, _unpadded(address))))
    for text in spelled:
        colon = rf"\x00?(?:{_escaped(':')}|[-_])\x00?"
        groups = [_escaped(group) if group else "" for group in text.split(":")]
        needs = sorted({group for group in text.split(":") if group}, key=len, reverse=True)
        yield _Way(rf"(?<![0-9a-fA-F:])(?i:{colon.join(groups)})(?![0-9a-fA-F:])", [needs or ("",)])
    nibbles = address.exploded.replace(":", "")
    pairs = [nibbles[at : at + 2] for at in range(0, 32, 2)]
    yield _Way(rf"(?i:{nibbles})", [(nibbles,)])
    yield _Way(rf"(?i:{'[:. -]'.join(pairs)})", [list(dict.fromkeys(pairs))])
    backwards = ".".join(nibbles[::-1])
    yield _Way(rf"(?i:{re.escape(backwards)})", [(backwards,)])
    yield _Way(rf"(?i:{''.join(f'%(?:25)?{pair}' for pair in pairs)})", [])
    yield _Way(rf"(?<!\d){int(address)}(?!\d)", [(str(int(address)),)])
    yield from _hexadecimal(_v6_texts(address))


def _unpadded(address: IPv6Address) -> str:
    """All eight groups, without leading zeros."""
    return ":".join(f"{int(group, 16):x}" for group in address.exploded.split(":"))


def _crossed(packed: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(packed, _STUN_COOKIE, strict=True))


def _escaped(text: str) -> str:
    """Each character as itself, percent-encoded (twice too), as an HTML reference or as a JSON escape; a zero byte may
    stand beside it, as in UTF-16."""
    return r"\x00?".join(
        rf"(?:{re.escape(c)}|%(?:25)?{ord(c):02x}|&\#0*{ord(c)};|&\#x0*{ord(c):x};|\\u00{ord(c):02x}|\\x{ord(c):02x})"
        for c in text
    )


def _hexadecimal(texts: Iterable[str]) -> Iterator[_Way]:
    """The texts in hexadecimal, wherever they stand in what was encoded."""
    for text in dict.fromkeys(texts):
        pairs = [f"{byte:02x}" for byte in text.encode()]
        yield _Way(rf"(?i:{'[: %-]?'.join(pairs)})", [list(dict.fromkeys(pairs))])


def _base64_of(data: bytes) -> Iterator[str]:
    """What these bytes become inside base64, by where they begin, without the characters that others share."""
    for before in range(3):
        drop = (before * 8 + 5) // 6
        whole = (before + len(data)) * 8 // 6
        for alphabet in (None, b"-_"):
            yield base64.b64encode(bytes(before) + data, alphabet).decode()[drop:whole]


def _packed_base64(packed: bytes) -> Iterator[_Way]:
    """Four bytes are found only where they are all that was encoded: inside more they could be anything."""
    core = base64.b64encode(packed).decode().rstrip("=")
    for each in dict.fromkeys((core, core.translate(str.maketrans("+/", "-_")))):
        yield _Way(rf"(?<![A-Za-z0-9+/_=-]){re.escape(each)}(?:==|(?![A-Za-z0-9+/_=-]))", [(each.lower(),)])
