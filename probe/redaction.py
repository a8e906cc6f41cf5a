"""What would tell who or where a volunteer is, replaced by a word in any text.

Law: pure. What is known of the volunteer (addresses, host names) is found in every spelling of `probe.spelling`; what
is not known is found by rule: every private address, every hardware address, and, in what a server wrote, every address
that the measurement itself never met. What was replaced once stays as it is when it is read again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from probe.address import Address, embedded_v4, parse, special_use
from probe.spelling import Signs, Spelling, any_spelling, base64_spelling, in_base64, may_be_escaped, word_spelling

OWN, PRIVATE, OTHER, COOKIE, NAME, HARDWARE = "[own]", "[private]", "[address]", "[cookie]", "[host]", "[mac]"
_MARKS = frozenset(mark.strip("[]") for mark in (OWN, PRIVATE, OTHER, COOKIE, NAME, HARDWARE))
_EVERYWHERE = frozenset({"localhost", "localhost.localdomain", *_MARKS})
"""Names that machines have in common, or that the words themselves would be taken for."""
_SHORTEST_NAME = 3
_REMEMBERED = 2048
"""Characters of a text that is looked through once however often it comes."""
_LOOKED_AT = 4096
"""Bytes of a page by which its encoding is told."""

SECRET_HEADERS = frozenset({"set-cookie", "set-cookie2", "cookie", "authorization", "proxy-authorization"})
"""Their values are replaced as a whole."""
_OF_A_HOME = frozenset(
    {"private use", "shared by carrier-grade NAT", "link local", "unique local", "former site local"}
)
"""Ranges in which an address tells of somebody's own network. Those that are the same for everybody (loopback,
unspecified, documentation, reserved) tell nothing of anybody, and are often what a forged answer holds."""

_DOT = r"(?:\.|%(?:25)?2[eE])"
_COLON = r"(?::|%(?:25)?3[aA])"
_OCTET = r"\d{1,3}"
_V4 = re.compile(rf"(?<![\d.])({_OCTET}){_DOT}({_OCTET}){_DOT}({_OCTET}){_DOT}({_OCTET})(?!\d|\.\d)(\.in-addr\.arpa)?")
_V6 = re.compile(
    rf"(?<![\w:.])(?:[0-9a-fA-F]{{0,4}}{_COLON}){{2,7}}(?:[0-9a-fA-F]{{1,4}}|{_OCTET}(?:{_DOT}{_OCTET}){{3}})?(?![\w:])"
    r"(?:%(?:25)?[a-zA-Z][\w.-]{0,14})?"
)
_V6_REVERSED = re.compile(r"(?<![\w.])((?:[0-9a-fA-F]\.){32})ip6\.arpa")
_PAIR = r"[0-9a-fA-F]{2}"
_COLONS_OF_MAC, _DOTS_OF_V4 = 5, 3
_COLONS_OF_V6 = 6  # of one without `::` that ends like an IPv4 address
_MAC = re.compile(rf"(?<![\w:-]){_PAIR}(?:(?:{_COLON}{_PAIR}){{5}}|(?:-{_PAIR}){{5}})(?![\w-]|{_COLON}{_PAIR})")


def tells_of_home(address: Address) -> bool:
    """Whether an address is one of somebody's own network."""
    inner = embedded_v4(address)
    return special_use(inner or address) in _OF_A_HOME


@dataclass(frozen=True, slots=True)
class _Known:
    """Something of the volunteer's own, ready to be looked for."""

    mark: str
    spelled: Spelling
    signs: Signs
    encoded: re.Pattern[str]

    @classmethod
    def of(cls, thing: Address | str, mark: str) -> _Known:
        cores = in_base64(thing)
        spelled = word_spelling(thing) if isinstance(thing, str) else any_spelling(thing)
        return cls(mark, spelled, Signs.of(spelled.needs, cores), re.compile(base64_spelling(cores)))

    def replaced(self, text: str) -> str:
        return self.encoded.sub(self.mark, self.spelled.pattern.sub(self.mark, text))


class Redactor:
    """Replaces in texts what is a volunteer's own."""

    def __init__(
        self,
        *,
        own: Iterable[str] = (),
        resolvers: Iterable[str] = (),
        names: Iterable[str] = (),
        signs: Iterable[str] = (),
    ) -> None:
        """`own` are the volunteer's addresses, `resolvers` those that were asked, `names` the names of
        the host, and `signs` private addresses that are known for blocking: they tell of the censor, and stay.

        Raises ValueError for an own address that is none.
        """
        own, resolvers, names, signs = map(tuple, (own, resolvers, names, signs))
        self._told = (own, resolvers, names, signs)
        addresses = [_address(text) for text in own]
        asked = [a for text in resolvers if (a := parse(text)) is not None and tells_of_home(a)]
        self._signs = frozenset(a for text in signs if (a := parse(text)) is not None)
        self._own = frozenset(map(_bare, addresses))
        self._networks = tuple(IPv6Network((int(a), 64), strict=False) for a in addresses if a.version == 6)
        self._names = tuple(name for name in dict.fromkeys(map(str.lower, names)) if _can_be_replaced(name))
        things: list[tuple[Address | str, str]] = [
            *((a, OWN) for a in dict.fromkeys(addresses)),
            *((a, PRIVATE) for a in dict.fromkeys(asked) if a not in self._signs),
            *((name, NAME) for name in sorted(self._names, key=len, reverse=True)),
        ]
        self._known = [_Known.of(thing, mark) for thing, mark in things]
        self._of_any = Signs.of(
            (needs for known in self._known for needs in known.spelled.needs),
            (core for known in self._known for core in known.signs.cores),
        )
        self._remembered = lru_cache(maxsize=1 << 16)(self.looked_at)

    def __reduce__(self) -> tuple[Callable[..., Redactor], tuple[object, ...]]:
        """Another process makes it anew."""
        return _as_told, self._told

    def text(self, text: str, met: frozenset[str] | None = None) -> str:
        """The text without what is the volunteer's own, and without private addresses.

        With `met`, the addresses that a measurement went to or was given, every other address is replaced too: a server
        may have written to whom it spoke.
        """
        quick, holds_more = (self._remembered if len(text) <= _REMEMBERED else self.looked_at)(text)
        return self._addresses(quick, met) if met is not None and holds_more else quick

    def resolver(self, text: str) -> str:
        """The address of a resolver: of one that is in nobody else's reach, nothing is left."""
        address = parse(text)
        return PRIVATE if address is not None and special_use(address) is not None else self.text(text)

    def body(self, data: bytes) -> bytes:
        """A page without them, and without any address but those that are known for blocking."""
        encoding = _wide(data)
        if encoding is not None:
            whole = data[: len(data) // 2 * 2]
            text = self.text(whole.decode(encoding, "surrogatepass"), frozenset())
            return text.encode(encoding, "surrogatepass") + data[len(whole) :]
        return self.text(data.decode("latin-1"), frozenset()).encode("latin-1")

    def holds(self, data: bytes) -> bool:
        """Whether there is anything of the volunteer's own in bytes that cannot be changed, such as a certificate."""
        text = data.decode("latin-1")
        packed = [a.packed for a in self._own]
        return self.text(text) != text or any(each in data for each in packed if len(each) == 16)

    def looked_at(self, text: str) -> tuple[str, bool]:
        """The text without what is the volunteer's own, and whether other addresses are left in it: where none are, it
        is the same whatever was met. Nothing is remembered."""
        escaped, lowered = may_be_escaped(text), text.lower()
        for known in self._known if escaped or self._of_any.are_in(text, lowered) else ():
            if escaped or known.signs.are_in(text, lowered):
                text = known.replaced(text)
                lowered = text.lower()
        holds_more = False

        def put(address: Address) -> str | None:
            nonlocal holds_more
            mark = self._mark(address, None)
            holds_more |= mark is None and self._mark(address, frozenset()) is not None
            return mark

        return _each_address(text, put), holds_more

    def _addresses(self, text: str, met: frozenset[str] | None) -> str:
        return _each_address(text, lambda address: self._mark(address, met))

    def _mark(self, address: Address, met: frozenset[str] | None) -> str | None:
        """What stands in the place of an address; None where it stays."""
        bare = _bare(address)
        if bare in self._own or any(address in network for network in self._networks):
            return OWN
        if bare in self._signs:
            return None
        if tells_of_home(address):
            return PRIVATE
        if met is None or str(address) in met or str(bare) in met or special_use(bare) is not None:
            return None
        return OTHER


def _as_told(own: Iterable[str], resolvers: Iterable[str], names: Iterable[str], signs: Iterable[str]) -> Redactor:
    return Redactor(own=own, resolvers=resolvers, names=names, signs=signs)


def _each_address(text: str, mark: Callable[[Address], str | None]) -> str:
    """The text with what `mark` gives in the place of an address, where it gives something, and without hardware
    addresses. No pattern is looked for where its signs are too few for it."""

    def put(found: re.Match[str], address: Address | None) -> str:
        return (mark(address) if address is not None else None) or found[0]

    colons, escapes = text.count(":"), "%" in text
    if escapes or colons >= _COLONS_OF_MAC or text.count("-") >= _COLONS_OF_MAC:
        text = _MAC.sub(HARDWARE, text)
    if "ip6.arpa" in text:
        text = _V6_REVERSED.sub(lambda found: put(found, _from_nibbles(found[1])), text)
    if escapes or "::" in text or colons >= _COLONS_OF_V6:
        text = _V6.sub(lambda found: put(found, parse(_plain(found[0]))), text)
    if escapes or text.count(".") >= _DOTS_OF_V4:
        text = _V4.sub(lambda found: put(found, _from_octets(found)), text)
    return text


def _wide(data: bytes) -> str | None:
    """UTF-16 by its mark, or by every second byte being zero; None for anything else."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16-le" if data[0] == 0xFF else "utf-16-be"
    begin = data[:_LOOKED_AT]
    for encoding, at in (("utf-16-le", 1), ("utf-16-be", 0)):
        if len(begin) > 1 and begin[at::2].count(0) * 2 > len(begin[at::2]):
            return encoding
    return None


def _address(text: str) -> Address:
    address = parse(text)
    if address is None:
        raise ValueError(f"{text!r:.60} is no IP address")
    return address


def _bare(address: Address) -> Address:
    """The IPv4 address that is spelled in IPv6, or inside a Teredo address; any other as it is."""
    if isinstance(address, IPv6Address) and address.teredo is not None:
        return address.teredo[1]
    return embedded_v4(address) or address


def _can_be_replaced(name: str) -> bool:
    return len(name) >= _SHORTEST_NAME and name not in _EVERYWHERE


def _plain(text: str) -> str:
    """An address in text without percent-encoding and without a zone."""
    decoded = re.sub(r"%(?:25)?2[eE]", ".", re.sub(r"%(?:25)?3[aA]", ":", text))
    return decoded.partition("%")[0]


def _from_octets(found: re.Match[str]) -> Address | None:
    octets = [int(found[n]) for n in range(1, 5)]
    if found[5]:
        octets.reverse()
    return IPv4Address(bytes(octets)) if max(octets) < 256 else None


def _from_nibbles(text: str) -> Address:
    return IPv6Address(int(text.replace(".", "")[::-1], 16))
