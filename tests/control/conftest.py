"""A control in a world of its own, for tests that ask it over real sockets."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

_UNSHARE = ("unshare", "--user", "--map-root-user", "--net")


@dataclass(frozen=True, kw_only=True)
class Running:
    """A control that runs, and what is known of it from outside."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def hits(self) -> list[str]:
        """Each connection that a server of the control's world accepted: `ADDRESS:PORT PATH`."""
        file = self.folder / "hits"
        return file.read_text().splitlines() if file.exists() else []

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(self.url + path, content=content, timeout=60, trust_env=False, **more)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=60, trust_env=False)

    def lines(self, *asks: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        answer = self.post("/v1/measure", {"targets": list(asks)}, **more)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def line(self, target: str, *addresses: str, **more: Any) -> dict[str, Any]:
        (line,) = self.lines({"target": target, "addresses": list(addresses)}, **more)
        return line

    def counted(self, metric: str) -> int:
        return next(
            int(line.rpartition(" ")[2])
            for line in self.get("/metrics").text.splitlines()
            if line.startswith(f"probe_control_{metric}")
        )


def namespaces_work() -> bool:
    return (
        shutil.which("unshare") is not None and subprocess.run([*_UNSHARE, "true"], capture_output=True).returncode == 0
    )


Start = Callable[..., Running]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a control with these settings, in a world of its own."""
    if not namespaces_work():
        pytest.skip("this machine does not let us make network namespaces")
    started: list[subprocess.Popen[bytes]] = []

    def start(**options: Any) -> Running:
        folder = tmp_path_factory.mktemp("control")
        with socket.create_server(("127.0.0.1", 0), backlog=600) as sock, (folder / "log").open("wb") as log:
            own = [*_UNSHARE, sys.executable, "-m", "tests.control.world"]
            process = subprocess.Popen(
                [*own, str(sock.fileno()), str(folder), json.dumps(options)],
                pass_fds=[sock.fileno()],
                stdout=log,
                stderr=log,
            )
            started.append(process)
            url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        while not (folder / "ready").exists():
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.02)
        return Running(url=url, process=process, folder=folder)

    yield start
    for process in started:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="session")
def listing(start: Start) -> Running:
    """A control that measures what is on its lists, and anything public for holders of a token."""
    return start(tokens=["first-token", "second-token"])


@pytest.fixture(scope="session")
def open_to_all(start: Start) -> Running:
    """A control that measures any public host for anyone."""
    return start(open=True)
