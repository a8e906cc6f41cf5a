"""Several awaits of one recipe side by side, none of which outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def together(*steps: Coroutine[Any, Any, T]) -> list[T]:
    """The results in the order given. The first exception ends the others and is raised as itself."""
    if not steps:
        return []
    if len(steps) == 1:
        return [await steps[0]]
    try:
        async with asyncio.TaskGroup() as group:
            others = [group.create_task(step) for step in steps[1:]]
            first = await steps[0]  # it needs no task of its own
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [first, *(task.result() for task in others)]
