"""What tells whether it is worth the while to look for a spelling never says no where there is one."""

from __future__ import annotations

import base64
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from probe.spelling import Signs, Spelling, any_spelling, may_be_escaped, word_spelling

V4: dict[str, Callable[[IPv4Address], str]] = {
    "plain": str,
    "padded": lambda a: ".".join(f"{octet:03}" for octet in a.packed),
    "octal": lambda a: ".".join(f"0{octet:o}" for octet in a.packed),
    "hexadecimal octets": lambda a: ".".join(f"0X{octet:X}" for octet in a.packed),
    "one octet otherwise": lambda a: ".".join(
        f"{octet:#x}" if at == 1 else str(octet) for at, octet in enumerate(a.packed)
    ),
    "dashed": lambda a: str(a).replace(".", "-"),
    "backwards": lambda a: "_".join(str(octet) for octet in a.packed[::-1]),
    "number": lambda a: f"000{int(a)}",
    "packed": lambda a: a.packed.hex().upper(),
    "pairs": lambda a: a.packed.hex(":"),
    "of STUN": lambda a: f"{int(a) ^ 0x2112A442:08x}",
    "percent": lambda a: "".join(f"%{octet:02X}" for octet in a.packed),
    "base64": lambda a: base64.urlsafe_b64encode(a.packed).decode(),
    "text in hexadecimal": lambda a: str(a).encode().hex(" "),
    "a reference": lambda a: str(a).replace(".", "&#46;"),
    "an escape": lambda a: str(a).replace(".", r"\u002e"),
    "UTF-16": lambda a: "\0".join(str(a)),
}
V6: dict[str, Callable[[IPv6Address], str]] = {
    "plain": str,
    "whole": lambda a: a.exploded.upper(),
    "dashed": lambda a: str(a).replace(":", "-"),
    "packed": lambda a: a.packed.hex(),
    "pairs": lambda a: a.packed.hex("-"),
    "backwards": lambda a: ".".join(a.packed.hex()[::-1]),
    "number": lambda a: str(int(a)),
    "percent": lambda a: "".join(f"%25{octet:02x}" for octet in a.packed),
    "text in hexadecimal": lambda a: str(a).encode().hex("%"),
}
WORDS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in capitals": str.upper,
    "Kelvin": lambda name: name.replace("k", "\N{KELVIN SIGN}"),
    "percent": lambda name: f"%{ord(name[0]):02x}{name[1:]}",
    "in hexadecimal": lambda name: name.encode().hex(":"),
}


def _is_found(spelling: Spelling, spelled: str) -> None:
    text = f"seen: {spelled} (so)"
    assert spelling.pattern.search(text)
    assert may_be_escaped(text) or Signs.of(spelling.needs).are_in(text, text.lower())
    assert spelled not in spelling.pattern.sub("[own]", text)


@pytest.mark.parametrize("way", V4)
@given(address=st.ip_addresses(v=4))
@example(IPv4Address("0.0.0.0"))
@example(IPv4Address("1.1.1.1"))
def test_addresses_of_four_bytes(way: str, address: IPv4Address) -> None:
    _is_found(any_spelling(address), V4[way](address))


@pytest.mark.parametrize("way", V6)
@given(address=st.ip_addresses(v=6))
@example(IPv6Address("::"))
@example(IPv6Address("2001:db8::1"))
def test_addresses_of_sixteen(way: str, address: IPv6Address) -> None:
    _is_found(any_spelling(address), V6[way](address))


@pytest.mark.parametrize("way", WORDS)
@given(name=st.from_regex(r"[a-z][a-z0-9-]{2,12}[a-z0-9]", fullmatch=True))
@example("kiosk")
def test_names(way: str, name: str) -> None:
    _is_found(word_spelling(name), WORDS[way](name))


@given(
    address=st.sampled_from([IPv4Address("192.0.2.10"), IPv4Address("3.3.3.3"), IPv6Address("2001:db8::a1")]),
    text=st.text("0123456789abcdefxX.:-_ %&;#u\\LAC", max_size=40),
)
def test_where_it_says_no_nothing_is_found(address: IPv4Address | IPv6Address, text: str) -> None:
    spelling = any_spelling(address)
    assert (
        may_be_escaped(text) or Signs.of(spelling.needs).are_in(text, text.lower()) or not spelling.pattern.search(text)
    )
