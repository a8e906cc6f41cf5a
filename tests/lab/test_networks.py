"""Whose network an address is in: from a database file through measurement and verdict to what is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.alone import ask
from tests.lab.lab import World
from tests.lab.people import CONTROL_URL, codes, control, lines, probe
from tests.lab.scenarios.scenario import at, both
from tests.lab.spec import CLIENT, Lie, Site, Spec
from tests.networks import books


def port(name: str, *addresses: str, published: bool = True) -> Site:
    """A port that accepts, and says nothing."""
    return Site(name=name, addresses=addresses, port=5222, certificate=None, silent=True, published=published)


# Everybody's resolver gives the first address; the client's gives the second.
PLACES = {
    "near.example": (at(1), at(2)),  # both in AS64500
    "far.example": (at(3), at(203)),  # AS64500 and AS64501
    "cloud.example": ("192.175.48.20", "192.175.48.21"),
}
TOWN = Spec(
    sites=tuple(
        site
        for name, (there, here) in PLACES.items()
        for site in (port(name, there), port(name, here, published=False))
    ),
    lies=tuple(Lie(name=name, addresses=(here,)) for name, (_, here) in PLACES.items()),
)
TARGETS = [f"{scheme}://{name}{port}" for name in PLACES for scheme, port in (("tcp", ":5222"), ("dns", ""))]


@pytest.fixture(scope="module")
def town(lab: None) -> Iterator[World]:
    with World(TOWN) as world, control(world, "--timeout", "3"):
        books.asn(world.home / "asn.mmdb")
        books.country(world.home / "country.mmdb")
        books.write(world.home / "cloud.mmdb", {"192.175.48.0/24": {"asn": "AS16509", "name": "Amazon"}})
        yield world


def checked(world: World, *words: str, books: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    files = [word for name in books for word in ("--networks", str(world.home / name))]
    options = ("--control", CONTROL_URL, "--timeout", "3", "--json", "--db", str(world.home / "towns.sqlite"))
    found = lines(probe(world, "check", *TARGETS, *options, *files, *words, PROBE_VANTAGE_COUNTRY=""))
    assert len(found) == len(TARGETS)
    return {line["target"]: line for line in found}


def test_a_proxy_in_the_own_network_is_noted(town: World) -> None:
    """ok-dns-passthrough-proxy: the name leads to a host that passes everything on, in clear and under TLS."""
    name, true_one, proxy = "proxied.example", at(5), at(204)
    sites = (
        *both(name, true_one),
        *(Site(name=name, addresses=(proxy,), port=p, relay=true_one, published=False) for p in (80, 443)),
    )
    town.become(Spec(sites=sites, lies=(Lie(name=name, addresses=(proxy,)),)))
    options = ("--control", CONTROL_URL, "--timeout", "3", "--json", "--no-save")
    books = ("--networks", str(town.home / "asn.mmdb"))
    found = lines(probe(town, "check", name, *options, *books, PROBE_VANTAGE_ASN="64501"))
    town.become(TOWN)
    assert [line["outcome"] for line in found] == ["ok", "ok"]
    assert all("dns.interception" in codes(line) for line in found)


def told(found: dict[str, dict[str, Any]]) -> dict[str, tuple[str, str]]:
    return {target: (line["outcome"], codes(line)[0]) for target, line in found.items()}


UNCONFIRMED = ("inconclusive", "dns.unconfirmed_address")


def test_without_a_database_nothing_is_known(town: World) -> None:
    found = checked(town)
    assert set(told(found).values()) == {UNCONFIRMED}
    line = found["tcp://near.example:5222"]
    assert line["vantage"] == {"name": "here", "country": "ZZ", "asn": 0, "network": None}
    for row in line["observations"]:
        assert [answer["asn"] for answer in row.get("answers", [])] in ([], [None])


def test_the_network_speaks_for_an_address(town: World) -> None:
    found = checked(town, books=("cloud.mmdb", "asn.mmdb", "country.mmdb"))
    assert told(found) == {
        "tcp://near.example:5222": ("ok", "dns.same_network"),
        "dns://near.example": ("ok", "dns.same_network"),
        "tcp://far.example:5222": UNCONFIRMED,
        "dns://far.example": UNCONFIRMED,
        "tcp://cloud.example:5222": ("ok", "dns.same_shared_network"),
        "dns://cloud.example": UNCONFIRMED,
    }
    near = found["tcp://near.example:5222"]
    assert "AS64500 Example Messaging" in near["reasons"][0]["text"]
    assert "proves less" in found["tcp://cloud.example:5222"]["reasons"][0]["text"]
    assert near["vantage"] == {"name": "here", "country": "RU", "asn": 64503, "network": "Last Mile"}
    assert CLIENT[0].startswith("192.52.193.")  # which is where that comes from
    answers = [answer for row in near["observations"] if row["step"] == "dns" for answer in row["answers"]]
    assert [(each["value"], each["asn"], each["network"], each["country"]) for each in answers] == [
        (at(2), 64500, "Example Messaging", "JP")
    ]


def test_it_is_recorded_and_told(town: World) -> None:
    line = checked(town, books=("asn.mmdb", "country.mmdb"))["tcp://near.example:5222"]
    database = town.home / "towns.sqlite"
    text = probe(town, "explain", line["measurement_id"], "--db", str(database)).stdout
    assert f"{at(2)} (JP, AS64500 Example Messaging)" in text
    # the control has no database of its own; its answers are looked up here
    assert f"{at(1)} (JP, AS64500 Example Messaging)" in text.partition("What the control vantage point")[2]
    (run,) = ask(database, f"SELECT settings FROM run WHERE id = '{line['run_id']}'")
    kinds = [each["kind"] for each in json.loads(run["settings"])["networks"]]
    assert kinds == ["GeoLite2-ASN", "GeoLite2-Country"]
    # and the verdict can be made again without any
    again = lines(probe(town, "classify", "--json", "--db", str(database)))
    assert {each["was"] for each in again if each["run_id"] == line["run_id"]} == {None}


def test_a_database_that_turns_out_to_be_damaged_ends_the_run(town: World, tmp_path: Path) -> None:
    """The tree is whole, and what it points at for the address of one name is not."""
    whole = books.asn(tmp_path / "asn.mmdb").read_bytes()
    name = b"Example Hosting"
    assert whole.count(name) == 1
    bad = town.home / "bad.mmdb"
    bad.write_bytes(whole.replace(name, b"\xff" * len(name)))
    done = probe(town, "check", *TARGETS, "--control", "none", "--no-save", "--networks", str(bad))
    assert done.returncode == 5
    assert done.stderr.splitlines()[-1].startswith(f"probe: {bad}: damaged, or no MaxMind DB file (")
