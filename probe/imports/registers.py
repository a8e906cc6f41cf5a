"""Registers of blocked resources, read from the files in which they are passed on: one line an entry.

Law: bounded and line by line. What is wrong with a line costs that part of it and is told with the line's number. A
file that is cut off, or of which more is wrong than right, is refused as a whole: what is missing from a register would
be taken for not listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from probe.imports.files import UnreadableError, lines
from probe.imports.recording import Skipped
from probe.imports.register_line import CSV, DUMP, Form, read_line
from probe.register import Entry, Keys, Register

LONGEST_LINE = 1 << 20
_FIRST_DAMAGED = 20
"""Damaged lines that are named; the rest is only counted."""
_SNIFFED = 1 << 20
"""Bytes at the beginning from which a file's encoding is told."""
_BOM = b"\xef\xbb\xbf"
_UPDATED = "Updated:"


@dataclass(slots=True)
class RegisterFile:
    """One file while it is read."""

    path: Path
    form: Form
    updated_at: datetime | None
    encoding: str
    damaged: int = 0
    """Lines that could not be read, or only in part."""
    first_damaged: list[Skipped] = field(default_factory=list)
    _lines: Iterator[tuple[int, bytes | None]] = field(default_factory=lambda: iter(()))

    @classmethod
    def open(cls, path: Path) -> RegisterFile:
        """Reads as much as tells what the file is. Raises UnreadableError for what is no register."""
        numbered = enumerate(lines(path, LONGEST_LINE), start=1)
        _, first = next(numbered, (0, b""))
        head = (first or b"").removeprefix(_BOM).decode("ascii", "replace").strip()
        if head.startswith(_UPDATED):
            form, updated_at = DUMP, _moment(head.removeprefix(_UPDATED).strip())
        elif tuple(name.strip().lower() for name in head.split(CSV.delimiter)) == CSV.columns:
            form, updated_at = CSV, None
        else:
            expected = f"its first line is neither `{_UPDATED} …` nor `{','.join(CSV.columns)}`"
            raise UnreadableError(f"{path}: no register of a known form: {expected}")
        sniffed: list[tuple[int, bytes | None]] = []
        size = 0
        while size < _SNIFFED and (numbered_line := next(numbered, None)) is not None:
            sniffed.append(numbered_line)
            size += len(numbered_line[1] or b"")
        encoding = _encoding([line for _, line in sniffed if line], form.encoding)
        file = cls(path, form, updated_at, encoding, _lines=chain(sniffed, numbered))
        if form is DUMP and updated_at is None:
            file._damage(1, f"no time such as {_UPDATED} 2017-05-04 10:00:00 +0000")
        return file

    def register(self, name: str, country: str) -> Register:
        """What the file is, before it is read to its end."""
        return Register(
            name=name, country=country, form=self.form.name, source=self.path.name, updated_at=self.updated_at
        )

    def entries(self) -> Iterator[tuple[Entry, Keys]]:
        """The entries in their order, each with its keys. Raises UnreadableError, at the end at the latest, for a file
        that must not take the place of a whole one."""
        kept = 0
        for number, line in self._lines:
            before = self.damaged
            found = self._entry(number, line)
            if self.damaged > before and line is not None and not line.endswith(b"\n"):
                raise UnreadableError(f"{self.path}: cut off: it ends in the middle of line {number}")
            if found is not None:
                kept += 1
                yield found
        if self.damaged > kept:
            told = "; ".join(f"line {each.line}: {each.reason}" for each in self.first_damaged[:3])
            raise UnreadableError(f"{self.path}: {self.damaged} lines are damaged and {kept} are not: {told}")
        if not kept:
            raise UnreadableError(f"{self.path}: no entry in it")

    def _entry(self, number: int, line: bytes | None) -> tuple[Entry, Keys] | None:
        if line is None:
            self._damage(number, f"longer than {LONGEST_LINE >> 20} MiB")
            return None
        try:
            text = line.decode(self.encoding).strip()
        except UnicodeDecodeError:
            self._damage(number, f"not text in {self.encoding}")
            return None
        if not text:
            return None
        faults: list[str] = []
        found = read_line(number, text, self.form, faults)
        if faults:
            self._damage(number, "; ".join(faults[:3]))
        return found

    def _damage(self, number: int, reason: str) -> None:
        self.damaged += 1
        if len(self.first_damaged) < _FIRST_DAMAGED:
            self.first_damaged.append(Skipped(self.path, number, reason))


def _encoding(head: Sequence[bytes], usual: str) -> str:
    """That in which most lines that are not plain ASCII are text; windows-1251 is hardly ever UTF-8 by chance."""
    telling = [line for line in head if not line.isascii()]
    if not telling:
        return usual
    good = sum(_is_utf8(line) for line in telling)
    return "utf-8" if good * 2 > len(telling) else "windows-1251"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _moment(text: str) -> datetime | None:
    """The time in the first line of a dump; one without a zone is UTC."""
    for form in ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S"):
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is given or set in the next line
        except ValueError:
            continue
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return None
