"""`probe import`: into the database, once however often, and out of it again."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from probe.cli.errors import Refusal
from probe.cli.importing import import_files
from probe.cli.records import explain, results
from probe.store import Filter, Store
from tests.imports.sampled import NAMES, lines_of, one, path_of, write


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "probe.sqlite"


def _lines(capsys: pytest.CaptureFixture[str]) -> tuple[list[Any], str]:
    out, err = capsys.readouterr()
    return [json.loads(line) for line in out.splitlines()], err


def test_what_is_imported_is_what_results_shows(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_files([path_of(name) for name in NAMES], json=True, db=db) == 0
    imported, err = _lines(capsys)
    assert f"{len(imported)} imported, 0 known already, 0 skipped" in err
    assert results(json=True, db=db) == 0
    shown, _ = _lines(capsys)
    assert sorted(shown, key=lambda row: row["measurement_id"]) == sorted(
        imported, key=lambda row: row["measurement_id"]
    )
    with Store.open(db) as store:
        whole = list(store.results(Filter(), with_bodies=True))
        assert {store.run(r.measurement.run_id or "").command for r in whole} == {"import"}
        assert all(store.run(r.measurement.run_id or "").finished_at for r in whole)
    assert any(r.measurement.bodies for r in whole)
    assert any(r.measurement.certificates for r in whole)
    assert len({r.measurement.run_id for r in whole}) == 5  # one report of each test


def test_twice_adds_nothing(db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = lines_of("web_tls_reset") + lines_of("telegram_ok")
    first = write(tmp_path / "a.jsonl", *rows, rows[0])
    again = tmp_path / "b.jsonl.gz"
    again.write_bytes(gzip.compress(first.read_bytes()))
    assert import_files([first, again], db=db) == 0
    assert "6 imported, 8 known already, 0 skipped" in capsys.readouterr().err
    with Store.open(db) as store:
        before = list(store.results(Filter()))
        runs = {r.measurement.run_id: store.run(r.measurement.run_id or "") for r in before}
    assert import_files([again], db=db) == 0
    assert "0 imported, 7 known already, 0 skipped" in capsys.readouterr().err
    with Store.open(db) as store:
        assert list(store.results(Filter())) == before
        assert {key: store.run(key or "") for key in runs} == runs


def test_wrong_records_are_told_and_the_others_kept(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(
        tmp_path / "mixed.jsonl",
        lines_of("web_accessible")[0],
        b"garbage \x1b[31m",
        one("web_accessible") | {"test_name": "ndt"},
        b"",
        lines_of("web_tls_reset")[0][:-50],
        lines_of("web_tcp_timeout")[0],
    )
    assert import_files([path], json=True, db=db) == 4
    rows, err = _lines(capsys)
    assert [row["outcome"] for row in rows] == ["ok", "blocked"]
    told = [line for line in err.splitlines() if "skipped " in line and ".jsonl:" in line]
    assert [line.split(".jsonl:")[1].split(":")[0] for line in told] == ["2", "3", "5"]
    assert "'ndt' is not imported" in told[1]
    assert "2 imported, 0 known already, 3 skipped" in err
    assert "\x1b" not in err


def test_a_flood_of_wrong_records_is_counted_only(db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_files([write(tmp_path / "noise", *[b"noise"] * 1000)], db=db) == 4
    err = capsys.readouterr().err
    assert "1000 skipped" in err
    assert len(err.splitlines()) < 60


def test_a_file_that_cannot_be_read_costs_no_other(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "missing.jsonl", tmp_path, path_of("web_accessible")]
    assert import_files(files, json=True, db=db) == 5
    rows, err = _lines(capsys)
    assert [row["outcome"] for row in rows] == ["ok"]
    assert "missing.jsonl: cannot be read: No such file" in err


def test_no_database(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("no database")
    with pytest.raises(Refusal) as refused:
        import_files([path_of("web_accessible")], db=tmp_path / "taken")
    assert refused.value.status == 5


def test_explain_tells_both_sides(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import_files([path_of("web_tls_reset")], json=True, db=db)
    (row,), _ = _lines(capsys)
    assert explain(row["measurement_id"], db=db) == 0
    out = capsys.readouterr().out
    assert "BLOCKED (tls, possible)" in out
    assert "What the control vantage point ooni test helper saw" in out


def test_a_number_beyond_bounds_is_refused_before_it_is_stored(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = one("web_tls_reset")
    row["test_keys"]["queries"][0]["rcode"] = 0
    row["test_keys"]["queries"][0]["answers"][0]["ttl"] = 1 << 63
    assert import_files([write(tmp_path / "a", row, lines_of("web_accessible")[0])], json=True, db=db) == 4
    rows, err = _lines(capsys)
    assert [each["outcome"] for each in rows] == ["ok"]
    assert "a:1: " in err
