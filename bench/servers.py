"""The servers that are measured against: nginx and nsd where they are installed, else stand-ins in Python.

Law: they are started here, with a configuration and certificates of their own in a temporary folder, and end with the
benchmark. Their CPU is never counted.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

from bench.ground import DEAD, HELD, RESOLVER, SLOW, WEB, WEB_H2

ZONE = "example"
PLACES = {"web": WEB, "two": WEB_H2, "slow": SLOW, "held": HELD, "dead": DEAD}
"""Every name below `LABEL.example` has this address, and no IPv6."""

_PAGE = "<!doctype html><html><head><title>A service</title></head><body>{}</body></html>\n".format(
    "<p>This is the page of a service that works.</p>" * 40
)

_NGINX = """
daemon off; user root; worker_processes 1; pid {home}/nginx.pid; error_log {home}/nginx.log error;
worker_rlimit_nofile {descriptors};
events {{ worker_connections {connections}; }}
http {{
    access_log off; default_type text/html;
    client_body_temp_path {home}/t1; proxy_temp_path {home}/t2; fastcgi_temp_path {home}/t3;
    uwsgi_temp_path {home}/t4; scgi_temp_path {home}/t5;
    ssl_certificate {home}/chain.pem; ssl_certificate_key {home}/key.pem;
    root {home}/www;
    server {{ listen {web}:80 backlog=4096; listen {web}:443 ssl backlog=4096; }}
    server {{ listen {web_h2}:443 ssl http2 backlog=4096; }}
    server {{
        listen {slow}:80 backlog=4096; listen {slow}:443 ssl backlog=4096;
        location / {{ proxy_pass http://127.0.0.1:{behind}; }}
    }}
    server {{
        listen {held}:443 ssl backlog=4096;
        location / {{ proxy_pass http://127.0.0.1:{holder}; proxy_read_timeout 600s; }}
    }}
}}
"""
_NSD = """
server:
    ip-address: {resolver}
    username: ""
    zonesdir: "{home}"
    database: ""
    pidfile: "{home}/nsd.pid"
    xfrdfile: "{home}/xfrd.state"
    zonelistfile: "{home}/zone.list"
    logfile: "{home}/nsd.log"
    server-count: 1
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: "example"
    zonefile: "zone"
"""
_ZONE = """$ORIGIN example.
$TTL 300
@ SOA ns host 1 3600 600 86400 300
@ NS ns
ns A {resolver}
{names}
"""
BEHIND, HOLDER = 8101, 8102
"""Ports of the stand-ins that answer late, and not before they are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """What runs."""

    roots: Path
    """The authority that is trusted, PEM."""
    web: str
    """What serves pages."""
    names: str
    """What answers for names."""


@contextlib.contextmanager
def serving(home: Path) -> Iterator[Servers]:
    """Starts all of them; they have ended when the block ends. Raises RuntimeError for one that does not start."""
    roots = _certificates(home)
    (home / "www").mkdir()
    (home / "www" / "index.html").write_text(_PAGE)
    nginx, nsd = shutil.which("nginx", path=_PATH), shutil.which("nsd", path=_PATH)
    started: list[subprocess.Popen[bytes]] = []
    try:
        for argv, address, port in _programs(home, nginx, nsd):
            started.append(_start(home, argv))
            _wait_for(address, port, started[-1])
        yield Servers(
            roots=roots,
            web=_version([nginx, "-v"]) if nginx else "stand-in in Python",
            names=_version([nsd, "-v"]) if nsd else "stand-in in Python",
        )
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _programs(home: Path, nginx: str | None, nsd: str | None) -> Iterator[tuple[Sequence[str], str, int]]:
    """Each with where it is to be heard."""
    descriptors = os.sysconf("SC_OPEN_MAX")
    if nginx is not None:
        (home / "nginx.conf").write_text(
            _NGINX.format(
                home=home, web=WEB, web_h2=WEB_H2, slow=SLOW, held=HELD, behind=BEHIND, holder=HOLDER,
                descriptors=descriptors, connections=descriptors - 100,
            )
        )  # fmt: skip
        yield [nginx, "-c", str(home / "nginx.conf"), "-p", str(home), "-e", str(home / "nginx.log")], WEB, 443
    if nsd is not None:
        names = "\n".join(f"*.{label} A {address}" for label, address in PLACES.items())
        (home / "zone").write_text(_ZONE.format(resolver=RESOLVER, names=names))
        (home / "nsd.conf").write_text(_NSD.format(home=home, resolver=RESOLVER))
        yield [nsd, "-d", "-c", str(home / "nsd.conf")], RESOLVER, 53
    stand_in = [sys.executable, "-m", "bench.standins", str(home)]
    if nginx is None:
        yield [*stand_in, "web"], WEB, 443
    if nsd is None:
        yield [*stand_in, "names"], RESOLVER, 53
    yield [*stand_in, "late"], "127.0.0.1", BEHIND


def _certificates(home: Path) -> Path:
    """An authority, one below it, and what that issues for every name; as most services show it."""
    root = trustme.CA(organization_name="Bench authority")
    issued = root.create_child_ca().issue_cert(*(f"*.{label}.{ZONE}" for label in PLACES))
    (home / "key.pem").write_bytes(issued.private_key_pem.bytes())
    (home / "chain.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    root.cert_pem.write_to_path(str(home / "roots.pem"))
    return home / "roots.pem"


def _start(home: Path, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    with (home / "servers.log").open("ab") as log:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _wait_for(address: str, port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not answer at {address}, port {port}")


def _version(argv: Sequence[str]) -> str:
    """As it names itself: nginx/1.22, NSD version 4.6."""
    said = subprocess.run(argv, capture_output=True, text=True)
    return (said.stdout + said.stderr).splitlines()[0].removeprefix("nginx version: ")
