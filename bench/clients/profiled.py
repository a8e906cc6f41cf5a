"""This program, with its CPU told apart by room: `python -m bench.clients.profiled ROOMS.json run --targets LIST ...`.

Law: the kernel's profiling timer says when to look, and what the thread has used since is put to the room whose code is
nearest to where it stands. Threads in the background are read off their own clocks. Nothing is counted before the run's
loop begins.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import probe
from probe.cli.main import app

_EVERY = 0.001
ROOMS: tuple[tuple[str, str], ...] = (
    ("steps/dns", "dns"),
    ("steps/tcp", "tcp"),
    ("steps/tls", "tls"),
    ("certificate", "certificate"),
    ("steps/http", "http"),
    ("steps/exchange", "http"),
    ("page", "http"),
    ("steps/host", "host"),
    ("classify/", "classify"),
    ("settling", "classify"),
    ("store/", "store"),
    ("cli/recorder", "store"),
    ("form", "print"),
    ("report/", "print"),
    ("checks/", "recipe"),
    ("panel", "recipe"),
    ("run", "scheduler"),
    ("control/", "control"),
)
"""By the beginning of a file's path in the package: the first that fits. What fits none belongs to who called it."""
_HOME = str(Path(probe.__file__).parent) + "/"


def room_of(frame: FrameType | None) -> str:
    """Whose code is running: the nearest caller that is in a room; `loop` where only asyncio is at work."""
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(_HOME):
            inside = path[len(_HOME) :]
            for beginning, room in ROOMS:
                if inside.startswith(beginning):
                    return room
        elif path.endswith("/asyncio/base_events.py") and frame.f_code.co_name == "_run_once":
            return "loop"
        frame = frame.f_back
    return "start and end"


class Sampler:
    """Who used the CPU of the main thread."""

    def __init__(self) -> None:
        self.rooms: dict[str, float] = {}
        self._last = time.thread_time()

    def look(self, number: int, frame: FrameType | None) -> None:
        now, room = time.thread_time(), room_of(frame)
        self.rooms[room] = self.rooms.get(room, 0.0) + now - self._last
        self._last = now


def main(path: str, words: list[str]) -> int:
    sampler = Sampler()
    begun, own = time.process_time(), time.thread_time()
    signal.signal(signal.SIGPROF, sampler.look)
    signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)
    sys.argv = ["probe", *words]
    try:
        status = app(words, standalone_mode=False)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    behind = time.process_time() - begun - (time.thread_time() - own)
    sampler.rooms["store, in its thread"] = behind
    assert threading.current_thread() is threading.main_thread()
    Path(path).write_text(json.dumps(sampler.rooms))
    return int(status or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
