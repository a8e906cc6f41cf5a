"""A published copy: Datasette itself opens it, and answers what people would ask; nobody's identity is in it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from datasette.app import Datasette
from datasette.utils import parse_metadata

from probe.cli.errors import Refusal, Status
from probe.cli.publishing import publish_database
from probe.exports import DATABASE, METADATA
from probe.model import Outcome, Scheme, Target
from probe.store import Store
from probe.store.meanings import meaning
from tests.exports.world import BY_SERVERS, COOKIE, REDACT, SPELLED, contents, fill, plant
from tests.store.examples import HOME, TARGET, a_result, a_run

OTHER = Target(scheme=Scheme.TCP, host="line.example", port=5222, service="line")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something in every table; and in one network a neighbour whose newest verdict on a target is another one."""
    path = tmp_path_factory.mktemp("source") / "probe.sqlite"
    fill(path)
    neighbour = replace(HOME, name="neighbour")
    with Store.open(path) as store:
        store.begin_run(a_run("run-3", vantage=neighbour))
        for number, (target, outcome) in enumerate([(OTHER, Outcome.DOWN), (TARGET, Outcome.OK)]):
            result = a_result(f"n-{number}", run_id="run-3", target=target, outcome=outcome, minutes=5000)
            store.add([replace(result, measurement=replace(result.measurement, vantage=neighbour))])
    return path


@pytest.fixture(scope="module")
def published(source: Path) -> Path:
    output = source.with_name("published")
    assert publish_database(output=output, db=source, licence="ODbL-1.0", creator=["Анна"]) == Status.OK
    return output


Get = Callable[..., Any]


@pytest.fixture(scope="module")
def get(published: Path) -> Get:
    """Asks Datasette, in this process, with the metadata as it reads it."""
    told = parse_metadata((published / METADATA).read_text(encoding="utf-8"))
    shown = Datasette([str(published / DATABASE)], metadata=told)

    async def asked(address: str) -> Any:
        await shown.invoke_startup()
        answer = await shown.client.get(address)
        assert answer.status_code == 200, answer.text
        return answer.json() if ".json" in address else answer.text

    def ask(address: str, **parameters: object) -> Any:
        return asyncio.run(asked(f"{address}?{urlencode(parameters)}" if parameters else address))

    return ask


def rows(get: Get, query: str, **parameters: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = get(f"/probe/{query}.json", _shape="array", **parameters)
    return found


def test_the_files(published: Path) -> None:
    assert sorted(path.name for path in published.iterdir()) == [METADATA, DATABASE]
    assert not list(published.parent.glob(".published*"))


def test_every_column_is_described(published: Path, get: Get) -> None:
    """Of the tables and views that are in the file, not of those the program thinks of."""
    told = get("/-/metadata.json")["databases"]["probe"]["tables"]
    connection = sqlite3.connect(published / DATABASE)
    names = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    assert {name for (name,) in names} == set(told)
    for (name,) in names:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
        assert list(told[name]["columns"]) == columns
        assert all([told[name]["description"], *told[name]["columns"].values()])
        for used in (*told[name].get("units", ()), *told[name]["sortable_columns"]):
            assert used in columns
    page = get("/probe/observation")
    assert f"<dd>{meaning('observation', 'failure').replace(chr(39), '&#39;')}</dd>" in page


def test_it_says_who_may_use_it_for_what(get: Get) -> None:
    page = get("/probe")
    for told in ("Open Data Commons Open Database License 1.0", "Анна", "v_latest", "Blocked now, by network"):
        assert told in page


def test_what_is_not_published_is_hidden(get: Get) -> None:
    tables = {table["name"]: table for table in get("/probe.json")["tables"]}
    hidden = {name for name, table in tables.items() if table["hidden"]}
    assert hidden == {
        "body", "certificate", "mark", "register", "register_entry", "register_key", "run_source", "source",
    }  # fmt: skip
    assert all(tables[name]["count"] == 0 for name in hidden)


def test_units_are_shown(get: Get) -> None:
    page = get("/probe/observation", measurement_id="m-0")
    for shown in ("12.0&nbsp;ms", "5.0&nbsp;s", "10.5&nbsp;kB", "20&nbsp;B"):
        assert f">{shown}</td>" in page


def test_rows_have_labels_and_facets(get: Get) -> None:
    row = get("/probe/measurement.json", _labels="on", _shape="objects", id="m-0")["rows"][0]
    assert row["target_id"]["label"] == OTHER.name
    assert row["vantage_id"]["label"] == "home"
    facets = get("/probe/verdict.json")["facet_results"]
    outcomes = {each["value"]: each["count"] for each in facets["outcome"]["results"]}
    assert outcomes == {"ok": 3, "blocked": 2, "down": 2, "refused": 1, "inconclusive": 1}
    assert {each["value"] for each in facets["methods"]["results"]} == {"dns", "tls"}
    by_service = get("/probe/v_latest.json")["facet_results"]
    assert {each["value"] for each in by_service["service"]["results"]} == {"wechat", "line"}
    assert {each["value"] for each in by_service["country"]["results"]} == {"RU", "DE"}


def test_newest_first(get: Get) -> None:
    started = [row["started_at"] for row in rows(get, "measurement")]
    assert len(started) == 8
    assert started == sorted(started, reverse=True)


def test_the_ready_questions(get: Get) -> None:
    blocked = rows(get, "blocked_now")
    assert [(row["country"], row["service"], row["targets"], row["vantage_points"]) for row in blocked] == [
        ("DE", "wechat", 1, 1)
    ]
    assert blocked[0]["reason_codes"] == "tls.reset_after_client_hello"

    (only,) = rows(get, "history_of_service", service="wechat")
    assert (only["vantage"], only["outcome"], only["text"]) == (
        "home", "blocked", "web works, app endpoints blocked (dns, tcp)",
    )  # fmt: skip
    assert rows(get, "history_of_service", service="none") == []

    reasons = rows(get, "reasons_of_verdict", verdict_id=2)
    assert [(row["number"], row["code"], row["step"], row["failure"]) for row in reasons] == [
        (1, "tls.reset_after_client_hello", "tcp", "connection_reset"),
        (1, "tls.reset_after_client_hello", "tls", "ssl_unknown_authority"),
        (2, "dns.injected", None, None),
    ]

    disagreeing = rows(get, "disagreeing_vantage_points")
    assert [(row["target"], row["vantage"], row["outcome"]) for row in disagreeing] == [
        (TARGET.name, "home", "refused"),
        (TARGET.name, "neighbour", "ok"),
    ]  # of the other target the one at home is inconclusive


def test_the_same_database_gives_the_same_files(source: Path, published: Path, tmp_path: Path) -> None:
    assert publish_database(output=tmp_path / "again", db=source, licence="ODbL-1.0", creator=["Анна"]) == 0
    for name in (DATABASE, METADATA):
        assert (tmp_path / "again" / name).read_bytes() == (published / name).read_bytes()


@pytest.mark.parametrize("bodies", [False, True])
def test_no_identity_is_in_any_byte(tmp_path: Path, bodies: bool) -> None:
    plant(tmp_path / "planted.sqlite")
    assert publish_database(output=tmp_path / "out", db=tmp_path / "planted.sqlite", redact=REDACT, bodies=bodies) == 0
    looked_at = list(contents(tmp_path / "out"))
    assert sum(len(data) for _, data in looked_at) > 100_000
    for name, data in looked_at:
        lower = data.lower()
        for secret in (*SPELLED, *BY_SERVERS, COOKIE):
            assert secret.lower().encode() not in lower, (name, secret)
            assert secret.encode("utf-16-le") not in data, (name, secret)
    (count,) = sqlite3.connect(tmp_path / "out" / DATABASE).execute("SELECT count(*) FROM body").fetchone()
    assert count == int(bodies)


def test_without_being_told_the_same_is_found(tmp_path: Path) -> None:
    """The search above finds what is there to be found, in pages too."""
    plant(tmp_path / "planted.sqlite")
    found = [secret for _, data in contents(tmp_path) for secret in SPELLED if secret.encode() in data]
    assert set(found) == set(SPELLED)


@pytest.mark.parametrize(
    ("given", "status", "told"),
    [
        ({"licence": "mine"}, Status.USAGE, "--licence mine: give one of CC-BY-4.0"),
        ({"full": True}, Status.USAGE, "there is something in it"),
        ({"empty": True}, Status.FAILED, "there is nothing to publish"),
    ],
)
def test_what_cannot_be(source: Path, tmp_path: Path, given: Mapping[str, Any], status: Status, told: str) -> None:
    output, db = tmp_path / "out", source
    if given.get("full"):
        output.mkdir()
        (output / "x").touch()
    if given.get("empty"):
        db = tmp_path / "empty.sqlite"
        Store.open(db).close()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Refusal, match=told) as caught:
        publish_database(output=output, db=db, licence=given.get("licence", "CC-BY-4.0"))
    assert caught.value.status == status
    assert sorted(tmp_path.rglob("*")) == before
