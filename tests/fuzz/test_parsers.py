"""Whatever a parser is given, it ends soon, with a value or with an error that it says it raises."""

from __future__ import annotations

import time
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.parsers import PARSERS, Parser, check

_LONGEST = 65_536
"""Bytes of what is made."""
_SLOWEST = 5.0
"""Seconds for one reading, however busy the machine is."""
_WORDS = [b"\0", b"\xff" * 4, b"\xc0\x0c", b"\r\n", b"\n", b'"', b"'", b"{", b"[" * 2000, b"}", b",", b":", b"<", b"]]"]
_WORDS += [b"\x1b[2J", b"\xed\xa0\x80", b"9" * 30, b"-1", b"1e999", b"NaN", b"null", b"\\ud800", b"\x1f\x8b", b"=" * 9]


@cache
def _seeds(name: str) -> list[bytes]:
    return next(parser.seeds() for parser in PARSERS if parser.name == name)


@st.composite
def _damaged(draw: st.DrawFn, name: str) -> bytes:
    """Something good in which a few places are wrong; or nothing good at all."""
    seeds = _seeds(name)
    data = bytearray(draw(st.sampled_from(seeds) | st.binary(max_size=300)))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 40)))
        match draw(st.sampled_from(("put", "cut", "again", "end", "other"))):
            case "put":
                data[at:end] = draw(st.sampled_from(_WORDS) | st.binary(max_size=8))
            case "cut":
                del data[at:end]
            case "again":
                data[at:at] = data[at:end] * draw(st.integers(1, 50))
            case "end":
                del data[at:]
            case "other":
                data += draw(st.sampled_from(seeds))[at:]
    return bytes(data[:_LONGEST])


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_it_ends_as_it_says(parser: Parser, data: st.DataObject) -> None:
    _seeds(parser.name)  # made here, since some are made by chance, which has no place where data is drawn
    given_ = data.draw(_damaged(parser.name))
    begun = time.monotonic()
    check(parser, given_)
    assert time.monotonic() - begun < _SLOWEST


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_what_is_good_is_read(parser: Parser) -> None:
    """Or else what is made of it would be refused before it is read."""
    good = 0
    for seed in _seeds(parser.name):
        try:
            parser.read(seed)
        except parser.allowed:
            continue
        good += 1
    assert good > 0
