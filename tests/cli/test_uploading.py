"""Uploads after scheduled runs: they follow the run, and never change what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.consent import agree
from tests.cli.alone import ask
from tests.cli.lists import write_list
from tests.lab.lab import Finished, World
from tests.lab.people import CONTROL_URL, control, probe
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import Drop, Rule, Spec, To

PORT = 8095
URL = f"http://127.0.0.1:{PORT}"
SITES = (https("open.example", at(1)), https("shut.example", at(2)))


@pytest.fixture(scope="module")
def blocked(country: World) -> Iterator[World]:
    """A world with a control, where one of two sites is blocked."""
    with control(country, "--timeout", "2"):
        country.become(Spec(sites=SITES, rules=(Rule(when=To(addresses=(at(2),)), do=Drop()),)))
        yield country


def run(world: World, database: Path, *words: str) -> Finished:
    path = write_list(world.home / "two.toml", ["https://open.example/", "https://shut.example/"])
    options = ("--targets", str(path), "--control", CONTROL_URL, "--timeout", "2", "--json", "--db", str(database))
    return probe(world, "run", *options, *words, PROBE_UPLOAD_URL=URL, PROBE_UPLOAD_TOKEN="tok")


def test_a_run_is_what_it_is_whatever_becomes_of_the_upload(blocked: World) -> None:
    database, everybodys = blocked.home / "upload.sqlite", blocked.home / "everybodys.sqlite"
    agree(blocked.home / "data" / "probe", "probe", datetime.now(UTC), URL)
    nobody_there = run(blocked, database, "--scheduled")
    assert nobody_there.returncode == 3
    assert "probe: not acknowledged: All connection attempts failed" in nobody_there.stderr
    assert "probe: upload: parcels acknowledged: 0; parcels that wait: 1" in nobody_there.stderr

    (blocked.home / "senders").write_text("tok\n")
    words = ("--listen", f"127.0.0.1:{PORT}", "--token-file", str(blocked.home / "senders"), "--db", str(everybodys))
    collector = blocked.start(["probe", "collect", "serve", *words])
    try:
        while "listening" not in collector.stderr():
            assert not collector.has_ended(0.05), collector.stderr()
        not_due = run(blocked, database, "--scheduled")
        assert not_due.returncode == 3
        assert "parcels acknowledged: 0; parcels that wait: 2" in not_due.stderr
        by_hand = run(blocked, database)
        assert "parcels" not in by_hand.stderr
        sent = probe(blocked, "upload", "--db", str(database), PROBE_UPLOAD_URL=URL, PROBE_UPLOAD_TOKEN="tok")
        assert (sent.returncode, sent.stderr) == (0, "")
        after = run(blocked, database, "--scheduled")
        assert after.returncode == 3
        assert "upload: parcels acknowledged: 1 (2 measurements were new to the collector, 0 known)" in after.stderr
    finally:
        log = collector.stop().stderr
    ids = "SELECT id, runtime FROM measurement ORDER BY id"
    assert ask(everybodys, ids) == ask(database, ids)
    assert len(ask(everybodys, ids)) == 8
    assert len(log.splitlines()) == 5
    assert "127.0.0.1" not in "".join(log.splitlines()[1:])

    agree(blocked.home / "data" / "probe", "probe", datetime.now(UTC))
    refused = run(blocked, database, "--scheduled")
    assert (refused.returncode, refused.stdout) == (5, "")
    assert f"what was agreed to is to upload nothing, and the settings say to upload to {URL}" in refused.stderr
