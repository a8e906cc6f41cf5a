"""Are two pages over plain HTTP the same site's, or did somebody else answer?

Law: pure, and of three answers: the same, another's, unclear. A dynamic page differs in every byte and is the same;
what both lack proves nothing. Only a page that shares nothing at all is another's.
"""

from __future__ import annotations

from enum import StrEnum

from probe.model import HttpDetail

# Header names that any server sends: sharing them says nothing.
_COMMON_HEADERS = frozenset(
    {
        "accept-ranges", "age", "alt-svc", "cache-control", "connection", "content-encoding", "content-language",
        "content-length", "content-type", "date", "etag", "expires", "keep-alive", "last-modified", "location",
        "pragma", "server", "set-cookie", "transfer-encoding", "vary", "via", "x-content-type-options",
        "x-frame-options", "x-xss-protection",
    }
)  # fmt: skip
_ENOUGH = 3
"""Differences, of the five that are looked at. A page that only changes its title and length is still the site's."""
_CLOSE = 0.7  # the shorter body has at least this share of the longer one's bytes

_HUMAN_TEST_HEADERS = frozenset({"cf-mitigated", "cf-chl-bypass", "x-amzn-waf-action"})


class Likeness(StrEnum):
    SAME = "same"
    OTHER = "other"
    UNCLEAR = "unclear"


def compare(mine: HttpDetail, theirs: HttpDetail) -> Likeness:
    """How the page here relates to the one a control was given for the same address."""
    if mine.body_sha256 == theirs.body_sha256 and mine.body_length:
        return Likeness.SAME
    same_class = _status_class(mine) == _status_class(theirs)
    shared_own = bool(_own_headers(mine) & _own_headers(theirs))
    differences = (
        not same_class,
        mine.title != theirs.title,
        bool(_own_headers(theirs)) and not shared_own,
        _header(mine, "server") != _header(theirs, "server"),
        not _close(mine, theirs),
    )
    # A page at another path of the same site (a country's own start page) has every right to differ.
    if sum(differences) >= _ENOUGH and not shared_own and mine.url == theirs.url:
        return Likeness.OTHER
    titled = bool(mine.title) and mine.title == theirs.title
    return Likeness.SAME if same_class and (titled or (not any(differences) and shared_own)) else Likeness.UNCLEAR


def asks_for_a_human(page: HttpDetail) -> bool:
    """A CAPTCHA or firewall page: whether the site or somebody else sent it cannot be told from plain HTTP."""
    if page.status not in (403, 429, 503):
        return False
    names = {name for name, _ in page.headers}
    title = (page.title or "").lower()
    return bool(names & _HUMAN_TEST_HEADERS) or any(
        word in title for word in ("captcha", "attention required", "just a moment", "are you human", "robot")
    )


def _status_class(page: HttpDetail) -> int:
    return (page.status or 0) // 100


def _own_headers(page: HttpDetail) -> frozenset[str]:
    cookies = {f"cookie {value.split('=')[0].strip()}" for name, value in page.headers if name == "set-cookie"}
    return frozenset({name for name, _ in page.headers} - _COMMON_HEADERS) | cookies


def _header(page: HttpDetail, wanted: str) -> str | None:
    return next((value for name, value in page.headers if name == wanted), None)


def _close(mine: HttpDetail, theirs: HttpDetail) -> bool:
    if mine.body_truncated or theirs.body_truncated:
        return mine.body_truncated and theirs.body_truncated
    short, long = sorted((mine.body_length or 0, theirs.body_length or 0))
    return short >= long * _CLOSE
