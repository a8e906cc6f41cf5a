"""Registers in the database: what is found in them, and that a new one takes the place of the old one at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path

import pytest

from probe.model import Target
from probe.register import By, Entry, Keys, Kind, Register, Standing, keys_of, wanted
from probe.store import Store, StoreError
from probe.targets import parse_one
from tests.cli.alone import ask
from tests.store.examples import a_result, a_run

RKN = Register(name="rkn", country="RU", form="dump", source="dump.csv", updated_at=datetime(2017, 5, 4, tzinfo=UTC))
DAY = date(2017, 5, 4)


def entry(
    line: int, name: str = "", *, urls: tuple[str, ...] = (), addresses: tuple[str, ...] = (), day: date | None = DAY
) -> tuple[Entry, Keys]:
    """An entry with its keys, as a file gives them."""
    kind = Kind.URL if urls else Kind.ADDRESS if not name else Kind.WILDCARD if name[0] == "*" else Kind.DOMAIN
    made = Entry(line=line, kind=kind, domain=name or None, url=" | ".join(urls) or None, decision=f"#{line}", date=day)
    return made, keys_of(kind, domain=name or None, urls=urls, addresses=addresses)


ENTRIES = (
    entry(2, "wechat.com", addresses=("192.31.196.1", "192.31.196.1")),
    entry(3, "*.line.me"),
    entry(4, "pages.example", urls=("http://pages.example/a?b=1",), addresses=("192.31.196.2",)),
    entry(5, addresses=("192.175.48.7", "192.52.193.0/24", "2620:4f:8000::/48")),
    entry(6, "twice.example", day=None),
    entry(7, "twice.example", day=date(2016, 8, 4)),
    entry(8, "twice.example", day=date(2018, 1, 1)),
    entry(9, "*.both.example", day=date(2016, 1, 1)),
    entry(10, "www.both.example", day=date(2017, 1, 1)),
)

STANDINGS = {
    # target: how it stands there, by which key, on which line
    "https://wechat.com/": (By.DOMAIN, "wechat.com", 2),
    "dns://wechat.com": (By.DOMAIN, "wechat.com", 2),
    "https://web.wechat.com/": (By.PARENT, "wechat.com", 2),
    "https://notwechat.com/": (None, None, None),
    "tcp://line.me:443": (By.WILDCARD, "*.line.me", 3),
    "tls://a.b.line.me:443": (By.WILDCARD, "*.line.me", 3),
    "https://online.me/": (None, None, None),
    "https://me.example/": (None, None, None),
    "http://pages.example/a?b=1": (By.URL, "http://pages.example/a?b=1", 4),
    "http://pages.example/a?b=2": (By.PAGE, "pages.example", 4),
    "https://pages.example/a?b=1": (By.PAGE, "pages.example", 4),
    "dns://pages.example": (By.PAGE, "pages.example", 4),
    "https://sub.pages.example/": (None, None, None),
    "tcp://192.175.48.7:443": (By.ADDRESS, "192.175.48.7", 5),
    "https://192.52.193.77/": (By.PREFIX, "192.52.193.0/24", 5),
    "tcp://192.52.194.1:80": (None, None, None),
    "tcp://[2620:4f:8000:7::9]:443": (By.PREFIX, "2620:4f:8000::/48", 5),
    "tcp://[2620:4f:8001::1]:443": (None, None, None),
    "tcp://192.31.196.1:443": (By.SHARED_ADDRESS, "192.31.196.1", 2),
    "https://twice.example/": (By.DOMAIN, "twice.example", 7),
    "https://www.both.example/": (By.WILDCARD, "*.both.example", 9),
    "https://other.example/": (None, None, None),
}


def put(store: Store, entries: Iterable[tuple[Entry, Keys]], register: Register = RKN, damaged: int = 0) -> Register:
    return store.replace_register(register, entries, lambda: damaged)


def look(store: Store, target: Target, *addresses: str, country: str | None = None) -> tuple[Standing, ...]:
    with store.registers() as registers:
        return registers.standings(wanted(target, addresses), country)


def names(store: Store) -> list[tuple[str, int]]:
    with store.registers() as registers:
        return [(register.name, register.entries) for register in registers.all]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "probe.sqlite") as opened:
        yield opened


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("registers") / "probe.sqlite") as opened:
        put(opened, ENTRIES)
        yield opened


@pytest.mark.parametrize("target", STANDINGS)
def test_how_a_target_stands(filled: Store, target: str) -> None:
    (standing,) = look(filled, parse_one(target))
    assert (standing.by, standing.key, standing.entry.line if standing.entry else None) == STANDINGS[target]
    assert standing.entry in (None, *(each for each, _ in ENTRIES))
    assert standing.listed == (standing.by in (By.URL, By.DOMAIN, By.WILDCARD, By.ADDRESS, By.PREFIX))


@pytest.mark.parametrize(
    ("addresses", "by", "line"),
    [
        (("192.31.196.9",), None, None),
        (("192.31.196.9", "192.52.193.1"), By.PREFIX, 5),
        (("192.175.48.7", "192.52.193.1"), By.ADDRESS, 5),
        (("192.31.196.2",), By.SHARED_ADDRESS, 4),
        (("2620:4f:8000::1",), By.PREFIX, 5),
    ],
)
def test_a_name_is_found_by_the_addresses_that_it_has(
    filled: Store, addresses: tuple[str, ...], by: By | None, line: int | None
) -> None:
    (standing,) = look(filled, parse_one("https://other.example/"), *addresses)
    assert (standing.by, standing.entry.line if standing.entry else None) == (by, line)


def test_a_register_is_read_back_as_it_was_put(store: Store) -> None:
    made = put(store, ENTRIES, damaged=3)
    assert (made.name, made.entries, made.damaged) == ("rkn", len(ENTRIES), 3)
    assert made.imported_at is not None
    with store.registers() as registers:
        assert registers.all == (made,)


def test_registers_of_other_countries_are_left_out_where_one_is_asked_for(store: Store) -> None:
    put(store, ENTRIES)
    put(store, ENTRIES[:2], Register(name="btk", country="TR", form="csv", source="list.csv"))
    target = parse_one("https://wechat.com/")
    assert [each.register.name for each in look(store, target)] == ["btk", "rkn"]
    assert [each.register.name for each in look(store, target, country="RU")] == ["rkn"]
    assert look(store, target, country="NL") == ()


def test_a_new_register_takes_the_place_of_the_old_one(store: Store) -> None:
    put(store, ENTRIES)
    put(store, [entry(2, "other.example")], Register(name="rkn", country="RU", form="csv", source="new.csv"))
    assert names(store) == [("rkn", 1)]
    assert look(store, parse_one("https://wechat.com/"))[0].by is None
    assert look(store, parse_one("https://other.example/"))[0].by is By.DOMAIN
    assert ask(store.path, "SELECT count(*) AS n FROM register") == [{"n": 1}]
    assert ask(store.path, "SELECT count(*) AS n FROM register_entry") == [{"n": 1}]
    assert ask(store.path, "SELECT count(*) AS n FROM register_key") == [{"n": 1}]


def test_many_entries_are_replaced_in_many_transactions(store: Store) -> None:
    def many(domain: str) -> Iterator[tuple[Entry, Keys]]:
        return (entry(line, f"n{line}.{domain}", addresses=("192.31.196.1",)) for line in range(2, 50_002))

    put(store, many("old.example"))
    assert names(store) == [("rkn", 50_000)]
    assert put(store, many("new.example")).entries == 50_000
    assert look(store, parse_one("https://n49999.new.example/"))[0].by is By.DOMAIN
    assert look(store, parse_one("https://n49999.old.example/"))[0].by is None
    assert ask(store.path, "SELECT count(*) AS n FROM register_key") == [{"n": 100_000}]


class Torn(Exception):  # noqa: N818 - an end of the test's own
    pass


def torn() -> Iterator[tuple[Entry, Keys]]:
    raise Torn
    yield entry(1, "never.example")


def test_the_old_register_stays_when_the_new_one_breaks_off(store: Store) -> None:
    put(store, ENTRIES)
    with pytest.raises(Torn):
        put(store, chain(ENTRIES[:1], torn()))
    assert names(store) == [("rkn", len(ENTRIES))]
    assert look(store, parse_one("tcp://line.me:443"))[0].by is By.WILDCARD
    assert ask(store.path, "SELECT count(*) AS n FROM register") == [{"n": 1}]
    assert ask(store.path, "SELECT count(*) AS n FROM register_entry") == [{"n": len(ENTRIES)}]


def test_what_cannot_be_recorded_leaves_the_old_register(store: Store) -> None:
    put(store, ENTRIES)
    with pytest.raises(StoreError, match=r"probe\.sqlite: "):
        put(store, [entry(2, "a.example"), entry(2, "b.example")])  # one line twice
    assert names(store) == [("rkn", len(ENTRIES))]


def test_a_reader_sees_the_old_register_until_the_new_one_is_whole(store: Store) -> None:
    put(store, ENTRIES)
    seen: list[list[tuple[str, int]]] = []

    def watched() -> Iterator[tuple[Entry, Keys]]:
        for line in range(2, 40_002):
            if line % 10_000 == 2:
                seen.append(names(store))
            yield entry(line, f"n{line}.example")

    with store.registers() as before:
        put(store, watched())
        assert [(register.name, register.entries) for register in before.all] == [("rkn", len(ENTRIES))]
        assert before.standings(wanted(parse_one("https://wechat.com/")))[0].by is By.DOMAIN
    assert seen == [[("rkn", len(ENTRIES))]] * 4
    assert names(store) == [("rkn", 40_000)]


def test_a_run_records_while_a_register_is_imported(store: Store) -> None:
    """From another connection, as another process does."""
    recorded: list[str] = []

    def record() -> None:
        with Store.open(store.path) as other:
            other.begin_run(a_run())
            for number in range(20):
                other.add([a_result(f"m-{number}")])
                recorded.append(f"m-{number}")

    running = threading.Thread(target=record)

    def entries() -> Iterator[tuple[Entry, Keys]]:
        running.start()
        yield from (entry(line, f"n{line}.example") for line in range(2, 60_002))
        running.join()  # all is recorded before the register is

    put(store, entries())
    assert len(recorded) == 20
    assert names(store) == [("rkn", 60_000)]


KILLED = """
import os, sys
from pathlib import Path
from probe.store import Store
from tests.store.test_registers import RKN, entry
def entries():
    yield from (entry(line, f"n{line}.example") for line in range(2, 30_002))
    os._exit(9)
with Store.open(Path(sys.argv[1])) as store:
    store.replace_register(RKN, entries(), lambda: 0)
"""


def test_an_import_that_was_killed_leaves_the_old_register_and_is_cleared_away(store: Store) -> None:
    put(store, ENTRIES)
    assert subprocess.run([sys.executable, "-c", KILLED, str(store.path)], check=False).returncode == 9
    assert ask(store.path, "SELECT count(*) AS n FROM register") == [{"n": 2}]
    assert names(store) == [("rkn", len(ENTRIES))]
    put(store, ENTRIES[:1], Register(name="other", country="TR", form="csv", source="x"))
    assert names(store) == [("other", 1), ("rkn", len(ENTRIES))]
    assert ask(store.path, "SELECT count(*) AS n FROM register") == [{"n": 2}]
    assert ask(store.path, "SELECT count(*) AS n FROM register_entry") == [{"n": len(ENTRIES) + 1}]
    assert ask(store.path, "PRAGMA foreign_key_check") == []


def test_a_full_disk_is_told_and_costs_nothing(store: Store) -> None:
    put(store, ENTRIES)
    pages = ask(store.path, "PRAGMA page_count")[0]["page_count"]
    store.close()
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({pages * 4096 + 400_000},) * 2)\n"
    full = KILLED.replace("os._exit(9)", "return").replace("import os, sys", f"import os, signal, sys; {limit}")
    full = full.replace("from pathlib", "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nfrom pathlib", 1)
    done = subprocess.run([sys.executable, "-c", full, str(store.path)], check=False, capture_output=True, text=True)
    assert "StoreError" in done.stderr
    with Store.open(store.path) as again:
        assert names(again) == [("rkn", len(ENTRIES))]
        put(again, ENTRIES[:1])
        assert names(again) == [("rkn", 1)]
    assert ask(store.path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
