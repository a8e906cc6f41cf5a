"""Several controls, and other kinds of them, through the command line: what is concluded, and what is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.lab.lab import World
from tests.lab.people import CONTROL_URL, FOOLED_URL, NOBODY_URL, codes, control, fooled_control, lines, probe
from tests.lab.scenarios.scenario import BLOCK_HOST, BLOCK_SITES, at, http, https, to
from tests.lab.spec import CONTROL, Answer, Lie, Name, Reset, Rule, Sni, Spec

_CONFIDENCE = ("possible", "likely", "confirmed")
SECOND_URL, NEAR_URL, SILENT_URL = (f"http://{CONTROL[0]}:{port}" for port in (8083, 8084, 8085))
LISTENS_AND_IS_SILENT = "import socket, time; s = socket.create_server(('0.0.0.0', 8085)); time.sleep(3600)"

HELPER_URL = f"ooni+{CONTROL_URL}"
"""The same control, asked as a test helper."""

SPEC = Spec(
    sites=(
        https("denied.example", at(10)),
        https("cut.example", at(11)),
        https("fine.example", at(12)),
        http("clear.example", at(13)),
        http("forged.example", at(14)),
        https("forged.example", at(14)),
        http("moved.example", at(15), page=to("https://moved.example/")),
        https("moved.example", at(15)),
        *BLOCK_SITES,
    ),
    names=(Name(name="shut.example", addresses=(at(16),)),),
    lies=(
        Lie(name="denied.example", answer=Answer.NXDOMAIN),
        Lie(name="forged.example", addresses=(BLOCK_HOST,)),
    ),
    rules=(Rule(when=Sni(name="cut.example"), do=Reset()), Rule(when=Sni(name="moved.example"), do=Reset())),
)


@pytest.fixture(scope="module")
def world(lab: None) -> Iterator[World]:
    with World(SPEC) as world, ExitStack() as stack:
        stack.enter_context(control(world))
        stack.enter_context(fooled_control(world))
        stack.enter_context(control(world, name="free-too", port=8083))
        stack.enter_context(control(world, name="near", port=8084, country="RU"))
        silent = world.start([sys.executable, "-c", LISTENS_AND_IS_SILENT], host="control")
        world.wait_for(silent, CONTROL[0], 8085)
        yield world


@dataclass(frozen=True)
class Row:
    controls: tuple[str, ...]
    target: str
    outcome: str
    methods: tuple[str, ...] = ()
    confidence: str | None = None
    """The least that is due; the most too, where the only control is near."""
    codes: tuple[str, ...] = ()
    """Those of the reasons that are about controls."""
    compared: tuple[str, ...] = ()
    says: str = ""
    """What stderr says of the controls."""


CUT, DENIED, FINE = "https://cut.example/", "https://denied.example/", "https://fine.example/"
HELPER = (f"ooni test helper {CONTROL[0]}",)
ROWS: dict[str, Row] = {
    "a majority of three": Row(
        (CONTROL_URL, FOOLED_URL, SECOND_URL),
        DENIED,
        "blocked",
        ("dns",),
        "confirmed",
        ("control.minority_disagrees",),
        ("free", "fooled", "free-too"),
    ),
    "two that disagree": Row(
        (CONTROL_URL, FOOLED_URL), DENIED, "inconclusive", (), None, ("control.disagrees",), ("free", "fooled")
    ),
    "one that is near, alone": Row((NEAR_URL,), CUT, "blocked", ("tls",), "likely", ("control.nearby",), ("near",)),
    "one that is near, and another": Row((NEAR_URL, CONTROL_URL), CUT, "blocked", ("tls",), "confirmed", (), ("free",)),
    "one that is silent": Row(
        (CONTROL_URL, SILENT_URL), CUT, "blocked", ("tls",), "confirmed", (), ("free",), "did not answer in time"
    ),
    "one that is not there": Row(
        (NOBODY_URL, CONTROL_URL), CUT, "blocked", ("tls",), "confirmed", (), ("free",), "cannot be connected to"
    ),
    # an OONI test helper alone
    "helper: fine": Row((HELPER_URL,), FINE, "ok", (), None, (), HELPER),
    "helper: fine in clear": Row((HELPER_URL,), "http://clear.example/", "ok", (), None, (), HELPER),
    "helper: a port": Row((HELPER_URL,), "tcp://fine.example:443", "ok", (), None, (), HELPER),
    "helper: no such name here": Row((HELPER_URL,), DENIED, "blocked", ("dns",), "confirmed", (), HELPER),
    "helper: another address here": Row(
        (HELPER_URL,), "https://forged.example/", "blocked", ("dns",), "likely", (), HELPER
    ),
    "helper: another page here": Row(
        (HELPER_URL,), "http://forged.example/", "blocked", ("dns",), "possible", (), HELPER
    ),
    "helper: cut": Row((HELPER_URL,), CUT, "blocked", ("tls",), "confirmed", (), HELPER),
    "helper: cut after a redirect": Row(
        (HELPER_URL,), "http://moved.example/", "blocked", ("tls",), "confirmed", (), HELPER
    ),
    "helper: down": Row((HELPER_URL,), "https://shut.example/", "down", (), None, (), HELPER),
    "helper: no such name": Row((HELPER_URL,), "https://nowhere.example/", "down", (), None, (), HELPER),
    "helper: not askable": Row(
        (HELPER_URL,),
        "tcp://shut.example:5222",
        "inconclusive",
        (),
        None,
        ("control.none",),
        (),
        "cannot be asked about",
    ),
    "helper: not there": Row(
        (f"ooni+{NOBODY_URL}",), CUT, "inconclusive", (), None, ("control.none",), (), "cannot be connected to"
    ),
    "helper: beside a control": Row(
        (CONTROL_URL, HELPER_URL), CUT, "blocked", ("tls",), "confirmed", (), ("free", *HELPER)
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_concluded(world: World, name: str) -> None:
    row = ROWS[name]
    options = [word for url in row.controls for word in ("--control", url)]
    done = probe(world, "check", row.target, "--json", "--no-save", "--timeout", "3", *options)
    (line,) = lines(done)
    about_controls = tuple(code for code in codes(line) if code.startswith("control."))
    assert (line["outcome"], tuple(line["methods"])) == (row.outcome, row.methods)
    if row.confidence is None or "control.nearby" in about_controls:
        assert line["confidence"] == row.confidence
    else:
        assert _CONFIDENCE.index(line["confidence"]) >= _CONFIDENCE.index(row.confidence)
    assert about_controls == row.codes
    assert tuple(line["controls"]) == row.compared
    assert row.says in done.stderr


def test_a_silent_control_is_waited_for_once_and_not_for_each_of_many_targets(world: World) -> None:
    targets = [f"https://fine.example/{number}" for number in range(60)]
    controls = ("--control", CONTROL_URL, "--control", SILENT_URL)
    done = probe(world, "check", *targets, "--json", "--no-save", *controls, timeout=60)
    assert {line["outcome"] for line in lines(done)} == {"ok"}
    assert all(line["controls"] == ["free"] for line in lines(done))
