"""The words of a target: what is read from them, and what is refused with which reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.model import Certainty, Role, Scheme, Target
from probe.targets import TargetError, parse, parse_one, redirect

ONE: tuple[tuple[str, str], ...] = (
    # scheme, host and port in their one spelling
    ("https://line.me", "https://line.me/"),
    ("HTTPS://Line.ME/Path", "https://line.me/Path"),
    ("https://line.me:443/", "https://line.me/"),
    ("https://line.me:/", "https://line.me/"),
    ("http://line.me:080/", "http://line.me/"),
    ("http://line.me:443/", "http://line.me:443/"),
    ("https://line.me./", "https://line.me/"),
    ("https://under_score.line.me/", "https://under_score.line.me/"),
    # other scripts
    ("http://Яндекс.рф/", "http://xn--d1acpjx3f.xn--p1ai/"),
    ("http://xn--d1acpjx3f.xn--p1ai/", "http://xn--d1acpjx3f.xn--p1ai/"),
    ("http://faß.de/", "http://xn--fa-hia.de/"),
    ("http://line。me/", "http://line.me/"),
    # addresses
    ("https://192.0.2.7/", "https://192.0.2.7/"),
    ("https://192.0.2.7./", "https://192.0.2.7/"),
    ("https://[2001:DB8:0:0::1]:8443/", "https://[2001:db8::1]:8443/"),
    ("http://[::ffff:192.0.2.7]/", "http://192.0.2.7/"),
    # path and query
    ("https://line.me?q=1", "https://line.me/?q=1"),
    ("https://line.me/a#part", "https://line.me/a"),
    ("https://line.me/é?ü=ß", "https://line.me/%C3%A9?%C3%BC=%C3%9F"),
    ("https://line.me/%C3%A9%zz", "https://line.me/%C3%A9%zz"),
    ("https://line.me/a//b/../c;p=1", "https://line.me/a//b/../c;p=1"),
    ('https://line.me/"<[\\', "https://line.me/%22%3C%5B%5C"),
    # the schemes below HTTP
    ("tcp://long.weixin.qq.com:8080", "tcp://long.weixin.qq.com:8080"),
    ("TCP://Line.me:80/", "tcp://line.me:80"),
    ("udp://STUN.line.me:3478", "udp://stun.line.me:3478"),
    ("udp://[2620:4F:8000::1]:3478", "udp://[2620:4f:8000::1]:3478"),
    ("tls://[::1]:443", "tls://[::1]:443"),
    ("dns://Line.me", "dns://line.me"),
    ("dns://line.me/", "dns://line.me"),
)

SPELLED_ADDRESS = "not spelled as one"
UNREADABLE = "spaces or control characters"
PORT = "not a number from 1 to 65535"
NO_NAME = "no domain name"

REFUSED: tuple[tuple[str, str], ...] = (
    ("https://127.1/", SPELLED_ADDRESS),
    ("https://0x7f.1/", SPELLED_ADDRESS),
    ("https://0x7f000001/", SPELLED_ADDRESS),
    ("https://2130706433/", SPELLED_ADDRESS),
    ("https://0177.0.0.1/", SPELLED_ADDRESS),
    ("https://256.1.1.1/", SPELLED_ADDRESS),
    ("https://1.2.3.4.5/", SPELLED_ADDRESS),
    ("https://line.me:0/", PORT),
    ("https://line.me:65536/", PORT),
    ("https://line.me:-1/", PORT),
    ("https://line.me:https/", PORT),
    ("https://line.me:８０/", PORT),
    ("tls://::1:443", PORT),
    ("https://[v1.x]/", "only an IPv6 address stands in brackets"),
    ("https://[192.0.2.7]/", "brackets"),
    ("https://[fe80::1%25eth0]/", "zone"),
    ("https://[::1/", "the host is wrong"),
    ("https://user:secret@line.me/", "a user name or password has no place in it"),
    ("https://line.me\\@evil.example/", "a user name or password has no place in it"),
    ("https://line me/", UNREADABLE),
    ("https://line.me/a b", UNREADABLE),
    ("https://line.me/\r\nHost: x", UNREADABLE),
    ("https://line.me/\x00", UNREADABLE),
    ("https://line.me/\u200b", UNREADABLE),
    ("https://line.me/\ud800", UNREADABLE),
    ("https://", "the host is missing"),
    ("https:///path", "the host is missing"),
    ("https://.line.me/", NO_NAME),
    ("https://line..me/", NO_NAME),
    ("https://line.me../", NO_NAME),
    (f"https://{'a' * 64}.me/", NO_NAME),
    (f"https://{'a.' * 127}me/", NO_NAME),
    ("https://٠.me/", "no domain name in any script"),
    ("https://*.line.me/", "characters that no domain name has"),
    ("https://line%2eme/", "characters that no domain name has"),
    ("https://localhost/", "has no dot"),
    ("tcp://line.me", "the port is missing; give tcp://line.me:443"),
    ("tls://line.me", "the port is missing; give tls://line.me:443"),
    ("tcp://line.me:80/path", "has no path"),
    ("udp://line.me", "the port is missing; give udp://line.me:3478"),
    ("udp://line.me:3478/path", "has no path"),
    ("tls://line.me:443/?q", "has no path"),
    ("dns://line.me:53", "dns:// has no port"),
    ("dns://line.me/path", "has no path"),
    ("dns://192.0.2.7", "wants a name"),
    ("ftp://line.me/", "'ftp' is not known; give a domain"),
    ("://", "is not known"),
    ("mailto:somebody@line.me", "the scheme is missing; give a domain"),
    ("line.me:443", "the scheme is missing"),
    ("line.me/path", "the scheme is missing"),
    (f"https://line.me/{'x' * 2033}", "longer than 2048 characters"),
    (f"https://line.me/{'é' * 400}", "longer than 2048 characters"),
)

REFUSED_WORDS: tuple[tuple[str, str], ...] = (
    ("", NO_NAME),
    (".", NO_NAME),
    ("line.me ", UNREADABLE),
    ("line.me\n", UNREADABLE),
    ("li\u200bne.me", UNREADABLE),
    ("127.1", SPELLED_ADDRESS),
    ("wechat", "has no dot"),
    ("somebody@line.me", "characters that no domain name has"),
    ("line.me?q", "characters that no domain name has"),
    ("a." * 1025, "longer than 2048 characters"),
)


@pytest.mark.parametrize(("text", "name"), ONE)
def test_reads_one_target(text: str, name: str) -> None:
    target = parse_one(text)
    assert target.name == name
    assert parse(text) == (target,)
    assert parse_one(target.name) == target


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("wechat.com", "wechat.com"),
        ("WeChat.com.", "wechat.com"),
        ("Яндекс.рф", "xn--d1acpjx3f.xn--p1ai"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_a_bare_host_is_checked_over_both(text: str, host: str) -> None:
    assert parse(text) == (
        Target(scheme=Scheme.HTTPS, host=host, port=443),
        Target(scheme=Scheme.HTTP, host=host, port=80),
    )
    with pytest.raises(TargetError, match="the scheme is missing"):
        parse_one(text)


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_refuses_with_the_reason(text: str, reason: str) -> None:
    for read in (parse, parse_one):
        with pytest.raises(TargetError) as caught:
            read(text)
        assert reason in str(caught.value)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(("text", "reason"), REFUSED_WORDS)
def test_refuses_a_word_that_is_no_host(text: str, reason: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse(text)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


def test_the_longest_target_is_read() -> None:
    text = f"https://line.me/{'x' * 2032}"
    assert len(text) == 2048
    assert parse_one(text).name == text


BASE = Target(
    scheme=Scheme.HTTPS,
    host="line.me",
    port=443,
    path="/a/b?q=1",
    service="line",
    role=Role.WEB,
    certainty=Certainty.REPORTED,
    retired=date(2019, 5, 31),
    roots=("ab" * 32,),
)

REDIRECTS: tuple[tuple[str, str], ...] = (
    ("http://other.example/x#part", "http://other.example/x"),
    ("https://Other.example:8443", "https://other.example:8443/"),
    ("//other.example/x", "https://other.example/x"),
    ("/x", "https://line.me/x"),
    ("x", "https://line.me/a/x"),
    ("../x", "https://line.me/x"),
    ("?r=2", "https://line.me/a/b?r=2"),
    ("", "https://line.me/a/b?q=1"),
    ("#part", "https://line.me/a/b?q=1"),
    (" /x y ", "https://line.me/x%20y"),
    ("http://яндекс.рф/é", "http://xn--d1acpjx3f.xn--p1ai/%C3%A9"),
)

NOWHERE: tuple[tuple[str, str], ...] = (
    ("https://", "the host is missing"),
    ("https:///x", "the host is missing"),
    ("//", "the host is missing"),
    ("///x", "the host is missing"),
    ("https://other.example:0/", PORT),
    ("https://other.example:99999/", PORT),
    ("https://[::1/", "the host is wrong"),
    ("ftp://other.example/", "is not known"),
    ("tcp://other.example:80", "a redirect leads to http:// or https://"),
    ("udp://other.example:3478", "a redirect leads to http:// or https://"),
    ("javascript:alert(1)", "the scheme is missing"),
    ("http://2130706433/", SPELLED_ADDRESS),
    ("http://other.example:25/", "port 25 is not one for pages"),
    ("https://other.example:6667/", "port 6667 is not one for pages"),
    ("http://other.example/\x00", UNREADABLE),
    (f"/{'x' * 2100}", "longer than 2048 characters"),
    (f"/{'é' * 400}", "longer than 2048 characters"),
)


@pytest.mark.parametrize(("location", "name"), REDIRECTS)
def test_redirect_leads_on(location: str, name: str) -> None:
    onward = redirect(BASE, location)
    assert onward.name == name
    assert (onward.service, onward.role, onward.certainty) == ("line", Role.WEB, Certainty.REPORTED)
    assert onward.retired == BASE.retired
    assert onward.roots == (BASE.roots if onward.host == "line.me" else ())


@pytest.mark.parametrize(("location", "reason"), NOWHERE)
def test_redirect_to_nowhere_is_refused(location: str, reason: str) -> None:
    with pytest.raises(TargetError) as caught:
        redirect(BASE, location)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


_PIECES = st.sampled_from(
    [*"ab.:/@[]%?#0 1\\é\u200b\ud800", "https://", "tcp://", "udp://", "dns://", "::1", ":443", "xn--", "0x"]
)
_TEXTS = st.one_of(st.text(), st.lists(_PIECES, max_size=12).map("".join))


def _read(reading: Callable[[], tuple[Target, ...]]) -> tuple[Target, ...]:
    """What is read, or nothing where it is refused in a line that can be shown; any other error passes through."""
    said = ""
    try:
        return reading()
    except TargetError as error:
        said = str(error)
    assert said.isprintable()
    return ()


@given(_TEXTS)
def test_any_text_is_read_or_refused(text: str) -> None:
    for target in _read(lambda: parse(text)):
        assert target.name.isascii()
        assert parse(target.name) == (target,)
        assert len(target.name) <= 2048


@given(_TEXTS)
def test_any_location_is_read_or_refused(location: str) -> None:
    for onward in _read(lambda: (redirect(BASE, location),)):
        assert onward.scheme in (Scheme.HTTP, Scheme.HTTPS)
        assert parse_one(onward.name).name == onward.name
