"""Parsers under atheris, one after the other: `python -m tests.fuzz.one FOLDER SECONDS PARSER…`.

Law: what is instrumented is imported once; each parser is fuzzed in a child that is forked off then, since libFuzzer
ends its process. What it said is in the folder; a line for each parser tells its name, executions and status.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["probe"]):
    from tests.fuzz.parsers import PARSERS, Parser, check

FOUND = Path(".fuzz")
"""Where what made a parser fail is kept."""
_LONGEST = 65_536
_MOST_MEGABYTES = 1024
_MOST_SECONDS = 20
"""For one reading."""
_EXECUTED = re.compile(rb"stat::number_of_executed_units: (\d+)")


def fuzz(parser: Parser, seconds: int, folder: Path) -> tuple[int, int]:
    """How often it was run, and the status: 0 where all went well."""
    name = parser.name.replace(" ", "-")
    corpus, said = folder / name, folder / f"{name}.log"
    corpus.mkdir()
    for number, seed in enumerate(parser.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    child = os.fork()
    if child == 0:
        _be_fuzzed(parser, corpus, seconds, said, name)
    _, status = os.waitpid(child, 0)
    executed = _EXECUTED.search(said.read_bytes())
    return int(executed[1]) if executed else 0, os.waitstatus_to_exitcode(status) or (0 if executed else 1)


def _be_fuzzed(parser: Parser, corpus: Path, seconds: int, said: Path, name: str) -> None:
    with said.open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    options = [f"-max_total_time={seconds}", f"-max_len={_LONGEST}", f"-timeout={_MOST_SECONDS}"]
    options += [f"-rss_limit_mb={_MOST_MEGABYTES}", "-print_final_stats=1", f"-artifact_prefix={FOUND}/{name}-"]
    atheris.Setup([sys.argv[0], str(corpus), *options], lambda data: check(parser, data))
    atheris.Fuzz()
    os._exit(1)  # it does not come back


def main() -> None:
    folder, seconds, *names = sys.argv[1:]
    FOUND.mkdir(exist_ok=True)
    for parser in PARSERS:
        if parser.name in names:
            executed, status = fuzz(parser, int(seconds), Path(folder))
            print(f"{parser.name}\t{executed}\t{status}", flush=True)


if __name__ == "__main__":
    main()
