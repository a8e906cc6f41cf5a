"""What is a volunteer's own is found however it is spelled, and what is not stays."""

from __future__ import annotations

import base64
import time

import pytest

from probe.redaction import Redactor

V4, V6 = "81.23.45.67", "2a01:4f8:c2c:1234::5"
RESOLVER, SIGN, NAME = "192.168.7.1", "10.10.34.34", "alices-laptop"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(
        own=[V4, V6], resolvers=[RESOLVER, "127.0.0.53", "9.9.9.9"], names=[NAME, "localhost"], signs=[SIGN]
    )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# What is planted, and what must be left of it.
PLANTED = {
    "plain": ("ip=81.23.45.67;", "ip=[own];"),
    "with port": ("81.23.45.67:443", "[own]:443"),
    "padded": ("081.023.045.067", "[own]"),
    "octal": ("0121.027.055.0103", "[own]"),
    "dashed": ("x81-23-45-67.isp.example", "x[own].isp.example"),
    "reversed": ("67.45.23.81.in-addr.arpa", "[own].in-addr.arpa"),
    "number": ("u=1360473411", "u=[own]"),
    "hexadecimal": ("0x51172D43", "[own]"),
    "pairs": ("51:17:2d:43", "[own]"),
    "of STUN": (f"{0x51172D43 ^ 0x2112A442:08x}", "[own]"),
    "percent": ("81%2E23%2e45%2E67", "[own]"),
    "twice percent": ("81%252E23%252E45%252E67", "[own]"),
    "every character percent": ("".join(f"%{ord(c):02X}" for c in V4), "[own]"),
    "reference": ("&#56;1.23&#x2e;45.67", "[own]"),
    "JSON escape": (r"81\u002e23.45.67", "[own]"),
    "mapped": ("[::ffff:81.23.45.67]:80", "[::ffff:[own]]:80"),
    "mapped in hexadecimal": ("::ffff:5117:2d43", "::ffff:[own]"),
    "NAT64": ("64:ff9b::5117:2d43", "64:ff9b::[own]"),
    "6to4": ("2002:5117:2d43::1", "2002:[own]::1"),
    "text in hexadecimal": (V4.encode().hex(), "[own]"),
    "base64 of four bytes": (base64.b64encode(bytes([81, 23, 45, 67])).decode(), "[own]"),
    "IPv6": (f"a {V6} b", "a [own] b"),
    "IPv6 expanded": ("2A01:04F8:0C2C:1234:0000:0000:0000:0005", "[own]"),
    "IPv6 unpadded": ("2a01:4f8:c2c:1234:0:0:0:5", "[own]"),
    "IPv6 percent": ("2a01%3A4f8%3Ac2c%3A1234%3A%3A5", "[own]"),
    "IPv6 dashed": ("2a01-4f8-c2c-1234--5.isp.example", "[own].isp.example"),
    "IPv6 in hexadecimal": ("2a0104f80c2c12340000000000000005", "[own]"),
    "IPv6 of the same home": ("2a01:4f8:c2c:1234:aaaa:bbbb:1:9", "[own]"),
    "resolver": ("asked 192.168.7.1:53", "asked [private]:53"),
    "resolver in hexadecimal": (b"192.168.7.1".hex(), "[private]"),
    "another of the home": ("http://192.168.1.23/login", "http://[private]/login"),
    "carrier's": ("100.64.3.4", "[private]"),
    "link local": ("fe80::1%wlan0", "[private]"),
    "unique local": ("fd12:3456::9", "[private]"),
    "percent private": ("r=10%2E1%2E2%2E3&x", "r=[private]&x"),
    "hardware": ("mac=aa:bb:cc:dd:ee:0f&", "mac=[mac]&"),
    "hardware, dashes": ("AA-BB-CC-DD-EE-0F", "[mac]"),
    "name": ("Alices-Laptop.lan", "[host].lan"),
}  # fmt: skip
STAYS = (
    "10.10.34.34", "127.0.0.1", "0.0.0.0", "::", "1.2.3.4", "2620:4f:8000::1", "181.23.45.67", "81.23.45.670",
    "std::string",
    "2026-11-24T10:11:12.123456Z", "[own] [private] [address] [cookie] [host] [mac]", "localhost", "alices-laptops",
    ":".join(["ab"] * 32), "9.9.9.9",
)  # fmt: skip


@pytest.mark.parametrize("case", PLANTED, ids=str)
def test_every_spelling_is_found(redactor: Redactor, case: str) -> None:
    planted, left = PLANTED[case]
    once = redactor.text(planted)
    assert once == left
    assert redactor.text(once) == once


@pytest.mark.parametrize("text", STAYS)
def test_what_is_nobodys_stays(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


@pytest.mark.parametrize("secret", [V4, V6, NAME, RESOLVER])
def test_base64_gives_nothing_away(redactor: Redactor, secret: str) -> None:
    for before in range(6):
        for after in range(3):
            left = redactor.text(_base64("x" * before + secret + "y" * after))
            assert "[" in left
            rest = left.split("[")[0] + left.split("]")[1]
            whole = _base64("x" * before + secret + "y" * after)
            assert len(rest.rstrip("=")) <= len(whole.rstrip("=")) - len(secret)


def test_what_a_server_writes_holds_only_addresses_that_were_met(redactor: Redactor) -> None:
    met = frozenset({"5.6.7.8", "2620:4f:8000::1"})
    text = "you are 91.92.93.94 and 2620:4f:8000::2, I am 5.6.7.8 and 2620:4f:8000:0::1; 127.0.0.1 10.10.34.34 10.0.0.9"
    left = "you are [address] and [address], I am 5.6.7.8 and 2620:4f:8000:0::1; 127.0.0.1 10.10.34.34 [private]"
    assert redactor.text(text, met) == left
    assert redactor.text(left, met) == left


def test_pages(redactor: Redactor) -> None:
    page = f"<p>{V4} 91.92.93.94 {NAME} 微信</p>"
    assert redactor.body(page.encode()) == "<p>[own] [address] [host] 微信</p>".encode()
    for encoding in ("utf-16-le", "utf-16-be"):
        start = "\ufeff".encode(encoding)
        assert redactor.body(start + page.encode(encoding))[2:].decode(encoding) == "<p>[own] [address] [host] 微信</p>"
    blob = bytes(range(256)) * 4
    assert redactor.body(blob) == blob
    assert redactor.holds(b"0\x82" + V4.encode())
    assert not redactor.holds(blob)


def test_resolvers_in_nobody_elses_reach_are_no_ones_business(redactor: Redactor) -> None:
    asked = ["192.168.7.1", "127.0.0.53", "fe80::1", "9.9.9.9", "system"]
    assert [redactor.resolver(each) for each in asked] == ["[private]", "[private]", "[private]", "9.9.9.9", "system"]


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'1\.2\.3' is no IP address"):
        Redactor(own=["1.2.3"])


def test_wide_pages_without_a_mark(redactor: Redactor) -> None:
    page = f"<p>{V4} 91.92.93.94 192.168.1.9 {NAME}</p>"
    for encoding in ("utf-16-le", "utf-16-be"):
        left = redactor.body(page.encode(encoding) + b"\x00")
        assert left.decode(encoding, "ignore") == "<p>[own] [address] [private] [host]</p>"
        assert redactor.body(b"begins otherwise " * 300 + page.encode(encoding)).count(V4.encode(encoding)) == 0


@pytest.mark.parametrize("piece", ["0", ":", "%3a", "10.", "&#0", "81.23.45.", "2a01:4f8:", "1:", "\x00", "aa:", "f."])
def test_a_page_takes_no_longer_than_it_is_long(redactor: Redactor, piece: str) -> None:
    page = (piece * 60_000)[:60_000].encode("latin-1")
    begin = time.process_time()
    redactor.body(page)
    assert time.process_time() - begin < 5
