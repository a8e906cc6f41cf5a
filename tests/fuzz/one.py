"""One parser under atheris: `python -m tests.fuzz.one PARSER CORPUS OPTIONS…` (libFuzzer's)."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["probe"]):
    from tests.fuzz.parsers import PARSERS, check


def main() -> None:
    wanted = sys.argv.pop(1)
    parser = next(each for each in PARSERS if each.name == wanted)
    atheris.Setup(sys.argv, lambda data: check(parser, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
