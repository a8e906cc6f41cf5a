"""One clock for a run: that of the wall as it was at the start, and then even.

Law: what is set anew in the middle, back or forward, changes no order in a run, and no duration. A suspend counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def even_clock() -> Callable[[], datetime]:
    """Tells the time from now on, UTC."""
    began, since = datetime.now(UTC), _elapsed()
    return lambda: began + timedelta(seconds=_elapsed() - since)


def _elapsed() -> float:
    """Seconds that passed since some moment, those of a suspend included where the system counts them."""
    try:
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):  # Linux alone has it
        return time.monotonic()
