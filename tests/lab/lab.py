"""A censored internet for tests: `with World(spec) as world: world.run(["probe", "check", "line.me"])`.

Law: what happens in a world stays there. Nothing in it can send a packet out of this machine, and when the `with`
ends, its namespaces, processes and files are gone.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.lab.loaded import Command
from tests.lab.spec import Spec
from tests.lab.world import WorldError

_UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--mount")
_ROOT = Path(__file__).resolve().parents[2]


@cache
def unavailable() -> str | None:
    """Why there can be no world on this machine; None when there can."""
    if shutil.which("unshare") is None:
        return "the program `unshare` (util-linux) is missing"
    tried = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True)
    return None if tried.returncode == 0 else f"no user namespaces here: {tried.stderr.strip()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A program that has ended."""

    returncode: int
    """Minus the signal's number when one ended it."""
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A program that was started in a world."""

    world: World
    pid: int
    output: Path

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def stdout(self) -> str:
        """What it has written so far."""
        return self.output.read_text("utf-8", "replace")

    def stderr(self) -> str:
        return Path(f"{self.output}.err").read_text("utf-8", "replace")

    def has_ended(self, within: float = 0.0) -> bool:
        """Whether it ends within so many seconds."""
        descriptor = os.pidfd_open(self.pid)
        try:
            return bool(select.select([descriptor], [], [], within)[0])
        finally:
            os.close(descriptor)

    def wait(self, timeout: float) -> Finished:
        """Waits for its end. After `timeout` seconds it is killed, and TimeoutError raised. To be called once."""
        ended = self.has_ended(timeout)
        if not ended:
            self.signal(signal.SIGKILL)
        returncode: int = self.world.ask("collect", self.pid)
        finished = Finished(returncode=returncode, stdout=self.stdout(), stderr=self.stderr())
        if not ended:
            raise TimeoutError(f"still running after {timeout} s; said: {finished.stderr or finished.stdout}")
        return finished

    def stop(self, timeout: float = 10.0) -> Finished:
        """Ends it as a service manager does: SIGTERM, and waits."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)


class World:
    """A censored internet with three hosts: `client` behind the censor, `control` behind none, and `internet`."""

    def __init__(self, spec: Spec | None = None) -> None:
        self.spec = spec or Spec()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)  # counts in one step, whichever threads ask

    def __enter__(self) -> World:
        """Raises WorldError where there can be no world (see `unavailable`), or the spec makes none."""
        self.home = Path(tempfile.mkdtemp(prefix="lab-"))
        mine, its = multiprocessing.Pipe()
        self._connection = mine
        with open(self.home / "world.log", "wb") as log:
            self._process = subprocess.Popen(
                [*_UNSHARE, sys.executable, "-m", "tests.lab", str(its.fileno()), str(self.home)],
                pass_fds=[its.fileno()],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for whoever made the world; it then ends the world in order
            )
        its.close()
        try:
            self._receive()
            self.become(self.spec)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends everything in the world, and removes its files."""
        self._connection.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def become(self, spec: Spec) -> None:
        """Turns into another world within milliseconds: same hosts, other sites, names, lies and censor.

        Running programs go on; connections to the sites are closed. Raises WorldError for a spec that makes no world.
        """
        self.ask("become", spec)
        self.spec = spec

    def fired(self) -> tuple[int, ...]:
        """How often each rule of the censor has acted since the world became what it is."""
        return tuple(self.ask("fired"))

    def start(
        self,
        argv: Sequence[str],
        *,
        host: str = "client",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Running:
        """Starts a program in a host; `env` is added to `environment()`. Raises WorldError where it cannot be."""
        output = self.home / f"{next(self._numbers):04}.out"
        environment = self.environment() | dict(env or {})
        found = shutil.which(argv[0], path=environment["PATH"]) or argv[0]
        command = Command(
            argv=(found, *argv[1:]),
            host=host,
            environment=environment,
            directory=str(cwd or self.home),
            output=str(output),
        )
        return Running(world=self, pid=self.ask("start", command), output=output)

    def run(
        self,
        argv: Sequence[str],
        *,
        host: str = "client",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 60.0,
    ) -> Finished:
        """Runs a program in a host to its end. Raises TimeoutError after so many seconds, and kills it."""
        return self.start(argv, host=host, env=env, cwd=cwd).wait(timeout)

    @property
    def own_root(self) -> str:
        """The SHA-256 of the root that `Certificate.OWN_ROOT` leads to, for target lists."""
        return (self.home / "own-root").read_text()

    def wait_for(self, running: Running, url_host: str, port: int, timeout: float = 20.0) -> None:
        """Waits until something listens at an address of the control or the internet, as its own host sees it."""
        code = f"import socket; socket.create_connection(({url_host!r}, {port}), 1).close()"
        end = time.monotonic() + timeout
        while self.run([sys.executable, "-c", code], host="control").returncode != 0:
            if time.monotonic() > end or running.has_ended():
                raise WorldError(f"nothing listens at {url_host}:{port}; said: {running.stderr()}")

    def environment(self) -> dict[str, str]:
        """What every program in the world is started with: its own home, and the lab's authorities as roots."""
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "TMPDIR": str(self.home),
            "SSL_CERT_FILE": str(self.home / "roots.pem"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }

    def ask(self, method: str, *arguments: object) -> Any:
        """One request to the process that is the world. Raises WorldError."""
        with self._lock:
            self._connection.send((method, arguments))
            return self._receive()

    def _receive(self) -> Any:
        try:
            result, wrong = self._connection.recv()
        except (EOFError, ConnectionResetError):
            wrong = f"the world has ended: {(self.home / 'world.log').read_text('utf-8', 'replace')[-2000:]}"
            raise WorldError(wrong) from None
        if wrong is not None:
            raise WorldError(wrong)
        return result
