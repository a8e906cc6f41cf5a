"""What a job of the reliability page is, and what it gives: figures, each with what it must be.

Law: a figure is as measured. Whether it is as promised is worked out from it, never written down by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the page."""

    what: str
    """What was counted or measured."""
    value: str
    """As the page shows it, with its unit."""
    promised: str = ""
    """What it must be, in words; empty for a figure that promises nothing."""
    kept: bool = True
    """Whether it is that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A part of the page. It is run by itself, and may take minutes."""

    title: str
    how: str
    """What is done, in a sentence or two of Markdown."""
    run: Callable[[], Sequence[Figure]]
    """Raises whatever goes wrong: a job that cannot be carried out gives no figures."""


def none_of(what: str, count: int) -> Figure:
    """A figure that must be nought."""
    return Figure(what=what, value=f"{count:,}", promised="0", kept=count == 0)


def at_most(what: str, value: float, most: float, unit: str, digits: int = 1) -> Figure:
    """A figure with an upper bound."""
    shown, bound = f"{value:,.{digits}f} {unit}", f"at most {most:,g} {unit}"
    return Figure(what=what, value=shown, promised=bound, kept=value <= most)


def at_least(what: str, count: int, least: int) -> Figure:
    """A count that must be reached for the others to say something."""
    return Figure(what=what, value=f"{count:,}", promised=f"at least {least:,}", kept=count >= least)
