"""`probe classify DATASET`: what a database made of it would say, and the dataset as it was."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from tests.analysis.databases import record
from tests.cli.judged import OWN, golden, world
from tests.cli.test_analysis import Verb, verb

__all__ = ["verb"]

STAYS = " Nothing is written: datasets stay as they are.\n"


def exported(verb: Verb, database: Path, folder: Path, form: str = "parquet") -> Path:
    """The whole database as a dataset, with the pages."""
    done = verb("export", "--format", form, "--bodies", "--output", folder, "--db", database)
    assert done.returncode == 0, done.stderr
    return folder


def content(folder: Path) -> dict[Path, str]:
    """The hash of every file."""
    return {path: sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    return path


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
def test_a_dataset_is_judged_as_the_database_it_makes(verb: Verb, tmp_path: Path, own: Path, form: str) -> None:
    dataset = exported(verb, world(tmp_path / "world.sqlite"), tmp_path / "dataset", form)
    before = content(dataset)
    for words in ((), ("--json",), ("--fingerprints", own), ("--json", "--fingerprints", own)):
        database = tmp_path / f"{len(words)}{len(content(tmp_path))}.sqlite"
        assert verb("import", dataset, "--db", database).returncode == 0
        expected = verb("classify", *words, "--db", database)
        assert expected.returncode == 0
        assert expected.stdout
        for engine in ((), ("--engine", "sqlite")):
            said = verb("classify", *words, *engine, dataset)
            assert (said.returncode, said.stdout) == (0, expected.stdout)
            assert said.stderr == expected.stderr.removesuffix("\n") + STAYS
    assert content(dataset) == before


def test_what_the_summary_counts(verb: Verb, tmp_path: Path, own: Path) -> None:
    """Two verdicts are wrong, and those of a service in three runs; with the fingerprints that in a fourth is too."""
    dataset = exported(verb, world(tmp_path / "world.sqlite"), tmp_path / "dataset")
    plain, more = verb("classify", dataset), verb("classify", "--fingerprints", own, dataset)
    assert ": 2 verdicts changed, 3 of whole services." in plain.stderr
    assert len(plain.stdout.splitlines()) == 2
    assert ": 21 verdicts changed, 4 of whole services." in more.stderr
    assert [line[-3:] for line in more.stdout.splitlines() if line[-3:-1] == "s-"] == ["s-9", "s-7", "s-5"]


def test_several_datasets_come_one_after_the_other(verb: Verb, tmp_path: Path) -> None:
    """The same measurement in two of them is told twice; the same dataset named twice is one."""
    one = exported(verb, golden(tmp_path / "one.sqlite"), tmp_path / "one")
    two = exported(verb, record(tmp_path / "two.sqlite", "ob"), tmp_path / "two", "jsonl")
    three = exported(verb, golden(tmp_path / "three.sqlite"), tmp_path / "three", "csv")
    alone = [verb("classify", "--json", each) for each in (two, one, three)]
    together = verb("classify", "--json", two, one, three, two)
    assert together.stdout == "".join(each.stdout for each in alone)
    judged = [int(each.stderr.partition(" ")[0]) for each in (*alone, together)]
    assert sum(judged[:-1]) == judged[-1]


def test_nothing_of_it_stays(verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = exported(verb, record(tmp_path / "a.sqlite", "ob"), tmp_path / "dataset")
    (tmp_path / "spare").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spare"))
    before = content(tmp_path)
    assert verb("classify", dataset).returncode == 0
    assert content(tmp_path) == before
    assert not list((tmp_path / "spare").iterdir())


def test_the_database_of_the_environment_is_not_meant(
    verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = record(tmp_path / "a.sqlite", "ob")
    dataset = exported(verb, database, tmp_path / "dataset")
    monkeypatch.setenv("PROBE_DB", str(database))
    before = content(tmp_path)
    assert verb("classify", dataset).returncode == 0
    assert content(tmp_path) == before


SPARK = ("--engine", "spark", "--master", "spark://127.0.0.1:7077")
REFUSED = {
    "a database": (("DATABASE",), 2, "a.sqlite: is no dataset; a database is named with --db"),
    "no such folder": (("NONE",), 2, "none: is no dataset"),
    "a database beside": (("DATASET", "--db", "DATABASE"), 2, "--db: a database is judged by itself"),
    "a master for none": (("DATASET", "--master", "spark://127.0.0.1:7077"), 2, "--master is for --engine spark"),
    "no master": (("DATASET", "--engine", "spark"), 2, "name its master with --master"),
    "no dataset": (SPARK, 2, "name the Parquet datasets"),
    "duckdb": (("DATASET", "--engine", "duckdb"), 2, "duckdb"),
    "another form on Spark": (("DATASET", *SPARK), 2, "dataset: Spark reads Parquet datasets"),
    "a database on Spark": (("DATABASE", *SPARK), 2, "a.sqlite: Spark reads Parquet datasets"),
    "a file that was changed": (("CHANGED",), 5, "is not what SHA256SUMS says"),
    "no dataset's folder": (("EMPTY",), 5, "SHA256SUMS: cannot be read"),
}


@pytest.mark.parametrize(("words", "status", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_dataset_or_does_not_go_together(
    verb: Verb, tmp_path: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    database = record(tmp_path / "a.sqlite", "ob")
    dataset = exported(verb, database, tmp_path / "dataset", "jsonl")
    changed = exported(verb, database, tmp_path / "changed", "jsonl")
    (changed / "measurement.jsonl").write_text("{}\n")
    (tmp_path / "empty").mkdir()
    places = {"DATABASE": database, "DATASET": dataset, "CHANGED": changed}
    places |= {"EMPTY": tmp_path / "empty", "NONE": tmp_path / "none"}
    before = content(tmp_path)
    refused = verb("classify", *(places.get(word, word) for word in words))
    assert (refused.returncode, refused.stdout) == (status, "")
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert content(tmp_path) == before
