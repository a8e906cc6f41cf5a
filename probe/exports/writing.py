"""A dataset into a folder: its tables, what describes them, the hash of every file, and a signature where asked for.

Law: the folder is there whole or not at all. It is written beside its place under another name, and renamed at the end.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.exports import csv, jsonl, ooni, parquet
from probe.exports.files import ExportError, Seen, Write, seldom_collected
from probe.exports.package import About, files_beside
from probe.exports.rows import Redacted
from probe.exports.workers import Workers
from probe.targets.bundle import signature_line

SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
MAGIC = b"probe-dataset-1"
"""How the signature's one line begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One form of a dataset."""

    write: Write
    by_day: bool = False
    """Whether it has a part for each day and country, which workers may write."""


FORMATS: Mapping[str, Format] = {
    "csv": Format(write=csv.write),
    "jsonl": Format(write=jsonl.write),
    "parquet": Format(write=parquet.write, by_day=True),
    "ooni": Format(write=ooni.write),
}


def export(
    redacted: Redacted,
    output: Path,
    about: About,
    seen: Seen,
    key: Ed25519PrivateKey | None = None,
    workers: Workers | None = None,
) -> int:
    """Writes the dataset; gives the number of its measurements. Raises ExportError, and then leaves nothing."""
    form = FORMATS[about.format]
    write = partial(parquet.write, workers=workers) if form.by_day else form.write
    with told_plainly(output), made_beside(output) as folder, seldom_collected():
        resources = write(redacted, folder, seen)
        if not resources:
            raise ExportError("there is nothing to export: no measurement is like that; see `probe results`")
        sums = dict(_sums(folder))
        for name, content in files_beside(about, seen, resources, sums):
            (folder / name).write_bytes(content)
        lines = "".join(f"{sha256}  {path}\n" for path, (_, sha256) in sorted(_sums(folder))).encode()
        (folder / SUMS).write_bytes(lines)
        if key is not None:
            (folder / SIGNATURE).write_bytes(signature_line(MAGIC, lines, key))
    return seen.measurements


def check_output(output: Path) -> None:
    """Raises ExportError unless a dataset can be put there: nothing is, or an empty folder."""
    if output.is_dir():
        if any(output.iterdir()):
            raise ExportError(f"{output}: there is something in it; name a folder that is empty, or none yet")
    elif output.exists() or output.is_symlink():
        raise ExportError(f"{output}: is no folder; name one that is empty, or none yet")


@contextmanager
def told_plainly(output: Path) -> Iterator[None]:
    """Turns what the file system raises inside into an ExportError about `output`."""
    try:
        yield
    except OSError as error:
        raise ExportError(f"{output}: cannot be written: {error.strerror or error}") from error


@contextmanager
def made_beside(output: Path) -> Iterator[Path]:
    """A folder beside its place, which takes that place at the end, or is taken away."""
    check_output(output)
    place = Path(os.path.abspath(output))
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        yield folder
        folder.chmod(0o755)
        folder.rename(place)  # over an empty folder too, and over nothing else
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _sums(folder: Path) -> Iterator[tuple[str, tuple[int, str]]]:
    """Path, size and SHA-256 of every file."""
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        yield path.relative_to(folder).as_posix(), (path.stat().st_size, sha256)
