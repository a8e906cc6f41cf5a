"""Writes a file whole or not at all.

Law: whoever reads while we write, or after we were killed, finds the old file or the new one, never a part of it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def replace_file(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Puts this content in the place of what is there, which keeps its permissions; a new file has those of `mode`,
    whatever the process masks. Raises OSError."""
    place = path.resolve()  # what a link leads to, not the link
    new = place.with_name(f".{place.name}.{os.getpid()}.new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            if place.exists():
                os.fchmod(file.fileno(), place.stat().st_mode & 0o7777)
            elif mode is not None:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        new.replace(place)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    _sync(place.parent)


def _sync(folder: Path) -> None:
    """The new name is on the disk as well."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
