"""The parcels that no collector has acknowledged yet, in a folder beside the database.

Law: a parcel is in the folder whole or not at all, and leaves it only when it was acknowledged. One process at a time
works in the folder; one that is killed leaves nothing that the next would take for more than it is.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from probe.files import replace_file
from probe.parcel import ENDING, ID

COLLECTOR = ""
"""In place of a parcel's id: the trouble is with the collector, or with the way to it."""
_MAKING, _STATE, _LOCK = ".making-", "state.json", "lock"
_FIRST_DELAY, _LONGEST_DELAY = timedelta(minutes=30), timedelta(days=1)
_LARGEST_STATE = 1 << 20


class OutboxBusyError(Exception):
    """Another process works in the outbox."""


class Trouble(msgspec.Struct, frozen=True):
    """Why something was not acknowledged, and from when on it is tried again."""

    tries: int
    since: datetime
    not_before: datetime
    reason: str

    def is_over(self, now: datetime) -> bool:
        """The next try is due. A clock that was wrong when the last one was made does not put it off for ever."""
        return self.not_before <= now or self.not_before > now + 2 * _LONGEST_DELAY


@dataclass(frozen=True, slots=True)
class Outbox:
    """The folder. It need not be there."""

    folder: Path

    def waiting(self) -> list[str]:
        """The ids of the parcels in it, oldest first."""
        with suppress(FileNotFoundError):
            found = [each for each in os.scandir(self.folder) if ID.fullmatch(each.name.removesuffix(ENDING))]
            return [each.name.removesuffix(ENDING) for each in sorted(found, key=lambda e: (e.stat().st_mtime, e.name))]
        return []

    def path(self, parcel: str) -> Path:
        """The file of a parcel."""
        return self.folder / f"{parcel}{ENDING}"

    def size_of(self, parcel: str) -> int:
        """Bytes of a parcel."""
        return self.path(parcel).stat().st_size

    def size(self) -> int:
        """Bytes of all parcels."""
        return sum(map(self.size_of, self.waiting()))

    @contextmanager
    def working(self) -> Iterator[None]:
        """Alone in the folder; it is made where it is not there. Raises OutboxBusyError, and OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / _LOCK).open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutboxBusyError(f"{self.folder}: another process is packing or sending") from None
            for left in self.folder.glob(f"{_MAKING}*"):  # by one that was killed
                shutil.rmtree(left)
            yield

    @contextmanager
    def making(self) -> Iterator[Path]:
        """A folder to make a parcel in, which is gone afterwards."""
        folder = Path(tempfile.mkdtemp(prefix=_MAKING, dir=self.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def add(self, made: Path, parcel: str) -> None:
        """Takes in a file that is on the disk."""
        made.replace(self.path(parcel))
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def remove(self, parcel: str) -> None:
        """It was acknowledged."""
        self.path(parcel).unlink(missing_ok=True)
        self.clear(parcel)

    def troubles(self) -> dict[str, Trouble]:
        """What is in the way, by parcel. A file of them that cannot be read says nothing."""
        try:
            with (self.folder / _STATE).open("rb") as file:
                return msgspec.json.decode(file.read(_LARGEST_STATE), type=dict[str, Trouble])
        except (OSError, msgspec.MsgspecError):
            return {}

    def note(self, parcel: str, reason: str, now: datetime) -> None:
        """It was not acknowledged: the next try comes later each time, up to a day."""
        known = self.troubles()
        before = known.get(parcel)
        tries = before.tries + 1 if before else 1
        delay = min(_FIRST_DELAY * 2 ** min(tries - 1, 10), _LONGEST_DELAY) * (0.75 + secrets.randbelow(500) / 1000)
        since = before.since if before else now
        self._keep({**known, parcel: Trouble(tries=tries, since=since, not_before=now + delay, reason=reason[:500])})

    def clear(self, parcel: str) -> None:
        """Nothing is in the way any more."""
        known = self.troubles()
        if known.pop(parcel, None) is not None:
            self._keep(known)

    def _keep(self, troubles: dict[str, Trouble]) -> None:
        here = {COLLECTOR, *self.waiting()}
        kept = {parcel: trouble for parcel, trouble in troubles.items() if parcel in here}
        replace_file(self.folder / _STATE, msgspec.json.encode(kept), mode=0o600)


def outbox_of(database: Path) -> Outbox:
    """The outbox of what is in a database."""
    return Outbox(database.with_name(f"{database.name}-outbox"))
