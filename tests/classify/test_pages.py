"""Which pages are taken for the same site's, and which for somebody else's: a table, and what holds of any two."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.classify.pages import Likeness, compare
from probe.model import HttpDetail

SITE = HttpDetail(
    address="192.31.196.1",
    port=80,
    url="http://line.me/",
    status=200,
    headers=(("server", "nginx"), ("x-line-id", "7"), ("content-length", "9000")),
    title="LINE | always at your side",
    excerpt="Life on LINE: more than just a messaging app. New levels of communication and the very infrastructure of"
    " your life. Download it, write to your friends, call them, and share what you see.",
    outline=(
        "html",
        "head",
        "link",
        "/",
        "//static.line.example",
        "body",
        "#app",
        ".header",
        ".menu",
        ".hero",
        ".foot",
    ),
    body_sha256="a",
    body_length=9000,
)
STUB = HttpDetail(
    address="192.31.196.1",
    port=80,
    url="http://line.me/",
    status=200,
    headers=(("server", "gateway"),),
    title="Access restricted",
    excerpt="By decision of the authorities this address is on the register of banned resources, and no page is shown.",
    outline=("html", "head", "body", "h1", "p"),
    body_sha256="b",
    body_length=700,
)
BARE = ("html", "head", "body", "p")
CLOUD = (("server", "cloudflare"), ("cf-ray", "1"), ("cf-cache-status", "HIT"), ("nel", "{}"))


_serial = count()


def of(page: HttpDetail, **changes: object) -> HttpDetail:
    """The page with another body."""
    return replace(page, body_sha256=f"c{next(_serial)}", **changes)  # type: ignore[arg-type]


def told_by_a_helper(page: HttpDetail) -> HttpDetail:
    """As a control that tells title, length and headers only."""
    return replace(page, body_sha256=None, excerpt=None, outline=())


SAME, OTHER, UNCLEAR = Likeness
RUSSIAN = "Жизнь в LINE: больше, чем просто мессенджер. Скачайте его, пишите друзьям, звоните им и делитесь снимками."

# what it is: the page here, the control's page, and how they relate
PAGES: dict[str, tuple[HttpDetail, HttpDetail, Likeness]] = {
    # the same site
    "the very same bytes": (replace(SITE, title=None, headers=(), body_sha256="a"), SITE, SAME),
    "another day's text and length": (
        of(SITE, excerpt="News of today: a storm, a match", body_length=2000),
        SITE,
        SAME,
    ),
    "another title, such as a number of messages": (of(SITE, title="(3) LINE | always at your side"), SITE, SAME),
    "A/B test: another design, the same words": (
        of(SITE, outline=(".new", ".grid", ".card", ".top", "#root"), body_length=20_000),
        SITE,
        SAME,
    ),
    "another language in its place": (of(SITE, title="LINE | Всегда на связи", excerpt=RUSSIAN), SITE, SAME),
    "a cache in front of it here": (of(SITE, headers=(("server", "cloudflare"), ("cf-ray", "1"))), SITE, SAME),
    "some servers are others": (of(SITE, headers=CLOUD, body_length=3000, title="LINE"), SITE, SAME),
    "a Chinese title": (
        of(SITE, title="微信，是一个生活方式", excerpt="今天的消息，没有别的，只有这些而已"),
        of(SITE, title="微信，是一个生活方式", excerpt="昨天的事情，全都不同，请看下面的表"),
        SAME,
    ),
    "a Chinese title with more in it": (
        of(SITE, title="微信是一个生活方式 - 官网", excerpt="今天的消息，没有别的"),
        of(SITE, title="微信，是一个生活方式", excerpt="昨天的事情，全都不同"),
        SAME,
    ),
    "data without title and text": (
        of(SITE, title=None, excerpt=None, outline=()),
        replace(SITE, title=None, excerpt=None, outline=()),
        SAME,
    ),
    "the same title, told by a helper": (SITE, told_by_a_helper(SITE), SAME),
    # somebody else's
    "a block page": (STUB, SITE, OTHER),
    "a block page, told by a helper": (STUB, told_by_a_helper(SITE), OTHER),
    "the same title": (replace(STUB, title=SITE.title), SITE, OTHER),
    "the same title and hardly a word": (replace(STUB, title=SITE.title, excerpt="No."), SITE, OTHER),
    "no title": (replace(STUB, title=None, excerpt="No."), SITE, OTHER),
    "no title, nor has the site": (replace(STUB, title=None), replace(SITE, title=None), OTHER),
    "the site's headers and length": (replace(STUB, headers=SITE.headers, body_length=9000), SITE, OTHER),
    "the site's headers and no title": (replace(STUB, headers=SITE.headers, body_length=9000, title=None), SITE, OTHER),
    "the site's kind of server": (replace(STUB, headers=(("server", "nginx"),)), SITE, OTHER),
    "an error of another server": (replace(STUB, status=451), SITE, OTHER),
    "a Chinese block page": (
        replace(STUB, title="该网站已被限制访问", excerpt="根据有关法律法规，该网站无法访问"),
        of(SITE, title="微信，是一个生活方式", excerpt="昨天的事情，全都不同，请看下面的表"),
        OTHER,
    ),
    # it cannot be told
    "its own start page for a country": (of(STUB, url="http://line.me/ru/"), SITE, UNCLEAR),
    "closed for repair, by its own servers": (replace(STUB, status=503, headers=SITE.headers), SITE, UNCLEAR),
    "an error of the same kind of server": (replace(STUB, status=403, headers=(("server", "nginx"),)), SITE, UNCLEAR),
    "it asks for consent first": (
        replace(STUB, headers=SITE.headers, title="Before you go on", outline=(*BARE, "link", "/", "form", ".consent")),
        SITE,
        UNCLEAR,
    ),
    "closed for repair, and says whose it is": (replace(STUB, headers=SITE.headers, title="LINE"), SITE, UNCLEAR),
    "nothing at all, by its own servers": (
        replace(STUB, headers=SITE.headers, title=None, excerpt=None, outline=(), body_length=0),
        SITE,
        UNCLEAR,
    ),
    "only the title is the same, told by a helper": (replace(STUB, title=SITE.title), told_by_a_helper(SITE), UNCLEAR),
    "nothing to compare but a length": (
        replace(STUB, headers=(), title=None, excerpt=None),
        replace(SITE, headers=(), title=None, excerpt=None, outline=BARE),
        UNCLEAR,
    ),
    "two pages without a title and little else": (
        HttpDetail(address="", port=80, url="http://line.me/", status=200, body_sha256="a", body_length=5),
        HttpDetail(address="", port=80, url="http://line.me/", status=200, body_sha256="b", body_length=5),
        UNCLEAR,
    ),
}


@pytest.mark.parametrize(("mine", "theirs", "expected"), PAGES.values(), ids=PAGES)
def test_two_pages(mine: HttpDetail, theirs: HttpDetail, expected: Likeness) -> None:
    assert compare(mine, theirs) is expected


texts = st.sampled_from(
    [None, "", "a", "LINE", "News at nine", "News at eight", "微信", RUSSIAN, SITE.excerpt, STUB.excerpt, "a b " * 90]
)
parts = st.sampled_from(["", "html", "p", "/", "#app", ".a", ".b", ".c", ".d", "//x.example"])
names = st.sampled_from(["server", "x-line-id", "date", "set-cookie", "cf-ray", "content-length"])
values = st.sampled_from(["", "nginx", "gateway", "a=1", "PHPSESSID=2"])
pages = st.builds(
    HttpDetail,
    address=st.just("192.31.196.1"),
    port=st.just(80),
    url=st.sampled_from(["http://line.me/", "http://line.me/ru/"]),
    status=st.sampled_from([None, 200, 204, 302, 403, 451, 503]),
    headers=st.lists(st.tuples(names, values), max_size=5).map(tuple),
    title=texts | st.text(max_size=20),
    excerpt=texts | st.text(max_size=40),
    outline=st.lists(parts, unique=True).map(tuple),
    body_sha256=st.sampled_from([None, "a", "b"]),
    body_length=st.sampled_from([None, 0, 5, 700, 9000]),
    body_truncated=st.booleans(),
)


@settings(max_examples=1000, deadline=None)
@given(pages, pages)
def test_it_does_not_matter_which_is_asked_first(mine: HttpDetail, theirs: HttpDetail) -> None:
    assert compare(mine, theirs) is compare(theirs, mine)


@settings(max_examples=500, deadline=None)
@given(pages)
def test_no_page_is_other_than_itself(page: HttpDetail) -> None:
    assert compare(page, page) is not Likeness.OTHER


@settings(max_examples=500, deadline=None)
@given(pages, pages)
def test_what_both_lack_makes_nobody_the_same(mine: HttpDetail, theirs: HttpDetail) -> None:
    """Two pages of which there is nothing but status, length and kind of server are the same by their bytes only."""
    nothing: dict[str, Any] = {"title": None, "excerpt": None, "outline": ("html", "p"), "headers": (("server", "x"),)}
    mine, theirs = replace(mine, body_sha256="a", **nothing), replace(theirs, body_sha256="b", **nothing)
    assert compare(mine, theirs) is Likeness.UNCLEAR


@settings(max_examples=500, deadline=None)
@given(pages, pages)
def test_another_path_of_a_site_is_never_anothers(mine: HttpDetail, theirs: HttpDetail) -> None:
    assert (
        compare(replace(mine, url="http://line.me/ru/"), replace(theirs, url="http://line.me/")) is not Likeness.OTHER
    )
