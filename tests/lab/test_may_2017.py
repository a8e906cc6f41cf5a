"""The week for which the program was made: who blocked what, how, and from when until when, read from four databases.

A volunteer at each provider runs the probe on each day, all with one control. What is asserted is asked of the files by
SQL, as a researcher would who was sent them, and then of `compare`, `timeline` and `report`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.alone import read, run
from tests.lab.lab import World
from tests.lab.may_2017 import DAYS, PROVIDERS, SERVICES, Provider, list_of
from tests.lab.people import CONTROL_URL, control, probe

pytestmark = pytest.mark.timeout(900)

# The nth run of a vantage point is the nth day.
_FOUND = """
    SELECT {file!r} AS file, vantage.network, vantage.asn, vantage.country, day.day, service_verdict.service,
           service_verdict.outcome, service_verdict.methods, service_verdict.confidence, service_verdict.text, run.id
    FROM {file}.service_verdict
    JOIN (SELECT *, row_number() OVER (ORDER BY started_at) AS number FROM {file}.run) AS run
        ON run.id = service_verdict.run_id
    JOIN {file}.vantage ON vantage.id = service_verdict.vantage_id
    JOIN day ON day.number = run.number
"""
_REASONS = """
    SELECT vantage.network, reason.code FROM {file}.reason
    JOIN {file}.verdict ON verdict.id = reason.verdict_id AND verdict.outcome = 'blocked'
    JOIN {file}.measurement ON measurement.id = verdict.measurement_id
    JOIN {file}.vantage ON vantage.id = measurement.vantage_id
"""


def file_of(provider: Provider) -> str:
    return provider.network.split()[0].lower()


@pytest.fixture(scope="module")
def files(lab: None) -> Iterator[Mapping[str, Path]]:
    """The four databases, by the name of each."""
    with World() as world, control(world, "--ttl", "3600", "--timeout", "2"):
        lists = world.home / "lists"
        lists.mkdir()
        for service in SERVICES:
            (lists / f"{service}.toml").write_text(list_of(service), "utf-8")
        for provider in PROVIDERS:
            env = {"PROBE_VANTAGE_NAME": "volunteer", "PROBE_VANTAGE_ASN": str(provider.asn)}
            options = ("--targets", str(lists), "--control", CONTROL_URL, "--timeout", "2", "--rate", "1000")
            for day, register in DAYS.items():
                world.become(provider.on(day))
                database = str(world.home / f"{file_of(provider)}.sqlite")
                done = probe(world, "run", *options, "--db", database, PROBE_VANTAGE_NETWORK=provider.network, **env)
                assert done.returncode == (3 if register and provider.texts else 0), done.stdout
        yield {file: world.home / f"{file}.sqlite" for file in map(file_of, PROVIDERS)}


@pytest.fixture(scope="module")
def week(files: Mapping[str, Path]) -> Iterator[sqlite3.Connection]:
    """They, attached to one connection, with a table of the days and a view `found` over all of them."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE day (number INTEGER, day TEXT)")
    connection.executemany("INSERT INTO day VALUES (?, ?)", enumerate(DAYS, start=1))
    for file, path in files.items():
        connection.execute(f"ATTACH ? AS {file}", (str(path),))
    for name, sql in (("found", _FOUND), ("reasons", _REASONS)):
        union = " UNION ALL ".join(sql.format(file=file) for file in files)
        connection.execute(f"CREATE TEMP VIEW {name} AS {union}")
    yield connection
    connection.close()


def test_every_provider_was_measured_on_every_day(week: sqlite3.Connection) -> None:
    rows = week.execute("SELECT network, asn, country, day, service FROM found").fetchall()
    assert sorted(rows) == sorted(
        (provider.network, provider.asn, "RU", day, service)
        for provider in PROVIDERS
        for day in DAYS
        for service in SERVICES
    )


def test_who_blocked_what_how_and_when(week: sqlite3.Connection) -> None:
    rows = week.execute("SELECT network, day, service, outcome, methods, text FROM found").fetchall()
    expected = set()
    for provider in PROVIDERS:
        for day, register in DAYS.items():
            for service in SERVICES:
                blocked = service in register and bool(provider.texts)
                said = ("blocked", provider.methods, provider.texts[service]) if blocked else WELL
                expected.add((provider.network, day, service, *said))
    assert set(rows) == expected


WELL = ("ok", "[]", "web and app endpoints work")


def test_when_each_block_began_and_ended(week: sqlite3.Connection) -> None:
    sql = """
        SELECT network, service, min(day), max(day), count(*) FROM found
        WHERE outcome = 'blocked' GROUP BY network, service
    """
    assert sorted(week.execute(sql)) == sorted(
        (provider.network, service, first, last, count)
        for provider in PROVIDERS[:3]
        for service, first, last, count in (
            ("bbm", "2017-05-02", "2017-05-12", 5),
            ("line", "2017-05-02", "2017-05-12", 5),
            ("wechat", "2017-05-04", "2017-05-05", 2),
        )
    )


def test_no_block_is_a_mere_guess(week: sqlite3.Connection) -> None:
    sql = "SELECT count(*) FROM found WHERE outcome = 'blocked' AND confidence NOT IN ('likely', 'confirmed')"
    assert week.execute(sql).fetchone() == (0,)
    codes: dict[str, set[str]] = {}
    for network, code in week.execute("SELECT DISTINCT network, code FROM reasons"):
        codes.setdefault(network, set()).add(code)
    assert set(codes) == {provider.network for provider in PROVIDERS[:3]}
    for provider in PROVIDERS[:3]:
        assert provider.reason in codes[provider.network]
        layer = provider.reason.partition(".")[0]
        assert {code.partition(".")[0] for code in codes[provider.network]} == {layer}


@pytest.mark.parametrize("provider", PROVIDERS, ids=file_of)
def test_each_file_alone_says_what_is_blocked_now(week: sqlite3.Connection, provider: Provider) -> None:
    sql = f"SELECT service, outcome, targets FROM {file_of(provider)}.v_service"
    last = list(DAYS.values())[-1] if provider.texts else ()
    assert sorted(week.execute(sql)) == [
        (service, "blocked" if service in last else "ok", len(SERVICES[service])) for service in SERVICES
    ]


# By SQL above; from here on by the program's own verbs, over all four files together.
_BEGAN = {
    "bbm": ("2017-05-01", "2017-05-02"),
    "line": ("2017-05-01", "2017-05-02"),
    "wechat": ("2017-05-02", "2017-05-04"),
}
_ENDED = {"bbm": None, "line": None, "wechat": ("2017-05-05", "2017-05-11")}


def day_of(week: sqlite3.Connection, file: str, moment: str) -> str:
    """The day of the run in which a moment is."""
    sql = f"SELECT count(*) FROM {file}.run WHERE started_at <= ?"
    return list(DAYS)[week.execute(sql, (moment,)).fetchone()[0] - 1]


def days_of(week: sqlite3.Connection, file: str, between: dict[str, Any] | None) -> tuple[str | None, str] | None:
    if between is None:
        return None
    earliest = between["earliest"]
    return day_of(week, file, earliest) if earliest else None, day_of(week, file, between["latest"])


def test_compare_shows_the_true_matrix(week: sqlite3.Connection, files: Mapping[str, Path], tmp_path: Path) -> None:
    shown = run(tmp_path, "compare", "--json", *files.values())
    assert (shown.returncode, shown.stderr) == (0, "")
    found = {
        (cell["service"], cell["network"], cell["asn"], cell["country"]): (
            cell["outcome"],
            tuple(cell["methods"]),
            cell["verdicts"]["blocked"],
            cell["settled"],
            days_of(week, file_named(cell["network"]), cell["since"]),
        )
        for cell in read(shown)
    }
    expected: dict[Any, Any] = {}
    for provider in PROVIDERS:
        for service in SERVICES:
            here = (service, provider.network, provider.asn, "RU")
            days = [day for day, register in DAYS.items() if service in register and provider.texts]
            since = _ENDED[service] or _BEGAN[service] if days else (None, "2017-05-01")
            methods = tuple(provider.methods.strip('[]"').split()) if list(DAYS)[-1] in days else ()
            expected[here] = ("blocked" if methods else "ok", methods, len(days), True, since)
    assert found == expected


def test_timeline_shows_the_true_begin_and_end(
    week: sqlite3.Connection, files: Mapping[str, Path], tmp_path: Path
) -> None:
    """To the run, and to the measurement; and nothing that did not happen."""
    shown = run(tmp_path, "timeline", "--json", *files.values())
    assert (shown.returncode, shown.stderr) == (0, "")
    blocks = read(shown)
    assert [
        (
            block["service"],
            block["network"],
            *(days_of(week, file_named(block["network"]), block[edge]) for edge in EDGES),
        )
        for block in blocks
    ] == [
        (service, provider.network, _BEGAN[service], _ENDED[service])
        for service in SERVICES
        for provider in PROVIDERS
        if provider.texts
    ]
    for block in blocks:
        for edge in filter(None, (block[name] for name in EDGES)):
            for verdict in edge["evidence"]:
                assert verdict["measurements"] == measured(
                    week, file_named(block["network"]), block["service"], verdict
                )


EDGES = ("begin", "end")


def file_named(network: str) -> str:
    return next(file_of(provider) for provider in PROVIDERS if provider.network == network)


def measured(week: sqlite3.Connection, file: str, service: str, verdict: dict[str, Any]) -> list[str]:
    """The measurements of a service in a run that say what its verdict there says."""
    sql = f"""
        SELECT measurement.id FROM {file}.measurement
        JOIN {file}.target ON target.id = measurement.target_id
        JOIN {file}.verdict ON verdict.measurement_id = measurement.id
        WHERE measurement.run_id = ? AND target.service = ? AND verdict.outcome = ? ORDER BY target.name
    """
    rows = week.execute(sql, (verdict["run_id"], service, verdict["outcome"])).fetchall()
    assert rows
    return [row[0] for row in rows]


def test_the_page_shows_both(files: Mapping[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "week.html"
    assert run(tmp_path, "report", "--output", output, *files.values()).returncode == 0
    page = output.read_text("utf-8")
    cells = {outcome: page.count(f'<details class="cell {outcome}') for outcome in ("blocked", "ok", "mixed")}
    assert cells == {"blocked": 6, "ok": 6, "mixed": 0}
    assert page.count('<details class="event"') == 9
    assert len(re.findall(r"no end seen</summary>", page)) == 6
    assert len(re.findall(r"over by [-0-9: ]+</summary>", page)) == 3
