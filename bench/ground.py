"""Where it is measured: a network of its own, which has nothing but a loopback interface with some more addresses.

Law: the benchmark enters it before anything else is started; nothing in it can reach the outside, and it is gone with
the last process in it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pyroute2 import IPRoute

from tests.lab.lab import unavailable

RESOLVER = "192.31.196.53"
WEB, WEB_H2, SLOW, HELD, DEAD = (f"192.31.196.{number}" for number in (1, 2, 3, 4, 66))
"""Addresses that count as public, and host nothing in the world."""

_UNSHARE = (
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)
_INSIDE = "PROBE_BENCH_INSIDE"
_SYSCTLS = {"ip_local_port_range": "1024 65535", "tcp_tw_reuse": "1"}
"""Connections to one address, tens of thousands a minute, would soon have used up the ports."""


def is_inside() -> bool:
    """Whether this process is in such a network."""
    return bool(os.environ.get(_INSIDE))


def enter(arguments: Sequence[str]) -> str:
    """Runs this program again in such a network, and does not return; why not, where that cannot be."""
    reason = unavailable()
    if reason is not None:
        return reason
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    environment = {**os.environ, _INSIDE: "1"}
    again = [*_UNSHARE, sys.executable, "-m", "bench", *arguments]
    raise SystemExit(os.execvpe(_UNSHARE[0], again, environment))  # noqa: S606 - no shell is wanted


def furnish(home: Path) -> None:
    """Gives the network its addresses, and the processes in it their resolver."""
    with IPRoute() as routes:
        loopback = routes.link_lookup(ifname="lo")[0]
        routes.link("set", index=loopback, state="up")
        for address in (RESOLVER, WEB, WEB_H2, SLOW, HELD, DEAD):
            routes.addr("add", index=loopback, address=address, prefixlen=32)
        routes.route("add", dst="0.0.0.0/0", oif=loopback)
    for name, value in _SYSCTLS.items():
        with contextlib.suppress(OSError):
            Path(f"/proc/sys/net/ipv4/{name}").write_text(value)
    conf = home / "resolv.conf"
    conf.write_text(f"nameserver {RESOLVER}\n")
    subprocess.run(["mount", "--bind", str(conf), "/etc/resolv.conf"], check=True)
