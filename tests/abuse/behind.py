"""A control behind a real nginx, configured as `docs/control.md` says: `python -m tests.abuse.behind FOLDER`.

Law: the page's own lines are what nginx is given; only places and names are put in.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import trustme

from tests.abuse.clients import ask, request
from tests.abuse.world import ROOT, memory, serve_sites, start_control
from tests.control.world import PRIVATE, bring_up
from tests.lab.netns import die_with_parent

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
_HTTPS = 8443
_NAME = "control.example.org"
_FLOODER, _HONEST = "127.0.0.77", "127.0.0.78"
_CONNECTIONS, _PIPELINED = 8, 50
_SECONDS = 5.0
_SERVER = re.compile(r"```nginx\n(.*?)```", re.DOTALL)


def configuration(folder: Path, port: int) -> str:
    """What the page says, in this world."""
    found = _SERVER.search((ROOT / "docs" / "control.md").read_text())
    assert found is not None
    server = found[1].replace("http://127.0.0.1:8080", f"http://127.0.0.1:{port}")
    server = server.replace("listen 443 ", f"listen {_HTTPS} ").replace("listen [::]:443 ", f"listen [::]:{_HTTPS} ")
    server = server.replace(f"/etc/letsencrypt/live/{_NAME}", str(folder)).replace("/var/log/nginx", str(folder))
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    events = "events { worker_connections 1024; }"
    return f"user root; daemon off; master_process off; pid {folder}/pid;\n{events}\nhttp {{\n{paths}{server}}}\n"


def start_nginx(folder: Path, port: int) -> subprocess.Popen[bytes]:
    assert NGINX is not None
    (folder / "nginx.conf").write_text(configuration(folder, port))
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(
            [NGINX, "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")],
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", _HTTPS), timeout=1):
            return process
        assert process.poll() is None, (folder / "nginx.log").read_text()
        time.sleep(0.05)
    raise AssertionError("nginx does not listen")


async def _connect(context: ssl.SSLContext, own: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", _HTTPS, ssl=context, server_hostname=_NAME, local_addr=(own, 0))


async def flood(context: ssl.SSLContext, statuses: Counter[str]) -> None:
    """As many requests as go, of one address."""
    batch = request(b"", path="/healthz", method="GET") * _PIPELINED
    while True:
        with suppress(OSError, EOFError):
            reader, writer = await _connect(context, _FLOODER)
            try:
                while True:
                    writer.write(batch)
                    data = await reader.readuntil(b"HTTP/1.1 ")
                    data = await reader.read(1 << 18)
                    if not data:
                        break
                    statuses.update(status.decode() for status in re.findall(rb"(?:HTTP/1.1 |^)(\d{3})", data))
            finally:
                writer.close()


async def lines_of(context: ssl.SSLContext, *targets: str) -> list[tuple[float, dict[str, Any]]]:
    """The lines of an answer, with when each came."""
    reader, writer = await _connect(context, _HONEST)
    begun = time.monotonic()
    writer.write(request(ask(*targets), "Connection: close"))
    found = []
    while line := await reader.readline():
        if line.startswith(b"{"):
            found.append((time.monotonic() - begun, json.loads(line)))
    writer.close()
    return found


async def visit(folder: Path) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=str(folder / "roots.pem"))
    streamed = await lines_of(context, "http://site.test/slow", "http://site.test/quick", f"http://{PRIVATE}/")
    statuses: Counter[str] = Counter()
    flooding = [asyncio.create_task(flood(context, statuses)) for _ in range(_CONNECTIONS)]
    begun, honest = time.monotonic(), []
    while time.monotonic() - begun < _SECONDS or len(honest) < 3:
        honest.append([line for _, line in await lines_of(context, f"http://site.test/{len(honest)}")])
        await asyncio.sleep(0.3)
    took = time.monotonic() - begun
    for task in flooding:
        task.cancel()
    await asyncio.gather(*flooding, return_exceptions=True)
    reader, writer = await _connect(context, _HONEST)
    writer.write(request(b" " * 300_000))
    too_large = (await reader.read(12)).decode()
    writer.close()
    return {
        "streamed": streamed,
        "statuses": dict(statuses),
        "requests_a_second": statuses.total() / took,
        "honest": [bool(lines) and "observations" in lines[0] for lines in honest],
        "too_large": too_large,
    }


def main() -> None:
    die_with_parent()
    folder = Path(sys.argv[1])
    bring_up()
    authority = trustme.CA()
    issued = authority.issue_cert(_NAME)
    (folder / "roots.pem").write_bytes(authority.cert_pem.bytes())
    (folder / "privkey.pem").write_bytes(issued.private_key_pem.bytes())
    (folder / "fullchain.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    multiprocessing.Process(target=serve_sites, args=(folder,), daemon=True).start()
    while not (folder / "ready").exists():
        time.sleep(0.05)
    control, place = start_control(folder, "--open")
    nginx = start_nginx(folder, place.port)
    try:
        before = memory(control)
        said = asyncio.run(visit(folder))
        said["memory_more"] = memory(control) - before
    finally:
        nginx.send_signal(signal.SIGQUIT)
        control.send_signal(signal.SIGTERM)
        nginx.wait(30)
        status = control.wait(30)
    said["status"] = status
    logs = [path for path in folder.rglob("*") if path.is_file() and path.suffix in (".log", "")]
    said["addresses"] = [path.name for path in logs for own in (_FLOODER, _HONEST) if own.encode() in path.read_bytes()]
    said["logs"] = sorted(path.name for path in logs)
    (folder / "said.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
