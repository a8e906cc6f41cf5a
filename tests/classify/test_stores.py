"""What an app store's answer says of an app, to the letter of its form. What follows: `tests/lab/test_stores.py`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probe.classify import classify, heard, judge_listing
from probe.failure import Failure
from probe.model import Result
from probe.storefront import AppStore, Listing, Question, Said, page_of
from probe.targets import parse_one
from tests.classify.stories import HERE, ONLINE, REAL, Saw

APPLE, GOOGLE = AppStore.APPLE, AppStore.GOOGLE
APPS = {APPLE: "123456789", GOOGLE: "org.example.chat"}
ENDPOINT = "https://store.example"


def asked(store: AppStore, saw: Saw, body: bytes = b"", country: str = "RU") -> Question:
    """A question that met this, and what is read out of it."""
    target = parse_one(page_of(store, APPS[store], country, ENDPOINT))
    measurement = replace(saw.measured(target, HERE), bodies={"body": body})
    result = Result(measurement=measurement, controls=(), verdict=classify(measurement, (), ONLINE))
    return heard(store, APPS[store], country, result)


def answered(status: int = 200, body: str = "body") -> Saw:
    return Saw().dns(REAL).tcp(REAL).tls(REAL).http(REAL, status, body=body)


BODIES: tuple[tuple[AppStore, int, bytes, Said], ...] = (
    (APPLE, 200, b'{"resultCount":1,"results":[{"trackId":123456789,"kind":"software"}]}', Said.LISTED),
    (APPLE, 200, b'\n\n\n{\n "resultCount":2,\n "results": [{"trackId":1}, {"trackId":123456789}]}\n', Said.LISTED),
    (APPLE, 200, b'{"resultCount":0,"results":[]}', Said.NOT_LISTED),
    (APPLE, 200, b'{"resultCount":1,"results":[{"trackId":1234567890}]}', Said.UNCLEAR),
    (APPLE, 200, b'{"resultCount":1,"results":[]}', Said.UNCLEAR),
    (APPLE, 200, b'{"resultCount":0}', Said.UNCLEAR),
    (APPLE, 200, b'{"results":[]}', Said.UNCLEAR),
    (APPLE, 200, b'[{"trackId":123456789}]', Said.UNCLEAR),
    (APPLE, 200, b"", Said.UNCLEAR),
    (APPLE, 200, b"<html>123456789</html>", Said.UNCLEAR),
    (APPLE, 200, b"[" * 100_000, Said.UNCLEAR),
    (APPLE, 200, b'{"resultCount":0,"results":[]}\xff', Said.UNCLEAR),
    (APPLE, 400, b'{"errorMessage":"Invalid value(s) for key(s): [country]"}', Said.UNCLEAR),
    (APPLE, 200, b'{"resultCount":1,"results":[{"\xff":1}]}', Said.UNCLEAR),
    (APPLE, 200, b'{"resultCount":1,"results":[{"a":' + b"[" * 100_000, Said.UNCLEAR),
    (APPLE, 403, b'{"resultCount":0,"results":[]}', Said.UNCLEAR),
    (APPLE, 404, b"", Said.UNCLEAR),
    (GOOGLE, 200, b'<link rel="canonical" href="https://x/store/apps/details?id=org.example.chat">', Said.LISTED),
    (GOOGLE, 200, b'<a href="/store/apps/details?id=org.example.chat&amp;hl=en">', Said.LISTED),
    (GOOGLE, 200, b"/store/apps/details?id=org.example.chat", Said.LISTED),
    (GOOGLE, 200, b"/store/apps/details?id=org.example.chat.lite", Said.UNCLEAR),
    (GOOGLE, 200, b"/store/apps/details?id=org.example.chats", Said.UNCLEAR),
    (GOOGLE, 200, b"/store/apps/details?id=org-example-chat", Said.UNCLEAR),
    (GOOGLE, 200, b"Before you continue", Said.UNCLEAR),
    (GOOGLE, 404, b"Not found", Said.NOT_LISTED),
    (GOOGLE, 404, b"/store/apps/details?id=org.example.chat", Said.NOT_LISTED),
    (GOOGLE, 403, b"", Said.UNCLEAR),
    (GOOGLE, 500, b"/store/apps/details?id=org.example.chat", Said.UNCLEAR),
)


@pytest.mark.parametrize(("store", "status", "body", "said"), BODIES)
def test_what_an_answer_says(store: AppStore, status: int, body: bytes, said: Said) -> None:
    question = asked(store, answered(status), body)
    assert question.said is said
    assert (question.reason.code if question.reason else None) == ("store.no_listing" if said is Said.UNCLEAR else None)


def test_an_answer_that_was_not_read_to_its_end_says_nothing() -> None:
    question = asked(APPLE, answered(body="lost"), b'{"resultCount":0,"results":[]}')
    assert question.said is Said.UNCLEAR


UNHEARD: dict[str, tuple[Saw, str]] = {
    "untrusted": (
        Saw().dns(REAL).tcp(REAL).tls(REAL, Failure.SSL_UNKNOWN_AUTHORITY, tries=2),
        "control.none",
    ),
    "cut": (Saw().dns(REAL).tcp(REAL).tls(REAL, Failure.CONNECTION_RESET, tries=2), "control.none"),
    "led elsewhere": (
        Saw().dns(REAL).tcp(REAL).tls(REAL).http(REAL, 302, location="https://consent.example/")
        .redirected("consent.example").dns(REAL).tcp(REAL).tls(REAL).http(REAL),
        "store.elsewhere",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNHEARD)
def test_only_an_answer_of_the_store_itself_is_read(case: str) -> None:
    saw, code = UNHEARD[case]
    question = asked(APPLE, saw, b'{"resultCount":0,"results":[]}')
    assert (question.said, question.reason.code if question.reason else None) == (Said.UNCLEAR, code)
    check = judge_listing("chat", APPLE, APPS[APPLE], "RU", [question])
    assert check.listing is Listing.INCONCLUSIVE
    assert [reason.code for reason in check.reasons] == ["store.no_answer", code]


def test_not_listed_alone_proves_nothing() -> None:
    absent = asked(GOOGLE, answered(404))
    assert judge_listing("chat", GOOGLE, APPS[GOOGLE], "RU", [absent]).listing is Listing.INCONCLUSIVE
    elsewhere = [asked(GOOGLE, answered(), b"/store/apps/details?id=org.example.chat", each) for each in ("US", "DE")]
    check = judge_listing("chat", GOOGLE, APPS[GOOGLE], "RU", [absent, *elsewhere])
    assert (check.listing, check.reason.code) == (Listing.INCONCLUSIVE, "store.lists_nothing")
