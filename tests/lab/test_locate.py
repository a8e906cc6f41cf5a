"""`--locate`: where on the path a block sits, for every way of blocking that the lab knows.

The censor of the lab sits behind the router whose number is its hop: packets that expire there are not seen by it. So
the smallest hop limit that meets it is one more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cli.lists import write_list
from tests.lab.lab import World
from tests.lab.people import CONTROL_URL, codes, control, lines, probe
from tests.lab.scenarios.scenario import BLOCK_SITES, DARK, FORBIDDEN, at, at6, both, https, response
from tests.lab.spec import (
    HOPS,
    HOPS_V6,
    Access,
    Action,
    Answer,
    Drop,
    Eof,
    Forge,
    HostHeader,
    Inject,
    Lie,
    Page,
    Question,
    Reject,
    Reset,
    Rule,
    Sni,
    Spec,
    Throttle,
    To,
    Trigger,
    merged,
)

_SERVICE = len(HOPS) + 1
"""How far the servers are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A blocked target, and where that is done."""

    target: str
    spec: Spec
    manner: str
    said: str
    """A part of the sentence."""
    after: int = 2
    by: int | None = 3
    end: int | None = _SERVICE
    censor_hop: int = 2

    @property
    def text(self) -> str:
        """The hops as the sentence has them."""
        routers = HOPS_V6 if any(":" in a for site in self.spec.sites for a in site.addresses) else HOPS
        sides = [f"past hop {self.after} ({routers[self.after - 1]})"]
        if self.by is not None and self.end is not None:
            sides.append(f"no further than hop {self.by} ({routers[self.by - 1]})")
        return " and ".join(sides)


def _case(
    name: str,
    number: int,
    when: type[Trigger],
    do: Action,
    said: str,
    manner: str = "answered",
    *,
    scheme: str = "https",
    v6: bool = False,
    residual: float = 0.0,
    **more: Any,
) -> Case:
    host, address = f"{name}.example", at6(number) if v6 else at(number)
    trigger = To(addresses=(address,)) if when is To else when(name=host)  # type: ignore[call-arg]
    spec = Spec(sites=both(host, address), rules=(Rule(when=trigger, do=do, residual=residual),), dark=(DARK,))
    return Case(
        target=f"{scheme}://{host}{'' if scheme == 'dns' else '/'}", spec=spec, manner=manner, said=said, **more
    )


def _lie(name: str, number: int, answer: Answer, **more: Any) -> Case:
    spec = Spec(sites=(https(f"{name}.example", at(number)),), lies=(Lie(name=f"{name}.example", answer=answer),))
    return Case(target=f"https://{name}.example/", spec=spec, **more)


_ASTRAY = Inject(data=response(Page(status=302, location="http://gateway.example/blocked")))
_FORGED = Forge(addresses=("10.10.34.36",))
_AT_FOUR: dict[str, Any] = {"after": 4, "by": 5, "censor_hop": 4}
CASES: tuple[Case, ...] = (
    _case("sni-reset", 1, Sni, Reset(), "The reset comes from hop 3 of the path"),
    _case("sni-reset-six", 2, Sni, Reset(), "The reset comes from hop 3 of the path", v6=True),
    _case("sni-eof", 3, Sni, Eof(), "The early end of the connection comes from hop 3 of the path"),
    _case("sni-drop", 4, Sni, Drop(), "What carries the name is lost at hop 3 of the path", "lost"),
    _case("address-drop", 5, To, Drop(), "Packets are heard of as far as hop 2", "lost", by=None, end=None),
    _case("address-reset", 6, To, Reset(), "The refusal comes from hop 3 of the path", end=None),
    _case("address-reject", 7, To, Reject(), "that there is no way there comes from hop 3 of the path", end=None),
    _case("host-reset", 8, HostHeader, Reset(), "The reset comes from hop 3 of the path", scheme="http"),
    _case("host-drop", 9, HostHeader, Drop(), "What carries the name is lost at hop 3", "lost", scheme="http"),
    _case("host-page", 10, HostHeader, Inject(data=response(FORBIDDEN)), "in the place of the service", scheme="http"),
    _case("host-redirect", 16, HostHeader, _ASTRAY, "in the place of the service comes from hop 3", scheme="http"),
    _case("question", 11, Question, _FORGED, "The false answer comes from hop 3 of the path"),
    _case("question-drop", 12, Question, Drop(), "What carries the name is lost at hop 3 of the path", "lost"),
    _case("question-alone", 13, Question, Forge(rcode="NXDOMAIN"), "The false answer comes from hop 3", scheme="dns"),
    # the address is blocked for a minute by now: what is seen is the way to it
    _case("residual", 14, Sni, Reset(), "as far as hop 2", "lost", by=None, end=None, residual=60.0),
    _lie("resolver", 15, Answer.NXDOMAIN, manner="beyond", said="could not be located", after=5, by=None),
    _case("sni-far", 20, Sni, Reset(), "The reset comes from hop 5 of the path", **_AT_FOUR),
    _case("address-far", 21, To, Drop(), "as far as hop 4", "lost", after=4, by=None, end=None, censor_hop=4),
    _case("question-far", 22, Question, _FORGED, "The false answer comes from hop 5 of the path", **_AT_FOUR),
    # asked where no resolver is: the host that is there refuses what the censor does not answer
    _case("anybody", 23, Question, Forge(addresses=(DARK,), swallow=True), "comes from hop 5", **_AT_FOUR),
    _case("beside", 24, Sni, Reset(), "could not be located", "beyond", after=5, by=None, censor_hop=5),
)  # fmt: skip

Told = tuple[dict[str, Any], str]
"""What `explain --json` told, and `explain`."""


@pytest.fixture(scope="module")
def told(lab: None) -> Iterator[dict[str, Told]]:
    """By target."""
    said: dict[str, Told] = {}
    with World() as world, control(world, "--timeout", "3"):
        for hop in sorted({case.censor_hop for case in CASES}):
            cases = [case for case in CASES if case.censor_hop == hop]
            plain = Spec(access=Access(censor_hop=hop), sites=BLOCK_SITES)
            world.become(merged(plain, *(case.spec for case in cases)))
            said |= _tell(world, [case.target for case in cases])
        yield said


def _tell(world: World, targets: Sequence[str]) -> dict[str, Told]:
    """Checks all targets at once, and has each verdict explained."""
    database = ("--db", str(world.home / "located.sqlite"))
    options = ("--locate", "--json", "--control", CONTROL_URL, "--timeout", "3", *database)
    found = lines(probe(world, "check", *targets, *options))

    def explain(line: dict[str, Any]) -> Told:
        (told,) = lines(probe(world, "explain", line["measurement_id"], "--json", *database))
        return told, probe(world, "explain", line["measurement_id"], *database).stdout

    with ThreadPoolExecutor(2) as pool:
        return dict(zip((line["target"] for line in found), pool.map(explain, found), strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.target)
@pytest.mark.timeout(600)
def test_a_block_is_located(told: dict[str, Told], case: Case) -> None:
    line, text = told[case.target]
    assert line["outcome"] == "blocked", codes(line)
    found = line["location"]
    assert {key: found[key] for key in ("manner", "after", "by", "end")} == {
        "manner": case.manner,
        "after": case.after,
        "by": case.by,
        "end": case.end,
    }, text
    assert case.said in found["text"]
    assert found["text"] in text
    if case.manner == "answered" and case.end:
        assert case.text in found["text"]


def test_no_router_of_the_own_network_is_named(told: dict[str, Told]) -> None:
    rows = [row for line, _ in told.values() for row in line["observations"]]
    assert {row["router"] for row in rows if row["hop_limit"] == 1} == {"own network", None}
    assert {row["router"] for row in rows} == {"own network", None, *HOPS[1:], *HOPS_V6[1:]}
    assert all(router not in text for _, text in told.values() for router in (HOPS[0], f"({HOPS_V6[0]})"))


def test_nothing_more_is_sent_to_a_healthy_target(lab: None) -> None:
    """The censor of this world only counts: connections, and questions."""
    count = Throttle(after=10**9)
    rules = tuple(Rule(when=To(protocol=kind), do=count) for kind in ("tcp", "udp"))
    with World(Spec(sites=both("well.example", at(1), at6(1)), rules=rules)) as world:
        sent = []
        for words in ((), ("--locate",)):
            world.become(world.spec)
            done = probe(world, "check", "https://well.example/", "--control", "none", "--no-save", "--json", *words)
            (line,) = lines(done)
            assert line["outcome"] == "ok"
            assert [row for row in line["observations"] if row["experiment"] or row["hop_limit"]] == []
            sent.append(world.fired())
    assert sent[0] == sent[1]
    assert min(sent[0]) > 0


def test_a_run_locates_what_is_blocked_and_nothing_else(lab: None) -> None:
    rules = (Rule(when=Sni(name="blocked.example"), do=Reset()),)
    sites = (https("well.example", at(1)), https("blocked.example", at(2)))
    with World(Spec(sites=sites, rules=rules)) as world, control(world, "--timeout", "3"):
        path = write_list(world.home / "two.toml", ("https://well.example/", "https://blocked.example/"))
        options = ("--targets", str(path), "--control", CONTROL_URL, "--timeout", "3")
        database = ("--db", str(world.home / "run.sqlite"))
        ran = probe(world, "run", *options, "--locate", *database)
        plain = probe(world, "run", *options, *database)
        found = lines(probe(world, "results", "--json", *database))
    assert ran.returncode == 3, ran.stderr
    assert ran.stdout.count("comes from hop 3 of the path") == 1
    assert "of the path" not in plain.stdout
    limited = [line["target"] for line in found if any(row["hop_limit"] for row in line["observations"])]
    assert limited == ["https://blocked.example/"]
