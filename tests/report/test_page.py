"""The page: whole in one file, harmless whatever is in it, the same for the same verdicts."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from probe.analysis import by_place, compare, timeline
from probe.history import Evidence, Judged, Point
from probe.model import Outcome, Vantage
from probe.report.page import Facts, document
from probe.report.page.heat_map import SIGNS, word
from probe.report.page.markup import tag
from probe.report.page.scale import Scale
from tests.analysis.rows import BEGIN, HOUR, at, judged, together

_VOID = {"meta"}
_KNOWN_TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "h1", "h2", "h3", "h4",
    "p", "ul", "li", "dl", "dt", "dd", "div", "span", "b", "small", "code", "details", "summary",
    "svg", "text", "rect", "line", "circle",
}  # fmt: skip
_KNOWN_ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "role", "aria-hidden",
    "height", "width", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "text-anchor",
}  # fmt: skip


class Reader(HTMLParser):
    """What a browser would make of it. Fails where an element is not closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.style = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["style"]:
            self.style += data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def evidence(verdict: Judged) -> tuple[Evidence, ...]:
    return (
        Evidence(
            measurement_id=f"m-{verdict.run_id}",
            target=f"https://{verdict.subject}/",
            outcome=verdict.outcome,
            methods=verdict.methods,
            confidence=verdict.confidence,
            code="tcp.timeout",
        ),
    )


def page(rows: Sequence[Judged]) -> str:
    facts = Facts(
        cells=compare(rows, timedelta(days=7)),
        blocks=timeline(rows),
        seen={key: together(*heard.values()) for key, heard in by_place(rows).items()},
        kind="service",
        days=7,
        databases=["a.sqlite"],
        rules_versions=["1"],
        software="probe 1",
    )
    return document(facts, evidence)


WEEK = together(
    judged("oobbboo", at("anna")),
    judged("ooooooo", at("boris")),
    judged("oBBBBBB", at("vera", asn=64497, network="Blackhole Mobile")),
    judged("oBBBBBB", at("boris"), subject="bbm"),
    judged("dr?dddd", at("vera", asn=64497, network="Blackhole Mobile"), subject="bbm"),
)


def test_it_is_whole_and_fetches_and_runs_nothing() -> None:
    read = Reader(page(WEEK))
    assert read.tags - {"title"} <= _KNOWN_TAGS
    assert {name for name, _ in read.attributes} <= _KNOWN_ATTRIBUTES
    assert not re.search(r"url\(|@import|expression|</", read.style)


def test_its_own_policy_allows_its_style_and_nothing_else() -> None:
    read = Reader(page(WEEK))
    digest = base64.b64encode(hashlib.sha256(read.style.encode()).digest()).decode()
    policy = next(value for name, value in read.attributes if name == "content" and "default-src" in (value or ""))
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_the_same_verdicts_give_the_same_page() -> None:
    assert page(WEEK) == page(list(WEEK))


def test_every_conclusion_opens_its_evidence() -> None:
    read = Reader(page(WEEK))
    for verdict in [cell.said[0].verdict for cell in compare(WEEK, timedelta(days=7))]:
        assert f"m-{verdict.run_id}" in read.text
    for block in timeline(WEEK):
        for verdict in (*block.begin.verdicts, *(block.end.verdicts if block.end else ())):
            assert f"m-{verdict.run_id}" in read.text


def test_nothing_is_told_by_colour_alone() -> None:
    assert set(SIGNS) == {*Outcome, None}
    assert len(set(SIGNS.values())) == len(SIGNS)
    read = Reader(page(WEEK))
    for cell in compare(WEEK, timedelta(days=7)):
        assert f"{SIGNS[cell.outcome]} {word(cell.outcome)}" in read.text
    told = "blocked (dns; confirmed), first seen 2017-05-01 01:00, last 2017-05-01 06:00, no end seen"
    assert read.texts.count(told) == 2 * 2  # of two blocks: in the drawing, and beside it


HOSTILE = (
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt;&amp;#60;",
    "javascript:alert(1)",
    "{{7*7}}${7*7}",
    "%3Cscript%3E%s%(columns)d",
    "]]><!--",
)
UNSEEN = "a\x00b\x1b[2Jc\u202ed\u200be\ud800f\x85g"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_attributes_are_attributes(text: str) -> None:
    read = Reader(tag("p", "x", lang=text))
    assert (read.tags, read.attributes, read.text) == ({"p"}, [("lang", text)], "x")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text: str) -> None:
    """In every place where a text from elsewhere can stand."""
    vantage = Vantage(name=f"vantage {text}", country="RU", asn=1, network=f"network {text}")
    rows = [
        replace(row, reason=f"reason {text}", rules_version=f"rules {text}", source="x", run_id=f"run {text}{number}")
        for number, row in enumerate(judged("obbooB", vantage, subject=f"subject {text}", source=f"source {text}"))
    ]
    read = Reader(page(rows))
    assert read.tags <= _KNOWN_TAGS
    assert {name for name, _ in read.attributes} <= _KNOWN_ATTRIBUTES
    for place in ("vantage", "network", "subject", "source", "reason", "rules", "run", "m-run"):
        assert f"{place} {text}" in read.text
    assert not read.style.count("alert")


def test_what_cannot_be_seen_is_shown_as_such() -> None:
    shown = page(judged("oB", Vantage(name=UNSEEN), subject=UNSEEN, source=UNSEEN))
    shown.encode("utf-8")
    assert not set(shown) & set("\x00\x1b\u202e\u200b\ud800\x85")
    assert "a\N{REPLACEMENT CHARACTER}b" in shown


@pytest.mark.parametrize("letters", ["o", "B", "?"])
def test_one_verdict_makes_a_page(letters: str) -> None:
    assert word(judged(letters)[0].outcome) in Reader(page(judged(letters))).text


def test_a_column_for_each_of_many_networks() -> None:
    rows = together(*(judged("oB", at("v", asn=number, network=f"Net {number}")) for number in range(1, 61)))
    read = Reader(page(rows))
    assert "repeat(60," in read.style
    assert {value for name, value in read.attributes if name == "class"} >= {
        f"cell blocked confirmed c{n}" for n in range(1, 61)
    }


# A stretch of time in hours, and how its round moments are written.
TICKS = {
    "a moment": (0.0, ["05-01 00:00"]),
    "minutes": (
        0.1,
        ["05-01 00:00", "05-01 00:01", "05-01 00:02", "05-01 00:03", "05-01 00:04", "05-01 00:05", "05-01 00:06"],
    ),
    "a day": (24.0, ["05-01 00:00", "05-01 06:00", "05-01 12:00", "05-01 18:00", "05-02 00:00"]),
    "four days": (96.0, ["2017-05-01", "2017-05-02", "2017-05-03", "2017-05-04", "2017-05-05"]),
    "a year": (24 * 366.0, ["2017-06-12", "2017-09-11", "2017-12-11", "2018-03-12"]),
}


@pytest.mark.parametrize(("hours", "written"), TICKS.values(), ids=TICKS)
def test_round_moments(hours: float, written: list[str]) -> None:
    scale = Scale(BEGIN, BEGIN + hours * HOUR)
    assert [text for _, text in scale.ticks()] == written


def test_where_a_moment_stands() -> None:
    scale = Scale(BEGIN, BEGIN + 4 * HOUR)
    assert [scale.percent(BEGIN + number * HOUR) for number in (-1, 0, 1, 4, 9)] == [
        "0.000%", "0.000%", "25.000%", "100.000%", "100.000%",
    ]  # fmt: skip
    assert scale.length(BEGIN, BEGIN + 3 * HOUR) == "75.000%"
    assert Scale(BEGIN, BEGIN).percent(BEGIN) == "50.000%"


def test_the_point_is_named_with_its_database() -> None:
    rows = [replace(row, point=Point(row.point.vantage, "of-anna.sqlite")) for row in judged("oB")]
    assert "home in of-anna.sqlite" in Reader(page(rows)).text
