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
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from probe.model import Result
from probe.store.problem import StoreError
from probe.store.store import Store

_BATCH = 100
"""Results a transaction: few enough that another process need not wait long for its turn."""

_APART = 0.1
"""Seconds between the beginnings of two transactions: who comes alone does not wait."""

_Item = tuple[Result, "asyncio.Future[None]"]
_Batch = Sequence[_Item]


class Writer:
    """Writes results to a store from a thread of its own, between `async with` and its end."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._error: Exception | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Future[None] | None = None
        self._gathered: list[_Item] = []
        self._is_writing = False
        self._is_closing = False
        self._next = 0.0  # when the next transaction may begin, on the loop's clock
        self._due: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        threading.Thread(target=self._write_all, args=(self._loop,), name="store-writer", daemon=True).start()
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
        if self._loop is None or self._is_closing:
            raise StoreError(f"{self._store.path}: the writer is not running")
        written = self._loop.create_future()
        self._gathered.append((result, written))
        self._go_on(self._loop)
        return written

    async def close(self) -> None:
        """Waits for what was put, and ends the thread. Raises the error of a result that could not be recorded."""
        if self._loop is None or self._ended is None or self._is_closing:
            return
        self._is_closing = True
        self._go_on(self._loop)
        await asyncio.shield(self._ended)
        if self._error is not None:
            raise self._error

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Gives the thread the next batch when it is time for one; its end, when nothing more will come."""
        if self._is_writing or not (self._gathered or self._is_closing):
            return
        left = self._next - loop.time()
        if left > 0 and len(self._gathered) < _BATCH and not self._is_closing:
            self._due = self._due or loop.call_later(left, self._is_due, loop)
            return
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._gathered:
            batch, self._gathered = self._gathered[:_BATCH], self._gathered[_BATCH:]
            self._is_writing, self._next = True, loop.time() + _APART
            self._queue.put(batch)
        else:
            self._queue.put(None)

    def _is_due(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due, self._next = None, 0.0
        self._go_on(loop)

    def _tell(self, batch: _Batch, errors: Sequence[Exception | None], loop: asyncio.AbstractEventLoop) -> None:
        """In the event loop: wakes those who wait, and goes on."""
        for (_, written), error in zip(batch, errors, strict=True):
            if written.done():  # cancelled
                continue
            if error is None:
                written.set_result(None)
            else:
                written.set_exception(error)
        self._is_writing = False
        self._go_on(loop)

    def _write_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """The thread: batch after batch, until the end is told."""
        assert self._ended is not None, "the thread is started after it is made"
        while (batch := self._queue.get()) is not None:
            loop.call_soon_threadsafe(self._tell, batch, self._write(batch), loop)
        loop.call_soon_threadsafe(self._ended.set_result, None)

    def _write(self, batch: _Batch) -> list[Exception | None]:
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
