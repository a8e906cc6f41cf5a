"""What is read out of a page, and that no page costs more than its length."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.model import HttpDetail
from probe.page import SEARCHED, Tag, describe, markup, pieces, text

PAGE = HttpDetail(address="192.31.196.1", port=80, url="http://line.me/", status=200)


def read(body: bytes, content_type: str = "text/html") -> HttpDetail:
    return describe(replace(PAGE, headers=(("content-type", content_type),)), body)


TITLES: dict[str, tuple[bytes, str, str | None]] = {
    "plain": (b"<title>Hello</title>", "text/html", "Hello"),
    "attributes and entities": (b"<TITLE lang=en>A &amp; B</TITLE>", "text/html", "A & B"),
    "header charset": ("<title>Привет</title>".encode("cp1251"), "text/html; charset=windows-1251", "Привет"),
    "meta charset": ('<meta charset="shift_jis"><title>日本</title>'.encode("shift_jis"), "text/html", "日本"),
    "UTF-8, whatever is said": ("<title>Привет</title>".encode(), "text/html; charset=windows-1251", "Привет"),
    "a charset of seven bits": ("<title>日本</title>".encode("iso2022_jp"), "text/html; charset=iso-2022-jp", "日本"),
    "unknown charset": (b"<title>x</title>", "text/html; charset=nonsense", "x"),
    "a codec that is no charset": (b"<title>x</title>", "text/html; charset=punycode", "x"),
    "never closed": (b"<title>" + b"<title " * 9000, "text/html", None),
    "none": (b"<html></html>", "text/html", None),
    "empty": (b"<title> </title>", "text/html", None),
    "a letter that grows": ("<b>İ</b><title>İstanbul</title>".encode(), "text/html", "İstanbul"),
    "in a comment": (b"<!-- <title>no</title> --><title>yes</title>", "text/html", "yes"),
    "in a script": (b"<script>'<title>no</title>'</script><title>yes</title>", "text/html", "yes"),
    "the first of two": (b"<title>one</title><svg><title>two</title></svg>", "text/html", "one"),
    "no page": (b"<title>x</title>", "image/png", None),
    "no markup": (b"<title>x</title>", "text/plain", None),
}


@pytest.mark.parametrize(("body", "content_type", "expected"), TITLES.values(), ids=TITLES)
def test_titles(body: bytes, content_type: str, expected: str | None) -> None:
    assert read(body, content_type).title == expected


EXCERPTS: dict[str, tuple[str, str | None]] = {
    "folded": ("<p>One\n  two</p>\t<p>three</p>", "One two three"),
    "entities": ("a &lt;b&gt; &#1071;", "a <b> Я"),
    "only what is seen": (
        "<head><title>t</title><style>s</style></head><script>if (1 < 2) x()</script><!-- c --><noscript>n</noscript>y",
        "y",
    ),
    "text without tags": ("Object not found\r\n", "Object not found"),
    "a bare <": ("1 < 2 <3", "1 < 2 < 3"),
    "control characters": ("a\x00b\x1b[2J", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[2J"),
    "its beginning": ("х" * 1000, "х" * 400),
    "nothing": ("<p> </p>", None),
}


def test_a_text_that_is_no_markup_is_shown_as_it_is() -> None:
    plain = read(b"<title>x</title> 1 &lt; 2", "text/plain")
    assert (plain.title, plain.excerpt, plain.outline) == (None, "<title>x</title> 1 &lt; 2", ())
    assert read(b"\x89PNG <p>", "image/png").excerpt is None


@pytest.mark.parametrize(("page", "expected"), EXCERPTS.values(), ids=EXCERPTS)
def test_excerpts(page: str, expected: str | None) -> None:
    assert read(page.encode(), "text/html; charset=utf-8").excerpt == expected


OUTLINES: dict[str, tuple[str, tuple[str, ...]]] = {
    "elements once": ("<html><p>1<P>2</p><my-part>", ("html", "p", "my-part")),
    "ids and classes": ("<div id=app class='a  b'><a CLASS=c>", ("div", "#app", ".a", ".b", "a", ".c")),
    "what is fetched": (
        '<script src="https://CDN.example:8443/x.js"></script><img src=//img.example/y><link href=/z.css>'
        '<img src="data:image/png;base64,AAAA"><iframe src="http://10.10.34.34?type=Invalid"></iframe>',
        ("script", "//cdn.example", "img", "//img.example", "link", "/", "iframe", "//10.10.34.34"),
    ),
    "a link is not fetched": ('<a href="http://elsewhere.example/">', ("a",)),
    "a > in a value": ('<b title="1 > 2" id="x">t', ("b", "#x")),
    "the first of an attribute": ("<b id=x id=y>", ("b", "#x")),
    "a tag without an end": ("<p><b id=x", ("p",)),
    "a quote without an end": ("<p><b id='x>", ("p",)),
    "not too long": (f"<p class='{'c' * 60} d'>", ("p", ".d")),
}


@pytest.mark.parametrize(("page", "expected"), OUTLINES.values(), ids=OUTLINES)
def test_outlines(page: str, expected: tuple[str, ...]) -> None:
    assert read(page.encode()).outline == expected


def test_an_outline_has_an_end() -> None:
    assert len(read("".join(f"<p class=c{n}>" for n in range(500)).encode()).outline) == 48


REFRESHES: dict[str, tuple[str, str | None, int | None]] = {
    "usual": ("0; url=http://block.example/", "http://block.example/", 0),
    "as it may be": (" 5 ,  URL = '/a b' junk", "/a b", 5),
    "entities": ("0;url=/?a=1&amp;b=2", "/?a=1&b=2", 0),
    "a fraction": ("1.9; url=/x", "/x", 1),
    "no number before the point": (".5;/x", "/x", 0),
    "no url=": ("3;/x", "/x", 3),
    "blank between": ("3 /x", "/x", 3),
    "itself": ("30", None, None),
    "itself, in words": ("30; url=", None, None),
    "no number": ("url=/x", None, None),
    "no sense": ("5x; url=/x", None, None),
    "for ever": ("9999999; url=/x", None, None),
}


@pytest.mark.parametrize(("content", "url", "seconds"), REFRESHES.values(), ids=REFRESHES)
def test_refreshes(content: str, url: str | None, seconds: int | None) -> None:
    page = read(f'<meta HTTP-EQUIV="Refresh" content="{content}">'.encode())
    assert (page.refresh, page.refresh_seconds) == (url, seconds)


UNSEEN = (
    "<!-- {} -->",
    "<noscript>{}</noscript>",
    "<script>'{}'</script>",
    "<textarea>{}</textarea>",
    "<b title='{}'>",
)


@pytest.mark.parametrize("around", UNSEEN)
def test_what_no_browser_obeys_is_no_refresh(around: str) -> None:
    meta = '<meta http-equiv="refresh" content="0; url=http://block.example/">'
    assert read(meta.encode()).refresh is not None
    assert read(around.format(meta).encode()).refresh is None


def test_a_header_comes_before_the_page() -> None:
    answer = HttpDetail(address="", port=80, url="http://line.me/", headers=(("refresh", "1; url=/header"),))
    page = describe(answer, b'<meta http-equiv=refresh content="0; url=/page">')
    assert (page.refresh, page.refresh_seconds) == ("/header", 1)


def test_only_a_page_in_clear_leads_on() -> None:
    page = b'<meta http-equiv=refresh content="0; url=/x">'
    for url, location in (("http://line.me/", "/x"), ("https://line.me/", None)):
        assert describe(HttpDetail(address="", port=80, url=url, status=200), page).location == location


class Counting(bytes):
    """Bytes that count how many of them were looked through."""

    looked: int = 0

    def find(self, what: bytes, start: int = 0) -> int:  # type: ignore[override]
        found = super().find(what, start)
        self.looked += (found if found >= 0 else len(self)) - start + 1
        return found


HOSTILE = (
    "<!--",
    '<a b="',
    "<a b='",
    "<script>",
    "<title>",
    "<noscript><",
    "<",
    "</",
    "<a ",
    "<a b=",
    "<!",
    "<?",
    "<x=",
)
fragments = st.lists(
    st.sampled_from([*HOSTILE, "-->", ">", '"', "</script>", "</title>", " ", "\n", "a", "=", "/", "я"])
)


def work(page: bytes) -> int:
    counted, lower = Counting(page), Counting(page.lower())
    for _ in pieces(counted, lower):
        pass
    return counted.looked + lower.looked


@settings(max_examples=500, deadline=None)
@given(fragments)
def test_no_page_is_looked_through_more_than_a_few_times(parts: list[str]) -> None:
    page = "".join(parts).encode()
    assert work(page) <= 4 * len(page) + 4


@pytest.mark.parametrize("part", HOSTILE)
def test_the_longest_hostile_pages_too(part: str) -> None:
    page = (part * SEARCHED)[:SEARCHED].encode()
    assert work(page) <= 4 * len(page) + 4


@settings(max_examples=300, deadline=None)
@given(fragments)
def test_texts_and_tags_are_parts_of_the_page(parts: list[str]) -> None:
    page = "".join(parts).encode()
    found = list(pieces(page, page.lower()))
    texts = [piece for piece in found if not isinstance(piece, Tag)]
    assert sum(map(len, texts)) <= len(page)
    assert all(piece in page for piece in texts)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=2000), st.sampled_from(["", "text/html", "text/html; charset=utf-16", "text/plain;charset=hz"])
)
def test_any_body_is_described(body: bytes, content_type: str) -> None:
    page = read(body, content_type)
    assert page.body_length == len(body)
    assert len(page.excerpt or "") <= 400
    assert all(len(part) <= 61 for part in page.outline)


def test_markup_is_what_no_article_can_quote() -> None:
    page = "<p class=x>&lt;iframe src=a&gt; b</p><!-- c --><a href=d>e</a><script>f</script><textarea>g</textarea>"
    assert markup(page, "text/html") == "<p class=x> <script>f"
    assert markup(page, "text/plain") == ""


def test_no_more_than_the_beginning_is_read() -> None:
    late = b" " * SEARCHED + b"<title>late</title>"
    assert read(late).title is None
    assert len(text(b"x" * (2 * SEARCHED), "")) == SEARCHED
