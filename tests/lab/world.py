"""The process that is a world: it makes the namespaces, starts what lives in them, and runs commands inside.

Law: started by `lab.World` inside namespaces of its own (`unshare`), with one connection to the process that wants
it. When that connection closes, or this process ends in any way, everything in it ends and nothing is left.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute

from tests.lab import loaded, router, servers, tunnel
from tests.lab.authority import Authorities
from tests.lab.loaded import Command
from tests.lab.netns import Host, answer_for, connect, die_with_parent, enter, make_host, set_default_route
from tests.lab.spec import CLIENT, CONTROL, HONEST_RESOLVER, PROVIDER_RESOLVER, PUBLIC, IPv6, Spec

_FORK = multiprocessing.get_context("fork")
_ADDRESSES: Mapping[str, tuple[str, ...]] = {"client": CLIENT, "control": CONTROL, "internet": ()}
_RESOLVER = {"client": PROVIDER_RESOLVER, "control": HONEST_RESOLVER, "internet": HONEST_RESOLVER}


class WorldError(Exception):
    """The world cannot be as it was wanted."""


class Inside:
    """The namespaces, their processes, and what is asked of them."""

    def __init__(self, home: Path) -> None:
        authorities = Authorities()
        (home / "roots.pem").write_bytes(authorities.trusted)
        (home / "own-root").write_text(authorities.own_root)
        self._hosts = {name: _host(name, home) for name in _ADDRESSES}
        with IPRoute() as routes:
            routes.link("set", index=1, state="up")
            links = {name: connect(routes, host, _ADDRESSES[name]) for name, host in self._hosts.items()}
        self._answered: set[str] = set()
        self._answer_for(PUBLIC)
        self._router = _process(router.serve, links)
        self._servers = _process(servers.serve, self._hosts["internet"], authorities)
        self._tunnel: Connection | None = None
        self._loaded = _process(loaded.serve, self._hosts)
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def _answer_for(self, prefixes: Iterable[str]) -> None:
        """Every address of these prefixes is the Internet's own. Which of them are reached is the router's matter."""
        for prefix in prefixes:
            if prefix not in self._answered:
                answer_for(self._hosts["internet"], prefix)
                self._answered.add(prefix)

    def become(self, spec: Spec) -> None:
        """Raises WorldError."""
        self._answer_for(spec.prefixes)
        for part, orders in (("router", self._router), ("servers", self._servers)):
            orders.send(spec)
            try:
                wrong = orders.recv()
            except EOFError:
                wrong = "the process has ended"
            if wrong is not None:
                raise WorldError(f"{part}: {wrong}")
        self._set_tunnel(wanted=spec.access.vpn)
        link = (tunnel.NAME if spec.access.vpn else "eth0") if spec.access.online else None
        set_default_route(self._hosts["client"], socket.AF_INET, link)
        set_default_route(self._hosts["client"], socket.AF_INET6, None if spec.access.ipv6 is IPv6.NONE else link)

    def _set_tunnel(self, *, wanted: bool) -> None:
        """Makes the client's tunnel, or takes it away. Raises WorldError."""
        if wanted and self._tunnel is None:
            self._tunnel = _process(tunnel.serve, self._hosts["client"])
            wrong = self._tunnel.recv()
            if wrong is not None:
                raise WorldError(f"tunnel: {wrong}")
        elif self._tunnel is not None and not wanted:
            self._tunnel.send(None)
            self._tunnel.recv()
            self._tunnel = None

    def fired(self) -> list[int]:
        """How often each rule of the censor has acted."""
        self._router.send(None)
        counts: list[int] = self._router.recv()
        return counts

    def start(self, command: Command) -> int:
        """The process id. Raises WorldError where the program cannot be started."""
        if command.can_be_forked:
            self._loaded.send(command)
            forked: int = self._loaded.recv()
            return forked
        host = self._hosts[command.host]

        def enter_and_follow() -> None:
            enter(host)
            os.chdir(command.directory)
            die_with_parent()

        try:
            with open(command.output, "wb") as out, open(f"{command.output}.err", "wb") as err:
                process = subprocess.Popen(
                    command.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env=dict(command.environment),
                    start_new_session=True,
                    preexec_fn=enter_and_follow,
                )
        except (OSError, subprocess.SubprocessError) as wrong:
            raise WorldError(f"{command.argv[0]}: {wrong}") from wrong
        self._running[process.pid] = process
        return process.pid

    def collect(self, pid: int) -> int:
        """The exit status of a process that has ended, as `subprocess` tells it."""
        if pid in self._running:
            return self._running.pop(pid).wait()
        self._loaded.send(pid)
        status: int = self._loaded.recv()
        return status

    def end(self) -> None:
        for process in self._running.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _host(name: str, home: Path) -> Host:
    resolv_conf = home / f"resolv.conf.{name}"
    resolv_conf.write_text(f"nameserver {_RESOLVER[name]}\n")
    return make_host(name, resolv_conf)


def _process(do: Callable[..., None], *given: object) -> Connection:
    """Starts a part of the world, and the connection over which it gets its orders."""
    mine, its = multiprocessing.Pipe()

    def be() -> None:
        die_with_parent()
        mine.close()
        do(*given, its)

    _FORK.Process(target=be, daemon=True).start()
    its.close()
    return mine


def main(descriptor: int, home: Path) -> None:
    """Answers requests `(name of a method, arguments)` with `(result, what went wrong)` until there are no more."""
    die_with_parent()
    with Connection(descriptor) as asker:
        try:
            inside = Inside(home)
        except OSError as wrong:
            asker.send((None, str(wrong)))
            return
        asker.send((None, None))
        methods: Mapping[str, Callable[..., Any]] = {
            "become": inside.become,
            "fired": inside.fired,
            "start": inside.start,
            "collect": inside.collect,
        }
        try:
            while True:
                name, arguments = asker.recv()
                try:
                    asker.send((methods[name](*arguments), None))
                except WorldError as wrong:
                    asker.send((None, str(wrong)))
        except EOFError:
            pass
        finally:
            inside.end()
