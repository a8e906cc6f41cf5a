"""Are two pages over plain HTTP the same site's, or did somebody else answer?

Law: pure, symmetric, and of three answers: the same, another's, unclear. Each aspect says alike, unlike, or nothing; a
dynamic page differs in every byte and is the same, and what both lack proves nothing. Only a page that has nothing of
the other's is another's: a site that is down for repair, asks for consent or speaks another language is still itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from probe.model import HttpDetail

# Header names, and cookies, that any server, framework or cache sends: sharing them says nothing.
_COMMON_HEADERS = frozenset(
    {
        "accept-ranges", "access-control-allow-origin", "age", "allow", "alt-svc", "cache-control", "connection",
        "content-disposition", "content-encoding", "content-language", "content-length", "content-security-policy",
        "content-type", "date", "etag", "expires", "keep-alive", "last-modified", "link", "location", "mime-version",
        "p3p", "permissions-policy", "pragma", "proxy-connection", "referrer-policy", "refresh", "retry-after",
        "server", "set-cookie", "strict-transport-security", "transfer-encoding", "upgrade", "vary", "via", "warning",
        "x-cache", "x-cache-lookup", "x-content-type-options", "x-frame-options", "x-powered-by", "x-ua-compatible",
        "x-xss-protection",
    }
)  # fmt: skip
_COMMON_COOKIES = frozenset({"asp.net_sessionid", "jsessionid", "phpsessid"})
_HUMAN_TEST_HEADERS = frozenset({"cf-mitigated", "cf-chl-bypass", "x-amzn-waf-action"})

_ENOUGH = 3
"""Unlike aspects that make another's page. A page that only changes its title and length is still the site's."""
_CLOSE = 0.7
"""The shorter body has at least this share of the longer one's bytes."""
_TITLES_ALIKE, _TITLES_UNLIKE = 0.5, 0.3
_TEXTS_ALIKE, _TEXTS_UNLIKE = 0.5, 0.15
"""Of the shorter text's runs of four letters, in the other. Two texts in one language have a few in common."""
_OUTLINES_ALIKE = 0.5
_LEAST_TEXT, _SOME_TEXT = 12, 16
"""Different runs of four letters: fewer are too few to compare, as many are a text."""
_COMPARED = 500
"""Characters: as many as a title or an excerpt of ours has. A control may send more."""
_SOME_PARTS = 5
"""Parts of an outline that are a site's own: as many as a page made by hand to be shown for any site has not."""


class Likeness(StrEnum):
    SAME = "same"
    OTHER = "other"
    UNCLEAR = "unclear"


def compare(mine: HttpDetail, theirs: HttpDetail) -> Likeness:
    """How the page here relates to the one a control was given for the same address."""
    if _has_same_body(mine, theirs) and _status_class(mine) == _status_class(theirs):
        return Likeness.SAME
    seen = {name: aspect(mine, theirs) for name, aspect in ASPECTS.items()}
    if _is_same(seen, mine, theirs):
        return Likeness.SAME
    return Likeness.OTHER if _is_others(seen, mine, theirs) else Likeness.UNCLEAR


def _is_same(seen: Mapping[str, bool | None], mine: HttpDetail, theirs: HttpDetail) -> bool:
    differences = sum(said is False for said in seen.values())
    if seen["status"] is False:
        return False
    if seen["text"] or seen["outline"]:
        return True
    if seen["title"]:
        return differences < _ENOUGH and (mine.title == theirs.title or bool(seen["headers"]))
    return differences == 0 and bool(seen["headers"])


def _is_others(seen: Mapping[str, bool | None], mine: HttpDetail, theirs: HttpDetail) -> bool:
    # A page at another path of the same site (a country's own start page) has every right to differ.
    if mine.url != theirs.url or seen["text"] or seen["outline"]:
        return False
    content_differs = seen["text"] is False or seen["outline"] is False
    if seen["headers"]:
        # Its own servers are likely to have sent it, so that there has to be something, and all of it somebody else's.
        nothing = seen["title"] is False and seen["text"] is False and not _own_parts(mine) & _own_parts(theirs)
        return nothing and bool(mine.excerpt and theirs.excerpt) and _status_class(mine) == _status_class(theirs) == 2
    if max(_status_class(mine), _status_class(theirs)) > 3 and mine.header("server") and seen["server"] is None:
        return False  # an error told by the same kind of server: the site's as likely as anybody's
    differences = sum(said is False for said in seen.values())
    return differences >= _ENOUGH and (not seen["title"] or content_differs)


def asks_for_a_human(page: HttpDetail) -> bool:
    """A CAPTCHA or firewall page: whether the site or somebody else sent it cannot be told from plain HTTP."""
    if page.status not in (403, 429, 503):
        return False
    names = {name for name, _ in page.headers}
    title = (page.title or "").lower()
    return bool(names & _HUMAN_TEST_HEADERS) or any(
        word in title for word in ("captcha", "attention required", "just a moment", "are you human", "robot")
    )


# The aspects: True for alike, False for unlike, None where it says nothing.


def _status(mine: HttpDetail, theirs: HttpDetail) -> bool | None:
    return None if _status_class(mine) == _status_class(theirs) else False


def _title(mine: HttpDetail, theirs: HttpDetail) -> bool | None:
    """By pairs of letters, so that titles without blanks compare as well. A name within another says nothing."""
    here, there = _letters(mine.title), _letters(theirs.title)
    if not here or not there:
        return None if here == there else False
    a, b = _runs(here, 2), _runs(there, 2)
    share = 2 * len(a & b) / (len(a) + len(b))
    if share >= _TITLES_ALIKE:
        return True
    return False if share < _TITLES_UNLIKE and here not in there and there not in here else None


def _text(mine: HttpDetail, theirs: HttpDetail) -> bool | None:
    """By runs of four letters: how much of the shorter beginning is in the other one."""
    if not _both_known(mine, theirs):
        return None
    few, many = sorted((_runs(_letters(page.excerpt), 4) for page in (mine, theirs)), key=len)
    share = len(few & many) / len(few) if few else 0.0
    if len(few) < _LEAST_TEXT:
        return False if len(many) >= max(_SOME_TEXT, 2 * len(few)) and share < _TEXTS_UNLIKE else None
    if share >= _TEXTS_ALIKE:
        return True
    return False if share <= _TEXTS_UNLIKE else None


def _outline(mine: HttpDetail, theirs: HttpDetail) -> bool | None:
    """By what each page is built of that other pages are not."""
    a, b = _own_parts(mine), _own_parts(theirs)
    if not _both_known(mine, theirs) or max(len(a), len(b)) < _SOME_PARTS:
        return None
    if 2 * len(a & b) / (len(a) + len(b)) >= _OUTLINES_ALIKE:
        return True
    return None if a & b else False


def _headers(mine: HttpDetail, theirs: HttpDetail) -> bool | None:
    a, b = _own_headers(mine), _own_headers(theirs)
    return bool(a & b) if a or b else None


def _server(mine: HttpDetail, theirs: HttpDetail) -> bool | None:
    return None if mine.header("server") == theirs.header("server") else False


def _length(mine: HttpDetail, theirs: HttpDetail) -> bool | None:
    """An equal length proves nothing: it is the first thing that a copy would have."""
    if mine.body_truncated or theirs.body_truncated:
        return None if mine.body_truncated and theirs.body_truncated else False
    if mine.body_length is None or theirs.body_length is None:
        return None
    short, long = sorted((mine.body_length, theirs.body_length))
    return None if short >= long * _CLOSE else False


ASPECTS: Mapping[str, Callable[[HttpDetail, HttpDetail], bool | None]] = {
    "status": _status,
    "title": _title,
    "text": _text,
    "outline": _outline,
    "headers": _headers,
    "server": _server,
    "length": _length,
}


def _has_same_body(mine: HttpDetail, theirs: HttpDetail) -> bool:
    """The very same bytes, and not none."""
    same = _both_known(mine, theirs) and mine.body_sha256 == theirs.body_sha256
    return same and bool(mine.body_length and theirs.body_length)


def _both_known(mine: HttpDetail, theirs: HttpDetail) -> bool:
    """Both bodies were read by a program of ours: some controls tell no more than a title and a length."""
    return mine.body_sha256 is not None and theirs.body_sha256 is not None


def _status_class(page: HttpDetail) -> int:
    return (page.status or 0) // 100


def _letters(text: str | None) -> str:
    return "".join(c for c in (text or "")[:_COMPARED].casefold() if c.isalnum())


def _runs(letters: str, length: int) -> frozenset[str]:
    """Every run of so many letters; a shorter text is one run."""
    if not letters:
        return frozenset()
    return frozenset(letters[at : at + length] for at in range(max(1, len(letters) - length + 1)))


def _own_parts(page: HttpDetail) -> frozenset[str]:
    """Ids, classes and hosts of an outline: any page has elements."""
    return frozenset(part for part in page.outline if part.startswith(("#", ".", "/")))


def _own_headers(page: HttpDetail) -> frozenset[str]:
    cookies = {value.split("=")[0].strip() for name, value in page.headers if name == "set-cookie"}
    own = {f"cookie {name}" for name in cookies if name.lower() not in _COMMON_COOKIES}
    return frozenset({name for name, _ in page.headers} - _COMMON_HEADERS | own)
