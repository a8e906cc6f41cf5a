"""What is read out of a page: its title, how its text begins, what it is built of, and where it sends its visitor.

Law: pure, and facts only. Linear in the size of the page, however hostile: each search begins where the last one ended
or is the last, and no more than SEARCHED bytes are looked at.
"""

from __future__ import annotations

import codecs
import hashlib
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from probe.model import HttpDetail

SEARCHED = 65_536
"""Bytes of a body that are read: block pages are small, and the head of any page is well within it."""
_LONGEST_TITLE = 500
_LONGEST_EXCERPT = 400
_MOST_PARTS = 48
_LONGEST_PART = 60
_LONGEST_URL = 2048
_LONGEST_DELAY = 6  # digits

# What a browser that runs scripts does not show or obey: the text in there is text and not markup.
_RAW = frozenset(
    {
        b"iframe", b"noembed", b"noframes", b"noscript", b"script", b"style", b"template", b"textarea", b"title",
        b"xmp",
    }
)  # fmt: skip
_SAID = frozenset({b"a", b"area", b"textarea", b"title", b"xmp"})
"""Elements that are texts or links."""
# Elements for which something is fetched or to which something is sent, and the attribute that names it.
_FETCHED: Mapping[bytes, bytes] = {
    b"embed": b"src",
    b"form": b"action",
    b"frame": b"src",
    b"iframe": b"src",
    b"img": b"src",
    b"input": b"src",
    b"link": b"href",
    b"object": b"data",
    b"script": b"src",
    b"source": b"src",
}
_NAME = re.compile(rb"[a-z][a-z0-9-]*")
_ELEMENT = re.compile(rb"[^\s/>]*")
_ATTRIBUTE = re.compile(rb"=?[^\s/>=]*")
_UNQUOTED = re.compile(rb"[^\s>]*")
_BLANKS = re.compile(rb"[\s/]*")
_SPACE = re.compile(rb"\s*")
_HOST = re.compile(rb"[a-z0-9._-]+")
_SCHEME = re.compile(rb"[a-z][a-z0-9+.-]*:")
# Codecs of Python that are no charset of a page: some take a time that grows with the square of the text.
_NO_CHARSETS = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf-7"})


@dataclass(frozen=True, slots=True)
class Tag:
    """One opening tag of a page; for an element whose content is no markup, with that content."""

    name: bytes
    attributes: Mapping[bytes, bytes]
    source: bytes
    """As it is written, attributes and all."""
    content: bytes = b""


def describe(detail: HttpDetail, body: bytes, *, truncated: bool = False) -> HttpDetail:
    """An exchange with the columns that its body gives."""
    content_type = detail.header("content-type") or ""
    facts = _Facts()
    if _is_markup(content_type):
        facts.read(text(body, content_type).encode("utf-8", "replace"))
    elif _is_text(content_type):
        facts.say(text(body, content_type))
    refresh, delay = _refresh((detail.header("refresh") or "").encode())
    if refresh is None:
        refresh, delay = facts.refresh, facts.delay
    return replace(
        detail,
        title=facts.title,
        excerpt=" ".join(facts.words)[:_LONGEST_EXCERPT] or None,
        outline=tuple(facts.parts),
        refresh=refresh,
        refresh_seconds=delay,
        body_sha256=hashlib.sha256(body).hexdigest(),
        body_length=len(body),
        body_truncated=truncated,
    )


def text(body: bytes, content_type: str) -> str:
    """The beginning of a body as text: UTF-8 where it is, as it mostly is whatever is said of it, and otherwise in the
    charset that the header names, or else the page."""
    head = body[:SEARCHED]
    if not head.isascii() and _is_utf8(head):
        return head.decode("utf-8", "replace")
    encoding = _charset(content_type)
    if "charset=" not in content_type.lower():
        encoding = _charset(head[:2048].decode("ascii", "ignore").replace(">", ";").replace("/", ";"))
    try:
        return head.decode(encoding, "replace")
    except (LookupError, UnicodeError, ValueError):
        return head.decode("utf-8", "replace")


def markup(page: str, content_type: str) -> str:
    """What a page does, without what it says: its tags and scripts, and no texts, comments or links.

    A text can be quoted by anybody, and a link can lead anywhere. A body that is no page has none.
    """
    if not _is_markup(content_type):
        return ""
    source = page.encode("utf-8", "replace")
    tags = (piece for piece in pieces(source, source.lower()) if isinstance(piece, Tag) and piece.name not in _SAID)
    return b" ".join(tag.source + tag.content for tag in tags).decode("utf-8", "replace")


def _is_utf8(head: bytes) -> bool:
    """It is UTF-8, up to a character that the end may have cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _charset(content_type: str) -> str:
    """The charset a Content-Type names, where Python knows it; UTF-8 otherwise (RFC 9110 §8.3.2)."""
    _, _, after = content_type.lower().partition("charset=")
    name = after.split(";")[0].strip(" \"'")
    try:
        found = codecs.lookup(name).name if name else "utf-8"
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if found in _NO_CHARSETS else found


def _is_text(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind.endswith(("json", "javascript"))


def _is_markup(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return not kind or kind.endswith(("html", "xml"))


@dataclass(slots=True)
class _Facts:
    """What has been read of a page so far."""

    title: str | None = None
    words: list[str] = field(default_factory=list)
    parts: dict[str, None] = field(default_factory=dict)
    refresh: str | None = None
    delay: int | None = None
    _length: int = 0

    def read(self, page: bytes) -> None:
        """Reads as far as there is something left to learn: what stands in a head comes before any text."""
        for piece in pieces(page, page.lower()):
            if isinstance(piece, Tag):
                self._read_tag(piece)
            elif self._length <= _LONGEST_EXCERPT:
                folded = b" ".join(piece.split())[: 4 * _LONGEST_EXCERPT]
                if folded:
                    self.say(html.unescape(folded.decode("utf-8", "ignore")))
            elif len(self.parts) == _MOST_PARTS:
                return

    def say(self, said: str) -> None:
        """Adds to the text that is shown."""
        words = said.split()
        if not said.isprintable():
            words = [word if word.isprintable() else _printable(word) for word in words]
        self.words += words
        self._length += sum(map(len, words)) + len(words)

    def _read_tag(self, tag: Tag) -> None:
        if tag.name == b"title" and self.title is None:
            self.title = " ".join(html.unescape(tag.content.decode("utf-8", "ignore")).split())[:_LONGEST_TITLE] or None
        if tag.name == b"meta" and self.refresh is None and _is_refresh(tag):
            self.refresh, self.delay = _refresh(tag.attributes.get(b"content", b""))
        if len(self.parts) < _MOST_PARTS:
            for part in _parts(tag):
                if len(self.parts) < _MOST_PARTS:
                    self.parts[part] = None


def _is_refresh(tag: Tag) -> bool:
    return tag.attributes.get(b"http-equiv", b"").lower() == b"refresh"


def _printable(word: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in word)


def pieces(page: bytes, lower: bytes) -> Iterator[bytes | Tag]:
    """A page (UTF-8) as its texts and opening tags, in order; `lower` is the same in lower case.

    As a browser that runs scripts reads it: comments, scripts and what is there for want of scripts are no texts.
    """
    at = 0
    while (opening := lower.find(b"<", at)) >= 0:
        if opening > at:
            yield page[at:opening]
        after = lower[opening + 1 : opening + 2]
        if after.isalpha():
            read = _tag(page, lower, opening)
            if read is None:
                return
            tag, at = read
            yield tag
        elif after in (b"!", b"?", b"/"):
            comment = lower.startswith(b"<!--", opening)
            end = lower.find(b"-->", opening + 2) if comment else lower.find(b">", opening)
            if end < 0:
                return
            at = end + (3 if comment else 1)
        else:
            yield b"<"
            at = opening + 1
    if at < len(page):
        yield page[at:]


def _tag(page: bytes, lower: bytes, opening: int) -> tuple[Tag, int] | None:
    """The tag that opens there, and where what follows begins; None where it has no end."""
    name = _ELEMENT.match(lower, opening + 1)
    assert name is not None, "it matches anything"
    attributes, at = dict[bytes, bytes](), name.end()
    if page[at : at + 1] == b">":  # as most tags are
        at += 1
    elif (read := _attributes(page, lower, at)) is not None:
        attributes, at = read
    else:
        return None
    source = page[opening:at]
    if name[0] not in _RAW:
        return Tag(name[0], attributes, source), at
    end = lower.find(b"</" + name[0], at)
    return (Tag(name[0], attributes, source, page[at:end]), end) if end >= 0 else None


def _attributes(page: bytes, lower: bytes, at: int) -> tuple[dict[bytes, bytes], int] | None:
    """The attributes up to the end of a tag, the first of a name each, and where that is; None where there is none."""
    found: dict[bytes, bytes] = {}
    while True:
        at = _end(_BLANKS, page, at)
        if at >= len(page):
            return None
        if page[at : at + 1] == b">":
            return found, at + 1
        begin, at = at, _end(_ATTRIBUTE, page, at)
        name, value = lower[begin:at], b""
        equals = _end(_SPACE, page, at)
        if page[equals : equals + 1] == b"=":
            begin = _end(_SPACE, page, equals + 1)
            quote = page[begin : begin + 1]
            if quote in (b'"', b"'"):
                close = page.find(quote, begin + 1)
                if close < 0:
                    return None
                value, at = page[begin + 1 : close], close + 1
            else:
                at = _end(_UNQUOTED, page, begin)
                value = page[begin:at]
        found.setdefault(name, value)


def _end(pattern: re.Pattern[bytes], page: bytes, at: int) -> int:
    """Where a pattern that matches anything, be it nothing, ends."""
    match = pattern.match(page, at)
    return match.end() if match is not None else at


def _parts(tag: Tag) -> list[str]:
    """What a tag adds to an outline: `name`, `#id`, `.class`, and `//host` or `/` for what is fetched."""
    parts = [named] if (named := _element(tag.name)) is not None else []
    attributes = tag.attributes
    if not attributes:
        return parts
    words = [b"#" + word for word in attributes.get(b"id", b"").split()[:1]]
    words += [b"." + word for word in attributes.get(b"class", b"").split()[:_MOST_PARTS]]
    for word in words:
        shown = word.decode("utf-8", "replace")
        if len(shown) > 1 and len(shown) <= _LONGEST_PART and shown.isprintable():
            parts.append(shown)
    fetched = attributes.get(_FETCHED.get(tag.name, b""), b"").strip().lower()[:_LONGEST_URL]
    if fetched.startswith((b"http:", b"https:", b"//")):
        host = _HOST.match(fetched.partition(b"//")[2])
        if host is not None and len(host[0]) <= _LONGEST_PART:
            parts.append(f"//{host[0].decode()}")
    elif fetched and not fetched.startswith(b"#") and not _SCHEME.match(fetched):
        parts.append("/")
    return parts


@lru_cache(maxsize=256)
def _element(name: bytes) -> str | None:
    return name[:_LONGEST_PART].decode() if _NAME.fullmatch(name) else None


def _refresh(content: bytes) -> tuple[str | None, int | None]:
    """Where a refresh leads, and after how many seconds; None for one that only loads the page again (HTML standard,
    shared declarative refresh steps)."""
    said = html.unescape(content[: 2 * _LONGEST_URL].decode("utf-8", "replace")).strip()
    rest = said.lstrip("0123456789")
    digits = said[: len(said) - len(rest)]
    if not digits and not rest.startswith("."):
        return None, None
    rest = rest.lstrip(".0123456789")
    if rest and rest[0] not in ";, \t\n\r\f":
        return None, None
    url = rest.strip().lstrip(";,").strip()
    if url[:3].lower() == "url" and url[3:].lstrip().startswith("="):
        url = url[3:].lstrip()[1:].lstrip()
    if url[:1] in ("'", '"'):
        url = url[1:].partition(url[0])[0]
    url = url.strip()
    if not url or len(url) > _LONGEST_URL or len(digits) > _LONGEST_DELAY:
        return None, None
    return url, int(digits or "0")
