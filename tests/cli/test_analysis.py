"""`probe compare`, `timeline` and `report`: what is printed, what is refused, what is written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from probe.cli import main
from tests.analysis.databases import record
from tests.analysis.rows import at
from tests.cli.alone import read, run
from tests.lab.lab import Finished

Verb = Callable[..., Finished]


@pytest.fixture
def verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    """Runs a verb in this process, with a home of its own."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "STATE_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("PROBE_DB", raising=False)

    def do(*words: str | Path) -> Finished:
        monkeypatch.setattr("sys.argv", ["probe", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = capsys.readouterr()
        return Finished(returncode=int(ended.value.code or 0), stdout=said.out, stderr=said.err)

    return do


@pytest.fixture
def databases(tmp_path: Path) -> list[Path]:
    """Two networks; in the first of them two vantage points that do not agree."""
    mobile = at("vera", asn=64497, network="Blackhole Mobile")
    return [
        record(tmp_path / "anna.sqlite", "obbb", at("anna"), prefix="a-"),
        record(tmp_path / "boris.sqlite", "oooo", at("boris"), prefix="b-"),
        record(tmp_path / "vera.sqlite", "obboo", mobile, prefix="v-"),
    ]


def test_compare_says_who_says_what(verb: Verb, databases: list[Path]) -> None:
    shown = verb("compare", *databases)
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["line", "RU", "AS64496", "Stub", "Telecom", "mixed"] in [line[:6] for line in lines]
    assert ["-", "anna", "in", "anna.sqlite", "blocked", "(tcp;", "likely)", "2017-05-01", "01:00"] in lines
    assert ["-", "boris", "in", "boris.sqlite", "ok", "2017-05-01", "00:00", "or", "before"] in lines
    assert "2017-05-01 03:00" in shown.stdout  # since when Blackhole Mobile lets it through


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_datasets_are_read_as_databases_are(verb: Verb, databases: list[Path], tmp_path: Path, form: str) -> None:
    """Each file, and a dataset of the same name in its place: the same cells and blocks, with the same evidence."""
    words = [("compare", "--json"), ("timeline", "--json"), ("compare", "--json", "--targets")]
    before = [read(verb(*each, *databases)) for each in words]
    assert all(before)
    datasets = [tmp_path / form / path.name for path in databases]
    for path, dataset in zip(databases, datasets, strict=True):
        assert verb("export", "--format", form, "--output", dataset, "--db", path).returncode == 0
    assert [read(verb(*each, *datasets)) for each in words] == before
    assert [read(verb(*each, datasets[0], *databases[1:])) for each in words] == before
    (datasets[0] / "SHA256SUMS").write_text("")
    shown = verb("compare", *datasets)
    assert (shown.returncode, shown.stdout) == (5, "")
    assert "not a list of SHA-256 sums" in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_compare_for_scripts(verb: Verb, databases: list[Path]) -> None:
    shown = verb("compare", "--json", *databases)
    stub, mobile = read(shown)
    assert list(mobile) == [
        "service", "country", "asn", "network", "outcome", "methods", "confidence", "since", "settled", "measurements",
        "vantage_points", "verdicts", "blocked_share", "blocked_interval", "said",
    ]  # fmt: skip
    assert (stub["network"], stub["outcome"]) == ("Stub Telecom", "mixed")
    assert (stub["vantage_points"], stub["since"]) == (2, None)
    assert [(said["vantage"]["name"], said["outcome"], said["measurements"]) for said in stub["said"]] == [
        ("anna", "blocked", ["a-anna-3-long_link"]),
        ("boris", "ok", ["b-boris-3-web", "b-boris-3-long_link"]),
    ]
    assert {key: mobile[key] for key in ("outcome", "settled", "measurements", "blocked_share")} == {
        "outcome": "ok", "settled": True, "measurements": 10, "blocked_share": 0.4,
    }  # fmt: skip
    assert mobile["verdicts"] == {"ok": 3, "blocked": 2, "down": 0, "refused": 0, "inconclusive": 0}
    assert mobile["blocked_interval"] == pytest.approx([0.117621, 0.769276], abs=1e-5)
    assert mobile["since"] == {"earliest": "2017-05-01T02:00:00.000000Z", "latest": "2017-05-01T03:00:00.000000Z"}


def test_timeline_with_its_evidence(verb: Verb, databases: list[Path]) -> None:
    stub, mobile = read(verb("timeline", "--json", *databases))
    assert (stub["end"], [point["vantage"]["name"] for point in stub["open_to"]]) == (None, ["boris"])
    assert (mobile["service"], mobile["methods"], mobile["confidence"]) == ("line", ["tcp"], "likely")
    assert (mobile["begin"]["earliest"], mobile["begin"]["latest"]) == (
        "2017-05-01T00:00:00.000000Z", "2017-05-01T01:00:00.000000Z",
    )  # fmt: skip
    assert [each["measurements"] for each in mobile["begin"]["evidence"]] == [
        ["v-vera-1-long_link"], ["v-vera-2-long_link"],
    ]  # fmt: skip
    assert (mobile["end"]["earliest"], mobile["end"]["latest"]) == (
        "2017-05-01T02:00:00.000000Z", "2017-05-01T03:00:00.000000Z",
    )  # fmt: skip
    text = verb("timeline", *databases).stdout
    assert "began between 2017-05-01 00:00 and 2017-05-01 01:00" in text
    assert "ended between 2017-05-01 02:00 and 2017-05-01 03:00" in text
    assert "v-vera-1-long_link" in text
    assert "open meanwhile to boris in boris.sqlite" in text


def test_the_users_own_database_is_the_default(verb: Verb, tmp_path: Path) -> None:
    own = tmp_path / "home" / "probe.sqlite"
    own.parent.mkdir()
    record(own, "oB")
    assert [line["outcome"] for line in read(verb("compare", "--json"))] == ["blocked"]
    other = record(tmp_path / "other.sqlite", "oo")
    assert [line["outcome"] for line in read(verb("compare", "--json", "--db", other))] == ["ok"]


def test_what_narrows_and_groups(verb: Verb, databases: list[Path]) -> None:
    (country,) = read(verb("compare", "--json", "--by", "country", *databases))
    assert (country["country"], country["asn"], country["outcome"], country["vantage_points"]) == ("RU", 0, "mixed", 3)
    assert len(read(verb("compare", "--json", "--window", "0.1", *databases))) == 2
    assert [line["network"] for line in read(verb("compare", "--json", "--window", "0.02", *databases))] == [
        "Blackhole Mobile"
    ]
    targets = read(verb("compare", "--json", "--targets", *databases))
    assert {line["target"] for line in targets} == {"https://line.example/", "tcp://link.line.example:995"}
    nothing = verb("compare", "--service", "wechat", *databases)
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "no verdict on wechat is recorded" in nothing.stderr


def test_targets_stand_for_themselves_where_no_service_was_measured(verb: Verb, tmp_path: Path) -> None:
    path = record(tmp_path / "a.sqlite", "ob")
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM service_verdict")
        connection.execute("UPDATE run SET services = '[]'")
    connection.close()
    for verb_name in ("compare", "timeline"):
        done = verb(verb_name, "--json", path)
        assert {line["target"] for line in read(done)} <= {"https://line.example/", "tcp://link.line.example:995"}
        assert "each target for itself" in done.stderr
    assert len(read(verb("compare", "--json", path))) == 2
    page = tmp_path / "page.html"
    assert verb("report", "--output", page, path).returncode == 0
    assert "https://line.example/" in page.read_text()


def test_several_versions_of_the_rules_are_told(verb: Verb, tmp_path: Path) -> None:
    path = record(tmp_path / "a.sqlite", "o")
    record(path, "o", at("b"), rules_version="2")
    assert "several versions of the rules (1, 2)" in verb("compare", path).stderr


def test_report_writes_the_page(verb: Verb, databases: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "out" / "week.html"
    output.parent.mkdir()
    shown = verb("report", "--output", output, *databases)
    assert (shown.returncode, shown.stdout) == (0, "")
    page = output.read_bytes()
    assert page.startswith(b"<!doctype html>")
    assert b"Blackhole Mobile" in page
    assert str(tmp_path).encode() not in page  # it is made to be given away
    assert verb("report", "--output", output, *databases).returncode == 0
    assert output.read_bytes() == page
    assert [each.name for each in output.parent.iterdir()] == ["week.html"]


def _damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60_000])


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def _older(path: Path) -> None:
    """Of a schema before this one's; there is one only from the second on."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = -1")
    connection.close()


def _anothers(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "damaged": (_damaged, "the file is damaged"),
    "of a newer schema": (_newer, "was written by a newer version of this program (schema 99"),
    "of an older schema": (_older, "was written by an older version of this program (schema -1"),
    "another program's": (_anothers, "is the database of another program"),
    "no database": (lambda path: path.write_text("hello" * 100), "is not an SQLite database"),
    "empty": (lambda path: path.write_bytes(b""), "holds nothing yet"),
    "gone": (lambda path: path.unlink(), "there is no such database"),
}


@pytest.mark.parametrize(("spoil", "said"), BAD.values(), ids=BAD)
def test_a_file_that_cannot_be_read(verb: Verb, tmp_path: Path, spoil: Callable[[Path], Any], said: str) -> None:
    """Among good ones: what lacks one of them would look whole."""
    good, bad = record(tmp_path / "good.sqlite", "oB"), record(tmp_path / "bad.sqlite", "oB" * 20)
    spoil(bad)
    before = bad.read_bytes() if bad.exists() else None
    output = tmp_path / "page.html"
    for words in (("compare",), ("timeline", "--json"), ("report", "--output", output)):
        shown = verb(*words, good, bad)
        assert (shown.returncode, shown.stdout) == (5, ""), shown
        assert f"{bad}: {said}" in shown.stderr
        assert len(shown.stderr.splitlines()) == 1
    assert not output.exists()
    assert (bad.read_bytes() if bad.exists() else None) == before


def test_each_file_that_cannot_be_read_is_told(verb: Verb, tmp_path: Path) -> None:
    shown = verb("compare", tmp_path / "a.sqlite", tmp_path / "b.sqlite")
    assert [line.count("there is no such database") for line in shown.stderr.splitlines()] == [1, 1]


def test_what_is_refused(verb: Verb, tmp_path: Path) -> None:
    path = record(tmp_path / "a.sqlite", "o")
    before = path.read_bytes()
    cases = [
        (("compare", "--by", "planet", path), 2, "--by planet: give one of network, country"),
        (("report", path), 2, "--output"),
        (("report", "--output", path, path), 2, "is one of the databases"),
        (("report", "--output", tmp_path / "none" / "x.html", path), 1, "cannot be written: No such file or directory"),
        (("report", "--output", tmp_path, path), 2, "is not a file"),
        (("report", "--output", "/dev/null", path), 2, "is not a file"),
        (("report", "--output", tmp_path / "x.html", "--service", "bbm", path), 1, "nothing to show"),
    ]
    for words, status, said in cases:
        shown = verb(*words)
        assert (shown.returncode, shown.stdout) == (status, ""), words
        assert said in shown.stderr
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.sqlite"]


def test_hostile_names_do_not_reach_the_terminal(verb: Verb, tmp_path: Path) -> None:
    path = record(tmp_path / "a.sqlite", "oB", at("\x1b[2Jboo\u202e[bold]", network="\x1b]0;x\x07net"))
    for words in (("compare",), ("timeline",), ("compare", "--json"), ("timeline", "--json")):
        shown = verb(*words, path)
        assert shown.returncode == 0
        assert not set(shown.stdout) & set("\x1b\x07\u202e")
    assert json.loads(verb("compare", "--json", path).stdout)["said"][0]["vantage"]["name"] == "\x1b[2Jboo\u202e[bold]"


def test_as_a_program_of_its_own(home: Path, databases: list[Path]) -> None:
    shown = run(home, "compare", "--json", *databases)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [line["outcome"] for line in read(shown)] == ["mixed", "ok"]
