"""`probe` on a machine without any network: every call in an empty network namespace of its own.

Law: nothing of the surroundings reaches it: its home, its settings and its database are in the folder of the test.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.lab.lab import Finished

ROOT = Path(__file__).resolve().parents[2]
PROBE = (sys.executable, "-m", "probe")
_EMPTY_NETWORK = ("unshare", "--user", "--map-root-user", "--net")


def environment(home: Path) -> dict[str, str]:
    """What a call is started with. STATE_DIRECTORY keeps it from the database of the checkout."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "STATE_DIRECTORY": str(home / "state"),
        "TMPDIR": str(home),
        "SSL_CERT_FILE": str(home / "roots.pem"),
        "LANG": "C.UTF-8",
    }


def run(
    home: Path, *words: str | Path, program: Sequence[str] = PROBE, cwd: Path | None = None, **env: str | None
) -> Finished:
    """Runs `probe` to its end. A variable that is None is not set at all."""
    wanted: dict[str, str | None] = {**environment(home), **env}
    done = subprocess.run(
        [*_EMPTY_NETWORK, *program, *map(str, words)],
        env={name: value for name, value in wanted.items() if value is not None},
        cwd=cwd or ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    return Finished(returncode=done.returncode, stdout=done.stdout.decode("utf-8"), stderr=done.stderr.decode("utf-8"))


def ask(database: Path, question: str) -> list[dict[str, Any]]:
    """The rows that answer a question to a database, which must be there already."""
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(question)]
    finally:
        connection.close()


def files_below(folder: Path) -> set[str]:
    """The path of every file below a folder."""
    return {os.path.relpath(Path(at) / name, folder) for at, _, names in os.walk(folder) for name in names}


def read(finished: Finished) -> list[Any]:
    """The JSON lines on stdout."""
    return [json.loads(line) for line in finished.stdout.splitlines()]
