"""Headers that are looked at as they stand in JSON become what they become when the JSON is read."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from probe.exports.groups import Groups
from probe.exports.headers import Headers
from probe.form import dumps
from probe.redaction import COOKIE, OWN, SECRET_HEADERS, Redactor

OWN_ADDRESS, OTHER, MET = "203.0.113.77", "198.51.100.9", "198.51.100.8"
REDACTOR = Redactor(own=[OWN_ADDRESS])
_NAMES = st.sampled_from(["server", "set-cookie", "x-forwarded-for", "csp", 'a"b', "", "],["])
_VALUES = st.lists(
    st.sampled_from(
        [OWN_ADDRESS, OTHER, MET, "],[", '","', '"', "\\", "é", "\n", " ", "sid=0123456789", ";", "[[", "]]"]
    ),
    max_size=5,
).map("".join)
_RESPONSES = st.lists(st.lists(st.tuples(_NAMES, _VALUES), max_size=6), min_size=1, max_size=4)


def cleaned(texts: Sequence[str | None]) -> tuple[list[str | None], dict[int, tuple[str, ...]]]:
    """The headers of one measurement, which met an address, each text that of a row."""
    count = len(texts)
    columns = {
        "measurement_id": ["m"] * count,
        "address": [MET] * count,
        "resolver_address": [None] * count,
        "answers": ["[]"] * count,
    }
    clean, cookies = Headers(REDACTOR).clean(texts, Groups(columns, ()))
    return clean, {group: own.values for group, own in cookies.items()}


def plainly(name: str, value: str) -> str:
    """What the value of a header becomes, where no cookie is in it."""
    if name in SECRET_HEADERS:
        return COOKIE
    return OWN if name == "x-forwarded-for" else REDACTOR.text(value, frozenset({MET}))


@given(_RESPONSES)
@example([[("csp", 'default-src "a","b"],["c","d')]])
@example([[("csp", "a],[b"), ("server", OWN_ADDRESS)]])
def test_what_each_becomes(responses: list[list[tuple[str, str]]]) -> None:
    clean, cookies = cleaned([dumps(headers) for headers in responses])
    secret = cookies.get(0, ())
    for headers, text in zip(responses, clean, strict=True):
        expected = [(name, plainly(name, value)) for name, value in headers]
        for cookie in secret:
            expected = [(name, value.replace(cookie, COOKIE)) for name, value in expected]
        assert text == dumps(expected)


@pytest.mark.parametrize("text", [None, "[]", '[["a", "b"], ["c", "203.0.113.77"]]', '[ ["a","b"],["c","d"] ]'])
def test_json_in_another_form(text: str | None) -> None:
    """Another program wrote it."""
    (clean,), _ = cleaned([text])
    if text in (None, "[]"):
        assert clean == text
    else:
        read = json.loads(str(text))
        assert clean == dumps([(name, REDACTOR.text(value)) for name, value in read])


@pytest.mark.parametrize("text", ['[["a"]]', '[["a","b","c"]]', '[["a","b"],[]]', '[["a","b"]]x"]]', '{"a":"b"}'])
def test_what_is_no_list_of_headers_is_not_let_through(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        cleaned([text])
