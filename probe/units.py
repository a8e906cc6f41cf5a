"""The systemd units that come with the program, and what they say where it is installed.

Law: text only. They are written for `/usr/bin/probe`; elsewhere that path, and nothing else, is another.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SYSTEM_UNITS = (
    "probe.timer",
    "probe.service",
    "probe-control.service",
    "probe-collect.service",
    "probe-failure@.service",
)
USER_UNITS = ("probe.timer", "user/probe.service")
"""For a user's own service manager, which cannot close as much."""
_WRITTEN_FOR = "/usr/bin/probe"


def units(program: Path, *, user: bool) -> Mapping[str, str]:
    """The text of each unit by its name, for a program at this path. Raises OSError where they are missing."""
    folder = _folder()
    names = USER_UNITS if user else SYSTEM_UNITS
    return {
        Path(name).name: (folder / name).read_text("utf-8").replace(f"={_WRITTEN_FOR} ", f"={_quoted(program)} ")
        for name in names
    }


def _folder() -> Path:
    """In the installed package, or at the top of a checkout."""
    inside = Path(__file__).parent / "systemd"
    return inside if inside.is_dir() else Path(__file__).parents[1] / "systemd"


def _quoted(program: Path) -> str:
    """As a word of ExecStart (systemd.service(5), Command lines)."""
    text = str(program).replace("%", "%%").replace("$", "$$")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if escaped != text or any(c.isspace() for c in text) else text
