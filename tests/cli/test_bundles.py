"""`probe targets bundle` and `update`: from a maintainer's folder to the lists in force on a volunteer's machine."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from probe.targets.bundle import Bundle, pack
from tests.cli import alone
from tests.cli.lists import write_list
from tests.cli.test_lists import SHIPPED
from tests.lab.lab import Finished, World
from tests.lab.people import lines, probe
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import CONTROL, Access, Drop, Rule, Spec, To
from tests.targets.test_bundle import KEY, OTHER_KEY, PUBLIC, signed

INSTALLED = "state/targets/lists.bundle"


@dataclass(frozen=True, slots=True)
class Volunteer:
    """Somebody who has pinned the key."""

    home: Path

    def run(self, *words: str | Path, **env: str | None) -> Finished:
        return alone.run(self.home, *words, "--config", self.home / "probe.toml", **env)

    def listed(self) -> list[str]:
        return [service["service"] for service in alone.read(self.run("targets", "list", "--json"))]

    @property
    def installed(self) -> Path:
        return self.home / INSTALLED


@pytest.fixture
def volunteer(home: Path) -> Volunteer:
    (home / "probe.toml").write_text(f'[targets]\nkey = "{PUBLIC}"\n')
    return Volunteer(home)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A maintainer's folder of lists, and the key beside it."""
    lists = tmp_path / "lists"
    lists.mkdir()
    write_list(lists / "chat.toml", ["https://chat.example/", "tcp://chat.example:5222"])
    write_list(lists / "mail.toml", ["https://mail.example/"])
    for name, key in (("key.pem", KEY), ("other.pem", OTHER_KEY)):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / name).write_bytes(pem)
    return tmp_path


def make(desk: Path, name: str, *options: str, key: str = "key.pem") -> Path:
    done = alone.run(desk, "targets", "bundle", "--key", desk / key, desk / "lists", "--output", desk / name, *options)
    assert done.returncode == 0, done.stderr
    return desk / name


def expired(folder: Path) -> bytes:
    """A bundle whose time is over, signed with the right key."""
    now = datetime.now(UTC)
    text = write_list(folder / "old.toml", ["https://old.example/"]).read_text("utf-8")
    times = {"made_at": now - timedelta(days=9), "expires_at": now - timedelta(days=1)}
    return pack(Bundle(version=3, texts={"old.toml": text}, **times), KEY)


def test_what_is_bundled_is_what_is_measured(desk: Path, volunteer: Volunteer) -> None:
    done = alone.run(desk, "targets", "bundle", "--key", desk / "key.pem", desk / "lists", "--output", desk / "b")
    assert (done.returncode, done.stdout) == (0, f"{PUBLIC}\n")
    done = volunteer.run("targets", "update", desk / "b")
    assert (done.returncode, done.stdout) == (0, "")
    assert len(done.stderr.splitlines()) == 1
    listed = volunteer.run("targets", "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["chat", "mail"]
    assert listed.stderr.startswith("probe: these lists are of bundle 2")
    assert volunteer.run("targets", "show", "chat").returncode == 0
    assert volunteer.run("run").returncode == 75
    assert volunteer.run("check", "chat").returncode == 75
    assert volunteer.run("check", "wechat").returncode == 2
    version = json.loads(volunteer.installed.read_bytes().partition(b"\n")[2])["version"]
    runs = alone.ask(volunteer.home / "state" / "probe.sqlite", "SELECT settings FROM run ORDER BY started_at")
    settings = [json.loads(run["settings"]) for run in runs]
    assert [(each["lists"], each["targets"]) for each in settings] == [
        (f"bundle {version}", 3),
        (f"bundle {version}", 2),
    ]


def test_update_tells_scripts_what_it_installed(desk: Path, volunteer: Volunteer) -> None:
    path = make(desk, "b", "--version", "9", "--days", "2")
    (told,) = alone.read(volunteer.run("targets", "update", path, "--json"))
    assert (told["version"], told["services"]) == (9, 2)
    lifetime = datetime.fromisoformat(told["expires_at"]) - datetime.fromisoformat(told["made_at"])
    assert lifetime == timedelta(days=2)


def test_what_is_refused_changes_nothing(desk: Path, volunteer: Volunteer) -> None:
    new = make(desk, "new", "--version", "7")
    old = make(desk, "old", "--version", "6")
    foreign = make(desk, "foreign", "--version", "8", key="other.pem")
    changed = desk / "changed"
    changed.write_bytes(new.read_bytes().replace(b"made up", b"made on"))
    late = desk / "late"
    late.write_bytes(expired(desk))
    unreadable = desk / "unreadable"
    unreadable.write_bytes(signed({"format": "probe target lists 1", "version": 9}))
    assert volunteer.run("targets", "update", new).returncode == 0
    before = volunteer.installed.read_bytes()
    for path, status, said in (
        (new, 4, "version 7 is not newer than version 7"),
        (old, 4, "version 6 is not newer than version 7"),
        (foreign, 5, "another key"),
        (changed, 5, "signature does not hold"),
        (late, 5, "has expired"),
        (unreadable, 5, "not a bundle of a form"),
        (desk / "lists" / "chat.toml", 5, "not a bundle"),
        (desk / "missing", 5, "cannot be read"),
        (desk, 5, "cannot be read"),
        ("http://lists.example/b", 75, "Nothing was fetched"),
        ("https://lists.example/b", 75, "Nothing was fetched"),
        ("http://127.0.0.1:1/b", 1, "127.0.0.1"),
    ):
        done = volunteer.run("targets", "update", path)
        assert (str(path), done.returncode, done.stdout) == (str(path), status, "")
        assert len(done.stderr.splitlines()) == 1
        assert said in done.stderr
        assert volunteer.installed.read_bytes() == before
        assert [path.name for path in volunteer.installed.parent.iterdir()] == ["lists.bundle"]


def test_settings_that_are_missing(desk: Path, home: Path) -> None:
    path = make(desk, "b")
    for config, words, status, said in (
        ("", (path,), 5, "no key"),
        (f'[targets]\nkey = "{PUBLIC}"', (), 2, "give a FILE or a URL"),
        ('[targets]\nkey = "x"', (path,), 5, "no public key"),
        ('[targets]\nkeys = "x"', (path,), 5, "keys"),
    ):
        (home / "any.toml").write_text(config)
        done = alone.run(home, "targets", "update", *words, "--config", home / "any.toml")
        assert (done.returncode, done.stdout) == (status, "")
        assert said in done.stderr
        assert not (home / INSTALLED).exists()


def test_where_bundles_are_installed(desk: Path, volunteer: Volunteer) -> None:
    path = make(desk, "b")
    assert volunteer.run("targets", "update", path, STATE_DIRECTORY=None).returncode == 0
    assert (volunteer.home / "data" / "probe" / "targets" / "lists.bundle").is_file()
    assert not volunteer.installed.exists()
    assert volunteer.run("targets", "update", path, STATE_DIRECTORY=f"{volunteer.home}/a:b").returncode == 0
    assert (volunteer.home / "a" / "targets" / "lists.bundle").is_file()


def test_a_folder_that_cannot_be_written(desk: Path, volunteer: Volunteer) -> None:
    path = make(desk, "b")
    (volunteer.home / "file").write_text("")
    done = volunteer.run("targets", "update", path, STATE_DIRECTORY=f"{volunteer.home}/file")
    assert (done.returncode, done.stdout) == (5, "")
    assert "cannot be written" in done.stderr


def test_a_bundle_that_has_expired_gives_way_to_the_shipped_lists(volunteer: Volunteer) -> None:
    volunteer.installed.parent.mkdir(parents=True)
    volunteer.installed.write_bytes(expired(volunteer.home))
    done = volunteer.run("targets", "list")
    assert sorted(line.split()[0] for line in done.stdout.splitlines()) == sorted(SHIPPED)
    assert len(done.stderr.splitlines()) == 1
    assert "version 3 has expired" in done.stderr
    found = {finding["name"]: finding for finding in alone.read(volunteer.run("doctor", "--json"))}
    assert found["target lists"]["good"] is False
    assert "version 3 has expired" in found["target lists"]["text"]
    assert volunteer.run("check", "wechat").returncode == 75


def test_without_the_key_a_bundle_is_not_used(desk: Path, volunteer: Volunteer) -> None:
    assert volunteer.run("targets", "update", make(desk, "b")).returncode == 0
    assert volunteer.listed() == ["chat", "mail"]
    done = alone.run(volunteer.home, "targets", "list")
    assert sorted(line.split()[0] for line in done.stdout.splitlines()) == sorted(SHIPPED)
    assert "no key is set" in done.stderr


def test_doctor_says_which_lists_are_in_force(desk: Path, volunteer: Volunteer) -> None:
    def told() -> str:
        found = {finding["name"]: finding for finding in alone.read(volunteer.run("doctor", "--json"))}
        assert found["target lists"]["good"] is True
        return str(found["target lists"]["text"])

    assert told().startswith(f"{len(SHIPPED)} services, ")
    assert "came with the program" in told()
    assert volunteer.run("targets", "update", make(desk, "b", "--version", "12")).returncode == 0
    assert told().startswith("2 services, 3 targets, of bundle 12, made ")


def test_named_lists_go_before_the_bundle_and_words_mean_its_services(desk: Path, volunteer: Volunteer) -> None:
    assert volunteer.run("targets", "update", make(desk, "b")).returncode == 0
    mine = volunteer.home / "mine.txt"
    mine.write_text("https://chat.example/\nhttps://www.wechat.com/\n")
    (told,) = alone.read(volunteer.run("targets", "list", "--targets", mine, "--json"))
    assert [(each["target"], each["service"]) for each in told["targets"]] == [
        ("https://chat.example/", "chat"),
        ("https://www.wechat.com/", None),
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--key", "@missing.pem", "@lists", "--output", "@b"), "missing.pem"),
        (("--key", "@lists/chat.toml", "@lists", "--output", "@b"), "not a private key"),
        (("--key", "@key.pem", "@nothing", "--output", "@b"), "nothing"),
        (("--key", "@key.pem", "@bad", "--output", "@b"), "title"),
        (("--key", "@key.pem", "@lists", "--output", "@no/b"), "b"),
        (("--key", "@key.pem", "@lists", "--output", "@b", "--version", str(1 << 60)), "version"),
    ],
)
def test_what_cannot_be_bundled(desk: Path, options: tuple[str, ...], said: str) -> None:
    (desk / "bad").mkdir()
    (desk / "bad" / "a.toml").write_text("title = 7")
    words = [f"{desk}/{word[1:]}" if word.startswith("@") else word for word in options]
    done = alone.run(desk, "targets", "bundle", *words)
    assert (done.returncode, done.stdout) == (5, "")
    assert said in done.stderr
    assert not (desk / "b").exists()


_SERVER = """
import functools, http.server, ssl, sys
address, port, certificate, folder = sys.argv[1:]
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
server = http.server.ThreadingHTTPServer((address, int(port)), handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def test_from_a_server_elsewhere(country: World, desk: Path) -> None:
    """Over https, where there is a network; where there is none, nobody is asked."""
    country.become(Spec(sites=(https("a.example", at(1)),)))
    make(desk, "b", "--version", "5")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(desk / "roots.pem"))
    authority.issue_cert(CONTROL[0]).private_key_and_cert_chain_pem.write_to_path(str(desk / "server.pem"))
    url = f"https://{CONTROL[0]}:8443/b"
    (desk / "probe.toml").write_text(f'[targets]\nkey = "{PUBLIC}"\nurl = "{url}"\n')
    words = [sys.executable, "-c", _SERVER, CONTROL[0], "8443", str(desk / "server.pem"), str(desk)]
    server = country.start(words, host="control")
    country.wait_for(server, CONTROL[0], 8443)
    env = {"SSL_CERT_FILE": str(desk / "roots.pem"), "STATE_DIRECTORY": str(desk / "state")}
    update = ("targets", "update", "--json", "--config", str(desk / "probe.toml"))

    offline = Spec(rules=(Rule(when=To(addresses=(CONTROL[0],)), do=Drop()),), access=Access(online=False))
    country.become(offline)
    done = probe(country, *update, **env)
    assert (done.returncode, done.stdout) == (75, "")
    assert country.fired() == (0,)

    country.become(Spec())
    assert probe(country, *update, **{**env, "SSL_CERT_FILE": str(country.home / "roots.pem")}).returncode == 1
    assert not (desk / INSTALLED).exists()
    (told,) = lines(probe(country, *update, **env))
    assert told["version"] == 5
    assert (desk / INSTALLED).read_bytes() == (desk / "b").read_bytes()
    server.stop()
