"""Which databases of networks are in force, and what is said of one that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli import alone
from tests.networks import books

LINE = "https://line.me/"


def settings(home: Path, *words: str | Path, **env: str) -> list[dict[str, Any]]:
    """The databases that a check which found no network was to use."""
    database = home / "settings.sqlite"
    done = alone.run(home, "check", LINE, "--db", database, *words, **env)
    assert done.returncode == 75, done.stderr
    found: list[dict[str, Any]] = json.loads(
        alone.ask(database, "SELECT settings FROM run ORDER BY id")[-1]["settings"]
    )["networks"]
    return found


def test_flag_before_environment_before_configuration(home: Path) -> None:
    a, b, c, d = (
        books.write(home / f"{kind}.mmdb", {"192.31.196.0/24": {"asn": 64500}}, kind) for kind in ("A", "B", "C", "D")
    )
    config = home / "any.toml"
    config.write_text(f'[networks]\ndatabases = ["{a}", "{b}"]')
    given: dict[str, tuple[tuple[str | Path, ...], dict[str, str]]] = {
        "": ((), {}),
        "AB": (("--config", config), {}),
        "CD": (("--config", config), {"PROBE_NETWORKS": f"{c}:{d}"}),
        "DA": (("--config", config, "--networks", d, "--networks", a), {"PROBE_NETWORKS": str(c)}),
    }
    for kinds, (words, env) in given.items():
        found = settings(home, *words, **env)
        assert [each["kind"] for each in found] == list(kinds)
        assert not any(str(home) in str(each) for each in found)


@pytest.mark.parametrize("verb", [("check", LINE), ("run",), ("control", "serve", "--listen", "127.0.0.1:0")])
def test_one_that_cannot_be_used_is_one_line(home: Path, verb: tuple[str, ...]) -> None:
    bad = home / "bad.mmdb"
    bad.write_bytes(books.asn(home / "good.mmdb").read_bytes()[:500])
    config = home / "any.toml"
    config.write_text(f'[networks]\ndatabases = ["{bad}"]')
    for words in (("--networks", bad), ("--config", config)):
        done = alone.run(home, *verb, *words)
        assert (done.returncode, done.stdout) == (5, ""), done.stderr
        assert done.stderr == f"probe: {bad}: damaged, or no MaxMind DB file (InvalidDatabaseError)\n"


def test_a_key_that_is_not_known(home: Path) -> None:
    config = home / "any.toml"
    config.write_text("[networks]\ndatabase = []")
    done = alone.run(home, "check", LINE, "--config", config)
    assert done.returncode == 5
    assert "database" in done.stderr


def test_doctor_says_which_and_how_old(home: Path) -> None:
    def found(*words: str | Path) -> list[dict[str, Any]]:
        return [each for each in alone.read(alone.run(home, "doctor", "--json", *words)) if each["name"] == "networks"]

    (none,) = found()
    assert none["good"]
    assert "no database is set" in none["text"]
    path = books.asn(home / "asn.mmdb")
    (one,) = found("--networks", path)
    assert one["good"]
    assert one["text"].startswith("GeoLite2-ASN of 20")
    assert one["text"].endswith(f", 0 days old ({path})")
    (bad,) = found("--networks", home / "missing.mmdb")
    assert not bad["good"]
    assert "No such file" in bad["text"]
