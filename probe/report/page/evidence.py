"""The measurements that a conclusion rests on, each with its target, its verdict and its id."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from probe.history import Evidence, Judged
from probe.report.comparison import how_text
from probe.report.page.markup import Markup, tag

Ask = Callable[[Judged], tuple[Evidence, ...]]
"""Where the evidence of a verdict comes from."""


def items(evidence: Iterable[Evidence]) -> Markup:
    """A list of them."""
    return tag("ul", *map(_item, evidence), class_="evidence")


def _item(each: Evidence) -> Markup:
    how = how_text(each.methods, each.confidence)
    return tag(
        "li",
        tag("span", f"{each.outcome}{f' ({how})' if how else ''}"),
        tag("code", each.target),
        tag("code", each.code or ""),
        tag("code", each.measurement_id, class_="id"),
    )
