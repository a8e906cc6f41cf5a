"""Where rows of packets that go only so far place a block; and that they never change a verdict.

A path is told in letters, one for each hop limit from 1 on: `e` expired at a router that has a name, `o` expired on an
open connection, where no router is told, `.` silence, `h` silence that was not waited for, `a` answered or arrived,
`r` cut, `f` refused, `x` rejected by ICMP. A letter after a slash is another try with the limit before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.classify import classify, located, location_of
from probe.classify.location import Manner
from probe.failure import Failure as F
from probe.model import Detail, DnsDetail, Experiment, HttpDetail, Measurement, Observation, TcpDetail, TlsDetail
from tests.classify.golden import GOLDEN, Golden
from tests.classify.stories import CONTROL, HERE, HTTPS, REAL, Saw

_FAILURE = {"a": None, "r": F.CONNECTION_RESET, "f": F.CONNECTION_REFUSED, "x": F.HOST_UNREACHABLE}
_TCP = TcpDetail(address=REAL, port=443)
_TLS = TlsDetail(address=REAL, port=443, server_name="line.me")
_HTTP = HttpDetail(address=REAL, port=80, url="http://line.me/")
_DNS = DnsDetail(
    hostname="line.me", query_type="A", resolver_address="192.175.48.53", resolver_port=53, transport="udp"
)
_OTHER = replace(_DNS, hostname="example.org")


def told(path: str, detail: Detail) -> Iterator[Observation]:
    """The rows of a path; their ids are put right by `measured`."""
    limit = 0
    for letter in path:
        if letter == "/":
            limit -= 1
            continue
        limit += 1
        expired = isinstance(detail, TcpDetail | TlsDetail | HttpDetail)
        silence = F.HOST_UNREACHABLE if letter in "eo" and expired else F.GENERIC_TIMEOUT
        answered = isinstance(detail, DnsDetail) and letter == "a"
        yield Observation(
            id=1,
            started=2.0,
            runtime=0.2 if letter == "h" else 3.0,
            experiment=Experiment.HOP_LIMIT,
            hop_limit=limit,
            router=f"router {limit}" if letter == "e" else None,
            failure=_FAILURE.get(letter, silence),
            detail=replace(detail, rcode="NOERROR") if answered else detail,  # type: ignore[call-arg]
        )


def measured(*rows: Observation) -> Measurement:
    before = Saw().dns(REAL).tcp(REAL).tls(REAL, F.CONNECTION_RESET, tries=2).rows
    return Saw(rows=[replace(row, id=n) for n, row in enumerate([*before, *rows], start=1)]).measured(HTTPS, HERE)


@dataclass(frozen=True)
class Case:
    story: str
    way: str
    named: str
    expected: tuple[str, int, int | None, int | None]
    """Manner, after, by, end."""
    said: str
    detail: Detail = _TLS


CASES = (
    Case("reset by the third hop", "eeeeea", "oor", ("answered", 2, 3, 6), "The reset comes from hop 3 of the path"),
    Case("reset by the first hop", "eeea", "r", ("answered", 0, 1, 4), "The reset comes from hop 1 of the path"),
    Case("silent routers make it wider", "e..eea", "o..r", ("answered", 1, 4, 6), "comes from hop 2 to 4 of the path"),
    Case("no router but the last is heard of", "....ea", "...or", ("answered", 4, 5, 6), "hop 5"),
    Case("reset beside the report of the router", "eeeeea", "oororo", ("answered", 2, 3, 6), "hop 3"),
    Case("the second try was reset", "eeeeea", "oo/ror", ("answered", 1, 2, 6), "hop 2"),
    Case("the second try was lost", "eeeeea", "oor/.", ("answered", 2, 3, 6), "hop 3"),
    Case("dropped", "eeeeea", "oo...", ("lost", 2, 3, 6), "What carries the name is lost at hop 3 of the path"),
    Case("dropped, beside a silent router", "ee.eea", "oo...", ("lost", 2, 4, 6), "is lost at hop 3 to 4 of the path"),
    Case("dropped, though not waited for", "eeeeea", "oohhh", ("unknown", 2, None, 6), "could not be located"),
    Case("no report reaches an open connection", "eeeeea", ".....", ("unknown", 0, None, 6), "could not be located"),
    Case("nothing before the service", "eeeeea", "ooooo", ("beyond", 5, None, 6), "could not be located more closely"),
    Case("no connection could be made again", "eeeeea", "", ("unknown", 0, None, 6), "could not be located"),
    Case("the kernel tells no router", "xxxxxa", "", ("unknown", 0, None, 6), "could not be located"),
    Case("the service is far", "e" * 30, "", ("unknown", 0, None, None), "the service is past hop 30"),
    Case("the service itself by a shorter way", "eeea", "ooa", ("unknown", 2, None, 4), "could not be located"),
    Case("the page is cut", "eeeeea", "oor", ("answered", 2, 3, 6), "The reset comes from hop 3", _HTTP),
    Case("another page comes", "eea", "oa", ("answered", 1, 2, 3), "What answers in the place of the service", _HTTP),
    Case("refused", "eefff", "", ("answered", 2, 3, None), "The refusal comes from hop 3 of the path"),
    Case("rejected", "eexx", "", ("answered", 2, 3, None), "The word that there is no way there comes from hop 3"),
    Case("no way out of this host", "xxxx", "", ("unknown", 0, None, None), "could not be located"),
    Case("refused, and no router is told", "xxff", "", ("answered", 0, 3, None), "The refusal comes from hop 1 to 3"),
    Case("the address is dropped", "ee........", "", ("lost", 2, None, None), "Packets are heard of as far as hop 2"),
    Case("not waited for", "eehhhh", "", ("unknown", 0, None, None), "could not be located"),
    Case("silence only", "....", "", ("unknown", 0, None, None), "could not be located"),
    Case("a question is answered", "eeeeea", "eea", ("answered", 2, 3, 6), "The false answer comes from hop 3", _DNS),
    Case("no resolver is there", "eeeeef", "eea", ("answered", 2, 3, 6), "that was asked is at hop 6", _DNS),
    Case("nobody is there", "eeeee....", "eea", ("answered", 2, 3, None), "that was asked is past hop 5", _DNS),
    Case("a question is lost", "eeeeea", "ee...", ("lost", 2, 3, 6), "What carries the name is lost at hop 3", _DNS),
    Case("the resolver lies", "eeeeea", "eeeee", ("beyond", 5, None, 6), "that was asked is at hop 6", _DNS),
    Case("the resolver is next door", "a", "", ("unknown", 0, None, 1), "that was asked is at hop 1", _DNS),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.story)
def test_a_place(case: Case) -> None:
    way = _OTHER if isinstance(case.detail, DnsDetail) else _TCP
    measurement = measured(*told(case.way, way), *told(case.named, case.detail))
    place = location_of(measurement)
    assert place is not None
    assert (place.manner.value, place.after, place.by, place.end) == case.expected
    assert case.said in (located(measurement) or "")


def test_the_sentences() -> None:
    assert located(measured(*told("eeeeea", _TCP), *told("oor", _TLS))) == (
        "The reset comes from hop 3 of the path, past hop 2 (router 2) and no further than hop 3 (router 3);"
        " the service is at hop 6."
    )
    assert located(measured(*told("eeeeea", _TCP), *told("oo...", _TLS))) == (
        "What carries the name is lost at hop 3 of the path, past hop 2 (router 2) and no further than hop 3"
        " (router 3); the service is at hop 6."
    )
    assert located(measured(*told("eeeeea", _TCP), *told("ooooo", _TLS))) == (
        "The interference could not be located more closely than past hop 5 (router 5) of the path;"
        " the service is at hop 6."
    )
    assert located(measured(*told("ee...", _TCP))) == (
        "Packets are heard of as far as hop 2 (router 2) of the path; nothing comes back of those that go further."
    )
    assert located(measured(*told("....", _TCP))) == (
        "Where on the path the interference sits could not be located; how far the service is could not be seen."
    )


def test_nothing_is_said_where_nobody_looked() -> None:
    measurement = measured()
    assert (location_of(measurement), located(measurement)) == (None, None)


@st.composite
def paths(draw: st.DrawFn) -> tuple[int, int, str, str]:
    """Where the censor sits, how far the service is, and the paths as they are seen: some routers keep silent, and
    what is lost once is not lost again on either side of the place, which is tried twice."""
    end = draw(st.integers(2, 30))
    censor = draw(st.integers(0, end - 1))
    drops = draw(st.booleans())
    mute = draw(st.sets(st.integers(1, end - 1)))
    way = "".join("." if n in mute else "e" for n in range(1, end)) + "a"
    heard = max((n for n in range(1, end) if n not in mute), default=0)
    named = ""
    for n in range(1, heard + 1):
        if n > censor:
            lost = n > censor + 1 and draw(st.booleans())
            named += "." if drops or lost else "r"
        else:
            lost = n < censor and draw(st.booleans())
            named += "." if n in mute or lost else "o"
    return censor, end, way, named


@given(paths())
def test_the_place_holds_the_censor(path: tuple[int, int, str, str]) -> None:
    censor, end, way, named = path
    place = location_of(measured(*told(way, _TCP), *told(named, _TLS)))
    assert place is not None
    assert place.end == end
    assert place.after <= censor
    if place.by is not None and place.manner is Manner.ANSWERED:
        assert place.after <= censor < place.by


@settings(deadline=None)
@given(
    st.sampled_from(GOLDEN),
    st.lists(st.tuples(st.text("eo.harfx/", max_size=12), st.sampled_from([_TCP, _TLS, _HTTP, _DNS, _OTHER]))),
)
def test_rows_with_a_hop_limit_change_no_verdict(golden: Golden, paths: list[tuple[str, Detail]]) -> None:
    rows = [row for path, detail in paths for row in told(path.lstrip("/"), detail)]
    before = golden.mine.measured(golden.target, HERE)
    more = [
        replace(row, id=number, hop=max((r.hop for r in before.observations), default=0))
        for number, row in enumerate(rows, start=len(before.observations) + 1)
    ]
    after = replace(before, observations=(*before.observations, *more))
    controls = [saw.measured(golden.target, CONTROL) for saw in golden.controls]
    assert classify(after, controls, golden.host) == classify(before, controls, golden.host)
    assert (located(after) is None) == (location_of(after) is None)
