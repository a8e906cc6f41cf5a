"""Keeps a control, or a collector, listening until it is told to stop, whatever its clients do with their connections.

Law: a connection is for asking. One that says nothing, or never finishes saying it, is closed.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

_MOST_CONNECTIONS = 2048
_MOST_HEADER_BYTES = 16 * 1024
_KEEP_ALIVE_SECONDS = 5
_SILENT_SECONDS = 10.0
_GRACE_SECONDS = 5
_GLANCE_SECONDS = 0.2
_BACKLOG = 1024
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """By what a server proves who it is, PEM."""

    certificate: Path
    """With those that lead to its root."""
    key: Path

    def check(self) -> None:
        """Raises OSError unless both can be used, and belong together."""
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.certificate, self.key)


async def serve(
    app: Starlette,
    host: str,
    port: int,
    *,
    tls: Tls | None = None,
    listening: Callable[[str], None] | None = None,
) -> None:
    """Serves an application until SIGTERM or SIGINT, then returns. Its `state` says how to stop what it has under way
    (`stop`), and what is to go on beside it (`beside`).

    Port 0 takes a free one; `listening` is told the URL once connections are accepted. What is under way when the
    signal comes is given up, and those who wait are told. Raises OSError where the address cannot be had.
    """
    with bind(host, port) as sock:
        if listening is not None:
            listening(f"{'https' if tls else 'http'}://{place(sock)}")
        await serve_on(app, sock, tls=tls)


async def serve_on(app: Starlette, sock: socket.socket, *, tls: Tls | None = None) -> None:
    """The same on a socket that listens already, as systemd hands one over."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    # It would say "socket.send() raised exception" for each answer to a client that has gone, and fill the log.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    server = uvicorn.Server(config)
    with _own_signals():
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(each)
                for each in (
                    _tell_of_stop(server, app.state.stop),
                    _close_silent(server),
                    *(serve() for serve in app.state.beside),
                )
            ]
            try:
                await server.serve(sockets=[sock])
            finally:
                for task in beside:
                    task.cancel()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)


def place(sock: socket.socket) -> str:
    """Where a socket listens: `address:port`, `[address]:port`."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextmanager
def _own_signals() -> Iterator[None]:
    """uvicorn raises the signal that stopped it once more; here it has done its work by then."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _tell_of_stop(server: uvicorn.Server, stop: Callable[[], None]) -> None:
    """Ends what is under way once the server is told to stop, so that no answer holds it up."""
    while not server.should_exit:  # noqa: ASYNC110  a flag that a signal handler of uvicorn's sets
        await asyncio.sleep(_GLANCE_SECONDS)
    stop()


async def _close_silent(server: uvicorn.Server) -> None:
    """Closes connections on which no request has been finished between two looks. uvicorn has no such deadline."""
    silent: dict[Any, Any] = {}
    while True:
        await asyncio.sleep(_SILENT_SECONDS)
        found: dict[Any, Any] = {}
        for connection in list(server.server_state.connections):
            cycle: Any = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_complete:
                continue
            if connection in silent and silent[connection] is cycle:
                connection.transport.close()
            else:
                found[connection] = cycle
        silent = found
