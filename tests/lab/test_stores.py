"""`probe check --stores`: what follows from what app stores say, and what does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from probe.storefront import COMPARED, AppStore
from tests.cli.alone import ask
from tests.cli.lists import write_list
from tests.lab.app_stores import ADDRESSES, APPS, COUNTRY, NAMES, Shelves
from tests.lab.lab import Finished, World
from tests.lab.people import CONTROL_URL, control, lines, probe
from tests.lab.scenarios.scenario import PAGE, at, https, to
from tests.lab.spec import Answer, Certificate, Lie, Page, Reset, Rule, Sni, Spec

SERVICE = "https://chat.example/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the stores list, what the network does, and what must be found."""

    listing: str
    codes: tuple[str, ...]
    """Of the reasons, both stores alike."""
    shelves: Shelves = field(default_factory=Shelves)
    changes: dict[str, Any] = field(default_factory=dict)
    """To the stores' sites."""
    rules: tuple[Rule, ...] = ()
    lies: tuple[Lie, ...] = ()
    dark: tuple[str, ...] = ()
    asked: tuple[str, ...] = (COUNTRY,)
    """The countries that a store is asked about, the one in question first."""

    def spec(self) -> Spec:
        sites = (https("chat.example", at(1)), https("consent.example", at(9), page=PAGE))
        stores = self.shelves.sites(**self.changes)
        return Spec(sites=(*sites, *stores), rules=self.rules, lies=self.lies, dark=self.dark)


COMPARING = (COUNTRY, COUNTRY, *COMPARED)
GARBAGE = Page(body='{"resultCount": "many"')
CASES = {
    "listed": Case(listing="listed", codes=("store.listed",)),
    "removed here": Case(
        listing="removed_here", codes=("store.removed_here",), shelves=Shelves(app=COMPARED), asked=COMPARING
    ),
    "removed everywhere": Case(
        listing="removed_everywhere", codes=("store.listed_nowhere",), shelves=Shelves(app=()), asked=COMPARING
    ),
    "nothing is listed there": Case(
        listing="inconclusive",
        codes=("store.lists_nothing",),
        shelves=Shelves(app=COMPARED, own=COMPARED),
        asked=COMPARING,
    ),
    "listed in one country of four": Case(
        listing="inconclusive", codes=("store.seldom_listed",), shelves=Shelves(app=("US",)), asked=COMPARING
    ),
    "garbage about the others": Case(
        listing="inconclusive",
        codes=("store.not_compared",),
        shelves=Shelves(app=COMPARED, instead=GARBAGE, instead_in=("US", "JP", "BR")),
        asked=COMPARING,
    ),
    "garbage": Case(
        listing="inconclusive", codes=("store.no_answer", "store.no_listing"), shelves=Shelves(instead=GARBAGE)
    ),
    "turned away": Case(
        listing="inconclusive",
        codes=("store.no_answer", "store.no_listing"),
        shelves=Shelves(instead=Page(status=403, title="Forbidden")),
    ),
    "another app's page": Case(
        listing="inconclusive",
        codes=("store.no_answer", "store.no_listing"),
        shelves=Shelves(
            instead=Page(
                body='{"resultCount":1,"results":[{"trackId":1234567890}]}'
                "<a href=/store/apps/details?id=org.example.chat.lite>"
            )
        ),
    ),
    "led elsewhere": Case(
        listing="inconclusive",
        codes=("store.no_answer", "store.elsewhere"),
        shelves=Shelves(instead=to("https://consent.example/")),
    ),
    "unreachable for everybody": Case(
        listing="inconclusive",
        codes=("store.no_answer", "tcp.fails_everywhere"),
        dark=tuple(ADDRESSES.values()),
    ),
    "blocked by name": Case(
        listing="inconclusive",
        codes=("store.no_answer", "tls.name_is_the_trigger"),
        shelves=Shelves(app=COMPARED),
        rules=tuple(Rule(when=Sni(name=name), do=Reset()) for name in NAMES.values()),
    ),
    "blocked by the resolver": Case(
        listing="inconclusive",
        codes=("store.no_answer", "dns.true_address_works"),
        shelves=Shelves(app=COMPARED),
        lies=tuple(Lie(name=name, answer=Answer.NXDOMAIN) for name in NAMES.values()),
    ),
    "an answer that nobody vouches for": Case(
        listing="inconclusive",
        codes=("store.no_answer", "tls.fails_everywhere"),
        shelves=Shelves(app=COMPARED),
        changes={"certificate": Certificate.UNKNOWN_AUTHORITY},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def market(lab: None) -> Iterator[World]:
    """A world with a control, which remembers nothing from one case to the next."""
    with World() as world, control(world, "--timeout", "2", "--ttl", "0"):
        yield world


def service(world: World) -> Path:
    """A list with a service that has an app."""
    path = write_list(world.home / "chat.toml", [SERVICE])
    app = f'[app]\napple = {APPS[AppStore.APPLE]}\ngoogle = "{APPS[AppStore.GOOGLE]}"\n'
    path.write_text(f"{path.read_text('utf-8')}{app}", "utf-8")
    return path


def check(world: World, *words: str, stores: tuple[str, ...] = ("--stores", "--country", COUNTRY)) -> Finished:
    options = ("--targets", str(service(world)), "--timeout", "2", "--control", CONTROL_URL)
    return probe(world, "check", "chat", *options, *stores, *words)


@pytest.mark.parametrize("name", CASES)
def test_what_is_found(market: World, name: str) -> None:
    case = CASES[name]
    market.become(case.spec())
    database = market.home / "stores.sqlite"
    done = check(market, "--json", "--db", str(database))
    target, *found = lines(done)
    assert (target["target"], target["outcome"], done.returncode) == (SERVICE, "ok", 0), done.stdout
    assert [line["store"] for line in found] == ["apple", "google"]
    for line in found:
        assert line["kind"] == "store"
        assert (line["service"], line["country"]) == ("chat", COUNTRY)
        assert line["app"] == APPS[AppStore(line["store"])]
        codes = [reason["code"] for reason in line["reasons"]]
        assert (line["store"], line["listing"], codes) == (line["store"], case.listing, list(case.codes))
        assert tuple(sorted(question["country"] for question in line["questions"])) == tuple(sorted(case.asked))
        assert line["questions"][0]["country"] == COUNTRY
        assert "outcome" not in line
        assert {row["step"] for row in line["questions"][0]["observations"]} & {"dns"}
    run = target["run_id"]
    again = probe(market, "results", "--stores", "--json", "--run", run, "--db", str(database))
    assert lines(again) == found
    told = probe(market, "results", "--stores", "--run", run, "--db", str(database)).stdout
    assert told.count(case.listing.upper().replace("_", " ")) == 2
    for line in found:
        assert all(reason["text"] in told for reason in line["reasons"])


def test_the_verdicts_of_targets_are_as_without(market: World) -> None:
    """Nor does any query about targets see what a store was asked."""
    market.become(CASES["removed here"].spec())
    database = market.home / "apart.sqlite"
    first, *_ = lines(check(market, "--json", "--db", str(database)))
    (shown,) = lines(probe(market, "results", "--json", "--db", str(database)))
    assert shown == first
    assert ask(database, "SELECT count(*) AS n FROM measurement") == [{"n": 1}]
    assert ask(database, "SELECT target FROM v_latest") == [{"target": SERVICE}]
    found = {"listing": "removed_here", "country": COUNTRY}
    assert ask(database, "SELECT listing, country FROM listing") == [found, found]
    assert ask(database, "SELECT count(*) AS n FROM store_measurement") == [{"n": 12}]
    assert ask(database, "PRAGMA foreign_key_check") == []
    for words, count in ((("--service", "chat"), 2), (("--service", "line"), 0), (("--since", "2099-01-01"), 0)):
        done = probe(market, "results", "--stores", "--json", *words, "--db", str(database))
        assert (words, done.returncode, len(lines(done))) == (words, 0, count)


def test_no_store_is_asked_unless_the_user_says_so(market: World) -> None:
    spec = CASES["removed here"].spec()
    watched = tuple(Rule(when=Sni(name=name), do=Reset(), also_control=True) for name in NAMES.values())
    market.become(replace(spec, rules=watched))
    done = check(market, "--json", "--no-save", stores=())
    assert [line["target"] for line in lines(done)] == [SERVICE]
    assert market.fired() == (0, 0)
    assert len(lines(check(market, "--json", "--no-save"))) == 3
    assert all(market.fired())


def test_a_store_at_another_address(market: World) -> None:
    """As the settings name it; the store's own name is not asked."""
    apple, google = Shelves(app=COMPARED).sites()
    moved = tuple(replace(site, name=f"{n}.store.example") for n, site in enumerate((apple, google)))
    watched = tuple(Rule(when=Sni(name=name), do=Reset(), also_control=True) for name in NAMES.values())
    market.become(Spec(sites=(https("chat.example", at(1)), *moved), rules=watched))
    config = market.home / "stores.toml"
    config.write_text('[stores]\napple = "https://0.store.example"\ngoogle = "https://1.store.example/"\n')
    found = lines(check(market, "--json", "--no-save", "--config", str(config)))[1:]
    assert [line["listing"] for line in found] == ["removed_here", "removed_here"]
    assert found[0]["questions"][0]["target"].startswith("https://0.store.example/lookup?id=123456789&country=RU")
    assert market.fired() == (0, 0)


def test_a_service_without_an_app_has_no_store_to_ask(market: World) -> None:
    market.become(CASES["listed"].spec())
    path = write_list(market.home / "plain.toml", [SERVICE])
    options = ("--targets", str(path), "--control", CONTROL_URL, "--no-save", "--json")
    done = probe(market, "check", "plain", *options, "--stores", "--country", COUNTRY)
    assert (done.returncode, len(lines(done))) == (0, 1)
    assert "no store is asked" in done.stderr


def test_a_country_that_is_compared_with_is_not_compared_with_itself(market: World) -> None:
    spec = Shelves(app=[each for each in COMPARED if each != "US"], own=("US",))
    market.become(Spec(sites=(https("chat.example", at(1)), *spec.sites())))
    found = lines(check(market, "--json", "--no-save", stores=("--stores", "--country", "us")))[1:]
    assert [line["listing"] for line in found] == ["removed_here", "removed_here"]
    assert [question["country"] for question in found[0]["questions"]] == ["US", "US", "DE", "JP", "BR"]


def test_in_plain_words(market: World) -> None:
    market.become(CASES["removed here"].spec())
    done = check(market, "--no-save")
    assert "REMOVED HERE  chat (apple 123456789, in the store of RU)" in done.stdout
    assert "Google Play does not list the app in RU; it does in US, DE, JP, BR." in done.stdout
    assert done.stdout.startswith("OK ")
    assert done.returncode == 0
