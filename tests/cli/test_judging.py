"""`probe classify`: verdicts follow the rules, and facts stay as they are."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from probe.classify import RULES_VERSION, classify
from probe.model import Outcome, Result, Role
from probe.service import Need, ServiceVerdict
from probe.store import Filter, Store
from tests.classify.golden import GOLDEN
from tests.classify.stories import CONTROL, HERE, HTTPS, well
from tests.cli.judged import OWN, golden
from tests.store.examples import a_run


def judge(database: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "probe", "classify", "--db", str(database), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return golden(tmp_path / "probe.sqlite")


def facts(database: Path) -> list[object]:
    with sqlite3.connect(database) as connection:
        return [
            connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in ("measurement", "observation", "control_measurement", "control_observation", "comparison")
        ]


def test_what_changed_is_said_and_recorded_once(database: Path) -> None:
    before = facts(database)
    first, second = judge(database), judge(database)
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(first.stdout.splitlines()) == 1
    assert "->" in first.stdout
    assert second.stdout == ""
    assert facts(database) == before
    with sqlite3.connect(database) as connection:
        versions = connection.execute("SELECT rules_version FROM verdict WHERE measurement_id = '0199-000'").fetchall()
    assert sorted(versions) == [("0",), (RULES_VERSION,)]


def test_services_are_judged_again_too(tmp_path: Path) -> None:
    """By what the run has recorded of their needs; of a run that was killed before it came to that as well."""
    path, target = tmp_path / "probe.sqlite", replace(HTTPS, service="s", role=Role.WEB)
    need = Need(service="s", targets=1, all_of=(Role.WEB,))
    mine, control = well().measured(target, HERE), replace(well().measured(target, CONTROL), id="control")
    with Store.open(path) as store:
        for number in range(3):
            measured = replace(mine, id=f"m-{number}", run_id=f"run-{number}")
            services = (need if number < 2 else replace(need, targets=2),)
            store.begin_run(a_run(f"run-{number}", services=services))
            verdict = classify(measured, (control,), a_run().host)
            store.add([Result(measurement=measured, controls=(control,), verdict=verdict)])
        wrong = ServiceVerdict(run_id="run-0", service="s", outcome=Outcome.REFUSED, text="?", rules_version="1")
        store.add_service_verdicts([wrong])
    first, second = judge(path), judge(path)
    assert (first.returncode, first.stdout) == (0, "")
    assert "0 verdicts changed, 2 of whole services." in first.stderr
    assert "0 verdicts changed, 0 of whole services." in second.stderr
    with Store.open(path) as store:
        found = {verdict.run_id: verdict for _, verdict in store.service_verdicts(Filter())}
    assert set(found) == {"run-0", "run-1"}  # of the third run's service, half was measured
    assert {(verdict.outcome, verdict.text) for verdict in found.values()} == {("ok", "web works")}


def test_json_tells_what_was(database: Path) -> None:
    lines = [json.loads(line) for line in judge(database, "--json").stdout.splitlines()]
    assert len(lines) == len(GOLDEN)
    changed = [line for line in lines if line["was"] is not None]
    assert [line["measurement_id"] for line in changed] == ["0199-000"]
    assert changed[0]["was"]["rules_version"] == "0"


def test_bodies_that_are_not_kept_any_more_show_nothing(database: Path) -> None:
    judge(database)
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM body")
    lines = [json.loads(line) for line in judge(database, "--json").stdout.splitlines()]
    lost = [line for line in lines if "http.known_block_page" in str(line["was"])]
    assert lost
    assert all(line["outcome"] != "blocked" or line["confidence"] != "confirmed" for line in lost)
    assert len(lines) == len(GOLDEN)


def test_fingerprints_of_ones_own_make_other_verdicts(database: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(OWN)
    judge(database)
    lines = [json.loads(line) for line in judge(database, "--json", "--fingerprints", str(own)).stdout.splitlines()]
    assert {line["rules_version"].split("+")[0] for line in lines} == {RULES_VERSION}
    assert all(len(line["rules_version"].split("+")[1]) == 8 for line in lines)
    moved = [
        line for line in lines if line["was"] and "confidence" in line["was"] and line["confidence"] == "confirmed"
    ]
    assert moved
    back = [json.loads(line) for line in judge(database, "--json").stdout.splitlines()]
    assert {line["rules_version"] for line in back} == {RULES_VERSION}
