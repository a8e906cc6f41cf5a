"""`probe register`, and what registers say beside verdicts: on a machine without a network, since none is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from probe.model import Outcome, Scheme, Target, Vantage
from probe.store import Store
from tests.cli import alone
from tests.imports.registered import DUMP, write_csv, write_dump
from tests.lab.lab import Finished
from tests.store.examples import HOME, a_control, a_result, a_run

KEYS = {"register", "country", "as_of", "listed", "by", "key", "since", "authority", "decision", "line"}
LOOKUPS: dict[str, tuple[bool, str | None, str | None, str]] = {
    # target: listed, by, since, what is said
    "https://wechat.com/": (True, "domain", "2016-08-04", "rkn since 2016-08-04 (domain wechat.com; суд, 2-2/1)"),
    "tls://web.line.me:443": (True, "wildcard", "2017-05-03", "rkn since 2017-05-03 (wildcard *.line.me; "),
    "tcp://192.175.48.7:443": (True, "address", "2018-04-16", "rkn since 2018-04-16 (address 192.175.48.7; "),
    "tcp://[2620:4f:8000::7]:443": (True, "prefix", "2018-04-17", "(prefix 2620:4f:8000::/48; "),
    "http://pages.example/c": (True, "url", "2016-12-01", "(url http://pages.example/c; ФНС, 2-6-27/ 2016-АИ)"),
    "https://ПОЧТА.рф/": (True, "domain", "2015-01-02", "(domain xn--80a1acny.xn--p1ai; суд, 3-1/2)"),
    "https://linkedin.com/": (True, "domain", None, "in the register rkn since a day that it does not give ("),
    "https://www.linkedin.com/": (False, "parent", None, "not in the register rkn, but linkedin.com above it is"),
    "http://pages.example/": (False, "page", "2016-12-01", "register rkn, but a page of it is, since 2016-12-01 ("),
    "https://signal.org/": (False, None, None, "not in the register rkn as of 2017-05-04"),
}  # fmt: skip


def imported(home: Path, file: Path, *words: str, name: str = "rkn", country: str = "ru") -> Finished:
    return alone.run(home, "register", "import", file, "--name", name, "--country", country, *words)


@pytest.fixture
def filled(home: Path) -> Path:
    """A home in whose database a register is."""
    done = imported(home, write_dump(home / "dump.csv", *DUMP))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("rkn as of 2017-05-04: RU, 8 entries, imported ")
    return home


def test_lookups(filled: Path) -> None:
    plain = alone.run(filled, "register", "lookup", *LOOKUPS)
    assert (plain.returncode, plain.stderr) == (0, "")
    for line, (*_, said) in zip(plain.stdout.splitlines(), LOOKUPS.values(), strict=True):
        assert said in line
    told = alone.read(alone.run(filled, "register", "lookup", "--json", *LOOKUPS))
    for line, (listed, by, since, _) in zip(told, LOOKUPS.values(), strict=True):
        (standing,) = line["registers"]
        assert set(standing) == KEYS
        assert (standing["listed"], standing["by"], standing["since"]) == (listed, by, since), line["target"]
        assert (standing["register"], standing["country"]) == ("rkn", "RU")
        assert standing["as_of"] == "2017-05-04T10:00:00.000000Z"


def test_a_service_and_a_bare_domain_can_be_looked_up(filled: Path) -> None:
    told = alone.read(alone.run(filled, "register", "lookup", "--json", "line", "wechat.com"))
    assert {line["service"] for line in told} == {"line", "wechat"}
    standing = {line["target"]: line["registers"][0]["by"] for line in told}
    assert (standing["https://line.me/"], standing["https://wechat.com/"], standing["http://wechat.com/"]) == (
        "wildcard",
        "domain",
        "domain",
    )


def test_list(filled: Path) -> None:
    imported(filled, write_csv(filled / "list.csv", "line.me,,,,,2017-05-05"), name="btk", country="TR")
    done = alone.run(filled, "register", "list")
    assert [line.split(":")[0].split(" as of ")[0] for line in done.stdout.splitlines()] == ["btk", "rkn"]
    told = {line["register"]: line for line in alone.read(alone.run(filled, "register", "list", "--json"))}
    assert told["btk"] == {
        "register": "btk",
        "country": "TR",
        "form": "csv",
        "source": "list.csv",
        "updated_at": None,
        "imported_at": told["btk"]["imported_at"],
        "entries": 1,
        "damaged": 0,
    }


def test_nothing_to_look_in(home: Path) -> None:
    Store.open(home / "state" / "probe.sqlite").close()
    for words in (("list",), ("lookup", "line.me")):
        done = alone.run(home, "register", *words)
        assert (done.returncode, done.stdout) == (0, "")
        assert "No register is in the database" in done.stderr


def test_damaged_lines_are_told(home: Path) -> None:
    rows = [*DUMP, "\x1b[31mred", *["bad"] * 30, *DUMP * 8]
    done = imported(home, write_dump(home / "dump.csv", *rows))
    assert done.returncode == 4
    assert "31 damaged lines" in done.stdout
    told = done.stderr.splitlines()
    assert told[0].endswith("dump.csv:10: 1 fields, not 6")
    assert told[-1] == "probe: 11 more lines are damaged"
    assert len(told) == 21
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(
    "content", [b"<html>", b"Updated: 2017-05-04 10:00:00 +0000\n;a.example;;a;b;2017-05-04\n;b.ex"]
)
def test_a_file_that_is_no_whole_register_changes_nothing(filled: Path, content: bytes) -> None:
    bad = filled / "bad.csv"
    bad.write_bytes(content)
    for path in (bad, filled / "missing.csv", filled):
        done = imported(filled, path)
        assert (path, done.returncode, done.stdout) == (path, 5, "")
        assert done.stderr.startswith(f"probe: not imported: {path}: ")
        assert len(done.stderr.splitlines()) == 1
    (register,) = alone.read(alone.run(filled, "register", "list", "--json"))
    assert (register["entries"], register["source"]) == (8, "dump.csv")


@pytest.mark.parametrize("country", ["RUS", "R1", "XX", "", "UK"])
def test_what_is_no_country_is_refused(home: Path, country: str) -> None:
    done = imported(home, write_dump(home / "dump.csv", *DUMP), country=country)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no country" in done.stderr
    assert not (home / "state").exists()


def target(host: str) -> Target:
    return Target(scheme=Scheme.HTTPS, host=host, port=443)


@pytest.fixture
def measured(home: Path) -> Path:
    """A home with measurements of 2026: at home in Russia, and somewhere else."""
    abroad = Vantage(name="abroad", country="NL")
    with Store.open(home / "state" / "probe.sqlite") as store:
        store.begin_run(a_run())
        store.add(
            [
                a_result("m-1", target=target("wechat.com"), outcome=Outcome.BLOCKED),
                a_result("m-2", target=target("line.me"), outcome=Outcome.OK, minutes=1),
                a_result("m-3", target=target("signal.org"), outcome=Outcome.BLOCKED, minutes=2),
                a_result("m-4", target=target("later.example"), outcome=Outcome.DOWN, minutes=3),
                a_result("m-5", target=target("www.linkedin.com"), outcome=Outcome.BLOCKED, minutes=4),
                at(abroad, a_result("m-6", target=target("wechat.com"), outcome=Outcome.BLOCKED, minutes=5)),
                at(Vantage(name="x"), a_result("m-7", target=target("wechat.com"), outcome=Outcome.OK, minutes=6)),
                a_result("m-8", target=replace(target("wechat.example"), path="/微信?x=1"), minutes=7),
            ]
        )
    return home


def at(vantage: Vantage, result: Any) -> Any:
    return replace(result, measurement=replace(result.measurement, vantage=vantage))


BESIDE = {
    "m-1": ["in the register rkn since 2016-08-04 (domain wechat.com; суд, 2-2/1)"],
    "m-2": ["in the register rkn since 2017-05-03, not blocked here (wildcard *.line.me; Роскомнадзор, Ид2971-18)"],
    "m-3": ["blocked, but in no register (rkn as of 2017-05-04)"],
    "m-4": ["in the register rkn since 2026-11-25, after this measurement (domain later.example; a, b)"],
    "m-5": [
        "blocked, but in no register (rkn as of 2017-05-04)",
        "not in the register rkn, but linkedin.com above it is, since a day that it does not give"
        " (linkedin.com; суд, 2)",
    ],
    "m-6": [],
    "m-7": ["in the register rkn since 2016-08-04, not blocked here (domain wechat.com; суд, 2-2/1)"],
    "m-8": ["in the register rkn since 2026-11-01 (address 192.31.196.1; a, c)"],
}  # fmt: skip
MORE = (";later.example;;a;b;2026-11-25", "192.31.196.1;;;a;c;2026-11-01")


def test_registers_stand_beside_past_verdicts(measured: Path) -> None:
    """And are no part of them: a line has all that it had without a register."""
    without = alone.read(alone.run(measured, "results", "--json"))
    assert imported(measured, write_dump(measured / "dump.csv", *DUMP, *MORE)).returncode == 0
    told = alone.read(alone.run(measured, "results", "--json"))
    for before, after in zip(without, told, strict=True):
        assert {**before, "registers": after["registers"]} == after
    by = {line["measurement_id"]: [each["by"] for each in line["registers"]] for line in told}
    assert by == {
        "m-1": ["domain"],
        "m-2": ["wildcard"],
        "m-3": [None],
        "m-4": ["domain"],
        "m-5": ["parent"],
        "m-6": [],
        "m-7": ["domain"],
        "m-8": ["address"],
    }
    plain = alone.run(measured, "results").stdout.splitlines()
    found: dict[str, list[str]] = {}
    for line in plain:
        if line.startswith(" "):
            found[list(found)[-1]].append(line.strip())
        else:
            found[line.split()[-1]] = []
    assert found == BESIDE


def test_explain_has_registers_apart(measured: Path) -> None:
    before = alone.run(measured, "explain", "m-1").stdout
    assert "register" not in before
    assert alone.read(alone.run(measured, "explain", "m-1", "--json"))[0]["registers"] == []
    imported(measured, write_dump(measured / "dump.csv", *DUMP))
    after = alone.run(measured, "explain", "m-1").stdout
    title = "Official registers, which are no part of the verdict:"
    assert after == f"{before}\n{title}\n  {BESIDE['m-1'][0]}\n"
    (told,) = alone.read(alone.run(measured, "explain", "m-1", "--json"))
    assert [(each["by"], each["since"]) for each in told["registers"]] == [("domain", "2016-08-04")]
    assert alone.run(measured, "explain", "m-6").stdout.count("register") == 0


def test_an_address_that_only_the_control_saw_is_looked_up(home: Path) -> None:
    with Store.open(home / "state" / "probe.sqlite") as store:
        store.begin_run(a_run())
        seen = replace(a_control(), target=target("wechat.example"))
        result = a_result("m-1", target=target("wechat.example"), observations=(), controls=(seen,))
        store.add([result])
    assert result.measurement.vantage == HOME
    imported(home, write_dump(home / "dump.csv", "192.31.196.0/24;;;a;b;2017-05-04"))
    (line,) = alone.read(alone.run(home, "results", "--json"))
    assert [(each["by"], each["key"]) for each in line["registers"]] == [("prefix", "192.31.196.0/24")]


def test_the_json_of_an_import(home: Path) -> None:
    done = imported(home, write_dump(home / "dump.csv", *DUMP), "--json")
    told = json.loads(done.stdout)
    assert (told["register"], told["country"], told["entries"], told["form"]) == ("rkn", "RU", 8, "dump")
