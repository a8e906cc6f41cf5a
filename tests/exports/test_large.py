"""The database that `make bench-datasets` measures with: the same for the same seed, and as real ones are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

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
