"""What is damaged, forged or strange is refused with one reason, and nothing of it is in the database."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from probe.cli.errors import Status
from probe.cli.exporting import export_dataset
from probe.cli.importing import import_files
from probe.exports.writing import MAGIC
from probe.imports.datasets import SIGNED
from probe.store import Filter, Store
from probe.store.datasets import DATASET_TABLES
from probe.store.schema import TABLES
from probe.targets.bundle import signature_line
from tests.exports.world import fill

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "probe.sqlite"
    fill(path)
    return path


@pytest.fixture(scope="module")
def rows(db: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    folder = tmp_path_factory.mktemp("rows") / "dataset"
    assert export_dataset(output=folder, form="jsonl", db=db, bodies=True) == 0
    return {path.stem: [json.loads(each) for each in path.open()] for path in folder.glob("*.jsonl")}


@pytest.fixture
def dataset(db: Path, tmp_path: Path) -> Path:
    assert export_dataset(output=tmp_path / "dataset", form="jsonl", db=db, bodies=True) == 0
    return tmp_path / "dataset"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "new.sqlite"):
        pass
    return tmp_path / "new.sqlite"


def resum(folder: Path) -> None:
    """SHA256SUMS as whoever changed the files would write it."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("SHA256SUMS"))
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder)}\n" for p in paths]
    (folder / "SHA256SUMS").write_text("".join(lines))


def write_rows(folder: Path, rows: Rows) -> None:
    for table, each in rows.items():
        (folder / f"{table}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in each))
    resum(folder)


def is_empty(path: Path) -> bool:
    connection = sqlite3.connect(path)
    try:
        tables = (*DATASET_TABLES, "source", "run_source")
        return not any(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
    finally:
        connection.close()


def refused(path: Path, new: Path, capsys: pytest.CaptureFixture[str], reason: str) -> None:
    capsys.readouterr()
    assert import_files([path], db=new) == Status.CONFIGURATION
    out, err = capsys.readouterr()
    assert out == ""
    assert reason in err
    assert err.count("\n") == 1
    assert str(path) in err or str(path.parent) in err
    assert is_empty(new)


def _edit(name: str, old: str, put: str, *, sums: bool = True) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, put, 1))
        if sums:
            resum(folder)

    return edit


def _outside(folder: Path) -> None:
    (folder.parent / "outside.jsonl").write_text("{}\n")
    sha256 = hashlib.sha256(b"{}\n").hexdigest()
    with (folder / "SHA256SUMS").open("a") as file:
        file.write(f"{sha256}  ../outside.jsonl\n")


def _linked(folder: Path) -> None:
    (folder / "vantage.jsonl").rename(folder.parent / "vantage.jsonl")
    (folder / "vantage.jsonl").symlink_to(folder.parent / "vantage.jsonl")


def _unlisted(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text("".join(line for line in lines if "listing.jsonl" not in line))


def _cut(folder: Path) -> None:
    data = (folder / "observation.jsonl").read_bytes()
    (folder / "observation.jsonl").write_bytes(data[: len(data) // 2 - 9])
    resum(folder)


def _forged(folder: Path) -> None:
    line = signature_line(MAGIC, (folder / "SHA256SUMS").read_bytes(), Ed25519PrivateKey.generate())
    (folder / "SHA256SUMS.sig").write_bytes(line)
    (folder / "verdict.jsonl").write_text((folder / "verdict.jsonl").read_text().replace('"down"', '"ok"'))
    resum(folder)


DATASETS: dict[str, tuple[Callable[[Path], None], str]] = {
    "changed": (_edit("verdict.jsonl", '"down"', '"ok"', sums=False), "is not what SHA256SUMS says"),
    "without a file": (lambda folder: (folder / "run.jsonl").unlink(), "is missing, though SHA256SUMS names it"),
    "without sums": (lambda folder: (folder / "SHA256SUMS").unlink(), "cannot be read: No such file"),
    "sums of another kind": (lambda f: (f / "SHA256SUMS").write_text("hello\n"), "not a list of SHA-256 sums"),
    "a file that is not listed": (_unlisted, "listing.jsonl is not in SHA256SUMS"),
    "a file outside": (_outside, "is not in the folder"),
    "a link that leads outside": (_linked, "is not in the folder"),
    "cut off": (_cut, "nothing of it was imported"),
    "forged signature": (_forged, "the signature does not hold"),
    "no signature": (lambda f: (f / "SHA256SUMS.sig").write_text("x\n"), "not a signature of this kind"),
    "newer": (_edit("datapackage.json", '"schema_version": 1', '"schema_version": 2'), "by a newer version"),
    "another form": (_edit("datapackage.json", 'l",\n    "measurements"', '",\n    "measurements"'), "only jsonl"),
    "of another program": (_edit("datapackage.json", '"probe":', '"other":'), "not of a dataset of this program"),
    "no package": (lambda folder: (folder / "datapackage.json").unlink(), "so it is no dataset"),
    "a line that is no JSON": (_edit("run.jsonl", "{", "{{"), "run.jsonl:1: "),
    "nested for ever": (_edit("run.jsonl", "{", '{"x":' + "[" * 100_000), "run.jsonl:1: "),
}  # fmt: skip


@pytest.mark.parametrize("case", DATASETS, ids=str)
def test_datasets(dataset: Path, new: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    change, reason = DATASETS[case]
    change(dataset)
    refused(dataset, new, capsys, reason)


def _half(name: str) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        (path,) = sorted(folder.glob(name))[:1]
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        resum(folder)

    return cut


def _bytes(name: str, data: bytes, *, sums: bool = True) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        (folder / name).write_bytes(data)
        if sums:
            resum(folder)

    return put


def _column(table: str, column: str, value: Any) -> Callable[[Path], None]:
    """Another column in the place of one, in the table's first Parquet file."""

    def put(folder: Path) -> None:
        path = min((folder / table).rglob("*.parquet"))
        whole = parquet.read_table(path, partitioning=None)
        at = whole.schema.names.index(column)
        parquet.write_table(whole.set_column(at, column, pyarrow.array([value] * whole.num_rows)), path)
        resum(folder)

    return put


def _added(folder: Path) -> None:
    shutil.copy(min(folder.glob("verdict/*/*/*")), folder / "verdict" / "part-1.parquet")


_NEWER = _edit("datapackage.json", '"schema_version": 1', '"schema_version": 2')
# Form, what is done to the dataset, and what is said of it.
OTHER_FORMS: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "a truncated Parquet file": ("parquet", _half("observation/*/*/*"), "not a whole Parquet file"),
    "an empty Parquet file": ("parquet", _bytes("run/part-0.parquet", b""), "not a whole Parquet file"),
    "a changed one": ("parquet", _bytes("run/part-0.parquet", b"PAR1", sums=False), "is not what SHA256SUMS says"),
    "a part that is not listed": ("parquet", _added, "verdict/part-1.parquet is not in SHA256SUMS"),
    "a column of another type": ("parquet", _column("measurement", "target_id", "one"), "measurement, row 1: "),
    "a time that is none": ("parquet", _column("verdict", "made_at", 7), "verdict, row 1: "),
    "newer, as Parquet": ("parquet", _NEWER, "by a newer version"),
    "a truncated CSV file": ("csv", _half("reason.csv"), "reason.csv:"),
    "a quoted cell without end": ("csv", _edit("run.csv", '"', '"x"y'), "run.csv:"),
    "a cell too many": ("csv", _edit("vantage.csv", "\n1,", "\n1,,"), "vantage.csv:2: "),
    "no number, in CSV": ("csv", _edit("observation.csv", ",1,dns,", ",one,dns,"), "observation.csv:2: "),
    "neither true nor false": ("csv", _edit("observation.csv", ",true", ",perhaps"), "is neither true nor false"),
    "without a column": ("csv", _edit("measurement.csv", "target_id", "targets"), "measurement, row 1: "),
    "no UTF-8": ("csv", _bytes("vantage.csv", b"\xff\n"), "vantage.csv:1: "),
}


@pytest.mark.parametrize("case", OTHER_FORMS, ids=str)
def test_other_forms(db: Path, tmp_path: Path, new: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    form, change, reason = OTHER_FORMS[case]
    assert export_dataset(output=tmp_path / "dataset", form=form, db=db, bodies=True) == 0
    change(tmp_path / "dataset")
    refused(tmp_path / "dataset", new, capsys, reason)


def test_the_signature_is_written_as_it_is_read() -> None:
    assert MAGIC == SIGNED


# Table, what is done to its first row, and what is said of it.
ROWS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a word that is none": ("verdict", {"outcome": "fine"}, "verdict, row 1: "),
    "a step that is none": ("observation", {"step": "smtp"}, "observation, row 1: "),
    "another measurement's": ("observation", {"measurement_id": "m-nobody"}, "there is no measurement 'm-nobody'"),
    "twice": ("observation", {"id": 2}, "is there twice"),
    "a wrong type": ("observation", {"started": "soon"}, "observation, row 1: "),
    "a target that is not there": ("measurement", {"target_id": 77}, "measurement, row 1: there is no 77"),
    "a control that is not there": ("comparison", {"control_measurement_id": "nobody"}, "points at nothing"),
    "no time": ("measurement", {"started_at": "yesterday"}, "not an ISO 8601 time"),
    "a time in other letters": ("measurement", {"started_at": "2026-11-24"}, "is no time such as"),
    "no country": ("vantage", {"country": "../"}, "are no country and ASN"),
    "a great number": ("verdict", {"id": 1 << 63}, "is no number of a row"),
    "no number": ("target", {"id": "one"}, "target, row 1: "),
    "another certificate": ("certificate", {"sha256": "ab" * 32}, "sha256 is that of another one"),
    "no base64": ("body", {"body": "!"}, "body.jsonl:1: "),
    "without a host": ("run", {"host": None}, "run, row 1: "),
    "host of another form": ("run", {"host": {"online": "perhaps"}}, "run, row 1: "),
    "settings that are a list": ("run", {"settings": [1]}, "settings: no JSON object"),
    "a role that is none": ("service_verdict", {"roles": [{"role": "x"}]}, "service_verdict, row 1: "),
    "a port that is a text": ("target", {"port": "80; drop"}, "target, row 1: "),
    "a long label": ("measurement", {"title": "x" * 50_000}, "is no text of a fair length"),
}


@pytest.mark.parametrize("case", ROWS, ids=str)
def test_rows(dataset: Path, rows: Rows, new: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    table, change, reason = ROWS[case]
    changed = copy.deepcopy(rows)
    changed[table][0] |= change
    write_rows(dataset, changed)
    refused(dataset, new, capsys, reason)


def test_a_measurement_that_was_begun_at_another_time_is_forged(
    dataset: Path, db: Path, rows: Rows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.sqlite"
    shutil.copy(db, mine)
    changed = copy.deepcopy(rows)
    changed["measurement"][3]["started_at"] = "2020-01-01T00:00:00.000000Z"
    write_rows(dataset, changed)
    with Store.open(mine) as store:
        before = list(store.results(Filter()))
    assert import_files([dataset], db=mine) == Status.CONFIGURATION
    assert "one is forged" in capsys.readouterr().err
    with Store.open(mine) as store:
        assert list(store.results(Filter())) == before


_STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["", "[]", "{}", "null", "2026-11-24T00:00:00.000000Z", "dns", "[private]", "\x00", "../../x"]),
    st.just([]),
    st.just({}),
    st.just([[]]),
    st.just([{"name": 1}]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_taken_in_can_be_read_again(dataset: Path, rows: Rows, tmp_path: Path, data: st.DataObject) -> None:
    changed = copy.deepcopy(rows)
    table = data.draw(st.sampled_from(sorted(changed)))
    row = data.draw(st.sampled_from(changed[table]))
    row[data.draw(st.sampled_from(sorted(row)))] = data.draw(_STRANGE)
    write_rows(dataset, changed)
    new = tmp_path / "new.sqlite"
    for each in tmp_path.glob("new.sqlite*"):
        each.unlink()
    if import_files([dataset], db=new) != Status.OK:
        assert is_empty(new)
        return
    with Store.open(new) as store:
        list(store.results(Filter(), with_bodies=True))
        list(store.service_verdicts(Filter()))
        list(store.store_checks(Filter()))
        list(store.runs())
    again = tmp_path / "again"
    shutil.rmtree(again, ignore_errors=True)
    assert export_dataset(output=again, form="csv", db=new) == Status.OK


def _damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 9000] = b"\x5a" * 9000
    path.write_bytes(data)


def _sql(script: str) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.executescript(script)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    return run


def _bomb(path: Path) -> None:
    import zlib

    connection = sqlite3.connect(path)
    packing = zlib.compressobj()
    packed = b"".join(packing.compress(bytes(1 << 20)) for _ in range(80)) + packing.flush()
    connection.execute("UPDATE body SET compressed = ?", (packed,))
    connection.commit()
    connection.close()


DATABASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "damaged": (_damage, "damaged"),
    "cut off": (lambda p: (p.write_bytes(p.read_bytes()[: p.stat().st_size // 2 + 100]), None)[1], "damaged"),
    "newer": (_sql("PRAGMA user_version = 99"), "was written by a newer version of this program (schema 99"),
    "older": (_sql("PRAGMA user_version = 0"), "is of schema 0, and this program needs 1"),
    "of another program": (_sql("PRAGMA application_id = 7"), "is the database of another program"),
    "a view in place of a table": (
        _sql("DROP VIEW v_service; ALTER TABLE reason RENAME TO r; CREATE VIEW reason AS SELECT * FROM r"),
        "has no table reason",
    ),
    "changed by hand": (_sql("UPDATE observation SET flags = 'x' WHERE step = 'dns'"), "observation, row 1: "),
    "a blob for a text": (_sql("UPDATE measurement SET title = x'00ff'"), "measurement, row 1: "),
    "a body that never ends": (_bomb, "holds over 64 MiB"),
}


@pytest.mark.parametrize("case", DATABASES, ids=str)
def test_databases(db: Path, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    change, reason = DATABASES[case]
    theirs = tmp_path / "theirs.sqlite"
    with sqlite3.connect(db) as connection:
        connection.execute("VACUUM INTO ?", (str(theirs),))
    change(theirs)
    refused(theirs, new, capsys, reason)


def test_not_into_itself(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_files([db], db=db) == Status.CONFIGURATION
    assert "is the database itself" in capsys.readouterr().err


def test_what_is_refused_takes_nothing_else_with_it(
    dataset: Path, db: Path, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(dataset, tmp_path / "bad")
    (tmp_path / "bad" / "run.jsonl").unlink()
    assert import_files([tmp_path / "bad", tmp_path, dataset], db=new) == Status.CONFIGURATION
    err = capsys.readouterr().err
    assert "is missing" in err
    assert "holds no datapackage.json" in err
    assert "6 imported" in err


def test_every_table_is_merged() -> None:
    apart = {"register", "register_entry", "register_key", "source", "run_source", "mark"}
    assert set(DATASET_TABLES) == set(TABLES) - apart


def test_a_body_of_a_dataset_is_bytes(rows: Rows) -> None:
    assert base64.b64decode(rows["body"][0]["body"]).startswith(b"<title>")
