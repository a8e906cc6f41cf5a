"""Elements of a page as text.

Law: every text is made harmless (`safe`) and escaped on its way into an element, and there is no other way in. Only
what `tag` has made is taken as it is.
"""

from __future__ import annotations

from html import escape

from probe.report.safe import safe

_VOID = frozenset({"meta"})
_LONGEST = 1000


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *children: str | None, **attributes: str | None) -> Markup:
    """An element. Of an attribute's name a last `_` is left out, others become `-`; what is None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(safe(value, _LONGEST))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = joined(*children)
    return Markup(f"<{name}{written}>" if name in _VOID else f"<{name}{written}>{inner}</{name}>")


def joined(*children: str | None, by: str = "") -> Markup:
    """Several things one after the other."""
    return Markup(by.join(_inner(child) for child in children if child is not None))


def _inner(child: str) -> str:
    return child if isinstance(child, Markup) else escape(safe(child, _LONGEST))
