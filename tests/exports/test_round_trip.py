"""Out of one database and into another: the same rows, once, and the same bytes when they go out again."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from probe.cli.errors import Refusal, Status
from probe.cli.exporting import export_dataset
from probe.cli.importing import import_files
from probe.model import Outcome
from probe.store import Filter, Store
from probe.store.datasets import DATASET_TABLES
from probe.targets.bundle import public_text
from tests.exports.world import fill, plant
from tests.store.examples import a_result, a_run

KEY, OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32), Ed25519PrivateKey.from_private_bytes(b"o" * 32)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "probe.sqlite"
    fill(path)
    return path


def export(db: Path, output: Path, form: str = "jsonl", **options: Any) -> Path:
    assert export_dataset(output=output, form=form, db=db, **options) == Status.OK
    return output


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows_of(db: Path, table: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
    try:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "ooni"])
def test_the_same_database_gives_the_same_bytes(db: Path, tmp_path: Path, form: str) -> None:
    first, again = (contents(export(db, tmp_path / name, form, bodies=True)) for name in ("a", "b"))
    assert first == again
    assert len(first) > 4


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_everything_comes_through_a_dataset(db: Path, tmp_path: Path, form: str) -> None:
    first, new = export(db, tmp_path / "first", form, bodies=True), tmp_path / "new.sqlite"
    assert {path.name.partition(".")[0] for path in first.iterdir()} >= set(DATASET_TABLES)
    assert import_files([first], db=new) == Status.OK
    for table in DATASET_TABLES:
        if table not in ("run", "observation", "control_observation", "store_observation"):  # these have been redacted
            assert rows_of(new, table) == rows_of(db, table), table
    assert contents(export(new, tmp_path / "again", form, bodies=True)) == contents(first)
    assert contents(export(new, tmp_path / "lines")) == contents(export(db, tmp_path / "of-the-first"))


def test_everything_comes_through_a_database(db: Path, tmp_path: Path) -> None:
    before = hashlib.sha256(db.read_bytes()).hexdigest()
    assert import_files([db], db=tmp_path / "new.sqlite") == Status.OK
    assert hashlib.sha256(db.read_bytes()).hexdigest() == before
    for table in DATASET_TABLES:
        if table != "run":
            assert rows_of(tmp_path / "new.sqlite", table) == rows_of(db, table), table
    assert contents(export(tmp_path / "new.sqlite", tmp_path / "a")) == contents(export(db, tmp_path / "b"))


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_what_was_redacted_comes_through_as_it_is(tmp_path: Path, form: str) -> None:
    plant(tmp_path / "planted.sqlite")
    first = export(tmp_path / "planted.sqlite", tmp_path / "first", form, bodies=True, redact=["81.23.45.67"])
    assert import_files([first], db=tmp_path / "new.sqlite") == Status.OK
    assert contents(export(tmp_path / "new.sqlite", tmp_path / "again", form, bodies=True)) == contents(first)


def test_what_is_there_already_is_not_added_again(db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset, new = export(db, tmp_path / "dataset", bodies=True), tmp_path / "new.sqlite"
    assert import_files([db, dataset, dataset / "datapackage.json"], db=new, json=True) == Status.OK
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    count = len(rows_of(db, "measurement"))
    assert [(each["imported"], each["known"]) for each in told] == [(count, 0), (0, count), (0, count)]
    for table in DATASET_TABLES:
        assert len(rows_of(new, table)) == len(rows_of(db, table)), table
    assert [row[1:3] for row in rows_of(new, "source")] == [("probe.sqlite", "database")]
    assert {row[0] for row in rows_of(new, "run_source")} == {"run-1", "run-2"}


def test_into_a_database_that_has_its_own(db: Path, tmp_path: Path) -> None:
    """Numbers that are taken become others, and everything still points where it did."""
    mine = tmp_path / "mine.sqlite"
    with Store.open(mine) as store:
        store.begin_run(a_run("own"))
        store.add([a_result(f"own-{n}", run_id="own", outcome=Outcome.DOWN, controls=[]) for n in range(3)])
        before = list(store.results(Filter()))
    with Store.open(db) as store:
        theirs = list(store.results(Filter(), with_bodies=True))
        services = [verdict for _, verdict in store.service_verdicts(Filter())]
        checks = list(store.store_checks(Filter()))
    assert import_files([db], db=mine) == Status.OK
    with Store.open(mine) as store:
        assert [r for r in store.results(Filter()) if r.measurement.run_id == "own"] == before
        found = [r for r in store.results(Filter(), with_bodies=True) if r.measurement.run_id != "own"]
        assert found == theirs
        assert [verdict for _, verdict in store.service_verdicts(Filter())] == services
        assert list(store.store_checks(Filter())) == checks
        assert [f.measurement.bodies for f in found] == [t.measurement.bodies for t in theirs]


def test_a_run_of_somebody_else_is_not_ours_to_finish(tmp_path: Path) -> None:
    with Store.open(tmp_path / "theirs.sqlite") as store:
        store.begin_run(a_run(process="gone"))
        store.add([a_result("m-1")])
        assert store.unfinished_run() is not None
    assert import_files([tmp_path / "theirs.sqlite"], db=tmp_path / "mine.sqlite") == Status.OK
    with Store.open(tmp_path / "mine.sqlite") as store:
        assert store.unfinished_run() is None
        assert store.run("run-1").finished_at is None
    with Store.open(tmp_path / "theirs.sqlite") as store:
        store.add([a_result("m-2")])
        store.finish_run("run-1", a_run().started_at)
    assert import_files([tmp_path / "theirs.sqlite"], db=tmp_path / "mine.sqlite") == Status.OK
    with Store.open(tmp_path / "mine.sqlite") as store:
        assert store.run("run-1").finished_at == a_run().started_at
        assert [r.measurement.id for r in store.results(Filter())] == ["m-1", "m-2"]


NARROWED: dict[str, tuple[dict[str, str], set[str]]] = {
    "service": ({"service": "line"}, {"m-0", "m-2", "m-4"}),
    "country": ({"country": "de"}, {"m-9"}),
    "outcome": ({"outcome": "down"}, {"m-2"}),
    "the newest verdict counts": ({"outcome": "ok"}, {"m-0"}),
    "since": ({"since": "2026-11-25"}, {"m-3", "m-4", "m-9"}),
    "until": ({"until": "2026-11-24T12:00:00Z"}, {"m-0", "m-1"}),
    "all of it": ({}, {"m-0", "m-1", "m-2", "m-3", "m-4", "m-9"}),
}


@pytest.mark.parametrize("case", NARROWED, ids=str)
def test_it_can_be_narrowed(db: Path, tmp_path: Path, case: str) -> None:
    options, wanted = NARROWED[case]
    folder = export(db, tmp_path / "out", "csv", **options)
    tables = {path.stem: list(csv.DictReader(path.open(newline=""))) for path in folder.glob("*.csv")}
    assert {row["id"] for row in tables["measurement"]} == wanted
    for table in ("observation", "verdict"):
        assert {row["measurement_id"] for row in tables[table]} == wanted
    ids = {name: {row["id"] for row in rows} for name, rows in tables.items() if rows and "id" in rows[0]}
    used = [row for name in ("measurement", "control_measurement") for row in tables.get(name, [])]
    stores = tables.get("store_measurement", [])
    assert ids["target"] == {row["target_id"] for row in (*used, *stores)}
    assert ids["run"] == {row["run_id"] for row in tables["measurement"]} | (
        {"run-1", "run-2"} if not options else set()
    )
    about = json.loads((folder / "datapackage.json").read_text())["probe"]
    assert about["measurements"] == len(wanted)
    assert set(about["filters"]) == set(options)


def test_signed(db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pem = tmp_path / "key.pem"
    pem.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    signed, plain = export(db, tmp_path / "signed", key=pem), export(db, tmp_path / "plain")
    new = tmp_path / "new.sqlite"
    assert import_files([signed], db=new, key=public_text(KEY)) == Status.OK
    assert f"signed with {public_text(KEY)}" in capsys.readouterr().err
    assert [row[4] for row in rows_of(new, "source")] == [public_text(KEY)]
    for folder, key, reason in (
        (signed, public_text(OTHER_KEY), "signed with another key"),
        (plain, public_text(KEY), "is not signed"),
        (db, public_text(KEY), "is no dataset, and --key asks for a signed one"),
        (signed, "abc", "is no public key"),
    ):
        assert import_files([folder], db=tmp_path / "none.sqlite", key=key) == Status.CONFIGURATION
        assert reason in capsys.readouterr().err
    assert rows_of(tmp_path / "none.sqlite", "measurement") == []


def test_what_cannot_be_exported_is_told_first(db: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    refused: tuple[tuple[dict[str, Any], Status, str], ...] = (
        ({"output": tmp_path / "full"}, Status.USAGE, "there is something in it"),
        ({"output": tmp_path / "full" / "a"}, Status.USAGE, "is no folder"),
        ({"output": tmp_path / "full" / "a" / "b"}, Status.FAILED, "cannot be written"),
        ({"form": "xml"}, Status.USAGE, "give one of csv, jsonl, parquet, ooni"),
        ({"licence": "MIT"}, Status.USAGE, "give one of CC-BY-4.0"),
        ({"country": "Russia"}, Status.USAGE, "two letters"),
        ({"outcome": "bad"}, Status.USAGE, "give one of ok"),
        ({"until": "soon"}, Status.USAGE, "--until: not an ISO 8601 time"),
        ({"service": "nobody"}, Status.FAILED, "nothing to export"),
        ({"key": tmp_path / "none.pem"}, Status.CONFIGURATION, "cannot be read"),
        ({"db": tmp_path / "none.sqlite"}, Status.CONFIGURATION, "there is no such database"),
    )
    for options, status, reason in refused:
        with pytest.raises(Refusal, match=reason) as told:
            export_dataset(**{"output": tmp_path / "out", "form": "csv", "db": db, **options})
        assert told.value.status is status
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_an_empty_folder_will_do(db: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export(db, tmp_path / "out")
    assert (tmp_path / "out" / "SHA256SUMS").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_is_in_an_export_may_be_pruned(db: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.sqlite"
    shutil.copy(db, mine)
    with Store.open(mine) as store:
        last = max(r.measurement.started_at for r in store.results(Filter()))

    def until() -> datetime | None:
        with Store.open(mine) as store:
            return store.exported_until()

    narrowed: tuple[tuple[str, dict[str, str]], ...] = (
        ("csv", {"service": "line"}),
        ("csv", {"outcome": "ok"}),
        ("csv", {"since": "2026-11-25"}),
        ("ooni", {}),
    )
    for number, (form, options) in enumerate(narrowed):
        before = until()
        export(mine, tmp_path / str(number), form, **options)
        assert until() == before
    export(mine, tmp_path / "whole", "csv")
    assert until() == last - timedelta(hours=1)
    export(mine, tmp_path / "less", "csv", until="2026-11-25")
    assert until() == last - timedelta(hours=1)


def test_what_was_imported_since_is_not_pruned_unexported(db: Path, tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine.sqlite", tmp_path / "theirs.sqlite"
    shutil.copy(db, mine)
    export(mine, tmp_path / "whole", "csv")
    early = a_run("early", started_at=a_run().started_at - timedelta(days=9))
    with Store.open(theirs) as store:
        store.begin_run(early)
        store.add([a_result("early-1", run_id="early", minutes=-12_000, controls=[])])
        store.finish_run("early", early.started_at)
    assert import_files([theirs], db=mine) == Status.OK
    later = a_run().started_at + timedelta(days=30)
    with Store.open(mine) as store:
        store.finish_run("run-2", later)
        assert store.prune(later, later).rows == {}
        assert store.prune(later, later, unexported=True).rows["measurement"] == 7
        assert list(store.runs()) == []
    assert rows_of(mine, "run_source") == []
