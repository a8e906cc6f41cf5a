"""Several controls: which of them count, what they say together, and what is told of those that say otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.classify import NOTES, classify, speaks_alone
from probe.classify.weighing import Opinion, Voice, weigh
from probe.failure import Failure as F
from probe.model import Experiment, Measurement, Target, Vantage, Verdict
from tests.classify.golden import GOLDEN
from tests.classify.stories import CONTROL, HERE, HTTP, HTTPS, NAME, NEIGHBOUR, ONLINE, REAL, REAL2, Saw, well
from tests.classify.stories import well_in_clear as clear

FAR = tuple(
    Vantage(name=f"far-{n}", country=country, asn=64500 + n) for n, country in enumerate(("NL", "SE", "JP", "US", "BR"))
)
TWIN = Vantage(name="twin", country="ZZ", asn=HERE.asn)
"""A control in the network of the vantage point, whose country it does not say."""
NOWHERE = Vantage(name="nowhere")
"""A control of which nothing is known."""

CUT = Saw().dns(REAL).tcp(REAL, F.CONNECTION_RESET, tries=2)
OFFLINE = Saw().dns(failure=F.NETWORK_UNREACHABLE, tries=3)
NO_RESOLVER = Saw().dns(failure=F.GENERIC_TIMEOUT, tries=3).dns(failure=F.GENERIC_TIMEOUT, kind="AAAA", tries=3)
RESOLVER_REFUSES = Saw().dns(failure=F.DNS_REFUSED, tries=3)
HALF_A_RESOLVER = Saw().dns(failure=F.GENERIC_TIMEOUT, tries=3).dns(failure=F.DNS_NO_ANSWER, kind="AAAA")
NO_ROUTE = Saw().dns(REAL).tcp(REAL, F.NETWORK_UNREACHABLE, tries=2)
NO_IPV6 = Saw().dns("2620:4f:8000:100::1", kind="AAAA")
NOTHING = Saw()
UNHEARD = (OFFLINE, NO_RESOLVER, HALF_A_RESOLVER, RESOLVER_REFUSES, NO_ROUTE, NO_IPV6, NOTHING)


def judged(
    mine: Saw, *controls: tuple[Vantage, Saw] | Measurement, target: Target = HTTPS
) -> tuple[Verdict, list[str]]:
    """The verdict, and the codes of its reasons."""
    theirs = [
        each if isinstance(each, Measurement) else replace(each[1].measured(target, each[0]), id=f"control-{n}")
        for n, each in enumerate(controls)
    ]
    verdict = classify(mine.measured(target, HERE), theirs, ONLINE)
    return verdict, [reason.code for reason in verdict.reasons]


@dataclass(frozen=True)
class Row:
    controls: tuple[tuple[Vantage, Saw], ...]
    verdict: tuple[str, str, str | None]
    """Outcome, code of the reason that decides, confidence."""
    note: str | None = None
    compared: tuple[str, ...] | None = None


A, B, C, D, E = FAR
WORKS = well()
BLOCKED, DOWN = ("blocked", "tcp.reset", "likely"), ("down", "tcp.fails_everywhere", None)
DISAGREE, NONE = ("inconclusive", "control.disagrees", None), ("inconclusive", "control.none", None)
FAILS_TOO = ("inconclusive", "control.nearby_fails_too", None)
MINORITY = "control.minority_disagrees"
ROWS: dict[str, Row] = {
    "one": Row(((A, WORKS),), BLOCKED),
    "two agree": Row(((A, WORKS), (B, WORKS)), BLOCKED),
    "two disagree": Row(((A, WORKS), (B, CUT)), DISAGREE, compared=("far-0", "far-1")),
    "two of three": Row(((A, WORKS), (B, CUT), (C, WORKS)), BLOCKED, MINORITY, ("far-0", "far-1", "far-2")),
    "one of three": Row(((A, CUT), (B, CUT), (C, WORKS)), DOWN, MINORITY),
    "two of four": Row(((A, CUT), (B, CUT), (C, WORKS), (D, WORKS)), DISAGREE),
    "three of four": Row(((A, CUT), (B, WORKS), (C, WORKS), (D, WORKS)), BLOCKED, MINORITY),
    "three of five": Row(((A, CUT), (B, CUT), (C, WORKS), (D, WORKS), (E, WORKS)), DISAGREE),
    # who could not look has no vote
    **{f"unheard {n}": Row(((A, WORKS), (B, saw)), BLOCKED, None, ("far-0",)) for n, saw in enumerate(UNHEARD)},
    **{f"unheard and alone {n}": Row(((A, saw),), NONE, None, ()) for n, saw in enumerate(UNHEARD)},
    "two disagree and one is unheard": Row(((A, WORKS), (B, CUT), (C, OFFLINE)), DISAGREE),
    # one place is one vote
    "one place twice and another": Row(((A, CUT), (B, WORKS), (B, WORKS)), DISAGREE),
    "a place at odds with itself": Row(((A, CUT), (A, WORKS)), DISAGREE),
    "a place at odds with itself, and another": Row(((A, CUT), (A, WORKS), (B, WORKS)), DISAGREE),
    "a place at odds with itself, and two": Row(((A, CUT), (A, WORKS), (B, WORKS), (C, WORKS)), BLOCKED, MINORITY),
    # one that may sit behind the same censor
    "near alone": Row(((NEIGHBOUR, WORKS),), BLOCKED, "control.nearby", ("neighbour",)),
    "near alone, in the network": Row(((TWIN, WORKS),), BLOCKED, "control.nearby"),
    "near alone fails": Row(
        ((NEIGHBOUR, CUT),), ("inconclusive", "control.nearby_fails_too", None), None, ("neighbour",)
    ),
    "near fails, far works": Row(((NEIGHBOUR, CUT), (A, WORKS)), BLOCKED, None, ("far-0",)),
    "near works, far fails": Row(((NEIGHBOUR, WORKS), (A, CUT)), DOWN, None, ("far-0",)),
    "near works, far cannot look": Row(((NEIGHBOUR, WORKS), (A, OFFLINE)), BLOCKED, "control.nearby", ("neighbour",)),
    "two near are no majority": Row(((NEIGHBOUR, CUT), (TWIN, CUT), (A, WORKS)), BLOCKED, None, ("far-0",)),
    "unknown is not near": Row(((NOWHERE, CUT),), DOWN),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_follows(name: str) -> None:
    row = ROWS[name]
    verdict, codes = judged(CUT, *row.controls)
    assert (verdict.outcome, codes[0], verdict.confidence) == row.verdict
    assert codes[1:] == ([row.note] if row.note else [])
    if row.compared is not None:
        assert verdict.controls == row.compared


def test_every_note_has_a_case() -> None:
    noted = {row.note for row in ROWS.values()} | {note for golden in GOLDEN for note in golden.notes}
    assert {note.code for note in NOTES} == noted - {None}


def test_the_one_overruled_is_named() -> None:
    verdict, _ = judged(CUT, (A, well()), (B, CUT), (C, well()))
    assert verdict.reasons[-1].text.startswith("far-1 saw it otherwise")


def test_the_same_measurement_under_two_names_is_one_vote() -> None:
    said = well().measured(HTTPS, A)
    verdict, codes = judged(CUT, said, replace(said, vantage=B), (C, CUT))
    assert (verdict.outcome, codes) == ("inconclusive", ["control.disagrees"])


def test_a_proof_is_likely_at_most_with_a_near_control_alone() -> None:
    mine = Saw().dns(REAL).tcp(REAL).tls(REAL, F.CONNECTION_RESET, tries=2).then(Experiment.OTHER_NAME)
    mine = mine.tcp(REAL).tls(REAL, F.SSL_INVALID_HOSTNAME)
    found = {name: judged(mine, (vantage, well())) for name, vantage in (("far", A), ("near", NEIGHBOUR))}
    assert {name: verdict.confidence for name, (verdict, _) in found.items()} == {"far": "confirmed", "near": "likely"}
    assert found["near"][1][-1] == "control.nearby"


def test_what_an_overruled_or_near_control_saw_plays_no_part() -> None:
    page = clear(REAL2, title="Access restricted", body="stub", length=900, headers=(("server", "gateway"),))
    behind_the_same = clear(REAL2, title="Access restricted", body="stub", length=900, headers=(("server", "gateway"),))
    verdict, _ = judged(page, (NEIGHBOUR, behind_the_same), (A, clear().tcp(REAL2, F.CONNECTION_REFUSED)), target=HTTP)
    assert verdict.outcome == "blocked"
    down = Saw().dns(REAL2).tcp(REAL2, F.CONNECTION_REFUSED)
    verdict, _ = judged(Saw().dns(REAL2), (A, Saw().dns(REAL)), (B, Saw().dns(REAL)), (C, down), target=NAME)
    assert verdict.reasons[0].code == "dns.unconfirmed_address"


def test_ok_needs_no_agreement() -> None:
    verdict, codes = judged(well(), (A, well()), (B, CUT))
    assert (verdict.outcome, codes) == ("ok", ["tls.verified_page"])


@pytest.mark.parametrize(
    ("vantage", "saw", "alone"),
    [
        (CONTROL, well(), True),
        (CONTROL, CUT, True),
        (NEIGHBOUR, well(), False),
        (TWIN, well(), False),
        (A, OFFLINE, False),
    ],
)
def test_which_control_can_decide_alone(vantage: Vantage, saw: Saw, alone: bool) -> None:
    assert speaks_alone(CUT.measured(HTTPS, HERE), saw.measured(HTTPS, vantage)) is alone


VOICES = st.lists(
    st.builds(
        Voice,
        vantage=st.sampled_from((*FAR, NEIGHBOUR, TWIN, NOWHERE)),
        measurement_id=st.sampled_from("abcdefgh"),
        works=st.sampled_from((True, False, None)),
    ),
    max_size=8,
)


@given(VOICES, st.randoms(use_true_random=False))
def test_the_order_of_asking_decides_nothing(voices: list[Voice], random: object) -> None:
    shuffled = list(voices)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert weigh(HERE, shuffled).works is weigh(HERE, voices).works


@given(VOICES)
def test_whoever_decides_is_heard_and_nobody_twice(voices: list[Voice]) -> None:
    opinion = weigh(HERE, voices)
    assert len({*opinion.heard, *opinion.overruled}) == len(opinion.heard) + len(opinion.overruled)
    assert all(voices[n].works is not None for n in opinion.compared)
    if opinion.works is not None:
        assert opinion.heard
        assert {voices[n].works for n in opinion.heard} == {opinion.works}
    else:
        assert opinion.overruled == ()


@given(VOICES)
def test_repeating_a_voice_changes_nothing(voices: list[Voice]) -> None:
    assert weigh(HERE, [*voices, *voices]).works is weigh(HERE, voices).works


def test_nobody_has_no_opinion() -> None:
    assert weigh(HERE, []) == Opinion()
