"""Targets that speak a protocol of their own, from a target list through the command line to the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.lab import World
from tests.lab.people import CONTROL_URL, codes, control, lines, probe
from tests.lab.scenarios.scenario import BLOCK_SITES, FORBIDDEN, at, response
from tests.lab.spec import (
    Drop,
    Eof,
    Inject,
    Lie,
    Reject,
    Reset,
    Rule,
    Saying,
    Site,
    Spec,
    Speech,
    Throttle,
    To,
)

LIST = """
title = "Example"
operator = "Example Inc."
homepage = "https://chat.example/"
domains = ["chat.example"]
"""
ENDPOINT = """
[[endpoint]]
target = "{target}"
role = "long_link"
purpose = "messages"
certainty = "documented"
source = "made up"
{speaks}
"""
BOOTSTRAP = "http://bootstrap.chat.example/cgi-bin/micromsg-bin/newgetdns"
# What each target speaks, as the list says it.
TARGETS = {
    "tcp://xmpp.chat.example:5222": "xmpp",
    "tcp://mtproto.chat.example:443": "mtproto",
    "tls://mqtt.chat.example:8883": "mqtt",
    "udp://stun.chat.example:3478": "stun",
    BOOTSTRAP: "newgetdns",
}
SITES = (
    Site(name="xmpp.chat.example", addresses=(at(1),), port=5222, certificate=None, speech=Speech.XMPP),
    Site(name="mtproto.chat.example", addresses=(at(2),), port=443, certificate=None, speech=Speech.MTPROTO),
    Site(name="mqtt.chat.example", addresses=(at(3),), port=8883, speech=Speech.MQTT),
    Site(name="stun.chat.example", addresses=(at(4),), port=3478, speech=Speech.STUN, datagrams=True),
    Site(name="bootstrap.chat.example", addresses=(at(5),), port=80, certificate=None, speech=Speech.NEWGETDNS),
)
GARBAGE = (
    Site(name="xmpp.chat.example", addresses=(at(1),), port=5222, certificate=None, speech=Speech.GARBAGE),
    Site(name="mtproto.chat.example", addresses=(at(2),), port=443, certificate=None, silent=True),
    Site(name="mqtt.chat.example", addresses=(at(3),), port=8883, speech=Speech.GARBAGE),
    Site(name="stun.chat.example", addresses=(at(4),), port=3478, speech=Speech.GARBAGE, datagrams=True),
)
NOTHING: dict[str, tuple[str, list[str], str]] = dict.fromkeys(TARGETS, ("ok", [], "app.answered"))

# The censor's rules and lies, and the verdicts that are not ok for them: outcome, methods, first reason.
WORLDS: dict[str, tuple[Spec, dict[str, tuple[str, list[str], str]]]] = {
    "nothing": (Spec(sites=SITES), {}),
    "cut": (
        Spec(
            sites=SITES,
            rules=(
                Rule(when=Saying(data=b"http://etherx.jabber.org/streams"), do=Reset()),
                Rule(when=Saying(data=bytes.fromhex("f18e7ebe")), do=Drop()),
                Rule(when=To(addresses=(at(4),), protocol="udp"), do=Drop()),
                Rule(when=Saying(data=b"newgetdns", addresses=(at(5),)), do=Inject(data=response(FORBIDDEN))),
            ),
        ),
        {
            "tcp://xmpp.chat.example:5222": ("blocked", ["tcp"], "app.reset"),
            "tcp://mtproto.chat.example:443": ("blocked", ["tcp"], "app.timeout"),
            "udp://stun.chat.example:3478": ("blocked", ["tcp"], "app.timeout"),
            BOOTSTRAP: ("blocked", ["http"], "http.other_page"),
        },
    ),
    "answered by somebody else": (
        Spec(
            sites=SITES,
            rules=(
                Rule(when=Saying(data=b"http://etherx.jabber.org/streams"), do=Inject(data=b"Object not found\r\n")),
                Rule(when=Saying(data=bytes.fromhex("f18e7ebe")), do=Eof()),
                Rule(when=To(addresses=(at(4),), protocol="udp"), do=Reject(why="port_unreachable")),
            ),
        ),
        {
            "tcp://xmpp.chat.example:5222": ("blocked", ["tcp"], "app.other_answer"),
            "tcp://mtproto.chat.example:443": ("blocked", ["tcp"], "app.eof"),
            "udp://stun.chat.example:3478": ("blocked", ["tcp"], "app.rejected"),
        },
    ),
    "before anything is said": (
        Spec(
            sites=SITES,
            rules=(
                Rule(when=To(addresses=(at(3),), port=8883), do=Throttle(after=0)),
                Rule(when=To(addresses=(at(1),), port=5222), do=Drop()),
            ),
        ),
        {
            "tls://mqtt.chat.example:8883": ("blocked", ["tls"], "tls.timeout_after_client_hello"),
            "tcp://xmpp.chat.example:5222": ("blocked", ["tcp"], "tcp.timeout"),
        },
    ),
    "another host": (
        Spec(sites=(*SITES, *BLOCK_SITES), lies=(Lie(name="chat.example", addresses=(BLOCK_SITES[0].addresses[0],)),)),
        {
            "tcp://xmpp.chat.example:5222": ("blocked", ["dns"], "dns.wrong_address"),
            "tcp://mtproto.chat.example:443": ("blocked", ["dns"], "dns.wrong_address"),
            "tls://mqtt.chat.example:8883": ("blocked", ["dns"], "dns.true_address_works"),
            "udp://stun.chat.example:3478": ("blocked", ["dns"], "dns.wrong_address"),
            BOOTSTRAP: ("blocked", ["dns"], "dns.wrong_address"),
        },
    ),
    "another server": (
        Spec(sites=GARBAGE),
        {
            "tcp://xmpp.chat.example:5222": ("down", [], "app.fails_everywhere"),
            "tcp://mtproto.chat.example:443": ("down", [], "app.fails_everywhere"),
            "tls://mqtt.chat.example:8883": ("down", [], "app.fails_everywhere"),
            "udp://stun.chat.example:3478": ("down", [], "app.fails_everywhere"),
            BOOTSTRAP: ("down", [], "dns.fails_everywhere"),
        },
    ),
}


@pytest.fixture(scope="module")
def town(lab: None) -> Iterator[World]:
    with World(Spec(sites=SITES)) as world:
        endpoints = [ENDPOINT.format(target=name, speaks=f'speaks = "{word}"') for name, word in TARGETS.items()]
        (world.home / "chat.toml").write_text(LIST + "".join(endpoints))
        with control(world, "--timeout", "3", "--ttl", "0"):
            yield world


def run(world: World, name: str) -> dict[str, dict[str, Any]]:
    """A run over the list in the world of this name, by target."""
    world.become(WORLDS[name][0])
    lists, database = ("--targets", str(world.home / "chat.toml")), ("--db", str(world.home / f"{name}.sqlite"))
    done = probe(world, "run", *lists, *database, "--control", CONTROL_URL, "--timeout", "3", "--json")
    found = {line["target"]: line for line in lines(done)}
    assert sorted(found) == sorted(TARGETS), done.stderr
    return found


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.timeout(300)
def test_the_verdicts(town: World, name: str) -> None:
    found = run(town, name)
    expected = NOTHING | WORLDS[name][1]
    told = {target: (line["outcome"], line["methods"], codes(line)[0]) for target, line in found.items()}
    assert told == expected
    assert found["udp://stun.chat.example:3478"]["service"] == "chat"


def test_what_is_recorded(town: World) -> None:
    found = run(town, "nothing")
    steps = {
        target: [row["step"] for row in line["observations"] if row["step"] != "dns"] for target, line in found.items()
    }
    assert steps == {
        "tcp://xmpp.chat.example:5222": ["tcp", "greeting"],
        "tcp://mtproto.chat.example:443": ["tcp", "greeting"],
        "tls://mqtt.chat.example:8883": ["tcp", "tls", "greeting"],
        "udp://stun.chat.example:3478": ["greeting"],
        BOOTSTRAP: ["tcp", "http"],
    }
    database = ("--db", str(town.home / "nothing.sqlite"))
    explained = probe(town, "explain", found["udp://stun.chat.example:3478"]["measurement_id"], *database)
    assert explained.stdout.count(f"spoke stun to {at(4)} port 3478 over UDP: answered (32 bytes)") == 2
    side_by_side = next(line for line in explained.stdout.splitlines() if line.strip().startswith("answer "))
    assert side_by_side.split(maxsplit=1)[1].split("  ")[0] == "in its protocol"
    assert side_by_side.count("in its protocol") == 2
    again = lines(probe(town, "classify", "--json", *database))
    assert len(again) >= len(TARGETS)
    assert {line["was"] for line in again} == {None}


def test_a_user_may_name_a_stun_server(town: World) -> None:
    town.become(Spec(sites=SITES))
    done = probe(town, "check", "UDP://stun.chat.example:3478", "--control", CONTROL_URL, "--no-save", "--json")
    (line,) = lines(done)
    assert (line["target"], line["outcome"], codes(line)) == ("udp://stun.chat.example:3478", "ok", ["app.answered"])
    assert done.returncode == 0
