"""`probe`, and how much memory it took at most: `python -m tests.hostile.measured FILE WORDS…`."""

from __future__ import annotations

import sys
from pathlib import Path

from probe.cli.main import main

_STATUS = Path("/proc/self/status")


def peak() -> int:
    """Bytes: the most that this process has had in memory at once (`VmHWM`), which begins anew with each program."""
    return next(int(line.split()[1]) for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:")) * 1024


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    try:
        main()
    finally:
        file.write_text(str(peak()))
