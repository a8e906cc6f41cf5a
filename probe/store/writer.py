"""A thread in front of `Store.add`, so that the event loop never waits for the disk.

Law: what `put` gives is done when the result is on the disk, and that is the back-pressure. While one transaction is on
its way to the disk the next results gather, and go together in the next one; one soon after another waits a little,
since a transaction costs more than what is in it.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from probe.model import Result
from probe.store.problem import StoreError
from probe.store.store import Store

_BATCH = 100
"""Results a transaction: few enough that another process need not wait long for its turn."""

_APART = 0.04
"""Seconds between the beginnings of two transactions: who comes alone does not wait."""

_Item = tuple[Result, "asyncio.Future[None]"]


class Writer:
    """Writes results to a store from a thread of its own, between `async with` and its end."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._error: Exception | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        threading.Thread(target=self._write_all, name="store-writer", daemon=True).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except Exception:
            if error is None:  # else the first error is the one to tell
                raise

    def put(self, result: Result) -> asyncio.Future[None]:
        """Records a result; what is given is done when it is on the disk, or holds a StoreError when it could not be
        recorded. Whoever is cancelled while waiting has it recorded all the same."""
        if self._loop is None:
            raise StoreError(f"{self._store.path}: the writer is not running")
        written = self._loop.create_future()
        self._queue.put((result, written))
        return written

    async def close(self) -> None:
        """Waits for what was put, and ends the thread. Raises the error of a result that could not be recorded."""
        if self._loop is None or self._ended is None:
            return
        self._loop = None
        self._queue.put(None)
        await asyncio.shield(self._ended)
        if self._error is not None:
            raise self._error

    def _write_all(self) -> None:
        """The thread: batch after batch, until the end is told."""
        ended = self._ended
        assert ended is not None, "the thread is started after it is made"
        loop = ended.get_loop()
        going, begun = True, 0.0
        while going:
            batch, going = self._gather(begun + _APART)
            begun = time.monotonic()
            if batch:
                errors = self._write(batch)
                loop.call_soon_threadsafe(_tell, batch, errors)
        loop.call_soon_threadsafe(ended.set_result, None)

    def _gather(self, until: float) -> tuple[list[_Item], bool]:
        """What is waiting by then, at least one result; False beside it when nothing comes after."""
        batch: list[_Item] = []
        item = self._queue.get()
        if item is not None:
            time.sleep(max(0.0, until - time.monotonic()))
        while item is not None:
            batch.append(item)
            if len(batch) == _BATCH or self._queue.empty():
                return batch, True
            item = self._queue.get()
        return batch, False

    def _write(self, batch: Sequence[_Item]) -> list[Exception | None]:
        """An error or None for each. One result that cannot be stored does not take the others with it: then each is
        tried alone. Where the disk or the file is at fault that would only fail, or wait, a hundred times."""
        error = self._add([result for result, _ in batch])
        if error is None or len(batch) == 1 or isinstance(error.__cause__, sqlite3.OperationalError):
            errors = [error] * len(batch)
        else:
            errors = [self._add([result]) for result, _ in batch]
        self._error = self._error or next(filter(None, errors), None)
        return errors

    def _add(self, results: Sequence[Result]) -> Exception | None:
        try:
            self._store.add(results)
        except Exception as error:  # told to whoever put it, in their own thread
            return error
        return None


def _tell(batch: Sequence[_Item], errors: Sequence[Exception | None]) -> None:
    """In the event loop: wakes those who wait."""
    for (_, written), error in zip(batch, errors, strict=True):
        if written.done():  # cancelled
            continue
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)
