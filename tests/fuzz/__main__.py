"""Fuzzing, guided by coverage: `make fuzz`, or `python -m tests.fuzz [PARSER…]`; FUZZ_SECONDS for each (10).

By atheris (extra `fuzz`). The last line has all executions; what made a parser raise anything but its own errors is
kept in `.fuzz/`, and the status is then 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.parsers import PARSERS

_SHOWN = 6000
"""Bytes of what a parser that failed has said."""


def main() -> int:
    if find_spec("atheris") is None:
        print("fuzz: atheris is not installed: pip install '.[fuzz]' (Linux)", file=sys.stderr)
        return 1
    seconds = int(os.environ.get("FUZZ_SECONDS", "10"))
    total, count, failed = 0, 0, []
    for name, executed, good in fuzzed(sys.argv[1:] or [parser.name for parser in PARSERS], seconds):
        total, count = total + executed, count + 1
        print(f"{name:<24} {executed:>9} executions in {seconds} s  {'ok' if good else 'FAILED'}", flush=True)
        failed += [] if good else [name]
    print(f"{total} executions of {count} parsers, {len(failed)} failed{': ' * bool(failed)}{', '.join(failed)}")
    return 1 if failed else 0


def fuzzed(names: Sequence[str], seconds: int) -> Iterator[tuple[str, int, bool]]:
    """Of each parser: how often it was run, and whether all went well."""
    with tempfile.TemporaryDirectory(prefix="probe-fuzz-") as folder:
        words = (sys.executable, "-m", "tests.fuzz.one", folder, str(seconds), *names)
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                name, executed, status = line.rstrip("\n").split("\t")
                if status != "0":
                    said = Path(folder) / f"{name.replace(' ', '-')}.log"
                    sys.stderr.write(said.read_bytes()[-_SHOWN:].decode("utf-8", "replace"))
                yield name, int(executed), status == "0"


if __name__ == "__main__":
    sys.exit(main())
