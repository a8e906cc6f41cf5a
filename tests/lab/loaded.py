"""`probe` started without loading it anew: a process that has all of it in memory, and forks for every start.

Law: what is forked is a process like any other: its own session, host, folder, environment and files, its own end.
Nothing of `probe` runs before the fork but its imports.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import pkgutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import NoReturn

import probe
from tests.lab.netns import Host, die_with_parent, enter

_PROGRAM = "probe"
_NEEDS_A_START = ("LD_", "PYTHON")
"""Variables that are heeded when a program is loaded, and only then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to be started inside."""

    argv: tuple[str, ...]
    host: str
    environment: Mapping[str, str]
    directory: str
    output: str
    """Path of the file for its standard output; the errors go to the same with `.err`."""

    @property
    def can_be_forked(self) -> bool:
        return os.path.basename(self.argv[0]) == _PROGRAM and not any(
            name.startswith(_NEEDS_A_START) for name in self.environment
        )


def serve(hosts: Mapping[str, Host], orders: Connection) -> None:
    """Answers a command with the id of the process that it became, and such an id, once its process has ended, with
    its exit status as `subprocess` has it. Ends when the connection does, and so do all processes."""
    for module in pkgutil.walk_packages(probe.__path__, "probe."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    while True:
        try:
            order: Command | int = orders.recv()
        except EOFError:
            return
        if isinstance(order, int):
            orders.send(os.waitstatus_to_exitcode(os.waitpid(order, 0)[1]))
            continue
        with open(os.devnull, "rb") as none, open(order.output, "wb") as out, open(f"{order.output}.err", "wb") as err:
            pid = os.fork()
            if pid == 0:
                _be(order, hosts[order.host], orders, [each.fileno() for each in (none, out, err)])
        orders.send(pid)


def _be(command: Command, host: Host, orders: Connection, files: Sequence[int]) -> NoReturn:
    """Is the program, to its end. `files` are its standard input, output and errors."""
    status = 1
    try:
        os.setsid()
        die_with_parent()
        orders.close()
        for descriptor, file in enumerate(files):
            os.dup2(file, descriptor)
            os.close(file)
        sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
        enter(host)
        os.chdir(command.directory)
        os.environ.clear()
        os.environ.update(command.environment)
        time.tzset()
        sys.argv = list(command.argv)
        status = _run()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run() -> int:
    """Runs it, and ends as an interpreter does."""
    from probe.cli.main import main

    try:
        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        raise
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    return status
