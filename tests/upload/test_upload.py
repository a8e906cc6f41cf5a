"""From a volunteer's database into a collector's, by real processes: everything, once, and nothing of the volunteer."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import trustme

from probe.cli.errors import Refusal, Status
from probe.cli.settings import load_config
from probe.cli.uploading import public_key, upload, waiting
from probe.consent import agree
from probe.parcel import unpack
from probe.store import Store
from probe.targets.bundle import public_text
from tests.cli.alone import ask, environment
from tests.exports.world import BY_SERVERS, COOKIE, REDACT, SPELLED, contents, plant
from tests.exports.world import fill as fill_every_table
from tests.store.examples import BEGIN, a_result, a_run
from tests.upload.people import (
    KEY,
    PROBE,
    TOKEN,
    CollectorProcess,
    Volunteer,
    collecting,
    fill,
    is_whole,
    pem,
    rows_that_leave,
    start_collector,
)

SEED = 20261124
ROUNDS = ("sender", "collector") * 2


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with collecting(tmp_path_factory.mktemp("collector"), key=public_text(KEY)) as running:
        yield running


@pytest.fixture
def volunteer(tmp_path: Path, collector: CollectorProcess) -> Volunteer:
    return Volunteer(tmp_path / "v", collector.url)


@contextmanager
def silent_server() -> Iterator[tuple[str, threading.Event]]:
    """Takes connections and whatever comes over them, and never answers; the event says that something came."""
    came = threading.Event()

    def serve() -> None:
        try:
            while True:
                connection, _ = sock.accept()
                while connection.recv(1 << 16):
                    came.set()
        except OSError:
            return

    with socket.create_server(("127.0.0.1", 0)) as sock:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{sock.getsockname()[1]}", came


def test_every_column_arrives(tmp_path: Path) -> None:
    """A database with something in every table; single checks stay."""
    with collecting(tmp_path / "c") as collector:
        volunteer = Volunteer(tmp_path / "v", collector.url)
        fill_every_table(volunteer.database)
        status, out, err = volunteer.upload("--json")
        assert (status, err) == (0, "")
        assert json.loads(out)["imported"] == 5
        sent, arrived = rows_that_leave(volunteer.database), rows_that_leave(collector.database)
    (parcel,) = collector.parcels().values()
    (tmp_path / "files").mkdir()
    unpack(parcel, tmp_path / "files")
    checked = 0
    for table, rows in arrived.items():
        kept = [row for row in sent[table] if row in rows]
        assert kept == rows, table
        path = tmp_path / "files" / f"{table}.jsonl"
        assert len(rows) == (len(path.read_text().splitlines()) if path.exists() else 0), table
        checked += len(rows)
    assert checked > 70
    of_checks = {"run": 1, "vantage": 1, "measurement": 1, "observation": 5, "verdict": 1, "reason": 2}
    assert {t: len(sent[t]) - len(rows) for t, rows in arrived.items() if len(sent[t]) != len(rows)} == of_checks


def test_nothing_of_the_volunteer_leaves(tmp_path: Path) -> None:
    with collecting(tmp_path / "c") as collector:
        volunteer = Volunteer(tmp_path / "v", collector.url, redact=tuple(REDACT))
        plant(volunteer.database, command="run")
        with Store.open(volunteer.database) as store:
            store.finish_run("run-1", BEGIN + timedelta(hours=1))
        assert volunteer.upload()[0] == 0
        assert len(ask(collector.database, "SELECT * FROM measurement")) == 2
    (parcel,) = collector.parcels().values()
    (tmp_path / "files").mkdir()
    unpack(parcel, tmp_path / "files")
    looked_at = [*contents(tmp_path / "files"), *contents(tmp_path / "c")]
    assert sum(len(data) for _, data in looked_at) > 50_000
    for name, data in looked_at:
        for secret in (*SPELLED, *BY_SERVERS, COOKIE):
            for spelled in (secret.encode(), secret.encode("utf-16-le")):
                assert spelled not in data, (name, secret)


def test_sent_twice_is_there_once(volunteer: Volunteer, collector: CollectorProcess) -> None:
    fill(volunteer.database, runs=2)
    assert volunteer.upload()[0] == 0
    count = len(ask(collector.database, "SELECT * FROM measurement"))
    parcels = collector.parcels()
    assert volunteer.upload("--json")[1] == '{"parcels":0,"bytes":0,"imported":0,"known":0,"waiting":0}\n'
    with Store.open(volunteer.database) as store, store._writing() as db:  # as one that was killed before it noted it
        db.conn.execute("DELETE FROM mark WHERE name LIKE 'packed:%'")
    told = json.loads(volunteer.upload("--json")[1])
    assert (told["parcels"], told["imported"]) == (2, 0)
    assert collector.parcels().keys() == parcels.keys()
    assert len(ask(collector.database, "SELECT * FROM measurement")) == count


def test_a_run_that_went_on_is_sent_again(tmp_path: Path, collector: CollectorProcess) -> None:
    """And one that still goes on is not."""
    volunteer = Volunteer(tmp_path / "v", collector.url)
    with Store.open(volunteer.database) as store:
        store.begin_run(a_run("cut", process="gone"))
        store.begin_run(a_run("goes-on", started_at=BEGIN + timedelta(days=9)))
        store.add([a_result("cut-1", run_id="cut", controls=[]), a_result("on-1", run_id="goes-on", controls=[])])
        assert store.uploads().to_pack() == {"cut": 1}
    assert json.loads(volunteer.upload("--json")[1])["imported"] == 1
    with Store.open(volunteer.database) as store:
        assert store.exported_until() == BEGIN + timedelta(days=9)
        store.add([a_result("cut-2", run_id="cut", minutes=5, controls=[])])
        store.finish_run("cut", BEGIN + timedelta(hours=1))
    told = json.loads(volunteer.upload("--json")[1])
    assert (told["imported"], told["known"]) == (1, 1)


def test_many_measurements_are_several_parcels(
    tmp_path: Path, collector: CollectorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probe.store.uploads.MOST_MEASUREMENTS", 4)
    with Store.open(tmp_path / "many.sqlite") as store:
        store.begin_run(a_run("many"))
        store.add([a_result(f"many-{n}", run_id="many", minutes=n, controls=[]) for n in range(10)])
        store.finish_run("many", BEGIN + timedelta(hours=1))
        parts = store.uploads().parts("many")
        found = [[r.measurement.id for r in store.results(part)] for part in parts]
    assert found == [[f"many-{n}" for n in part] for part in ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9])]


def test_what_waits_has_a_limit(tmp_path: Path, collector: CollectorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest stays in the database; an upload that succeeds goes on until nothing is left."""
    volunteer = Volunteer(tmp_path / "v", collector.url)
    with Store.open(volunteer.database) as store:
        for number in range(3):
            run = a_run(f"limit-{number}", started_at=BEGIN + timedelta(days=number))
            store.begin_run(run)
            store.add([a_result(f"limit-{number}", run_id=run.id, minutes=1440 * number, controls=[])])
            store.finish_run(run.id, run.started_at)
    monkeypatch.setattr("probe.upload.packing.MOST_WAITING", 1)
    for name, value in {**environment(volunteer.home), "PROBE_UPLOAD_TOKEN": "wrong"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SSL_CERT_FILE")
    options = {"db": volunteer.database, "config": volunteer.home / "config" / "probe" / "probe.toml"}
    assert upload(**options) == 4
    with Store.open(volunteer.database) as store:
        told = waiting(store)
        assert (told.parcels, told.runs_not_packed) == (1, 2)
        assert store.exported_until() == BEGIN
    monkeypatch.setenv("PROBE_UPLOAD_TOKEN", TOKEN)
    assert upload(**options) == 0
    with Store.open(volunteer.database) as store:
        told = waiting(store)
        assert (told.parcels, told.runs_not_packed) == (0, 0)
    ids = "SELECT id FROM measurement WHERE id LIKE 'limit%'"
    assert len(ask(collector.database, ids)) == 3


def test_secrets_that_systemd_hands_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a key of its own, where nobody gives one."""
    with collecting(tmp_path / "c") as collector:
        volunteer = Volunteer(tmp_path / "v", collector.url)
        (tmp_path / "probe.toml").write_text(f'[upload]\nurl = "{collector.url}"\n')
        fill(volunteer.database, runs=1)
        (tmp_path / "secret").mkdir()
        (tmp_path / "secret" / "upload-token").write_text(f"{TOKEN}\n")
        for name, value in {**environment(volunteer.home), "CREDENTIALS_DIRECTORY": str(tmp_path / "secret")}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("SSL_CERT_FILE")
        config = load_config(tmp_path / "probe.toml").config
        assert public_key(config) is None
        assert upload(db=volunteer.database, config=tmp_path / "probe.toml") == 0
        made = public_key(config)
        assert [row["signed_by"] for row in ask(collector.database, "SELECT * FROM source")] == [made]
        assert (volunteer.home / "state" / "upload-key.pem").stat().st_mode & 0o777 == 0o600
        (tmp_path / "secret" / "upload-key").write_bytes(pem(KEY))
        assert public_key(config) == public_text(KEY)


def test_a_collector_whose_disk_is_full(tmp_path: Path) -> None:
    """Nothing is acknowledged, and the parcel comes when there is room."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    within = (*mount, f'mount -t tmpfs -o size=64k none {small} && exec "$@"', "sh")
    collector = start_collector(tmp_path / "c", "--parcels", str(small), before=within)
    volunteer = Volunteer(tmp_path / "v", collector.url)
    fill(volunteer.database, runs=1, measurements=30)
    status, _, err = volunteer.upload()
    assert (status, len(volunteer.outbox())) == (4, 1)
    assert "507: the collector cannot write to its disk now" in err
    assert ask(collector.database, "SELECT * FROM measurement") == []
    collector.kill()
    with collecting(tmp_path / "c") as roomy:
        volunteer.configure(roomy.url)
        volunteer.agree()
        assert volunteer.upload()[0] == 0
        assert len(ask(roomy.database, "SELECT * FROM measurement")) == 30
        _, told = start_another(roomy)
        assert "another collector keeps its parcels there" in told


def start_another(running: CollectorProcess) -> tuple[int, str]:
    """A second collector in the same place: its status and what it says."""
    words = ("collect", "serve", "--listen", "127.0.0.1:0", "--token-file", running.folder / "tokens", "--db")
    done = subprocess.run(
        [*PROBE, *words, running.database], env=environment(running.folder), capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stderr


def test_it_waits_while_there_is_no_collector(tmp_path: Path) -> None:
    """Longer each time, across processes; a person who asks does not wait; and nothing is lost."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    volunteer = Volunteer(tmp_path / "v", f"http://127.0.0.1:{port}")
    fill(volunteer.database, runs=2)
    for tries in (1, 2):
        status, _, err = volunteer.upload()
        assert status == 4
        assert "not acknowledged: All connection attempts failed" in err
        with Store.open(volunteer.database) as store:
            told = waiting(store)
        assert (told.parcels, told.runs_not_packed, told.tries) == (2, 0, tries)
    stats = volunteer.start("db", "stats", "--json").communicate()[0]
    assert json.loads(stats)["upload"]["parcels"] == 2
    collector = start_collector(tmp_path / "c", listen=f"127.0.0.1:{port}")
    try:
        assert volunteer.upload()[0] == 0
        assert rows_that_leave(volunteer.database)["observation"] == rows_that_leave(collector.database)["observation"]
    finally:
        collector.kill()
    assert volunteer.outbox() == set()


def test_a_sender_that_is_killed_while_it_sends(volunteer: Volunteer, collector: CollectorProcess) -> None:
    fill(volunteer.database, runs=1)
    url = volunteer.url
    with silent_server() as (silent, came):
        volunteer.configure(silent)
        volunteer.agree()
        process = volunteer.start("upload")
        assert came.wait(60)
        busy = volunteer.upload()
        process.kill()
        process.communicate()
    assert busy[0] == 1
    assert "another process is packing or sending" in busy[2]
    assert len(volunteer.outbox()) == 1
    volunteer.configure(url)
    volunteer.agree()
    assert volunteer.upload()[0] == 0
    assert volunteer.outbox() == set()


def test_killed_again_and_again(tmp_path: Path) -> None:
    """The sender while it packs and while it sends, the collector while it takes: in the end everything is there once,
    and both files are whole."""
    random.seed(SEED)
    folder = tmp_path / "c"
    collector = start_collector(folder)
    address = collector.url.removeprefix("http://")
    volunteer = Volunteer(tmp_path / "v", collector.url)
    fill(volunteer.database, runs=24)
    for who in ("packing", *ROUNDS):
        progress = volunteer.outbox if who == "packing" else partial(_acknowledged, volunteer)
        before = len(progress())
        process = volunteer.start("upload")
        _wait_until(lambda before=before, progress=progress: len(progress()) > before)  # type: ignore[misc]
        time.sleep(random.uniform(0, 0.1))
        if who == "collector":
            collector.kill()
            assert _acknowledged(volunteer) <= collector.parcels().keys()
            process.communicate(timeout=60)
            assert process.returncode == 4  # it was in the middle
            collector = start_collector(folder, listen=address)
        else:
            process.kill()
            process.communicate()
            assert process.returncode == -signal.SIGKILL
    left = len(volunteer.outbox())
    try:
        status, _, err = volunteer.upload()
        assert (status, volunteer.outbox()) == (0, set()), err
    finally:
        collector.kill()
    assert 0 < left < 24
    assert len(collector.parcels()) == 24
    assert is_whole(volunteer.database)
    assert is_whole(collector.database)
    assert rows_that_leave(collector.database) == rows_that_leave(volunteer.database)
    assert len(ask(collector.database, "SELECT * FROM measurement")) == 72


def _wait_until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def _acknowledged(volunteer: Volunteer) -> set[str]:
    return _packed(volunteer) - volunteer.outbox()


def _packed(volunteer: Volunteer) -> set[str]:
    rows = ask(volunteer.database, "SELECT value FROM mark WHERE name LIKE 'packed:%'")
    return {parcel for row in rows for parcel in json.loads(row["value"])["parcels"]}


def test_without_consent_to_this_collector_nothing_is_sent(volunteer: Volunteer) -> None:
    fill(volunteer.database, runs=1)
    volunteer.configure("https://other.example")
    status, _, err = volunteer.upload()
    assert status == 5
    assert "what was agreed to is to upload to http://127.0.0.1" in err
    assert "the settings say to upload to https://other.example" in err
    run = volunteer.start("run", "--scheduled")
    assert "the settings say to upload to https://other.example" in run.communicate()[1]
    assert run.returncode == 5
    shown = volunteer.start("consent")
    told = shown.communicate()[0]
    assert "UPLOADED   To https://other.example\n" in told
    assert len(told.splitlines()) <= 24
    assert volunteer.outbox() == set()


WRONG = {
    "http": ('[upload]\nurl = "http://collector.example"\n', "give the https:// URL"),
    "a password": ('[upload]\nurl = "https://a:b@collector.example"\n', "give the https:// URL"),
    "nothing": ("", "no collector is set"),
    "no token": ('[upload]\nurl = "https://collector.example"\ntoken_file = "/nowhere"\n', "/nowhere: cannot be read"),
    "a key": ('[upload]\nurl = "https://collector.example"\nkey_file = "/dev/null"\n', "not a private key"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_settings_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    if case != "no token":
        monkeypatch.setenv("PROBE_UPLOAD_TOKEN", "tok")
    lines, reason = WRONG[case]
    (tmp_path / "probe.toml").write_text(lines)
    fill(tmp_path / "probe.sqlite", runs=1)
    agree(tmp_path / "state", "probe", BEGIN, "https://collector.example")
    with pytest.raises(Refusal, match=reason) as told:
        upload(db=tmp_path / "probe.sqlite", config=tmp_path / "probe.toml")
    assert told.value.status is Status.CONFIGURATION


def test_over_https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _certified(tmp_path / "tls")
    words = ("--tls-certificate", str(folder / "chain.pem"), "--tls-key", str(folder / "tls.pem"))
    with collecting(tmp_path / "c", *words) as collector:
        assert collector.url.startswith("https://")
        volunteer = Volunteer(tmp_path / "v", collector.url)
        fill(volunteer.database, runs=1)
        status, _, err = volunteer.upload()
        assert status == 4
        assert "certificate verify failed" in err
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "roots.pem"))
        assert volunteer.upload()[0] == 0


NGINX = """
daemon off; pid {0}/nginx.pid; error_log stderr; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {0}; proxy_temp_path {0}; fastcgi_temp_path {0}; uwsgi_temp_path {0};
  scgi_temp_path {0};
  server {{
    listen 127.0.0.1:{1} ssl; ssl_certificate {0}/chain.pem; ssl_certificate_key {0}/tls.pem;
{2}
  }}
}}
"""


def test_behind_a_web_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page says to set it up."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    written = (Path(__file__).parents[2] / "docs" / "collecting.md").read_text()
    location = written.partition("```\nlocation /")[2].partition("```")[0]
    folder = _certified(tmp_path / "n")
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with collecting(tmp_path / "c") as collector:
        inside = f"location /{location}".replace("http://127.0.0.1:8090", collector.url)
        (folder / "nginx.conf").write_text(NGINX.format(folder, port, inside))
        web = subprocess.Popen([nginx, "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)
        try:
            monkeypatch.setenv("SSL_CERT_FILE", str(folder / "roots.pem"))
            volunteer = Volunteer(tmp_path / "v", f"https://127.0.0.1:{port}")
            fill(volunteer.database, runs=1)
            status, _, err = volunteer.upload()
            assert (status, volunteer.outbox()) == (0, set()), err
        finally:
            web.terminate()
            web.wait(30)
        assert len(collector.parcels()) == 1


def _certified(folder: Path) -> Path:
    """A folder with a certificate for this machine, its key, and the root of both."""
    folder.mkdir()
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    (folder / "roots.pem").write_bytes(authority.cert_pem.bytes())
    (folder / "chain.pem").write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    (folder / "tls.pem").write_bytes(issued.private_key_pem.bytes())
    return folder


def test_a_token_that_is_not_known(volunteer: Volunteer) -> None:
    volunteer.token = "tok-2"
    fill(volunteer.database, runs=1)
    status, _, err = volunteer.upload()
    assert status == 4
    assert "401: this token is not known here" in err
    assert len(volunteer.outbox()) == 1
