"""The file as somebody sees it who opens it in Datasette."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from probe.model import Outcome, Scheme, Target
from probe.store import Store
from tests.store.examples import TARGET, a_result, a_run, a_verdict

DATASETTE = Path(sys.executable).with_name("datasette")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("datasette") / "probe.sqlite"
    alone = Target(scheme=Scheme.HTTPS, host=TARGET.host, port=443, path=TARGET.path)
    other = Target(scheme=Scheme.TCP, host="wechat.example", port=8080, service="wechat")
    with Store.open(path) as store:
        store.begin_run(a_run())
        store.add(
            [
                a_result("m-1"),
                a_result("m-2", minutes=1, outcome=Outcome.OK),
                a_result("m-3", minutes=2, target=other, outcome=Outcome.DOWN),
            ]
        )
        store.add_verdicts([a_verdict("m-2", Outcome.BLOCKED, rules_version="2")])
        store.add([a_result("m-4", minutes=3, target=alone, outcome=Outcome.REFUSED)])
    return path


def get(database: Path, address: str) -> dict[str, Any]:
    command = [str(DATASETTE), str(database), "--get", f"/probe/{address}"]
    got = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(got.stdout)
    return answer


def test_rows_are_shown_by_readable_labels(database: Path) -> None:
    row = get(database, "measurement.json?_labels=on&_shape=objects&id=m-1")["rows"][0]
    labels = {column: row[column]["label"] for column in ("run_id", "target_id", "vantage_id")}
    assert labels == {
        "run_id": "2026-11-24 00:00:00 run at home (RU AS12389)",
        "target_id": "https://wechat.example/微信?x=1",
        "vantage_id": "home",
    }
    observation = get(database, "observation.json?_labels=on&_shape=objects&measurement_id=m-1")["rows"][0]
    assert observation["measurement_id"]["label"] == "https://wechat.example/微信?x=1 2026-11-24 00:00"
    reason = get(database, "reason.json?_labels=on&_shape=objects&verdict_id=1")["rows"][0]
    assert reason["verdict_id"]["label"] == "blocked (dns, tls), confirmed"
    compared = get(database, "comparison.json?_labels=on&_shape=objects")["rows"][0]
    assert compared["control_measurement_id"]["label"].startswith("https://wechat.example/微信?x=1 2026-11-23")


def test_the_newest_verdicts_are_shown(database: Path) -> None:
    shown = get(database, "v_latest.json?_shape=array")
    assert [(row["target"], row["outcome"], row["measurement_id"]) for row in shown] == [  # type: ignore[index]
        ("https://wechat.example/微信?x=1", "refused", "m-4"),
        ("tcp://wechat.example:8080", "down", "m-3"),
    ]
    row: dict[str, Any] = shown[1]  # type: ignore[index]
    assert (row["service"], row["vantage"], row["country"], row["asn"]) == ("wechat", "home", "RU", 12389)
    assert (row["reason_code"], row["reason_text"]) == ("tls.reset_after_client_hello", "Cut off on seeing the name.")


def test_services_are_counted(database: Path) -> None:
    """By the newest verdict of each target of the service; what was measured by itself is not of the service."""
    (row,) = get(database, "v_service.json?_shape=array")
    counts = {name: row[name] for name in ("targets", *Outcome)}  # type: ignore[index]
    assert counts == {"targets": 2, "ok": 0, "blocked": 1, "down": 1, "refused": 0, "inconclusive": 0}
    assert row["started_at"] == "2026-11-24T00:02:00.123456Z"  # type: ignore[index]
