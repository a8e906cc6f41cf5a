"""Datasets that `probe export` wrote, and databases of other vantage points, as what a store can merge.

Law: nothing of a dataset is read before every file of it has the hash that SHA256SUMS says, and that file the signature
that stands beside it. What is refused has changed nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from probe.imports.files import UnreadableError
from probe.imports.tables import FORMS, Form, Row, rows
from probe.store import Merged, MergeError, Source, Store, StoreError, other_database, write_copy
from probe.store.datasets import DATASET_TABLES
from probe.store.engines import VERDICT_TABLES, Tables
from probe.store.merging import Tables as Rows
from probe.store.migrations import SCHEMA_VERSION
from probe.targets import BundleError
from probe.targets.bundle import verify_line

PACKAGE, SUMS, SIGNATURE = "datapackage.json", "SHA256SUMS", "SHA256SUMS.sig"
SIGNED = b"probe-dataset-1"
"""How the line of a signature begins."""
_LONGEST_LIST = 16 << 20
_SUM = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n")
_SQLITE = b"SQLite format 3\x00"


class _About(msgspec.Struct, frozen=True):
    """What the program that wrote it says of a dataset."""

    schema_version: int
    format: str


class _Package(msgspec.Struct, frozen=True):
    probe: _About


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A dataset each of whose files is what its list says."""

    folder: Path
    form: Form
    names: frozenset[str]
    """Of its files."""
    source: Source

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of a table, as the database has them."""
        return rows(self.form, self.folder, self.names, table)

    def parquet(self) -> Tables | None:
        """The files that hold the rows of each table; None where they are of another form."""
        if self.form is not FORMS["parquet"]:
            return None
        return {
            table: tuple(self.folder / name for name in sorted(self.names) if self.form.is_of(name, table))
            for table in DATASET_TABLES
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What came of one source."""

    source: Source
    merged: Merged


def is_database(path: Path) -> bool:
    """Whether a file begins as SQLite's do."""
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def merge_database(store: Store, path: Path) -> Brought:
    """Everything in another database. Raises UnreadableError, having changed nothing, where it cannot be used, and
    StoreError where this one cannot."""
    if path.samefile(store.path):
        raise UnreadableError(f"{path}: is the database itself")
    with path.open("rb") as file:
        source = Source(name=path.name, kind="database", sha256=hashlib.file_digest(file, "sha256").hexdigest())
    try:
        with other_database(path) as other:
            return _merged(store, path, source, other)
    except StoreError as error:
        if str(error).startswith(f"{path}:"):
            raise UnreadableError(str(error)) from None
        raise


def merge_dataset(store: Store, dataset: Checked) -> Brought:
    """Everything in a dataset. Raises as `merge_database` does."""
    return _merged(store, dataset.folder, dataset.source, dataset.rows)


def write_verdicts(dataset: Checked, path: Path) -> None:
    """Makes a database of what a dataset says of verdicts, without what was observed, where no file is yet. Raises
    UnreadableError."""
    try:
        write_copy(path, ((table, dataset.rows(table)) for table in VERDICT_TABLES))
    except StoreError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise UnreadableError(f"{dataset.folder}: its rows are no rows of a database: {reason}") from None


def _merged(store: Store, path: Path, source: Source, tables: Rows) -> Brought:
    try:
        return Brought(source=source, merged=store.merge(source, tables))
    except MergeError as error:
        raise UnreadableError(f"{path}: {error}; nothing of it was imported") from None


def checked(folder: Path, key: str | None = None) -> Checked:
    """A dataset, signed with `key` where one is given. Raises UnreadableError."""
    sums = _content(folder / SUMS)
    signed_by = _signer(folder, sums, key)
    listed = _listed(folder, sums)
    with ThreadPoolExecutor() as pool:  # hashing lets others run
        list(pool.map(partial(_check, folder), listed, listed.values()))
    if PACKAGE not in listed:
        raise UnreadableError(f"{folder}: {PACKAGE} is not in {SUMS}, so it is no dataset of this program")
    about = _about(folder)
    if about.schema_version > SCHEMA_VERSION:
        reason = f"was written by a newer version of this program (schema {about.schema_version}, this one knows"
        raise UnreadableError(f"{folder}: {reason} {SCHEMA_VERSION}); update the program")
    form = FORMS.get(about.format)
    if form is None:
        reason = f"only {', '.join(FORMS)} are imported whole"
        raise UnreadableError(f"{folder}: a dataset of the form {about.format!r:.20}; {reason}")
    there = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")))
    unlisted = [n for n in there if n not in listed and any(form.is_of(n, table) for table in DATASET_TABLES)]
    if unlisted:
        raise UnreadableError(f"{folder}: {unlisted[0]} is not in {SUMS}")
    source = Source(
        name=folder.absolute().name, kind="dataset", sha256=hashlib.sha256(sums).hexdigest(), signed_by=signed_by
    )
    return Checked(folder=folder, form=form, names=frozenset(listed), source=source)


def _signer(folder: Path, sums: bytes, key: str | None) -> str | None:
    path = folder / SIGNATURE
    if not path.exists():
        if key is not None:
            raise UnreadableError(f"{folder}: is not signed, and --key asks for a signature")
        return None
    try:
        return verify_line(SIGNED, _content(path), sums, key)
    except BundleError as error:
        raise UnreadableError(f"{path}: {error}") from None


def _listed(folder: Path, sums: bytes) -> dict[str, str]:
    """SHA-256 by the name of the file."""
    text = sums.decode("utf-8", "replace")
    found = _SUM.findall(text)
    if not found or "".join(f"{sha256}  {name}\n" for sha256, name in found) != text:
        raise UnreadableError(f"{folder / SUMS}: not a list of SHA-256 sums and files")
    return {name: sha256 for sha256, name in found}


def _check(folder: Path, name: str, sha256: str) -> None:
    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts or not path.resolve().is_relative_to(folder.resolve()):
        raise UnreadableError(f"{folder / SUMS}: {name!r:.80} is not in the folder")
    try:
        if not path.is_file():
            raise UnreadableError(f"{path}: is missing, though {SUMS} names it")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror}") from None
    if found != sha256:
        raise UnreadableError(f"{path}: is not what {SUMS} says; it was changed, or broke off; get it again")


def _about(folder: Path) -> _About:
    try:
        return msgspec.json.decode(_content(folder / PACKAGE), type=_Package).probe
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(f"{folder / PACKAGE}: not of a dataset of this program: {error}") from None


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_LIST + 1)
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > _LONGEST_LIST:
        raise UnreadableError(f"{path}: larger than {_LONGEST_LIST >> 20} MiB")
    return content
