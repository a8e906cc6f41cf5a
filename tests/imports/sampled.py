"""The samples: OONI measurements written by hand for these tests, one situation a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from probe.classify import classify
from probe.imports.ooni import read
from probe.model import Measurement, Verdict

SAMPLES = Path(__file__).parent / "samples"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.jsonl"))


def path_of(name: str) -> Path:
    return SAMPLES / f"{name}.jsonl"


def lines_of(name: str) -> list[bytes]:
    return path_of(name).read_bytes().splitlines()


def one(name: str) -> dict[str, Any]:
    """The first measurement of a sample, as its JSON object."""
    found = json.loads(lines_of(name)[0])
    assert isinstance(found, dict)
    return found


def write(path: Path, *rows: object) -> Path:
    """A file of JSON lines; what is bytes already is written as it is."""
    encoded = (row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return path


def judged(data: bytes) -> list[tuple[Measurement, tuple[Measurement, ...], Verdict]]:
    """The measurements of one record with their controls and verdicts."""
    found = read(data, "sample")
    return [
        (pair.measurement, pair.controls, classify(pair.measurement, pair.controls, found.run.host))
        for pair in found.pairs
    ]


def judged_object(row: object) -> list[tuple[Measurement, tuple[Measurement, ...], Verdict]]:
    return judged(json.dumps(row).encode())
