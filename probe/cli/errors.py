"""How a verb ends other than well: one line on stderr, and the contract's exit status."""

from __future__ import annotations

import sys
from enum import IntEnum


class Status(IntEnum):
    """Exit statuses (contract)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BLOCKED = 3
    NOT_OK = 4
    CONFIGURATION = 5
    OFFLINE = 75
    SIGINT = 130
    SIGTERM = 143


class Refusal(Exception):  # noqa: N818 - an end, not an error of the program
    """A verb cannot go on: `text` says why and what to do, `status` is what the process exits with."""

    def __init__(self, text: str, status: Status) -> None:
        super().__init__(text)
        self.status = status


def say(text: str) -> None:
    """One line to the user on stderr, whatever is in the text."""
    from probe.report.safe import safe

    print(f"probe: {safe(text, 600)}", file=sys.stderr)
