"""Fuzzing, guided by coverage: `make fuzz`, or `python -m tests.fuzz [PARSER…]`; FUZZ_SECONDS for each (10).

Each parser is fuzzed in a process of its own, by atheris (extra `fuzz`). The last lines are the executions; what made
a parser raise anything but its own errors is kept in `.fuzz/`, and the status is then 1.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.parsers import PARSERS, Parser

_FOUND = Path(".fuzz")
_LONGEST = 65_536
_MOST_MEGABYTES = 1024
_MOST_SECONDS = 20
"""For one reading."""
_EXECUTED = re.compile(rb"stat::number_of_executed_units: (\d+)")


def main() -> int:
    if find_spec("atheris") is None:
        print("fuzz: atheris is not installed: pip install '.[fuzz]' (Linux, Python 3.11 to 3.13)", file=sys.stderr)
        return 1
    seconds = int(os.environ.get("FUZZ_SECONDS", "10"))
    chosen = [parser for parser in PARSERS if parser.name in sys.argv[1:] or not sys.argv[1:]]
    total, failed = 0, []
    for parser in chosen:
        executed, good = fuzz(parser, seconds)
        total += executed
        print(f"{parser.name:<24} {executed:>9} executions in {seconds} s  {'ok' if good else 'FAILED'}", flush=True)
        if not good:
            failed.append(parser.name)
    print(f"{total} executions of {len(chosen)} parsers, {len(failed)} failed{': ' * bool(failed)}{', '.join(failed)}")
    return 1 if failed else 0


def fuzz(parser: Parser, seconds: int) -> tuple[int, bool]:
    """How often it was run, and whether all went well."""
    with tempfile.TemporaryDirectory(prefix="probe-fuzz-") as corpus:
        for number, seed in enumerate(parser.seeds()):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        _FOUND.mkdir(exist_ok=True)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz.one", parser.name, corpus, f"-max_total_time={seconds}"),
                *(f"-max_len={_LONGEST}", f"-timeout={_MOST_SECONDS}", f"-rss_limit_mb={_MOST_MEGABYTES}"),
                *("-print_final_stats=1", f"-artifact_prefix={_FOUND}/{parser.name.replace(' ', '-')}-"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    executed = _EXECUTED.search(done.stderr)
    if done.returncode != 0:
        sys.stderr.write(done.stderr.decode("utf-8", "replace")[-6000:])
    return int(executed[1]) if executed else 0, done.returncode == 0 and executed is not None


if __name__ == "__main__":
    sys.exit(main())
