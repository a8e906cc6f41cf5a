"""Which process writes a part of a dataset changes nothing of it, and what ends one of them ends the export."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from probe.cli import exporting
from probe.cli.errors import Refusal
from probe.cli.exporting import export_dataset
from probe.exports import Workers
from probe.store import Store
from tests.exports.test_round_trip import contents, export
from tests.exports.world import REDACT, fill, plant
from tests.store.examples import a_result, a_run


@pytest.fixture
def with_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the database is, and however few processors there are."""
    monkeypatch.setattr(exporting, "_MUCH", 0)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})


@pytest.mark.parametrize("make", [fill, plant])
def test_the_same_bytes(make: object, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    make(tmp_path / "probe.sqlite")  # type: ignore[operator]
    alone = contents(export(tmp_path / "probe.sqlite", tmp_path / "alone", "parquet", bodies=True, redact=REDACT))
    request.getfixturevalue("with_workers")
    together = contents(export(tmp_path / "probe.sqlite", tmp_path / "both", "parquet", bodies=True, redact=REDACT))
    assert together == alone
    assert multiprocessing.active_children() == []


@pytest.mark.usefixtures("with_workers")
def test_all_of_them_see_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded once they look is in no part."""
    path, begin = tmp_path / "probe.sqlite", Workers.begin
    fill(path)
    before = contents(export(path, tmp_path / "before", "parquet"))

    def record(store: Store) -> None:
        store.begin_run(a_run("later"))
        store.add([a_result("later-1", run_id="later")])

    def begun(workers: Workers, *of: object) -> None:
        begin(workers, *of)  # type: ignore[arg-type]
        monkeypatch.setattr(exporting, "redactor_for", late)

    def late(named: list[str], dataset: object) -> object:
        with Store.open(path) as store:
            record(store)
        return as_it_is(named, dataset)  # type: ignore[arg-type]

    as_it_is = exporting.redactor_for
    monkeypatch.setattr(Workers, "begin", begun)
    assert contents(export(path, tmp_path / "meanwhile", "parquet")) == before


@pytest.mark.usefixtures("with_workers")
def test_one_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "probe.sqlite")
    begin = Workers.begin

    def begun(workers: Workers, *of: object) -> None:
        begin(workers, *of)  # type: ignore[arg-type]
        multiprocessing.active_children()[0].kill()

    monkeypatch.setattr(Workers, "begin", begun)
    with pytest.raises(Refusal, match="another process of this program was ended"):
        export_dataset(output=tmp_path / "out", form="parquet", db=tmp_path / "probe.sqlite")
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
    assert multiprocessing.active_children() == []
