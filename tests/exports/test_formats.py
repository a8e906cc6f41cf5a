"""Each form of a dataset says what the database says, in a form that its readers know."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pytest
from frictionless import Package, system
from pyarrow import dataset as arrow

from probe.cli.errors import Refusal
from probe.cli.exporting import export_dataset
from probe.cli.importing import import_files
from probe.exports.csv import text as form_text
from probe.exports.shape import SHAPES, Kind
from probe.model import Outcome
from probe.store import Filter, Store
from tests.exports.world import fill
from tests.imports.sampled import NAMES, path_of

FORMS = ("csv", "jsonl", "parquet", "ooni")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "probe.sqlite"
    fill(path)
    return path


@pytest.fixture(scope="module")
def datasets(db: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("datasets")
    for form in FORMS:
        assert export_dataset(output=folder / form, form=form, db=db, bodies=True, creator=["Some Group"]) == 0
    return folder


def _stored(db: Path, table: str) -> list[dict[str, Any]]:
    """The rows of the database, with JSON read, but for what is redacted."""
    connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    shape = SHAPES[table]
    order = ", ".join(shape.key)
    rows = [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY {order}")]
    connection.close()
    for row in rows:
        for column in shape.columns:
            if column.kind in (Kind.LIST, Kind.OBJECT) and row[column.name] is not None:
                row[column.name] = json.loads(row[column.name])
            elif column.kind is Kind.BOOLEAN and row[column.name] is not None:
                row[column.name] = bool(row[column.name])
        if "process" in row:
            row["process"] = ""
        row["headers"] = [[n, "[cookie]" if n == "set-cookie" else v] for n, v in row.get("headers") or ()]
    return rows


def _sorted(table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for row in rows:
        row["headers"] = row.get("headers") or []
    return sorted(rows, key=lambda row: tuple(row[name] for name in SHAPES[table].key))


def _csv(path: Path, table: str) -> list[dict[str, Any]]:
    read = {
        Kind.INTEGER: int,
        Kind.NUMBER: float,
        Kind.BOOLEAN: {"true": True, "false": False}.__getitem__,
        Kind.LIST: json.loads,
        Kind.OBJECT: json.loads,
    }
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    kinds = {column.name: column for column in SHAPES[table].columns}
    assert list(rows[0]) == list(kinds)
    return [
        {
            name: (None if kinds[name].nullable or kinds[name].kind is not Kind.TEXT else "")
            if text == ""
            else read.get(kinds[name].kind, str)(text)
            for name, text in row.items()
        }
        for row in rows
    ]


def _with_arrow(path: Path, parted: bool) -> list[dict[str, Any]]:
    return list(arrow.dataset(path, partitioning="hive" if parted else None).to_table().to_pylist())


def _with_duckdb(path: Path, parted: bool) -> list[dict[str, Any]]:
    files = f"read_parquet('{path}/**/*.parquet', hive_partitioning = {str(parted).lower()})"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return list(connection.sql(f"SELECT * FROM {files}").to_arrow_table().to_pylist())


def _with_pandas(path: Path, parted: bool) -> list[dict[str, Any]]:
    frame = pandas.read_parquet(path, dtype_backend="pyarrow")
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


Reader = Callable[[Path, bool], list[dict[str, Any]]]


def _parquet(reader: Reader, path: Path, table: str) -> list[dict[str, Any]]:
    kinds = {column.name: column.kind for column in SHAPES[table].columns}
    rows = reader(path, SHAPES[table].in_parts)
    if SHAPES[table].in_parts:
        assert {row["country"] for row in rows} <= {"RU", "DE", "ZZ"}
        assert all(str(row["day"]) >= "2026-11-23" for row in rows)

    def value(kind: Kind, value: Any) -> Any:
        if kind in (Kind.LIST, Kind.OBJECT) and value is not None:
            return json.loads(value)
        return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if kind is Kind.TIME and value is not None else value

    return [{name: value(kind, row[name]) for name, kind in kinds.items()} for row in rows]


@pytest.mark.parametrize("table", sorted(set(SHAPES) - {"body", "certificate"}))
def test_the_rows_are_those_of_the_database(db: Path, datasets: Path, table: str) -> None:
    wanted = _sorted(table, _stored(db, table))
    assert wanted
    assert _sorted(table, _csv(datasets / "csv" / f"{table}.csv", table)) == wanted
    lines = (datasets / "jsonl" / f"{table}.jsonl").read_text("utf-8").splitlines()
    assert _sorted(table, [json.loads(line) for line in lines]) == wanted


@pytest.mark.parametrize("reader", [_with_arrow, _with_duckdb, _with_pandas])
@pytest.mark.parametrize("table", sorted(set(SHAPES) - {"body", "certificate"}))
def test_parquet_is_opened_with_what_its_readers_have(db: Path, datasets: Path, table: str, reader: Reader) -> None:
    assert _sorted(table, _parquet(reader, datasets / "parquet" / table, table)) == _sorted(table, _stored(db, table))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'quoted'", "''"])
def test_no_text_is_a_formula_and_each_is_what_it_was(text: str) -> None:
    ((cell,),) = csv.reader([form_text(text)], strict=True)
    assert cell == "'" + text


@pytest.mark.parametrize("text", ["", "plain", "1=1", "https://line.me/", "2026-11-24T00:00:00.000000Z", "::1"])
def test_other_texts_are_written_as_they_are(text: str) -> None:
    assert next(csv.reader([form_text(text)], strict=True)) == [text]


def test_a_text_is_told_from_none_in_csv(datasets: Path) -> None:
    lines = (datasets / "csv" / "run.csv").read_text("utf-8").splitlines()
    process = lines[0].split(",").index("process")
    assert re.fullmatch(rf'(?:[^,"]*,){{{process}}}"",.*', lines[1])
    target = (datasets / "csv" / "target.csv").read_text("utf-8").splitlines()
    assert any(",,line,,documented,," in line for line in target)


@pytest.mark.parametrize("form", FORMS)
def test_a_package_is_valid(datasets: Path, form: str) -> None:
    with system.use_context(trusted=True):
        package = Package(str(datasets / form / "datapackage.json"))
        report = package.validate()
    assert report.valid, report.flatten(["type", "message"])[:5]
    assert len(package.resources) == (1 if form == "ooni" else len(SHAPES))


@pytest.mark.parametrize("form", FORMS)
def test_what_stands_beside_the_tables(datasets: Path, form: str) -> None:
    folder = datasets / form
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0
    listed = {line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert {str(path.relative_to(folder)) for path in _files(folder)} == listed | {"SHA256SUMS"}
    about = json.loads((folder / "datapackage.json").read_text())
    assert about["licenses"][0]["name"] == "CC-BY-4.0"
    assert about["probe"]["schema_version"] == 1
    assert about["probe"]["rules_versions"] == (["1", "2"] if form != "ooni" else ["1"])
    assert about["probe"]["countries"] == (["DE", "RU", "ZZ"] if form != "ooni" else ["DE", "RU"])
    cited = json.loads((folder / "datacite.json").read_text())
    assert cited["creators"] == [{"name": "Some Group"}]
    assert cited["publicationYear"] == "2026"
    dictionary = (folder / "data-dictionary.md").read_text("utf-8")
    if form != "ooni":
        for table, shape in SHAPES.items():
            assert f"## `{table}`" in dictionary
            assert all(f"| `{column.name}` |" in dictionary for column in shape.columns)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_parquet_types(datasets: Path) -> None:
    observation = arrow.dataset(datasets / "parquet" / "observation", partitioning="hive").schema
    measurement = arrow.dataset(datasets / "parquet" / "measurement", partitioning="hive").schema
    assert str(measurement.field("started_at").type) == "timestamp[us, tz=UTC]"
    assert str(observation.field("step").type).startswith("dictionary<values=string")
    assert str(observation.field("recognised").type) == "bool"


def test_oonis_form_is_read_again(tmp_path: Path) -> None:
    """What came from OONI and was put out in its form again gives the same verdicts, as far as no page decided."""
    first, again = tmp_path / "first.sqlite", tmp_path / "again.sqlite"
    names = [name for name in NAMES if name.startswith("web_")]
    assert import_files([path_of(name) for name in names], db=first) == 0
    assert export_dataset(output=tmp_path / "out", form="ooni", db=first, bodies=True) == 0
    path = tmp_path / "out" / "web_connectivity.jsonl"
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        assert row["data_format_version"] == "0.2.0"
        assert row["probe_ip"] == "127.0.0.1"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row["measurement_start_time"])
        assert {"queries", "tcp_connect", "tls_handshakes", "requests", "network_events"} <= set(row["test_keys"])
        outcome, keys = row["annotations"]["probe_outcome"], row["test_keys"]
        assert (keys["accessible"] is True) == (outcome in ("ok", "refused"))
        assert isinstance(keys["blocking"], str) == (outcome == "blocked")
    assert import_files([path], db=again) == 0

    def judged(db: Path) -> dict[tuple[str, str], Outcome]:
        with Store.open(db) as store:
            found = store.results(Filter())
            return {(str(r.measurement.started_at)[:19], r.measurement.target.name): r.verdict.outcome for r in found}

    before, after = judged(first), judged(again)
    assert len(before) > 15
    assert before == after


def test_parquet_without_its_library(db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Refusal, match=r"pip install 'reachability-probe\[analysis\]'"):
        export_dataset(output=tmp_path / "out", form="parquet", db=db)
    assert list(tmp_path.iterdir()) == []


def test_a_host_of_which_little_is_known_is_told_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "probe.sqlite"
    fill(path)
    with sqlite3.connect(path) as connection:
        connection.execute("""UPDATE run SET host = '{"online": true}'""")
    connection.close()
    assert export_dataset(output=tmp_path / "out", form="jsonl", db=path) == 0
    runs = [json.loads(line) for line in (tmp_path / "out" / "run.jsonl").read_text().splitlines()]
    assert {run["host"]["online"] for run in runs} == {True}
