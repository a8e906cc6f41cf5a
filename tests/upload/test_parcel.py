"""Parcels as they are made, and as somebody hostile may make them."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from probe.parcel import ParcelError, id_of, pack, unpack

FILES = {"SHA256SUMS": b"sums\n", "run.jsonl": b"{}\n" * 1000, "empty.jsonl": b"", "block.jsonl": b"x" * 512}


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def test_what_is_packed_is_unpacked(tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    size = pack(folder_of(tmp_path / "a", FILES), first)
    pack(folder_of(tmp_path / "b", dict(reversed(FILES.items()))), again)
    assert first.read_bytes() == again.read_bytes()
    assert size == first.stat().st_size
    (tmp_path / "out").mkdir()
    assert unpack(first, tmp_path / "out") == id_of(FILES["SHA256SUMS"]) == hashlib.sha256(b"sums\n").hexdigest()
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == FILES
    listed = subprocess.run(["tar", "tzf", first], capture_output=True, text=True, check=True).stdout
    assert listed.split() == sorted(FILES)


def tar(*members: tuple[tarfile.TarInfo | str, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as made:
        for about, content in members:
            info = tarfile.TarInfo(about) if isinstance(about, str) else about
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return file.getvalue()


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


SUMS = ("SHA256SUMS", b"x")
GOOD = tar(SUMS)
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "breaks off"),
    "no gzip": (lambda: b"PK\x03\x04 a zip file", "no whole gzip file"),
    "cut off": (lambda: gzip.compress(GOOD)[:-9], "breaks off"),
    "changed": (lambda: gzip.compress(GOOD)[:-5] + b"\0\0\0\0\0", "no whole gzip file"),
    "no tar": (lambda: gzip.compress(b"x" * 2000), "no plain tar"),
    "cut off inside": (lambda: gzip.compress(GOOD[:600]), "breaks off"),
    "no end": (lambda: gzip.compress(GOOD[:1024]), "breaks off"),
    "no sums": (lambda: gzip.compress(tar(("run.jsonl", b"x"))), "no SHA256SUMS"),
    "another way out": (lambda: gzip.compress(tar(("../outside", b"x"))), "no plain tar"),
    "a path": (lambda: gzip.compress(tar(("a/b", b"x"))), "no plain tar"),
    "absolute": (lambda: gzip.compress(tar(("/tmp/outside", b"x"))), "no plain tar"),
    "hidden": (lambda: gzip.compress(tar((".bashrc", b"x"))), "no plain tar"),
    "a link": (lambda: gzip.compress(tar((link("a", tarfile.SYMTYPE, "/etc/passwd"), b""))), "no plain tar"),
    "a hard link": (lambda: gzip.compress(tar((link("a", tarfile.LNKTYPE, "/etc/passwd"), b""))), "no plain tar"),
    "a device": (lambda: gzip.compress(tar((link("a", tarfile.CHRTYPE, ""), b""))), "no plain tar"),
    "pax": (lambda: gzip.compress(tar(("a" * 200, b"x"), form=tarfile.PAX_FORMAT)), "no plain tar"),
    "twice": (lambda: gzip.compress(tar(SUMS, SUMS)), "twice"),
    "many files": (lambda: gzip.compress(tar(SUMS, *((f"f{n}", b"") for n in range(65)))), "over 64 files"),
    "a bomb": (lambda: gzip.compress(tar(SUMS, ("zeros", bytes(9 << 20)))), "over 4 MiB"),
    "a bomb after the end": (lambda: gzip.compress(GOOD + bytes(9 << 20)), "over 4 MiB"),
    "more after the end": (lambda: gzip.compress(GOOD + b"x"), "after its end"),
    "a second gzip": (lambda: gzip.compress(GOOD) + gzip.compress(b"x"), "after its end"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_parcel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.setattr("probe.parcel.LARGEST_UNPACKED", 4 << 20)
    content, reason = HOSTILE[case]
    (tmp_path / "parcel").write_bytes(content())
    (tmp_path / "out").mkdir()
    with pytest.raises(ParcelError, match=reason):
        unpack(tmp_path / "parcel", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"parcel", "out"}
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) <= 4 << 20
