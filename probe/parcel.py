"""A parcel: the files of one dataset in one file, to be sent (`docs/collecting.md`).

Law: the same files give the same parcel, whose id is the hash of their SHA256SUMS: no clock and no owner is in it. What
somebody else has packed is read in small pieces, within bounds of files, names and bytes, and written nowhere but into
the folder that is given.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SUMS = "SHA256SUMS"
LARGEST = 64 << 20
"""Bytes of a parcel as it is sent."""
LARGEST_UNPACKED = 1 << 30
MOST_FILES = 64
ENDING = ".tar.gz"
ID = re.compile(r"[0-9a-f]{64}")

_NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,98}")
_OCTAL = re.compile(rb"[0-7]{1,11}")
_BLOCK = 512  # POSIX ustar: a header, then the content, each filled up to whole blocks
_MAGIC, _TYPES = b"ustar", (b"0", b"\0")
_CHUNK = 1 << 16
_FAST = 6


class ParcelError(Exception):
    """No parcel; the text says why."""


def id_of(sums: bytes) -> str:
    """The id of the parcel with this SHA256SUMS. An import calls its source by the same hash."""
    return hashlib.sha256(sums).hexdigest()


def pack(folder: Path, place: Path) -> int:
    """Writes the files of a folder as a parcel, to the disk; gives its size. Raises OSError."""
    with place.open("wb") as file:
        with (
            gzip.GzipFile("", "wb", _FAST, file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
        ):
            for path in sorted(folder.iterdir()):
                about = tarfile.TarInfo(path.name)
                about.size, about.mode = path.stat().st_size, 0o644
                with path.open("rb") as content:
                    tar.addfile(about, content)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def unpack(path: Path, folder: Path) -> str:
    """Writes the files of a parcel into a folder that is empty; gives its id. Raises ParcelError, and OSError."""
    with path.open("rb") as file:
        unzipped = _Unzipped(file)
        for number, (name, size) in enumerate(_headers(unzipped), start=1):
            if number > MOST_FILES:
                raise ParcelError(f"holds over {MOST_FILES} files")
            try:
                content = (folder / name).open("xb")
            except FileExistsError:
                raise ParcelError(f"holds {name} twice") from None
            with content:
                for piece in unzipped.pieces(size):
                    content.write(piece)
            unzipped.take(-size % _BLOCK)
        unzipped.finish()
    try:
        return id_of((folder / SUMS).read_bytes())
    except FileNotFoundError:
        raise ParcelError(f"holds no {SUMS}") from None


def _headers(unzipped: _Unzipped) -> Iterator[tuple[str, int]]:
    """Name and size of each file; the content must be taken before the next is asked for."""
    while any(header := unzipped.take(_BLOCK)):
        name, size = header[:100].rstrip(b"\0"), header[124:136].strip(b" \0")
        plain = header[257:262] == _MAGIC and header[156:157] in _TYPES and not header[345:500].strip(b"\0")
        if not (plain and _NAME.fullmatch(name) and _OCTAL.fullmatch(size)):
            raise ParcelError("is no plain tar archive of plain files")
        yield name.decode("ascii"), int(size, 8)


class _Unzipped:
    """The content of a gzip file, taken piece by piece; never much of it in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._unzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._ready = b""
        self._total = 0

    def take(self, count: int) -> bytes:
        """Exactly so many bytes. Raises ParcelError where there are fewer."""
        return b"".join(self.pieces(count))

    def pieces(self, count: int) -> Iterator[bytes]:
        """The same in pieces."""
        while count > 0:
            if not self._ready and not self._more():
                raise ParcelError("breaks off")
            piece, self._ready = self._ready[:count], self._ready[count:]
            count -= len(piece)
            yield piece

    def finish(self) -> None:
        """Raises ParcelError unless nothing but zeros follows, and the gzip file ends well."""
        while self._ready or self._more():
            if any(self._ready):
                raise ParcelError("holds more after its end")
            self._ready = b""
        if self._unzip.unused_data or self._file.read(1):
            raise ParcelError("holds more after its end")

    def _more(self) -> bool:
        """Unpacks the next piece; False at the end of the gzip file. Raises ParcelError where it has none."""
        while not self._ready and not self._unzip.eof:
            data = self._unzip.unconsumed_tail or self._file.read(_CHUNK)
            try:
                self._ready = self._unzip.decompress(data, _CHUNK)
            except zlib.error as error:
                raise ParcelError(f"is no whole gzip file: {error}") from None
            if not data and not self._ready and not self._unzip.eof:
                raise ParcelError("breaks off")
        self._total += len(self._ready)
        if self._total > LARGEST_UNPACKED:
            raise ParcelError(f"unpacks to over {LARGEST_UNPACKED >> 20} MiB")
        return bool(self._ready)
