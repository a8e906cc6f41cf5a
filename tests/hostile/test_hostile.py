"""Whatever a server does, the program ends in time, within its memory, and shows nothing of it raw."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from probe.cli.analysis import report
from probe.cli.exporting import export_dataset
from probe.cli.records import explain, results
from probe.exports.shape import SHAPES, Kind
from probe.model import DnsDetail, HttpDetail, Observation, Outcome, Result
from probe.report.safe import safe
from probe.steps.http import MOST_BYTES
from probe.store import Filter, Store
from tests.hostile.case import Case
from tests.hostile.world import ALL_AT_ONCE, BATCHES, CASES, ROOT

MOST_MEMORY = 64 << 20
"""Bytes over what the program takes in any case."""
_PUT_OFF, _SLACK = 2, 4.0
"""A deadline is put off once more at most, where the program itself was held up; and seconds of grace."""
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visited:
    """What came of sending the program to every hostile server."""

    db: Path
    checks: dict[str, dict[str, Any]]
    hits: list[str]
    results: dict[str, Result]
    """By target."""


@pytest.fixture(scope="module")
def visited(lab: None, tmp_path_factory: pytest.TempPathFactory) -> Visited:
    folder = tmp_path_factory.mktemp("hostile")
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-m", "tests.hostile.world", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads((folder / "said.json").read_text())
    with Store.open(folder / "probe.sqlite") as store:
        found = {result.measurement.target.name: result for result in store.results(Filter())}
    return Visited(db=folder / "probe.sqlite", checks=said["checks"], hits=said["hits"], results=found)


def _last(rows: tuple[Observation, ...]) -> Observation:
    """The last operation; of the two questions for addresses, the one that every hostile resolver answers."""
    return next(r for r in reversed(rows) if not (isinstance(r.detail, DnsDetail) and r.detail.query_type == "AAAA"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_ends_as_it_must(visited: Visited, case: Case) -> None:
    result = visited.results[case.target]
    rows = result.measurement.observations
    pages = [row.detail for row in rows if isinstance(row.detail, HttpDetail)]
    last = _last(rows)
    assert (last.failure, max(row.hop for row in rows) + 1) == (case.failure, case.hops), (last.step, last.error)
    assert case.truncated is None or pages[-1].body_truncated is case.truncated
    assert all((page.body_length or 0) <= MOST_BYTES for page in pages)
    late = 2 * (result.measurement.lag or 0.0)
    assert max(row.runtime for row in rows) <= _PUT_OFF * ALL_AT_ONCE + _SLACK + late
    assert result.verdict.outcome in (Outcome.OK, Outcome.INCONCLUSIVE)  # never anybody else's block


def test_every_case_was_measured_and_nothing_failed(visited: Visited) -> None:
    assert set(visited.results) == {case.target for case in CASES}
    for check in visited.checks.values():
        assert (check["status"], "Traceback" in check["err"]) == (4, False), check["err"]


@pytest.mark.parametrize("batch", BATCHES)
def test_memory_is_bounded(visited: Visited, batch: str) -> None:
    more = visited.checks[batch]["peak"] - visited.checks["calm"]["peak"]
    assert more <= MOST_MEMORY, f"{more >> 20} MiB for all at once"


def test_nothing_was_reached_that_may_not_be(visited: Visited) -> None:
    assert visited.hits == []


def _assert_shown_safely(text: str) -> None:
    for line in text.split("\n"):
        assert safe(line, len(line)) == line


def test_what_is_printed_is_safe(visited: Visited, capsys: pytest.CaptureFixture[str]) -> None:
    for check in visited.checks.values():
        _assert_shown_safely(check["out"])
        _assert_shown_safely(check["err"])
    results(db=visited.db)
    for result in visited.results.values():
        explain(result.measurement.id, db=visited.db)
    said = capsys.readouterr()
    assert len(said.out.splitlines()) > 5 * len(CASES)
    _assert_shown_safely(said.out)
    _assert_shown_safely(said.err)


def test_nothing_in_a_csv_dataset_is_a_formula(visited: Visited, tmp_path: Path) -> None:
    assert export_dataset(output=tmp_path / "csv", form="csv", db=visited.db, bodies=True) == 0
    cells = 0
    for path in (tmp_path / "csv").glob("*.csv"):
        texts = {column.name for column in SHAPES[path.stem].columns if column.kind is Kind.TEXT}
        csv.field_size_limit(1 << 24)
        for row in csv.DictReader(path.open(newline="", encoding="utf-8"), strict=True):
            assert not [text for name, text in row.items() if name in texts and text.startswith(_FORMULA)]
            cells += len(row)
    assert cells > 1000
    assert "'=HYPERLINK" in (tmp_path / "csv" / "observation.csv").read_text("utf-8")


@pytest.mark.parametrize("form", ["jsonl", "ooni"])
def test_a_dataset_of_lines_is_one_json_a_line(visited: Visited, tmp_path: Path, form: str) -> None:
    assert export_dataset(output=tmp_path / form, form=form, db=visited.db, bodies=True) == 0
    lines = [line for path in (tmp_path / form).rglob("*.jsonl") for line in path.read_bytes().splitlines()]
    assert len(lines) > len(CASES) / 2
    for line in lines:
        assert min(line) >= 0x20
        json.loads(line)


def test_nothing_in_a_page_of_it_is_markup(visited: Visited, tmp_path: Path) -> None:
    assert report(output=tmp_path / "page.html", targets=True, db=visited.db) == 0
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<script" not in page.lower()
    assert "hostile.example" in page
    _assert_shown_safely(page)
