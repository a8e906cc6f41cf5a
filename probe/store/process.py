"""Which process keeps a run going: tells a run that goes on from one that was killed.

Law: process ids are used again, so a process is named by boot, id and start time together. A process of another
machine, of another boot, or of a container whose processes are not seen from here, counts as ended.
"""

from __future__ import annotations

import os
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STATE, _START_TIME = 0, 19  # proc(5), `stat`: fields 3 and 22, counted from after the command's name


def process_token() -> str:
    """This process: boot id, process id and start time in clock ticks since boot. Empty where there is no `/proc`."""
    pid = os.getpid()
    stat = _stat(pid)
    return f"{_boot_id()}:{pid}:{stat[_START_TIME]}" if stat else ""


def is_alive(token: str) -> bool:
    """Whether the process of a `process_token` still runs on this machine. Text of any other form is no process.

    Where the boot id is hidden, as in a service's sandbox, process id and start time decide alone."""
    boot_id, _, rest = token.partition(":")
    pid, _, start_time = rest.partition(":")
    if boot_id != _boot_id() or not pid.isdecimal():
        return False
    stat = _stat(int(pid))
    return bool(stat) and stat[_START_TIME] == start_time and stat[_STATE] not in ("Z", "X")


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """The fields of `/proc/PID/stat` after the command's name, which may itself hold spaces and brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
