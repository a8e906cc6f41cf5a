"""DNS messages: the small reader says what dnspython says, or nothing."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from probe.steps.dnswire import MisbehavingError, Reply, ask, is_answer, read, read_any, read_ordinary

NUMBER = b"\x12\x34"
QUESTION = ask(NUMBER, "Www.WeChat.com", "A")


def expected(question: bytes, wire: bytes) -> Reply | None:
    """What dnspython says; None where it finds no answer."""
    try:
        return read_any(question, wire)
    except MisbehavingError:
        return None


@pytest.mark.parametrize(("name", "kind"), [("wechat.com", "A"), ("line.me.", "AAAA"), (".", "NS"), ("a" * 63, "A")])
def test_a_question_is_the_one_that_dnspython_asks(name: str, kind: str) -> None:
    query = dns.message.make_query(name, kind, id=int.from_bytes(NUMBER), use_edns=0, payload=1232, flags=dns.flags.RD)
    assert ask(NUMBER, name, kind) == query.to_wire()


NO_NAMES = ["a..b", ".a", "a" * 64, ".".join(["a" * 49] * 6), "ы.example"]


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_cannot_be_asked_for(name: str) -> None:
    with pytest.raises(ValueError):
        ask(NUMBER, name, "A")


def test_the_longest_name() -> None:
    name = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert len(name) == 253
    assert dns.message.from_wire(ask(NUMBER, name, "A")).question[0].name == dns.name.from_text(name)
    with pytest.raises(ValueError):
        ask(NUMBER, name + "d", "A")


LABELS = st.sampled_from(["www", "WWW", "wechat", "WeChat", "com", "cdn-1", "_dns", "a" * 63, "x.y", "*", "ы"])
NAMES = st.lists(LABELS, max_size=4).map(lambda ls: dns.name.Name([*(label.encode() for label in ls), b""]))
TTLS = st.sampled_from([0, 1, 60, 300, 2**31 - 1, 2**31])
V6 = st.one_of(st.ip_addresses(v=6), st.sampled_from(["::", "::1", "::ffff:192.0.2.1", "2001:db8::1:0:0:1", "1::"]))
DATA = st.one_of(
    st.tuples(st.just("A"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("AAAA"), V6.map(str)),
    st.tuples(st.just("CNAME"), NAMES.map(str)),
    st.tuples(st.just("NS"), NAMES.map(str)),
    st.tuples(st.just("TXT"), st.just('"some text"')),
    st.tuples(st.just("SOA"), st.tuples(NAMES, NAMES).map(lambda two: f"{two[0]} {two[1]} 1 1800 900 604800 300")),
)
RECORDS = st.lists(st.tuples(NAMES, TTLS, DATA), max_size=6)
USUAL = st.lists(
    st.tuples(
        st.sampled_from(["www.wechat.com.", "WWW.WeChat.COM.", "edge.cdn.example."]).map(dns.name.from_text),
        st.sampled_from([0, 20, 60]),
        st.one_of(
            st.tuples(st.just("A"), st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"])),
            st.tuples(st.just("AAAA"), st.sampled_from(["2001:db8::1", "2001:db8:0:1::", "2001:0:0:1:0:0:0:1"])),
            st.tuples(st.just("CNAME"), st.just("Edge.CDN.example.")),
        ),
    ),
    max_size=6,
)
MANY = st.integers(60, 90).map(
    lambda n: [(dns.name.from_text("www.wechat.com"), 60, ("A", f"192.0.2.{i}")) for i in range(n)]
)
OPTIONS = st.sampled_from([None, [], [dns.edns.EDEOption(15, "blocked")]])


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer to QUESTION, or to something like it."""
    message = dns.message.make_response(dns.message.from_wire(QUESTION), recursion_available=draw(st.booleans()))
    message.flags |= draw(st.sampled_from([0, dns.flags.TC, dns.flags.AA | dns.flags.AD, dns.flags.CD]))
    for section in (message.answer, message.authority, message.additional):
        for name, ttl, (kind, text) in draw(
            st.one_of(RECORDS, USUAL) if section is not message.answer else st.one_of(RECORDS, USUAL, MANY)
        ):
            section.append(dns.rrset.from_text(name, ttl, "IN", kind, text))
    options = draw(OPTIONS)
    message.use_edns(None if options is None else 0, options=options)
    message.set_rcode(draw(st.sampled_from([0, 0, 0, 1, 2, 3, 5, 16] if options is not None else [0, 2, 3, 5])))
    return message.to_wire(max_size=65535)


@given(answers())
def test_both_readers_agree(wire: bytes) -> None:
    small = read_ordinary(QUESTION, wire)
    assert small is None or small == expected(QUESTION, wire)


@given(answers(), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4), st.integers(0, 400))
def test_they_agree_on_what_was_damaged(wire: bytes, damages: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(wire)
    for place, value in damages:
        damaged[place % len(wire)] = value
    del damaged[len(wire) - cut % len(wire) :]
    small = read_ordinary(QUESTION, bytes(damaged))
    assert small is None or small == expected(QUESTION, bytes(damaged))


RECORD_OF_A = b"\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"


@given(st.binary(max_size=80), st.integers(0, 3))
@example(b"\xc0\x0c" + RECORD_OF_A, 1)
@example(b"\xc0\x20" + RECORD_OF_A, 1)  # a pointer to itself
@example(b"\x01a\xc0\x20" + RECORD_OF_A, 1)  # a pointer to the name that it ends
def test_garbage_after_a_true_head_is_no_danger(garbage: bytes, records: int) -> None:
    wire = QUESTION[:2] + b"\x81\x80\0\1" + bytes((0, records)) + b"\0\0\0\0" + QUESTION[12:-11] + garbage
    small = read_ordinary(QUESTION, wire)
    assert small is None or small == expected(QUESTION, wire)


@given(st.binary(max_size=200))
def test_garbage_is_nothing(garbage: bytes) -> None:
    assert read_ordinary(QUESTION, garbage) is None
    assert not is_answer(QUESTION, garbage) or garbage[:2] == QUESTION[:2]


def answered(rcode: int, *rrsets: dns.rrset.RRset, soa: bool = False) -> bytes:
    message = dns.message.make_response(dns.message.from_wire(QUESTION), recursion_available=True)
    message.answer += rrsets
    if soa:
        message.authority.append(dns.rrset.from_text(".", 60, "IN", "SOA", "a.root. b.root. 1 2 3 4 5"))
    message.set_rcode(rcode)
    return message.to_wire()


A = dns.rrset.from_text("WWW.wechat.com.", 60, "IN", "A", "192.0.2.1", "192.0.2.2")
CHAIN = (
    dns.rrset.from_text("www.wechat.com.", 300, "IN", "CNAME", "edge.cdn.example."),
    dns.rrset.from_text("edge.cdn.example.", 20, "IN", "A", "192.0.2.7"),
)
ORDINARY = {
    "addresses": answered(0, A),
    "a chain": answered(0, *CHAIN),
    "no address": answered(0, soa=True),
    "no such name": answered(3, soa=True),
    "a failing resolver": answered(2),
}


@pytest.mark.parametrize("wire", ORDINARY.values(), ids=ORDINARY)
def test_what_is_ordinary_is_read_here(wire: bytes) -> None:
    assert read_ordinary(QUESTION, wire) is not None
    assert read_ordinary(QUESTION, wire) == read_any(QUESTION, wire)


UNUSUAL = {
    "a text": answered(0, dns.rrset.from_text("www.wechat.com.", 60, "IN", "TXT", '"x"')),
    "an extended rcode": answered(16),
    "an address in an address": answered(
        0, dns.rrset.from_text("www.wechat.com.", 60, "IN", "AAAA", "::ffff:192.0.2.1")
    ),
}


@pytest.mark.parametrize("wire", UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_unusual_is_read_by_dnspython(wire: bytes) -> None:
    assert read_ordinary(QUESTION, wire) is None
    assert read(QUESTION, wire) == read_any(QUESTION, wire)
