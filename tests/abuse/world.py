"""A real `probe control serve`, in a world of its own, under abuse: `python -m tests.abuse.world FOLDER SECONDS`.

Law: what is found out is found from outside: answers, connections that the world's servers saw, /proc of the process.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.abuse.clients import CLIENTS, Place, Told
from tests.control.world import CALLED, METADATA, PLAIN, PRIVATE, RESOLVER, SITE, Calls, Names, answer, bring_up
from tests.lab.netns import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
_ENOUGH = (("flood", 200), ("giant", 40), ("forbidden", 2), ("honest", 2))
"""How many answers there must have been for the abuse to have been any, however busy the machine is."""
_LONGEST = 360.0
LISTENING = re.compile(r"listening on http://([\d.]+):(\d+)")


async def _serve_sites(folder: Path) -> None:
    """All that the control may be sent to, and all that it may not."""
    hits = folder / "hits"

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer, hits)

    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Names(broken=False), local_addr=(RESOLVER, 53))
    for place in PLAIN:
        await asyncio.start_server(handle, *place)
    for place in CALLED:
        await loop.create_datagram_endpoint(partial(Calls, place, hits), local_addr=place)
    (folder / "ready").touch()
    await asyncio.Event().wait()


def serve_sites(folder: Path) -> None:
    die_with_parent()
    asyncio.run(_serve_sites(folder))


def start_control(folder: Path, *words: str) -> tuple[subprocess.Popen[bytes], Place]:
    """The verb as a user starts it, and where it listens."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    with (folder / "control.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "probe", "control", "serve", "--listen", "127.0.0.1:0"),
                *("--resolver", RESOLVER, "--timeout", "3", *words),
            ],
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )
    while (found := LISTENING.search((folder / "control.log").read_text())) is None:
        assert process.poll() is None, (folder / "control.log").read_text()
        time.sleep(0.05)
    return process, Place(found[1], int(found[2]))


def memory(process: subprocess.Popen[bytes]) -> int:
    """Bytes, at most so far."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024


def processor(process: subprocess.Popen[bytes]) -> float:
    """Seconds of a processor that it has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(process: subprocess.Popen[bytes]) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


async def abuse(process: subprocess.Popen[bytes], place: Place, seconds: float) -> dict[str, Any]:
    """Sends all clients at once, and tells what came of it."""
    before, idle, most, spent = memory(process), descriptors(process), 0, processor(process)
    told = {name: Told() for name in CLIENTS}
    tasks = [
        asyncio.create_task(client(place, told[name]))  # type: ignore[arg-type]
        for name, (client, count) in CLIENTS.items()
        for _ in range(count)
    ]
    begun = time.monotonic()
    while process.poll() is None and time.monotonic() - begun < _LONGEST:
        if time.monotonic() - begun > seconds and all(told[name].statuses.total() >= count for name, count in _ENOUGH):
            break
        most = max(most, descriptors(process))
        await asyncio.sleep(0.2)
    took, spent = time.monotonic() - begun, processor(process) - spent
    ended = [repr(task.exception()) for task in tasks if task.done() and not task.cancelled()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "seconds": took,
        "processor_seconds": spent,
        "alive": process.poll() is None,
        "clients": {name: {**_fields(each), "statuses": dict(each.statuses)} for name, each in told.items()},
        "requests_a_second": told["flood"].statuses.total() / took,
        "memory_before": before,
        "memory_more": memory(process) - before,
        "descriptors_idle": idle,
        "descriptors_most": most,
        "ended": ended,
    }


def _fields(told: Told) -> dict[str, Any]:
    return {"connections": told.connections, "slowest": told.slowest, "wrong": told.wrong[:20]}


def forbidden_hits(hits: Sequence[str]) -> list[str]:
    """The connections that may not be, among those that the world's servers saw."""
    return [hit for hit in hits if hit.startswith((PRIVATE, METADATA, "127.0.0.1", "::1", f"{SITE}:25"))]


def descriptors_afterwards(process: subprocess.Popen[bytes], idle: int) -> int:
    """How many are open once everybody has gone: waits until it is as few as before, for half a minute at most."""
    end = time.monotonic() + 30
    while descriptors(process) > idle and time.monotonic() < end:
        time.sleep(0.2)
    return descriptors(process)


def main() -> None:
    die_with_parent()
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    bring_up()
    multiprocessing.Process(target=serve_sites, args=(folder,), daemon=True).start()
    while not (folder / "ready").exists():
        time.sleep(0.05)
    process, place = start_control(folder, "--open")
    try:
        said = asyncio.run(abuse(process, place, seconds))
        said["descriptors_afterwards"] = descriptors_afterwards(process, said["descriptors_idle"])
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(30)
    said["status"] = status
    said["log"] = (folder / "control.log").read_text()
    said["hits"] = sorted(set((folder / "hits").read_text().splitlines())) if (folder / "hits").exists() else []
    (folder / "said.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
