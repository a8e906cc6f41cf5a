"""The page as a whole.

Law: one file that fetches nothing, runs nothing and sends nothing, by its own policy as well. It is made of the
verdicts alone: the same ones give the same page to the byte. What servers sent is not in it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from probe.history import Block, Cell
from probe.report.comparison import counted, moment_text
from probe.report.page.evidence import Ask
from probe.report.page.heat_map import MEANINGS, SIGNS, heat_map, legend, word
from probe.report.page.markup import Markup, joined, tag
from probe.report.page.scale import Scale
from probe.report.page.style import style
from probe.report.page.tracks import Seen, tracks


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the page is made of."""

    cells: Sequence[Cell]
    blocks: Sequence[Block]
    seen: Seen
    kind: str
    """What the verdicts are on: `service` or `target`."""
    days: float
    """The window of the cells."""
    databases: Sequence[str]
    rules_versions: Sequence[str]
    software: str


def document(facts: Facts, ask: Ask) -> str:
    """The page. There must be verdicts."""
    rows = [row for each in facts.seen.values() for row in each]
    scale = Scale(min(row.started_at for row in rows), max(row.until for row in rows))
    places = sorted({cell.place for cell in facts.cells})
    look = style(len(places))
    subjects, networks = len({cell.subject for cell in facts.cells}), counted(len(places), "network")
    countries = ", ".join(sorted({place.country for place in places} - {"ZZ"}))
    where = f"{networks} ({countries})" if countries else networks
    when = f"from {moment_text(scale.first)} to {moment_text(scale.last)} UTC"
    lead = f"{counted(subjects, facts.kind)} in {where}, measured {when}."
    body = tag(
        "body",
        tag("header", tag("h1", "Who can reach what"), tag("p", lead)),
        tag("main", _now(facts, heat_map(facts.cells, places, ask)), _over_time(facts, scale, ask), _reading()),
        _footer(facts),
    )
    return f"<!doctype html>\n{tag('html', _head(look), body, lang='en')}\n"


def _head(look: str) -> Markup:
    digest = base64.b64encode(hashlib.sha256(look.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", "Who can reach what"),
        tag("style", Markup(look)),
    )


def _now(facts: Facts, shown: Markup) -> Markup:
    days = f"{facts.days:g} {'day' if facts.days == 1 else 'days'}"
    text = f"By the newest verdict of each vantage point in the last {days} of it. Open a cell for its evidence."
    return tag("section", tag("h2", "Now"), tag("p", text), legend(), shown)


def _over_time(facts: Facts, scale: Scale, ask: Ask) -> Markup:
    text = (
        "A block begins with the first of two verdicts in a row that say so, or with one that proves itself, and ends "
        "with the first of two that say otherwise. ● first seen, ○ over, ▸ no end seen; pale: it may have begun or "
        "ended anywhere there. Strokes below are verdicts: long ones say blocked. Times are UTC."
    )
    if not facts.blocks:
        return tag("section", tag("h2", "Blocks over time"), tag("p", "No block was seen."))
    return tag("section", tag("h2", "Blocks over time"), tag("p", text), tracks(facts.blocks, facts.seen, scale, ask))


def _reading() -> Markup:
    words = [joined(tag("dt", f"{sign} {word(each)}"), tag("dd", MEANINGS[each])) for each, sign in SIGNS.items()]
    sure = joined(
        tag("dt", "confirmed, likely, possible"),
        tag("dd", "interference proved itself; it was repeated, and a control contradicts it; seen once, or with gaps"),
    )
    return tag("section", tag("h2", "What the words mean"), tag("dl", *words, sure))


def _footer(facts: Facts) -> Markup:
    explain = "`probe explain ID` tells what a measurement saw, step by step."
    made = f"Made by {facts.software} from {', '.join(facts.databases)}; rules {', '.join(facts.rules_versions)}."
    return tag("footer", tag("p", explain), tag("p", made, class_="faint"))
