"""What some tests need of the machine: namespaces, tunnels, a clock that can be changed.

Law: what is missing is said, and the test skipped; where PROBE_LAB says that the lab is required, it fails.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

TUN = Path("/dev/net/tun")


def need(missing: str | None) -> None:
    """Ends a test that lacks something."""
    if missing is None:
        return
    if os.environ.get("PROBE_LAB") == "required":
        pytest.fail(f"the lab is required here: {missing}")
    pytest.skip(missing)


def without_tunnels() -> str | None:
    """Why no tunnel can be made here; None where one can."""
    return None if os.access(TUN, os.R_OK | os.W_OK) else f"there is no {TUN} for this user"


def without_clocks() -> str | None:
    """Why the clock of a program cannot be changed here; None where it can."""
    return None if _faketime() is not None else "libfaketime is missing (Debian package libfaketime)"


def clock(shift: str) -> Mapping[str, str]:
    """The environment of a program whose clock is off by this much: `+365d`. Its deadlines go by a true clock."""
    return {"LD_PRELOAD": str(_faketime()), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def _faketime() -> Path | None:
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
