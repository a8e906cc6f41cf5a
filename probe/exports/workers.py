"""Other processes that write parts of a dataset, each with a view of its own of the same rows.

Law: which process writes a part changes no byte of it. They end with the one that began them, whatever ends that.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from probe.exports.files import ExportError, Seen, seldom_collected
from probe.exports.rows import Redacted
from probe.exports.shape import SHAPES, Table
from probe.redaction import Redactor
from probe.store import Filter
from probe.store.datasets import Part, view

Task = tuple[str, Part, str]
"""Table, part, and the file that it is written into."""
WritePart = Callable[[Redacted, Path, Table, Part, Seen], int]

_BEGIN_SECONDS = 120
_ENDED = "another process of this program was ended; is there enough memory?"


class Workers:
    """So many processes, between `with` and its end."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._stack = ExitStack()
        self._lines: list[Connection] = []

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        for _ in range(self._count):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there,), daemon=True)
            process.start()
            there.close()
            self._lines.append(here)
            self._stack.callback(process.join)
            self._stack.callback(process.terminate)
            self._stack.callback(here.close)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def begin(self, path: Path, wanted: Filter) -> None:
        """Has each of them look at the database as it is now. Raises ExportError."""
        for line in self._lines:
            _tell(line, (path, wanted))
        for line in self._lines:
            if not line.poll(_BEGIN_SECONDS):
                raise ExportError("another process of this program does not begin to read; try again")
            _answer(line)

    def parts(self) -> Mapping[str, Sequence[Part]]:
        """Those of each table, once all of them have found out what is wanted. Raises ExportError."""
        told: list[Mapping[str, Sequence[Part]]] = [_answer(line) for line in self._lines]
        return told[0]

    def write(
        self, redactor: Redactor, *, bodies: bool, write_part: WritePart, tasks: Sequence[Task]
    ) -> Iterator[tuple[Task, int, Seen]]:
        """Has all parts written; gives of each how many rows there are, and what was seen of them, in any order."""
        for line in self._lines:
            _tell(line, (redactor, bodies, write_part))
        left = list(reversed(tasks))
        idle, busy = list(self._lines), set[Connection]()
        while left or busy:
            while idle and left:
                line = idle.pop()
                _tell(line, left.pop())
                busy.add(line)
            ready = set(wait(list(busy)))
            for line in [each for each in busy if each in ready]:
                yield _answer(line)
                busy.discard(line)
                idle.append(line)


def _tell(line: Connection, said: object) -> None:
    try:
        line.send(said)
    except OSError:
        raise ExportError(_ENDED) from None


def _answer(line: Connection) -> Any:
    """What a process says; raises what it raised."""
    try:
        said = line.recv()
    except (EOFError, OSError):
        raise ExportError(_ENDED) from None
    if isinstance(said, Exception):
        raise said
    return said


def _work(line: Connection) -> None:
    """The other process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # told to all of a terminal's processes; the first one ends this one
    try:
        path, wanted = line.recv()
        with view(path, wanted, by_day=True, ready=lambda: line.send(None)) as dataset, seldom_collected():
            line.send({table: dataset.parts(table) for table in SHAPES})
            redactor, bodies, write_part = line.recv()
            redacted = Redacted(dataset, redactor, bodies=bodies)
            while True:
                task = line.recv()
                table, part, place = task
                seen = Seen()
                count = write_part(redacted, Path(place), SHAPES[table], part, seen)
                line.send((task, count, seen))
    except EOFError:
        return
    except Exception as error:  # told to the one who waits for it
        line.send(error)
