"""One place of a list where a target should be."""

from __future__ import annotations

from dataclasses import dataclass


class ListError(ValueError):
    """A file that is no list as a whole; the text says why, and where in it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at one place of a list from elsewhere."""

    line: int
    """1, 2, …"""
    text: str = ""
    problem: str | None = None
    """Why there is no text of a target at this place."""
