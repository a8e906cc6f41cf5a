"""Files as they come: compressed, cut off, far too large when unpacked, spread over lines, no text at all."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from probe.imports import files
from probe.imports.files import UnreadableError, records
from tests.imports.sampled import one, write


def test_lines_with_blank_ones_between(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"a":1}\n\n  \n{"a":2}')
    assert [(r.line, r.data.strip()) for r in records(tmp_path / "a.jsonl")] == [(1, b'{"a":1}'), (4, b'{"a":2}')]


def test_a_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(gzip.compress(b'{"a":1}\n{"a":2}\n'))
    assert [r.line for r in records(tmp_path / "a.jsonl")] == [1, 2]


def test_an_object_in_many_lines(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(one("web_accessible"), indent=2))
    (record,) = records(tmp_path / "a.json")
    assert json.loads(record.data) == one("web_accessible")


def test_an_array(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"a": 1}, {"a": 2}], indent=1))
    assert [(r.line, json.loads(r.data)) for r in records(tmp_path / "a.json")] == [(1, {"a": 1}), (2, {"a": 2})]


def test_an_array_that_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"a": 1}, {"a"')
    (record,) = records(tmp_path / "a.json")
    assert record.problem is not None
    assert "not JSON" in record.problem


def test_a_gzip_that_is_cut_off_gives_what_came_before(tmp_path: Path) -> None:
    rows = [{"number": n, "noise": "".join(chr(33 + n * i % 90) for i in range(400))} for n in range(1, 200)]
    whole = gzip.compress(write(tmp_path / "whole", *rows).read_bytes())
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) * 2 // 3])
    *good, last = records(tmp_path / "cut.gz")
    assert [json.loads(r.data)["number"] for r in good] == list(range(1, len(good) + 1))
    assert 10 < len(good) < 199
    assert "cut off" in str(last.problem)
    assert last.line == len(good) + 1


def test_a_gzip_bomb_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"\x20" * (files.LONGEST_RECORD * 3) + b'\n{"a":1}\n'))
    found = list(records(tmp_path / "bomb.gz"))
    assert [(r.line, r.problem) for r in found] == [(1, "longer than 32 MiB"), (2, None)]


def test_a_file_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_FILE", 1000)
    path = write(tmp_path / "long", *[{"a": "x" * 90}] * 50)
    found = list(records(path))
    assert len(found) < 15
    assert "split it" in str(found[-1].problem)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing", None, "No such file"),
        ("binary", b"SQLite format 3\x00\x10\x00", "not a text file"),
        ("cut.gz", gzip.compress(b"{}" * 5000, mtime=0)[:15], "not a whole gzip file"),
        ("broken.gz", b"\x1f\x8b\x08\x00nonsense that is no gzip", "gzip"),
    ],
)
def test_what_is_no_file_of_records(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableError, match=said):
        list(records(tmp_path / name))


def test_a_folder_is_none(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="Is a directory"):
        list(records(tmp_path))
