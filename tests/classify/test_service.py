"""From the verdicts of a service's targets to one of the service: outcome, methods, confidence, and the sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.classify import judge
from probe.model import Certainty, Confidence, Method, Outcome, Reason, Role, Scheme, Target, Verdict
from probe.service import Need, ServiceVerdict

WEB, LINK, SHORT, API, LOGIN, MEDIA = (
    Role.WEB, Role.LONG_LINK, Role.SHORT_LINK, Role.API, Role.LOGIN, Role.MEDIA,
)  # fmt: skip
BOTH = (WEB, LINK)


def verdict(word: str) -> Verdict:
    """`ok`, `down`, …, or a block: `tcp` (likely), `tls!` (confirmed), `dns?` (possible), `dns+tls`."""
    sure = {"!": Confidence.CONFIRMED, "?": Confidence.POSSIBLE}.get(word[-1], Confidence.LIKELY)
    plain = word.rstrip("!?")
    blocked = plain not in tuple(Outcome)
    return Verdict(
        measurement_id="m",
        outcome=Outcome.BLOCKED if blocked else Outcome(plain),
        methods=tuple(map(Method, plain.split("+"))) if blocked else (),
        confidence=sure if blocked else None,
        reasons=(Reason(code="x.y", text="x"),),
        rules_version="1",
    )


def endpoint(number: int, role: Role, **more: object) -> Target:
    return Target(scheme=Scheme.TCP, host=f"h{number}.example", port=443, service="s", role=role, **more)  # type: ignore[arg-type]


def judged(
    roles: dict[Role, Sequence[str]],
    all_of: tuple[Role, ...] = BOTH,
    any_of: tuple[Role, ...] = (),
) -> ServiceVerdict:
    words = [(role, word) for role, each in roles.items() for word in each]
    found = [(endpoint(number, role), verdict(word)) for number, (role, word) in enumerate(words)]
    made = judge(Need(service="s", targets=len(words), all_of=all_of, any_of=any_of), "run", found)
    assert made is not None
    return made


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of the endpoints of each role, and what is said of the service."""

    roles: dict[Role, Sequence[str]]
    all_of: tuple[Role, ...] = BOTH
    any_of: tuple[Role, ...] = ()
    outcome: str
    methods: tuple[str, ...] = ()
    confidence: str | None = None
    text: str


ROWS: dict[str, Row] = {
    # works
    "all works": Row(roles={WEB: ["ok"], LINK: ["ok"] * 3}, outcome="ok", text="web and app endpoints work"),
    "one of sixteen": Row(
        roles={WEB: ["ok"], LINK: ["tcp", *["ok"] * 15]},
        outcome="ok",
        text="web and app endpoints work; 1 of 16 long link endpoints blocked (tcp)",
    ),
    "fifteen of sixteen": Row(
        roles={WEB: ["ok"], LINK: ["ok", *["dns!", "tcp"] * 7, "tcp"]},
        outcome="ok",
        text="web and app endpoints work; 15 of 16 long link endpoints blocked (dns, tcp)",
    ),
    "dead ones of many say nothing": Row(
        roles={WEB: ["ok", "down"], LINK: ["inconclusive", "ok", "refused"]},
        outcome="ok",
        text="web and app endpoints work",
    ),
    "what is not needed": Row(
        roles={WEB: ["ok"], LINK: ["ok"], MEDIA: ["tls!", "tls!"], LOGIN: ["down"]},
        outcome="ok",
        text="web and app endpoints work; login down; media blocked (tls)",
    ),
    "one of two ways": Row(
        roles={WEB: ["ok"], LINK: ["tcp"], SHORT: ["ok"]},
        all_of=(WEB,),
        any_of=(LINK, SHORT),
        outcome="ok",
        text="web and app endpoints work; long link blocked (tcp)",
    ),
    "web or app": Row(
        roles={WEB: ["dns"], LINK: ["ok"]},
        all_of=(),
        any_of=(WEB, LINK),
        outcome="ok",
        text="app endpoints work; web blocked (dns)",
    ),
    "no app": Row(roles={WEB: ["ok"]}, all_of=(WEB,), outcome="ok", text="web works"),
    "no web": Row(roles={API: ["ok"]}, all_of=(API,), outcome="ok", text="app endpoints work"),
    "neither": Row(roles={LOGIN: ["ok"], MEDIA: ["ok"]}, all_of=(LOGIN,), outcome="ok", text="login works"),
    "more that is needed": Row(
        roles={WEB: ["ok"], LINK: ["ok"], LOGIN: ["ok"], MEDIA: ["ok"]},
        all_of=(*BOTH, LOGIN),
        outcome="ok",
        text="web, app endpoints and login work",
    ),
    # blocked
    "all long links": Row(
        roles={WEB: ["ok"], LINK: ["tcp"] * 16},
        outcome="blocked",
        methods=("tcp",),
        confidence="likely",
        text="web works, app endpoints blocked (tcp)",
    ),
    "all long links, where there are short ones": Row(
        roles={WEB: ["ok"], LINK: ["tcp"] * 2, SHORT: ["ok"], API: ["ok"]},
        outcome="blocked",
        methods=("tcp",),
        confidence="likely",
        text="web works, app endpoints blocked (tcp); of the app endpoints API and short link still work",
    ),
    "all that do not answer at the control are no way": Row(
        roles={WEB: ["ok"], LINK: ["tcp", "down", "down"]},
        outcome="blocked",
        methods=("tcp",),
        confidence="likely",
        text="web works, app endpoints blocked (tcp)",
    ),
    "the web only": Row(
        roles={WEB: ["tls!", "dns"], LINK: ["ok"]},
        outcome="blocked",
        methods=("dns", "tls"),
        confidence="likely",
        text="web blocked (dns, tls), app endpoints work",
    ),
    "everything": Row(
        roles={WEB: ["tls!"], LINK: ["tls?", "tls"]},
        outcome="blocked",
        methods=("tls",),
        confidence="confirmed",
        text="web and app endpoints blocked (tls)",
    ),
    "everything, in several ways": Row(
        roles={WEB: ["dns+tls"], LINK: ["tcp?", "tcp!"]},
        outcome="blocked",
        methods=("dns", "tcp", "tls"),
        confidence="likely",
        text="web blocked (dns, tls), app endpoints blocked (tcp)",
    ),
    "the login": Row(
        roles={WEB: ["ok"], LINK: ["ok"], LOGIN: ["dns"]},
        all_of=(*BOTH, LOGIN),
        outcome="blocked",
        methods=("dns",),
        confidence="likely",
        text="web and app endpoints work, login blocked (dns)",
    ),
    "all but the login": Row(
        roles={WEB: ["ok"], LINK: ["tcp"], LOGIN: ["ok"]},
        all_of=(*BOTH, LOGIN),
        outcome="blocked",
        methods=("tcp",),
        confidence="likely",
        text="web works, app endpoints blocked (tcp)",
    ),
    "both of two ways": Row(
        roles={WEB: ["ok"], LINK: ["tcp?"], SHORT: ["http"]},
        all_of=(WEB,),
        any_of=(LINK, SHORT),
        outcome="blocked",
        methods=("tcp", "http"),
        confidence="possible",
        text="web works, app endpoints blocked (tcp, http)",
    ),
    "blocked here and down there": Row(
        roles={WEB: ["down"], LINK: ["tcp"]},
        outcome="blocked",
        methods=("tcp",),
        confidence="likely",
        text="web down, app endpoints blocked (tcp)",
    ),
    # doubt
    "one in doubt among many blocked": Row(
        roles={WEB: ["ok"], LINK: ["tcp!", "tcp!", "inconclusive"]},
        outcome="blocked",
        methods=("tcp",),
        confidence="possible",
        text="web works, app endpoints blocked (tcp)",
    ),
    "as many in doubt as blocked": Row(
        roles={WEB: ["ok"], LINK: ["tcp!", "inconclusive"]},
        outcome="inconclusive",
        text="web works, app endpoints undecided",
    ),
    "doubt about one of two ways": Row(
        roles={WEB: ["ok"], LINK: ["tcp!"], SHORT: ["inconclusive"]},
        all_of=(WEB,),
        any_of=(LINK, SHORT),
        outcome="inconclusive",
        text="web works, app endpoints undecided",
    ),
    "no control": Row(
        roles={WEB: ["inconclusive"], LINK: ["inconclusive"] * 2},
        outcome="inconclusive",
        text="web and app endpoints undecided",
    ),
    # neither works nor blocked
    "down": Row(roles={WEB: ["down"], LINK: ["down", "down"]}, outcome="down", text="web and app endpoints down"),
    "down, whatever else is in doubt": Row(
        roles={WEB: ["down"], LINK: ["inconclusive"]}, outcome="down", text="web down, app endpoints undecided"
    ),
    "refused": Row(
        roles={WEB: ["refused", "down"], LINK: ["ok"]},
        outcome="refused",
        text="web refused by the service, app endpoints work",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_service(row: Row) -> None:
    made = judged(row.roles, row.all_of, row.any_of)
    said = (made.outcome, made.methods, made.confidence, made.text)
    assert said == (row.outcome, row.methods, row.confidence, row.text)
    assert (made.service, made.run_id) == ("s", "run")
    for role in made.roles:
        words = row.roles[role.role]
        counts = {outcome: sum(verdict(word).outcome is outcome for word in words) for outcome in Outcome}
        assert {outcome: getattr(role, outcome) for outcome in Outcome} == counts
        assert role.targets == len(words)
        assert role.needed == (role.role in (*row.all_of, *row.any_of))
        assert (role.confidence is not None) == (role.outcome is Outcome.BLOCKED)


def test_what_is_not_known_well_enough_never_decides() -> None:
    found = [
        (endpoint(1, WEB), verdict("ok")),
        (endpoint(2, WEB, certainty=Certainty.UNVERIFIED), verdict("tls!")),
        (endpoint(3, LINK, certainty=Certainty.REPORTED), verdict("tcp")),
        (endpoint(4, LINK, certainty=Certainty.UNVERIFIED), verdict("ok")),
        (endpoint(5, LINK, retired=date(2020, 1, 1)), verdict("down")),
        (endpoint(6, API, certainty=Certainty.UNVERIFIED), verdict("dns!")),
    ]
    made = judge(Need(service="s", targets=6, all_of=BOTH), "run", found)
    assert made is not None
    assert (made.outcome, made.text) == ("blocked", "web works, app endpoints blocked (tcp)")
    assert {role.role: role.targets for role in made.roles} == {WEB: 1, LINK: 1}


def test_a_service_of_which_nothing_is_known_is_undecided() -> None:
    found = [(endpoint(1, WEB, certainty=Certainty.UNVERIFIED), verdict("tls!"))]
    made = judge(Need(service="s", targets=1), "run", found)
    assert made is not None
    assert (made.outcome, made.roles) == ("inconclusive", ())
    assert made.text == "no endpoint of it is known well enough to decide"


@pytest.mark.parametrize(("reason", "end"), [("sold", "sold"), (None, "by its owner")])
def test_a_closed_service_is_down_and_never_blocked(reason: str | None, end: str) -> None:
    day = date(2019, 5, 31)
    found = [(endpoint(1, WEB, retired=day), verdict("tls!")), (endpoint(2, LINK, retired=day), verdict("ok"))]
    made = judge(Need(service="s", targets=2, retired=day, retired_reason=reason), "run", found)
    assert made is not None
    assert (made.outcome, made.methods, made.confidence) == ("down", (), None)
    assert made.text == f"closed on 2019-05-31: {end}"


def test_half_a_service_is_not_judged() -> None:
    found = [(endpoint(1, WEB), verdict("ok")), (endpoint(1, WEB), verdict("ok"))]
    other = Target(scheme=Scheme.TCP, host="other.example", port=1, service="other", role=LINK)
    of_a_list = Target(scheme=Scheme.TCP, host="list.example", port=1, service="s")
    need = Need(service="s", targets=2, all_of=(WEB,))
    assert judge(need, "run", [*found, (other, verdict("ok")), (of_a_list, verdict("ok"))]) is None
    assert judge(need, "run", [*found, (endpoint(2, LINK), verdict("tcp"))]) is not None


WORDS = ("ok", "down", "refused", "inconclusive", "tcp", "tls!", "dns?", "dns+http")


@given(
    st.dictionaries(st.sampled_from(Role), st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), min_size=1),
    st.data(),
)
def test_there_is_always_a_sentence_and_doubt_is_never_a_block(
    roles: dict[Role, list[str]], data: st.DataObject
) -> None:
    all_of = tuple(data.draw(st.sets(st.sampled_from(sorted(roles)))))
    any_of = tuple(data.draw(st.sets(st.sampled_from(sorted(roles)))) - set(all_of))
    made = judged(roles, all_of, any_of)
    assert made.text
    assert (made.outcome is Outcome.BLOCKED) == bool(made.methods) == (made.confidence is not None)
    if made.outcome is Outcome.BLOCKED:
        # somewhere a needed role has no endpoint that works, and more that are blocked than in doubt
        assert any(r.needed and not r.ok and r.blocked > r.inconclusive for r in made.roles)
    if all(word == "ok" for words in roles.values() for word in words):
        assert made.outcome is (Outcome.OK if all_of or any_of else Outcome.INCONCLUSIVE)
