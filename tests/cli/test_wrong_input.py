"""Wrong input: the contract's status, one line on stderr that says what, nothing on stdout, and no file changed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import pytest

from tests.cli import alone
from tests.lab.lab import Finished

_AT_ONCE = 4

GOOD = """
title = "Example"
operator = "Example Inc."
homepage = "https://example.org/"
domains = ["example.org"]
[[endpoint]]
target = "https://example.org/"
role = "web"
purpose = "web site"
certainty = "documented"
source = "made up"
"""
CHECK = ("check", "https://example.org/", "--no-save")
SAVE = ("check", "https://example.org/", "--db")

# The words of the command line; those that begin with @ are files of `shelf`.
CASES: dict[str, tuple[int, tuple[str, ...], str]] = {
    # status, words, what the line must speak of
    "no verb": (2, ("bogus",), "bogus"),
    "no option": (2, (*CHECK, "--bogus"), "--bogus"),
    "no target": (2, ("check",), "TARGET"),
    "unknown service": (2, ("check", "wechatt"), "wechat"),
    "scheme": (2, ("check", "ftp://example.org/"), "ftp"),
    "port 0": (2, ("check", "tcp://example.org:0"), "port"),
    "port too large": (2, ("check", "https://example.org:65536/"), "port"),
    "no port": (2, ("check", "tcp://example.org"), "port"),
    "no host": (2, ("check", "https:///"), "host"),
    "brackets": (2, ("check", "https://[::1/"), "host"),
    "password": (2, ("check", "https://me:secret@example.org/"), "password"),
    "control characters": (2, ("check", "https://example.org/\x1b[31m"), "control characters"),
    "line feed": (2, ("check", "https://example.org/\n"), "control characters"),
    "empty target": (2, ("check", ""), "target"),
    "endless target": (2, ("check", "https://example.org/" + "a" * 10_000), "longer"),
    "one bad of two": (2, ("check", "https://example.org/", "https://example.org:x/"), "port"),
    "services of none": (2, (*CHECK, "--services"), "--services"),
    "services of a target": (2, ("results", "--services", "--target", "line.me"), "--services"),
    "control": (2, (*CHECK, "--control", "example.org"), "--control"),
    "control scheme": (2, (*CHECK, "--control", "ftp://example.org"), "--control"),
    "control with a query": (2, (*CHECK, "--control", "http://example.org/?a"), "--control"),
    "control of a strange kind": (2, (*CHECK, "--control", "ooni+ftp://example.org"), "--control"),
    "control and none": (2, (*CHECK, "--control", "none", "--control", "http://example.org"), "none"),
    "resolver name": (2, (*CHECK, "--resolver", "dns.example.org"), "--resolver"),
    "doh name": (2, (*CHECK, "--doh", "https://dns.example.org/dns-query"), "--doh"),
    "doh in clear": (2, (*CHECK, "--doh", "http://192.0.2.1/dns-query"), "--doh"),
    "resolver port": (2, (*CHECK, "--resolver", "192.0.2.1:0"), "--resolver"),
    "timeout word": (2, (*CHECK, "--timeout", "soon"), "--timeout"),
    "timeout zero": (2, (*CHECK, "--timeout", "0"), "--timeout"),
    "timeout negative": (2, (*CHECK, "--timeout", "-1"), "--timeout"),
    "timeout nan": (2, (*CHECK, "--timeout", "nan"), "--timeout"),
    "timeout endless": (2, (*CHECK, "--timeout", "inf"), "--timeout"),
    "concurrency": (2, ("run", "--concurrency", "0"), "--concurrency"),
    "rate": (2, ("run", "--rate", "0"), "--rate"),
    "rate nan": (2, ("run", "--rate", "nan"), "--rate"),
    "stores of no country": (2, (*CHECK, "--stores"), "--country"),
    "stores of three letters": (2, (*CHECK, "--stores", "--country", "RUS"), "'RUS' is no country"),
    "stores of what is no country": (2, (*CHECK, "--stores", "--country", "XX"), "'XX' is no country"),
    "country without stores": (2, (*CHECK, "--country", "RU"), "--stores"),
    "stores in clear": (5, (*CHECK, "--stores", "--country", "RU", "--config", "@config_stores.toml"), "https://"),
    "stores and outcome": (2, ("results", "--stores", "--outcome", "ok"), "--stores"),
    "run of no service": (2, ("run", "--service", "bogus"), "bogus"),
    "list missing": (5, ("run", "--targets", "@missing.toml"), "missing.toml"),
    "list not TOML": (5, ("run", "--targets", "@text.toml"), "text.toml"),
    "list not text": (5, ("run", "--targets", "@binary.toml"), "UTF-8"),
    "list key": (5, ("run", "--targets", "@key.toml"), "rôle"),
    "list target": (5, ("run", "--targets", "@port.toml"), "port"),
    "list folder empty": (5, ("run", "--targets", "@nothing"), "nothing"),
    "list of nothing": (5, ("run", "--targets", "@comments.txt"), "comments.txt"),
    "list without a column": (5, ("run", "--targets", "@empty.csv"), "empty.csv"),
    "list not JSON": (5, ("run", "--targets", "@broken.json"), "not JSON"),
    "list expired": (5, ("run", "--targets", "@expired.json"), "expired"),
    "list checked": (5, ("targets", "check", "@lines.txt"), "lines.txt:2: "),
    "list twice": (5, ("run", "--targets", "@good.toml", "--targets", "@copy/good.toml"), "copy"),
    "list of targets list": (5, ("targets", "list", "--targets", "@missing.toml"), "missing.toml"),
    "list of targets check": (5, ("targets", "check", "@missing.toml"), "missing.toml"),
    "show of no service": (2, ("targets", "show", "bogus"), "bogus"),
    "config missing": (5, (*CHECK, "--config", "@missing.toml"), "missing.toml"),
    "config not TOML": (5, (*CHECK, "--config", "@text.toml"), "text.toml"),
    "config not text": (5, (*CHECK, "--config", "@binary.toml"), "binary.toml"),
    "config key": (5, (*CHECK, "--config", "@config_key.toml"), "timeuot"),
    "config type": (5, (*CHECK, "--config", "@config_type.toml"), "timeout"),
    "config country": (5, (*CHECK, "--config", "@config_country.toml"), "country"),
    "config asn": (5, (*CHECK, "--config", "@config_asn.toml"), "asn"),
    "config folder": (5, (*CHECK, "--config", "@nothing"), "nothing"),
    "config timeout zero": (5, (*CHECK, "--config", "@config_timeout.toml"), "timeout"),
    "config concurrency": (5, ("run", "--config", "@config_concurrency.toml"), "concurrency"),
    "config rate": (5, ("run", "--config", "@config_rate.toml"), "rate"),
    "config resolver": (5, (*CHECK, "--config", "@config_resolver.toml"), "resolver"),
    "config control": (5, (*CHECK, "--config", "@config_control.toml"), "control"),
    "database folder": (5, (*SAVE, "@nothing"), "nothing"),
    "database text": (5, (*SAVE, "@good.toml"), "good.toml"),
    "database of another": (5, (*SAVE, "@other.sqlite"), "another program"),
    "database below a file": (5, (*SAVE, "@good.toml/probe.sqlite"), "good.toml"),
    "database below the system": (5, (*SAVE, "/proc/nothing/probe.sqlite"), "/proc/nothing"),
    "results of nothing": (5, ("results", "--db", "@missing.sqlite"), "missing.sqlite"),
    "results of a folder": (5, ("results", "--db", "@nothing"), "nothing"),
    "results of another": (5, ("results", "--db", "@other.sqlite"), "another program"),
    "results outcome": (2, ("results", "--outcome", "censored"), "--outcome"),
    "results since": (2, ("results", "--since", "yesterday"), "--since"),
    "results target": (2, ("results", "--target", "ftp://example.org"), "ftp"),
    "explain nothing": (2, ("explain",), "MEASUREMENT"),
    "explain without a database": (5, ("explain", "01", "--db", "@missing.sqlite"), "missing.sqlite"),
    "serve without a place": (2, ("control", "serve"), "--listen"),
    "serve at no port": (2, ("control", "serve", "--listen", "127.0.0.1"), "HOST:PORT"),
    "serve at a word": (2, ("control", "serve", "--listen", "127.0.0.1:http"), "HOST:PORT"),
    "serve beyond ports": (2, ("control", "serve", "--listen", "127.0.0.1:65536"), "HOST:PORT"),
    "serve at no address": (2, ("control", "serve", "--listen", "256.0.0.1:0"), "256.0.0.1"),
    "serve for too long": (2, ("control", "serve", "--listen", "127.0.0.1:0", "--ttl", "3601"), "--ttl"),
    "serve for bad ports": (2, ("control", "serve", "--listen", "127.0.0.1:0", "--ports", "https"), "--ports"),
    "serve without tokens": (
        5,
        ("control", "serve", "--listen", "127.0.0.1:0", "--token-file", "@missing.txt"),
        "missing.txt",
    ),
    "serve a bad list": (5, ("control", "serve", "--listen", "127.0.0.1:0", "--targets", "@text.toml"), "text.toml"),
}


@pytest.fixture
def shelf(home: Path) -> Path:
    return fill(home / "shelf")


def fill(place: Path) -> Path:
    """Files that are wrong in one way each."""
    files = {
        "good.toml": GOOD,
        "copy/good.toml": GOOD,
        "text.toml": "this is no TOML",
        "key.toml": GOOD + '"rôle" = "web"\n',
        "port.toml": GOOD.replace('org/"\nrole', 'org:0/"\nrole'),
        "comments.txt": "# nothing\n\n",
        "empty.csv": "url,category_code,category_description,date_added,source,notes\n",
        "broken.json": '["https://example.org/"',
        "expired.json": '{"is_expired": true, "nettests": [{"inputs": ["https://example.org/"]}]}',
        "lines.txt": "https://example.org/\nexample\n",
        "config_key.toml": "timeuot = 3",
        "config_type.toml": 'timeout = "soon"',
        "config_country.toml": '[vantage]\ncountry = "Russia"',
        "config_asn.toml": "[vantage]\nasn = -1",
        "config_timeout.toml": "timeout = 0",
        "config_concurrency.toml": "concurrency = -1",
        "config_rate.toml": "rate = -1.0",
        "config_stores.toml": '[stores]\napple = "http://itunes.example"',
        "config_resolver.toml": 'resolver = "dns.example.org"',
        "config_control.toml": 'control = ["example.org"]',
    }
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, "utf-8")
    (place / "binary.toml").write_bytes(b"title = \xff\xfe\x00")
    (place / "nothing").mkdir()
    other = sqlite3.connect(place / "other.sqlite")
    other.execute("CREATE TABLE measurement (id TEXT)")
    other.close()
    return place


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in alone.files_below(folder)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one call, and of the files around it."""

    done: Finished
    before: dict[str, bytes]
    after: dict[str, bytes]


def tell(home: Path, roots: bytes, words: Sequence[str]) -> Told:
    """Runs `probe` with these words in a home of its own."""
    shelf = fill(home / "shelf")
    (home / "roots.pem").write_bytes(roots)
    before = contents(home)
    done = alone.run(home, *(str(shelf / word[1:]) if word.startswith("@") else word for word in words))
    return Told(done=done, before=before, after=contents(home))


@pytest.fixture(scope="module")
def told(roots: bytes, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, Told]:
    """What was said to every case that was asked for, several at a time."""
    items = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    wanted = [item.callspec.params["case"] for item in items]
    homes = [tmp_path_factory.mktemp("home") for _ in wanted]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        words = (CASES[case][1] for case in wanted)
        return dict(zip(wanted, pool.map(tell, homes, repeat(roots), words), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_wrong_input_is_told_in_one_line(told: dict[str, Told], case: str) -> None:
    status, _, about = CASES[case]
    done = told[case].done
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("probe: ")
    assert about in done.stderr
    assert all(c.isprintable() for c in done.stderr.rstrip("\n"))
    assert told[case].after == told[case].before


def test_every_fault_of_a_list_is_a_line(shelf: Path) -> None:
    faults = GOOD.replace('title = "Example"', "title = 7").replace('"web"', '"wob"').replace("source", "sauce")
    (shelf / "faults.toml").write_text(faults)
    for verb in (("targets", "check"), ("run", "--targets")):
        done = alone.run(shelf.parent, *verb, shelf / "faults.toml")
        assert (done.returncode, done.stdout) == (5, "")
        lines = done.stderr.splitlines()
        assert all("faults.toml" in line for line in lines)
        for number, key in ((2, "title"), (8, "role"), (11, "sauce")):
            assert any(f"line {number}: " in line and key in line for line in lines), done.stderr
        assert len(lines) == 4  # and `source` is missing


def test_trusted_roots_that_cannot_be_read(shelf: Path) -> None:
    for name in ("missing.pem", "good.toml"):
        done = alone.run(shelf.parent, *CHECK, SSL_CERT_FILE=str(shelf / name))
        assert (done.returncode, done.stdout) == (5, "")
        assert len(done.stderr.splitlines()) == 1
        assert name in done.stderr


def test_wrong_settings_in_the_environment(shelf: Path) -> None:
    wrong = {
        "PROBE_TIMEOUT": ("soon", 2),
        "PROBE_RESOLVER": ("dns.example.org", 2),
        "PROBE_CONTROL": ("example.org", 2),
        "PROBE_DB": (str(shelf / "nothing"), 5),
        "PROBE_CONFIG": (str(shelf / "text.toml"), 5),
        "PROBE_VANTAGE_COUNTRY": ("Russia", 5),
        "PROBE_VANTAGE_ASN": ("Rostelecom", 5),
    }
    for name, (value, status) in wrong.items():
        done = alone.run(shelf.parent, "check", "https://example.org/", **{name: value})
        assert (name, done.returncode, done.stdout) == (name, status, "")
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_file_that_may_not_be_written(shelf: Path) -> None:
    """The permissions of the file count also for root, when the file system is read-only."""
    source = shelf / "there"
    source.mkdir()
    assert alone.run(shelf.parent, *SAVE, source / "probe.sqlite").returncode == 75
    target = shelf / "read_only"
    shutil.copytree(source, target)
    before = contents(target)
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    program = ("unshare", "--mount", "sh", "-c", script, str(target), *alone.PROBE)
    done = alone.run(shelf.parent, *SAVE, target / "probe.sqlite", program=program)
    assert (done.returncode, done.stdout) == (5, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert contents(target) == before
