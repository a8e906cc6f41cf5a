"""Lists of targets from elsewhere, one entry at a time: Citizen Lab's CSV, OONI Run descriptors, one target a line.

Law: bounded, and one entry that is wrong costs that entry only. What a file is, its ending says, or else its content;
it is opened once and read in one pass, so that a pipe is a list too.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from probe.targets import ooni_run
from probe.targets.entry import Entry, ListError

LARGEST = 32 << 20
LONGEST_LINE = 16 << 10
_HEAD = 4096

LIST_ENDINGS = (".csv", ".json", ".txt")
"""What lists in a folder are called. A file that is named may be called anything."""

_BOM = "\ufeff"
_COMMENT = "#"
_TRAILING_COMMENT = re.compile(r"\s+#.*")
_COLUMN = "url"
_DELIMITERS = (",", ";", "\t")
# The first line that says something, by which a file is known where its ending does not tell.
_OPENS_JSON = re.compile(r'\{|\[\s*(["{\]]|$)')
_OPENS_SERVICE = re.compile(r"""\[\[?\s*["'\w-]+\s*\]|["'\w-]+\s*=""")
_TEST_LIST_ROW = re.compile(r"[^,\s]+,\s*[A-Z]{2,5},")


class Form(Enum):
    """How a list is written."""

    SERVICE = "a service file"
    TABLE = "comma-separated values"
    JSON = "JSON"
    LINES = "one target a line"


@dataclass(frozen=True, slots=True)
class OpenList:
    """A list that has been opened: how it is written, and what is to come."""

    form: Form
    file: io.BufferedReader

    def entries(self) -> Iterator[Entry]:
        """What stands where targets should be, in order; blank lines and comments are left out.

        Raises ListError for a file that is no list as a whole.
        """
        if self.form is Form.JSON:
            return ooni_run.entries(_whole(self.file))
        lines = _sayings(self.file)
        return _of_table(lines) if self.form is Form.TABLE else _of_lines(lines)


@contextmanager
def open_list(path: Path) -> Iterator[OpenList]:
    """A file, opened and recognised. Raises ListError for one that cannot be read, or is no text."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                raise _too_large()
            head = file.peek(_HEAD)[:_HEAD]
            if b"\x00" in head:
                raise ListError("is not UTF-8 text")
            yield OpenList(_form(path.suffix.lower(), head), file)
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}") from None


def _form(ending: str, head: bytes) -> Form:
    if ending == ".json":
        return Form.JSON
    lines = (line.strip() for line in head.decode("utf-8-sig", "replace").splitlines())
    first = next((line for line in lines if line and not line.startswith(_COMMENT)), "")
    if _OPENS_JSON.match(first):
        return Form.JSON
    if _OPENS_SERVICE.match(first):
        return Form.SERVICE
    if ending == ".csv" or _header(first) is not None or _TEST_LIST_ROW.match(first):
        return Form.TABLE
    return Form.LINES


def _whole(file: io.BufferedReader) -> str:
    content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise _too_large()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ListError(f"line {line}: is not UTF-8 text") from None


def _too_large() -> ListError:
    return ListError(f"larger than {LARGEST >> 20} MiB; split it")


def _sayings(file: io.BufferedReader) -> Iterator[Entry]:
    """The lines that say something, without the white space around them."""
    for number, line in _lines(file):
        if line is None:
            yield Entry(number, problem=f"longer than {LONGEST_LINE >> 10} KiB")
            continue
        try:
            text = line.decode("utf-8").removeprefix(_BOM if number == 1 else "").strip()
        except UnicodeDecodeError:
            yield Entry(number, problem="is not UTF-8 text")
            continue
        if text and not text.startswith(_COMMENT):
            yield Entry(number, text)


def _lines(file: io.BufferedReader) -> Iterator[tuple[int, bytes | None]]:
    """The lines with their numbers, None in the place of one that is too long. Raises ListError where a pipe gives
    more than LARGEST."""
    total = 0
    for number in itertools.count(1):
        line = file.readline(LONGEST_LINE + 1)
        if not line:
            return
        total += len(line)
        too_long = len(line) > LONGEST_LINE
        if not too_long:
            yield number, line
        while too_long and line and not line.endswith(b"\n") and total <= LARGEST:
            line = file.readline(LONGEST_LINE)
            total += len(line)
        if too_long:
            yield number, None
        if total > LARGEST:
            raise _too_large()


def _of_lines(lines: Iterator[Entry]) -> Iterator[Entry]:
    for entry in lines:
        yield replace(entry, text=_TRAILING_COMMENT.sub("", entry.text))


def _of_table(lines: Iterator[Entry]) -> Iterator[Entry]:
    """The cells of the column `url`; of the first one where no line names the columns. A row is one line."""
    delimiter, column, named = ",", 0, False
    for entry in lines:
        if not named and entry.problem is None:
            named = True
            if (found := _header(entry.text)) is not None:
                delimiter, column = found
                continue
        yield entry if entry.problem is not None else _cell(entry, delimiter, column)


def _header(line: str) -> tuple[str, int] | None:
    """What the columns are parted by, and which of them is `url`, where this line names them."""
    for delimiter in _DELIMITERS:
        names = [name.strip().strip('"').lower() for name in line.split(delimiter)]
        if _COLUMN in names:
            return delimiter, names.index(_COLUMN)
    return None


def _cell(entry: Entry, delimiter: str, column: int) -> Entry:
    try:
        cells = next(csv.reader([entry.text], delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error as error:
        return replace(entry, problem=f"not a row of a CSV file: {error}")
    text = cells[column].strip() if column < len(cells) else ""
    return replace(entry, text=text, problem=None if text else "the column url is empty")
