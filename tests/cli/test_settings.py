"""Where settings come from: flag, then environment, then configuration file; and where the database is.

A run is recorded with its settings also where there is no network, so none is needed to see them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.cli import alone
from tests.lab.lab import Finished

CONFIG = """
control = ["http://192.0.2.10:8080"]
resolver = "192.0.2.11"
timeout = 7.0
[vantage]
name = "cellar"
country = "ru"
asn = 12389
network = "Rostelecom"
"""
LINE = "https://line.me/"
RECORDED = """
    SELECT run.settings, run.host, vantage.name, vantage.country, vantage.asn, vantage.network
    FROM run JOIN vantage ON vantage.id = run.vantage_id ORDER BY run.started_at
"""


def recorded(home: Path, *words: str | Path, **env: str) -> dict[str, Any]:
    """How a check that found no network was set."""
    database = home / "settings.sqlite"
    done = alone.run(home, "check", LINE, "--db", database, *words, **env)
    assert done.returncode == 75, done.stderr
    row = alone.ask(database, RECORDED)[-1]
    settings = json.loads(row["settings"])
    return {
        "control": settings["controls"],
        "resolver": json.loads(row["host"])["resolvers"],
        "timeout": settings["timeout_tcp"],
        "vantage": (row["name"], row["country"], row["asn"], row["network"]),
    }


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_flag_before_environment_before_configuration(home: Path) -> None:
    config = write(home / "any.toml", CONFIG)
    unset = recorded(home)
    assert unset["control"] == []
    assert unset["vantage"] == ("here", "ZZ", 0, None)
    from_file = {
        "control": ["http://192.0.2.10:8080"],
        "resolver": ["192.0.2.11:53"],
        "timeout": 7.0,
        "vantage": ("cellar", "RU", 12389, "Rostelecom"),
    }
    assert recorded(home, "--config", config) == from_file
    env = {
        "PROBE_CONTROL": "http://192.0.2.20:8080",
        "PROBE_RESOLVER": "192.0.2.21:5353",
        "PROBE_TIMEOUT": "8",
        "PROBE_VANTAGE_NAME": "attic",
        "PROBE_VANTAGE_COUNTRY": "DE",
        "PROBE_VANTAGE_ASN": "3320",
        "PROBE_VANTAGE_NETWORK": "Telekom",
    }
    from_environment = {
        "control": ["http://192.0.2.20:8080"],
        "resolver": ["192.0.2.21:5353"],
        "timeout": 8.0,
        "vantage": ("attic", "DE", 3320, "Telekom"),
    }
    assert recorded(home, PROBE_CONFIG=str(config), **env) == from_environment
    flags = ("--control", "https://192.0.2.30", "--resolver", "[2001:db8::31]:5354", "--timeout", "9")
    from_flags = {"control": ["https://192.0.2.30"], "resolver": ["[2001:db8::31]:5354"], "timeout": 9.0}
    assert recorded(home, *flags, "--config", config, **env) == {**from_environment, **from_flags}


def test_no_control_beats_the_configured_one(home: Path) -> None:
    config = write(home / "any.toml", CONFIG)
    assert recorded(home, "--control", "none", "--config", config)["control"] == []
    assert recorded(home, "--config", config, PROBE_CONTROL="none")["control"] == []


def test_the_configuration_is_found(home: Path) -> None:
    write(home / "config" / "probe" / "probe.toml", "timeout = 3.0")
    other = write(home / "other.toml", "timeout = 4.0")
    named = write(home / "named.toml", "timeout = 5.0")
    assert recorded(home)["timeout"] == 3.0
    assert recorded(home, PROBE_CONFIG=str(other))["timeout"] == 4.0
    assert recorded(home, "--config", named, PROBE_CONFIG=str(other))["timeout"] == 5.0


def test_the_configuration_is_found_in_the_home(home: Path) -> None:
    write(home / ".config" / "probe" / "probe.toml", "timeout = 6.0")
    done = alone.run(home, "check", LINE, "--db", home / "a.sqlite", XDG_CONFIG_HOME=None)
    assert done.returncode == 75
    assert json.loads(alone.ask(home / "a.sqlite", RECORDED)[0]["settings"])["timeout_tcp"] == 6.0


def test_which_database(home: Path) -> None:
    """Each call makes the one that its settings name, and no other file."""
    config = write(home / "any.toml", f'database = "{home}/of_config.sqlite"')

    def made(*words: str | Path, **env: str) -> set[str]:
        before = alone.files_below(home)
        done = alone.run(home, "check", LINE, *words, **env)
        assert done.returncode == 75, done.stderr
        return alone.files_below(home) - before

    environment = {"PROBE_DB": str(home / "of_environment.sqlite")}
    assert made("--db", home / "of_flag.sqlite", "--config", config, **environment) == {"of_flag.sqlite"}
    assert made("--config", config, **environment) == {"of_environment.sqlite"}
    assert made("--config", config) == {"of_config.sqlite"}
    assert made(STATE_DIRECTORY=f"{home}/first:{home}/second") == {"first/probe.sqlite"}
    assert made("--no-save", "--db", home / "never.sqlite") == set()


def check_from_a_copy(home: Path, copy: Path) -> Finished:
    """Runs a copy of the program that lies somewhere else."""
    done = alone.run(home, "check", LINE, cwd=copy, STATE_DIRECTORY=None, PYTHONPATH=str(copy))
    assert done.returncode == 75, done.stderr
    return done


def copy_program(to: Path, lists: str) -> Path:
    shutil.copytree(alone.ROOT / "probe", to / "probe", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(alone.ROOT / "targets", to / lists)
    return to


def test_the_database_of_a_checkout(home: Path) -> None:
    checkout = copy_program(home / "checkout", "targets")
    shutil.copy(alone.ROOT / "pyproject.toml", checkout)
    (checkout / "results").mkdir()
    check_from_a_copy(home, checkout)
    assert (checkout / "results" / "probe.sqlite").is_file()
    assert not (home / "data").exists()


def test_the_database_of_an_installed_program(home: Path) -> None:
    installed = copy_program(home / "installed", "probe/targets/shipped")
    before = alone.files_below(installed)
    check_from_a_copy(home, installed)
    assert alone.files_below(home / "data") == {"probe/probe.sqlite"}
    assert {name for name in alone.files_below(installed) if not name.endswith(".pyc")} == before


def test_a_user_without_a_home(home: Path) -> None:
    """systemd gives a service that has a user of its own neither HOME nor an entry in the list of users."""
    nobody = ("unshare", "--user", "--map-user=61184", *alone.PROBE)
    without = {"HOME": None, "XDG_CONFIG_HOME": None, "XDG_DATA_HOME": None}
    done = alone.run(home, "run", "--scheduled", program=nobody, **without)
    assert (done.returncode, done.stdout) == (5, "")
    assert "a scheduled run needs consent" in done.stderr
    unset = alone.run(home, "consent", program=nobody, **without, STATE_DIRECTORY=None)
    assert unset.returncode == 5
    assert "no home directory: set HOME" in unset.stderr
    (home / "probe.toml").write_text('database = "~/probe.sqlite"\n')
    lost = alone.run(home, "results", "--config", home / "probe.toml", program=nobody, **without)
    assert lost.returncode == 5
    assert "~/probe.sqlite: whose home is meant is not known" in lost.stderr
