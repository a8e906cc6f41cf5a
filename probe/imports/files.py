"""The records of a file, one at a time: JSON lines, one JSON document, or an array of records; gzipped or not.

Law: bounded. No record is larger than 32 MiB, no file unpacks to more than 4 GiB, and never is more than one record in
memory, but for a document that is spread over many lines. What a file is, its content says, never its name.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

LONGEST_RECORD = 32 << 20
LONGEST_FILE = 4 << 30
_GZIP = b"\x1f\x8b"
_HEAD = 1024
_NO_LINE = b""


class UnreadableError(Exception):
    """The file as a whole cannot be read; the text names it, and says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file, or the reason why there is none at this place."""

    line: int
    """1, 2, …; in an array of records, the number of the record."""
    data: bytes
    problem: str | None = None


def lines(path: Path, longest: int) -> Iterator[bytes | None]:
    """The lines of a file in their order, with their ends; None for one that is longer than `longest` bytes.

    Raises UnreadableError for what is no text, and, at the line where it happens, for a file that breaks off or goes on
    for ever.
    """
    number = 0
    try:
        with path.open("rb") as raw:
            file = _unpacked(raw)
            if b"\x00" in file.peek(_HEAD)[:_HEAD]:
                raise UnreadableError(f"{path}: not a text file")
            total = 0
            while line := file.readline(longest + 1):
                number += 1
                total += len(line)
                if len(line) > longest:
                    total += _skip_line(file, LONGEST_FILE - total)
                    yield None
                else:
                    yield line
                if total > LONGEST_FILE:
                    raise UnreadableError(f"{path}: holds over {LONGEST_FILE >> 30} GiB")
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (EOFError, zlib.error) as error:
        raise UnreadableError(f"{path}: not a whole gzip file, it breaks off after line {number}: {error}") from None


def records(path: Path) -> Iterator[Record]:
    """The records of a file in their order; blank lines are left out.

    Raises UnreadableError before the first one, for what is no file of records. A file that breaks off later gives a
    last record with the problem.
    """
    try:
        with path.open("rb") as raw:
            file = _unpacked(raw)
            if b"\x00" in file.peek(_HEAD)[:_HEAD]:
                raise UnreadableError(f"{path}: not a text file, so no OONI measurements")
            yield from _records(file)
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (EOFError, zlib.error) as error:
        raise UnreadableError(f"{path}: not a whole gzip file: {error}") from None


def _unpacked(raw: io.BufferedReader) -> io.BufferedReader:
    if raw.peek(2)[:2] != _GZIP:
        return raw
    return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=raw)))


def _records(file: BinaryIO) -> Iterator[Record]:
    total, number = 0, 0
    while True:
        number += 1
        try:
            line = file.readline(LONGEST_RECORD + 1)
            total += len(line)
            if number == 1 and _opens_document(line):
                yield from _document(line + file.read(LONGEST_RECORD + 1 - len(line)))
                return
            too_long = len(line) > LONGEST_RECORD
            if too_long:
                total += _skip_line(file, LONGEST_FILE - total)
        except (EOFError, zlib.error, OSError) as error:
            if number == 1:
                raise
            yield Record(number, b"", f"the file is damaged or cut off here: {error}")
            return
        if total > LONGEST_FILE:
            yield Record(number, b"", f"the file holds over {LONGEST_FILE >> 30} GiB; split it")
            return
        if not line:
            return
        if too_long:
            yield Record(number, b"", f"longer than {LONGEST_RECORD >> 20} MiB")
        elif line.strip():
            yield Record(number, line)


def _skip_line(file: BinaryIO, most: int) -> int:
    """Reads to the end of a line, at most `most` bytes and a little more; how many it read."""
    total = 0
    while total <= most:
        piece = file.readline(1 << 20)
        total += len(piece)
        if piece == _NO_LINE or piece.endswith(b"\n"):
            break
    return total


def _opens_document(line: bytes) -> bool:
    """A line that is no record by itself: the beginning of an array, or of an object in many lines."""
    start = line.lstrip(b"\xef\xbb\xbf").strip()
    return start.startswith(b"[") or start == b"{"


def _document(data: bytes) -> Iterator[Record]:
    if len(data) > LONGEST_RECORD:
        yield Record(1, b"", f"one document of over {LONGEST_RECORD >> 20} MiB; give one record a line")
        return
    data = data.lstrip(b"\xef\xbb\xbf").strip()
    if not data.startswith(b"["):
        yield Record(1, data)
        return
    try:
        items = msgspec.json.decode(data, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        yield Record(1, b"", f"not JSON: {error}")
        return
    for number, item in enumerate(items, start=1):
        yield Record(number, bytes(item))
