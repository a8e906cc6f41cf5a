"""The few facts that are read out of a page: its text and its title.

Law: pure, and linear in the size of the page: no pattern here can be made slow by a hostile body.
"""

from __future__ import annotations

import codecs
import html

_SEARCHED = 65_536
_LONGEST_TITLE = 500


def charset(content_type: str) -> str:
    """The charset a Content-Type names, where Python knows it; UTF-8 otherwise (RFC 9110 §8.3.2)."""
    _, _, after = content_type.lower().partition("charset=")
    name = after.split(";")[0].strip(" \"'")
    try:
        return codecs.lookup(name).name if name else "utf-8"
    except (LookupError, ValueError):
        return "utf-8"


def title(body: bytes, content_type: str) -> str | None:
    """The text of the first `<title>`, white space folded, entities resolved; None where there is none."""
    head = body[:_SEARCHED]
    encoding = charset(content_type)
    if "charset=" not in content_type.lower():
        encoding = charset(head[:2048].decode("ascii", "ignore").replace(">", ";").replace("/", ";"))
    try:
        text = head.decode(encoding, "replace")
    except (LookupError, UnicodeError, ValueError):
        text = head.decode("utf-8", "replace")
    lower = text.lower()
    if len(lower) != len(text):  # a letter whose lower case is longer would shift every index
        lower = text
    opening = lower.find("<title")
    start = lower.find(">", opening) + 1
    end = lower.find("</title", start)
    if opening < 0 or start <= 0 or end < 0:
        return None
    return " ".join(html.unescape(text[start:end]).split())[:_LONGEST_TITLE] or None
