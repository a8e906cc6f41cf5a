"""Those who take part in an upload: a volunteer with a database, and a collector, each a process of its own.

Law: everything stays within this machine.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from probe.cli.exporting import redactor_for
from probe.consent import agree
from probe.exports import Redacted
from probe.store import Filter, Store
from tests.cli.alone import ROOT, environment
from tests.store.examples import BEGIN, a_control, a_result, a_run

TOKEN = "tok-1"
KEY, OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32), Ed25519PrivateKey.from_private_bytes(b"o" * 32)
PROBE = (sys.executable, "-m", "probe")
_SECONDS = 60


def pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass
class Volunteer:
    """A machine that measures, with an upload in its settings."""

    home: Path
    url: str
    token: str = TOKEN
    redact: tuple[str, ...] = ()
    database: Path = field(init=False)

    def __post_init__(self) -> None:
        self.database = self.home / "state" / "probe.sqlite"
        for folder in ("state", "config/probe"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        (self.home / "key.pem").write_bytes(pem(KEY))
        self.configure(self.url)
        self.agree()

    def configure(self, url: str) -> None:
        self.url = url
        lines = f'[upload]\nurl = "{url}"\nkey_file = "{self.home}/key.pem"\nredact = {list(self.redact)}\n'
        (self.home / "config" / "probe" / "probe.toml").write_text(lines)

    def agree(self) -> None:
        agree(self.home / "state", "probe", datetime.now(UTC), self.url)

    def start(self, *words: str) -> subprocess.Popen[str]:
        env = {**environment(self.home), "PROBE_UPLOAD_TOKEN": self.token}
        env.pop("SSL_CERT_FILE")
        env |= {name: os.environ[name] for name in ("SSL_CERT_FILE",) if name in os.environ}
        out = subprocess.PIPE
        return subprocess.Popen([*PROBE, *words], env=env, cwd=ROOT, stdout=out, stderr=out, text=True)

    def upload(self, *words: str) -> tuple[int, str, str]:
        """Status, stdout and stderr."""
        process = self.start("upload", *words)
        out, err = process.communicate(timeout=_SECONDS)
        return process.returncode, out, err

    def outbox(self) -> set[str]:
        """The parcels that wait."""
        with suppress(FileNotFoundError):
            folder = self.database.with_name("probe.sqlite-outbox")
            return {name.removesuffix(".tar.gz") for name in os.listdir(folder) if name.endswith(".tar.gz")}
        return set()


@dataclass
class CollectorProcess:
    """A collector that listens."""

    folder: Path
    process: subprocess.Popen[str]
    url: str

    @property
    def database(self) -> Path:
        return self.folder / "all.sqlite"

    def parcels(self) -> dict[str, Path]:
        """What it keeps, by id."""
        found = (self.folder / "all.sqlite-parcels" / "parcels").glob("*.tar.gz")
        return {path.name.removesuffix(".tar.gz"): path for path in found}

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def start_collector(
    folder: Path, *words: str, listen: str = "127.0.0.1:0", key: str = "", before: tuple[str, ...] = ()
) -> CollectorProcess:
    folder.mkdir(exist_ok=True)
    (folder / "tokens").write_text(f"# who may send\n{TOKEN} {key}\n")
    command = [*before, *PROBE, "collect", "serve", "--listen", listen, "--token-file", str(folder / "tokens")]
    command += ["--db", str(folder / "all.sqlite"), *words]
    process = subprocess.Popen(command, env=environment(folder), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    told = process.stderr.readline()
    found = re.search(r"listening on (\S+)", told)
    assert found is not None, told + process.stderr.read()
    return CollectorProcess(folder, process, found[1])


@contextmanager
def collecting(folder: Path, *words: str, key: str = "") -> Iterator[CollectorProcess]:
    running = start_collector(folder, *words, key=key)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            running.process.communicate(timeout=_SECONDS)


def fill(database: Path, runs: int, measurements: int = 3) -> None:
    """Runs that ended, each with measurements of its own."""
    with Store.open(database) as store:
        for number in range(runs):
            run = a_run(f"run-{number}", started_at=BEGIN + timedelta(hours=6 * number))
            store.begin_run(run)
            store.add(
                [
                    a_result(
                        f"m-{number}-{each}",
                        run_id=run.id,
                        minutes=360 * number + each,
                        controls=[a_control(f"c-{each}")],
                    )
                    for each in range(measurements)
                ]
            )
            store.finish_run(run.id, run.started_at + timedelta(hours=1))


def rows_that_leave(database: Path, redact: tuple[str, ...] = ()) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table as it may leave, with all its columns; pages left out. A number that says nothing but
    in which place a row stands is left out, or what it points at stands in its place."""
    with Store.open(database, create=False) as store, store.dataset(Filter()) as dataset:
        redacted = Redacted(dataset, redactor_for(list(redact), dataset))
        found = {
            table.name: [
                dict(zip(columns, values, strict=True))
                for columns in batches
                for values in zip(*columns.values(), strict=True)
            ]
            for table, batches in redacted.tables()
        }
    verdicts = {row["id"]: (row["measurement_id"], row["rules_version"]) for row in found["verdict"]}
    for table in ("verdict", "service_verdict"):
        for row in found[table]:
            del row["id"]
    for row in found["reason"]:
        row["verdict_id"] = verdicts[row["verdict_id"]]
    return {table: sorted(rows, key=repr) for table, rows in found.items()}


def is_whole(database: Path) -> bool:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
