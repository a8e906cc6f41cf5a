"""The database that `make bench-datasets` measures with: the same for the same seed, and as real ones are."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from pyarrow import parquet

from bench.dataset import fill
from probe.classify import classify
from probe.cli.errors import Status
from probe.cli.importing import import_files
from probe.model import Outcome
from probe.store import Filter, Store
from tests.exports.test_round_trip import contents, export


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "probe.sqlite"
    assert fill(path, 4000) >= 4000
    return path


def test_the_same_seed_gives_the_same_rows(db: Path, tmp_path: Path) -> None:
    fill(tmp_path / "again.sqlite", 4000)
    fill(tmp_path / "other.sqlite", 4000, seed=2)
    first, again, other = (
        contents(export(path, tmp_path / name))
        for path, name in ((db, "a"), (tmp_path / "again.sqlite", "b"), (tmp_path / "other.sqlite", "c"))
    )
    assert first == again
    assert first["observation.jsonl"] != other["observation.jsonl"]


def test_what_is_judged_there_is_judged_so_again(db: Path) -> None:
    outcomes: Counter[Outcome] = Counter()
    with Store.open(db) as store:
        run = next(iter(store.runs()))
        for result in store.results(Filter(limit=300)):
            verdict = classify(result.measurement, result.controls, run.host)
            assert (verdict.outcome, verdict.methods) == (result.verdict.outcome, result.verdict.methods)
            outcomes[verdict.outcome] += 1
    assert outcomes[Outcome.OK] > 100


def test_it_comes_through_parquet(db: Path, tmp_path: Path) -> None:
    """Enough rows for several batches, in the middle of whose measurements some end."""
    first = export(db, tmp_path / "first", "parquet")
    assert import_files([first], db=tmp_path / "new.sqlite") == Status.OK
    assert contents(export(tmp_path / "new.sqlite", tmp_path / "again", "parquet")) == contents(first)


_PAGES, _PAGE = 96, 512 << 10


@pytest.fixture
def with_pages(tmp_path: Path) -> Path:
    """So many pages of the greatest length, none like another."""
    path = tmp_path / "pages.sqlite"
    fill(path, 4000)
    with closing(sqlite3.connect(path)) as connection, connection:
        sql = "SELECT measurement_id, id FROM observation WHERE step = 'http' LIMIT ?"
        rows = connection.execute(sql, (_PAGES,)).fetchall()
        for number, row in enumerate(rows):
            page = (b"page %d " % number).ljust(_PAGE, b"x")
            sha256 = hashlib.sha256(page).hexdigest()
            connection.execute("INSERT INTO body VALUES (?, ?, ?)", (sha256, len(page), zlib.compress(page, 1)))
            connection.execute(
                "UPDATE observation SET body_sha256 = ? WHERE measurement_id = ? AND id = ?", (sha256, *row)
            )
    return path


def test_no_more_pages_are_held_than_memory_has_room_for(with_pages: Path, tmp_path: Path) -> None:
    first = export(with_pages, tmp_path / "first", "parquet", bodies=True)
    with parquet.ParquetFile(first / "body" / "part-0.parquet") as file:
        groups = [file.metadata.row_group(each) for each in range(file.metadata.num_row_groups)]
    assert sum(group.num_rows for group in groups) == _PAGES
    assert max(group.total_byte_size for group in groups) < 44 << 20
    assert import_files([first], db=tmp_path / "new.sqlite") == Status.OK
    assert contents(export(tmp_path / "new.sqlite", tmp_path / "again", "parquet", bodies=True)) == contents(first)
