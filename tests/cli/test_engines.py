"""`--engine`: the same lines from SQLite and DuckDB, over databases and datasets; and what is refused."""

from __future__ import annotations

import shutil
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from probe.store.engines.spark import reason_of
from tests.analysis.databases import NEED, record
from tests.analysis.rows import BEGIN, HOUR, at
from tests.cli.alone import read
from tests.cli.test_analysis import Verb, verb

__all__ = ["verb"]

WORDS = [
    ("compare",),
    ("timeline",),
    ("compare", "--targets"),
    ("timeline", "--targets"),
    ("compare", "--by", "country"),
    ("compare", "--service", "line"),
    ("timeline", "--targets", "--service", "tcp://link.line.example:995"),
]


def world(folder: Path) -> list[Path]:
    """A week of four people, two of whom have runs in common, and one whose runs were killed before they concluded."""
    anna = record(folder / "anna.sqlite", "obbb", at("anna"), prefix="a-")
    later = Path(shutil.copy(anna, folder / "later.sqlite"))
    record(later, "ooo", at("anna"), prefix="l-", begin=BEGIN + 10 * HOUR)
    boris = record(folder / "boris.sqlite", "oo?o", at("boris"), prefix="b-", concluded=False)
    record(boris, "oBo", at("boris"), prefix="o-", need=NEED, begin=BEGIN + 20 * HOUR, rules_version="2")
    vera = record(folder / "vera.sqlite", "obboo", at("vera", asn=64497, network=None), prefix="v-")
    return [anna, later, boris, vera]


def published(verb: Verb, databases: list[Path], folder: Path) -> list[Path]:
    """Each as a Parquet dataset of the same name."""
    datasets = [folder / path.name for path in databases]
    for path, dataset in zip(databases, datasets, strict=True):
        assert verb("export", "--format", "parquet", "--output", dataset, "--db", path).returncode == 0
    return datasets


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_every_engine_says_the_same(verb: Verb, tmp_path: Path, words: tuple[str, ...]) -> None:
    databases = world(tmp_path)
    datasets = published(verb, databases, tmp_path / "out")
    expected = verb(*words, "--json", "--engine", "sqlite", *databases)
    assert read(expected)
    for files in (databases, datasets, [*databases[:2], *datasets[2:]]):
        for engine in ((), ("--engine", "sqlite"), ("--engine", "duckdb")):
            assert verb(*words, "--json", *engine, *files) == expected
    shown = verb(*words, "--engine", "sqlite", *datasets)
    assert verb(*words, "--engine", "duckdb", *datasets) == shown


def test_a_dataset_is_read_without_making_a_database_of_it(
    verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dataset,) = published(verb, [record(tmp_path / "a.sqlite", "ob")], tmp_path / "out")
    whole = verb("compare", "--json", dataset)
    monkeypatch.setattr("probe.imports.datasets.write_verdicts", None)
    assert verb("compare", "--json", dataset) == whole


def test_without_duckdb_a_dataset_is_read_as_before(
    verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dataset,) = published(verb, [record(tmp_path / "a.sqlite", "ob")], tmp_path / "out")
    whole = verb("compare", "--json", dataset)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert verb("compare", "--json", dataset) == whole
    refused = verb("compare", "--engine", "duckdb", dataset)
    assert (refused.returncode, refused.stdout) == (5, "")
    assert refused.stderr == "probe: --engine duckdb needs DuckDB: pip install 'reachability-probe[duckdb]'\n"


REFUSED = {
    "no master": (("--engine", "spark"), "--master"),
    "a master for another": (("--engine", "duckdb", "--master", "spark://127.0.0.1:7077"), "--engine spark"),
    "a master for none": (("--master", "spark://127.0.0.1:7077"), "--engine spark"),
    "no engine": (("--engine", "mysql"), "mysql"),
    "a database on Spark": (("--engine", "spark", "--master", "spark://127.0.0.1:7077"), "export --format parquet"),
}


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_together(verb: Verb, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    refused = verb("compare", *words, record(tmp_path / "a.sqlite", "o"))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1


def rewritten(dataset: Path, name: str, change: object) -> None:
    """Puts a file of the dataset anew, with a list that agrees."""
    import pyarrow.parquet as parquet

    (path,) = (dataset / name).rglob("*.parquet")
    parquet.write_table(change(parquet.ParquetFile(path).read()), path)  # type: ignore[operator]
    sums = dataset / "SHA256SUMS"
    at, whole = path.relative_to(dataset).as_posix(), sha256(path.read_bytes()).hexdigest()
    lines = [f"{whole}  {at}" if line.endswith(f"  {at}") else line for line in sums.read_text().splitlines()]
    sums.write_text("".join(f"{line}\n" for line in lines))


def _outcome(table: object) -> object:
    import pyarrow

    at = table.schema.get_field_index("outcome")  # type: ignore[attr-defined]
    return table.set_column(at, "outcome", pyarrow.array(["good"] * table.num_rows))  # type: ignore[attr-defined]


def twice(table: object) -> object:
    """Its rows, the first of them once more."""
    import pyarrow

    return pyarrow.concat_tables([table, table.slice(0, 1)])  # type: ignore[attr-defined]


HOSTILE = {
    "rows that point at none": ("target", lambda table: table.slice(0, 1), "measurement point at no row of target"),
    "a measurement that is there twice": ("measurement", twice, "1 rows of measurement are there more than once (id)"),
    "a reason that is there twice": (
        "reason",
        twice,
        "1 rows of reason are there more than once (verdict_id, number)",
    ),
    "an outcome that is none": ("service_verdict", _outcome, "good"),
    "no such column": ("measurement", lambda table: table.drop_columns(["started_at"]), "no column started_at"),
}


@pytest.mark.parametrize(("table", "change", "said"), HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_is_told_with_the_dataset(
    verb: Verb, tmp_path: Path, table: str, change: object, said: str
) -> None:
    (dataset,) = published(verb, [record(tmp_path / "a.sqlite", "ob")], tmp_path / "out")
    rewritten(dataset, table, change)
    refused = verb("compare", "--json", dataset)
    assert (refused.returncode, refused.stdout) == (5, "")
    assert said in refused.stderr
    assert str(dataset) in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "An error occurred while calling o2350.toPythonIterator.\n: org.apache.spark.SparkException: Not enough"
            " memory to build the table.\n\tat org.apache.spark.sql.execution.SparkPlan.execute(SparkPlan.scala:197)\n",
            "org.apache.spark.SparkException: Not enough memory to build the table.",
        ),
        (
            'Job aborted due to stage failure:\nTraceback (most recent call last):\n  File "rows.py", line 1, in f\n'
            "probe.store.problem.StoreError: measurement m-1 cannot be read\n\n\tat org.apache.spark.api.python\n",
            "probe.store.problem.StoreError: measurement m-1 cannot be read",
        ),
        ("All masters are unresponsive\n", "All masters are unresponsive"),
    ],
)
def test_of_what_spark_says_one_line_is_told(said: str, told: str) -> None:
    assert reason_of(said) == told
