"""Where parcels are examined, merged and kept.

Law: a parcel is believed when all its files have the hash that its SHA256SUMS says, that list the signature beside it,
and the parcel the id it was sent under. It is kept once the database has all of it; until then it is nobody's but the
sender's. A stop at any moment leaves at most a measurement that will be known when it comes again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from probe.imports.datasets import SIGNATURE, checked, merge_dataset
from probe.imports.files import UnreadableError
from probe.parcel import ENDING, ParcelError, unpack
from probe.store import Store

_KEPT, _ARRIVING, _LOCK = "parcels", "arriving", "lock"


class Receipt(msgspec.Struct, frozen=True):
    """What is said of a parcel that is kept."""

    id: str
    imported: int
    """Measurements that were new."""
    known: int


class RejectedError(Exception):
    """A parcel that is not taken; the text says why, to the one who sent it."""


@dataclass(slots=True)
class Depot:
    """A folder, and the database that parcels are merged into. It may be used from several threads."""

    folder: Path
    store: Store
    _merging: threading.Lock = field(default_factory=threading.Lock)
    _lock: IO[bytes] | None = None

    def open(self) -> None:
        """Makes the folder ready, for this process alone; what was arriving when somebody else was killed is thrown
        away. Raises OSError, BlockingIOError where another process has it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (self.folder / _LOCK).open("wb")  # until the process ends
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        arriving = self.folder / _ARRIVING
        if arriving.exists():
            shutil.rmtree(arriving)
        for folder in (arriving, self.folder / _KEPT):
            folder.mkdir(exist_ok=True, mode=0o700)

    @contextmanager
    def arriving(self) -> Iterator[Path]:
        """A place for one parcel to arrive at. Raises OSError."""
        folder = Path(tempfile.mkdtemp(dir=self.folder / _ARRIVING))
        try:
            yield folder / "parcel"
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def has(self, parcel: str) -> bool:
        """Whether a parcel is kept."""
        return self._place(parcel).exists()

    def take(self, path: Path, parcel: str, key: str | None) -> Receipt:
        """Merges and keeps what has arrived at `path` under this id, and must be signed with `key` where one is given.
        Raises RejectedError, and then, as with StoreError and OSError, keeps nothing."""
        with self._merging:
            if self.has(parcel):
                return Receipt(id=parcel, imported=0, known=0)
            files = path.with_name(parcel)
            files.mkdir()
            try:
                if unpack(path, files) != parcel:
                    raise RejectedError("it is another parcel than it is called")
                if not (files / SIGNATURE).is_file():
                    raise RejectedError("it is not signed")
                merged = merge_dataset(self.store, checked(files, key)).merged
            except ParcelError as error:
                raise RejectedError(f"it {error}") from None
            except UnreadableError as error:
                raise RejectedError(str(error).replace(str(files), "the parcel")) from None
            self._keep(path, parcel)
            return Receipt(id=parcel, imported=merged.imported, known=merged.known)

    def _keep(self, path: Path, parcel: str) -> None:
        """On the disk, under its name, before anybody is told."""
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.replace(self._place(parcel))
        handle = os.open(self.folder / _KEPT, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _place(self, parcel: str) -> Path:
        return self.folder / _KEPT / f"{parcel}{ENDING}"
