"""Every parser under atheris."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fuzz.__main__ import fuzzed
from tests.fuzz.parsers import PARSERS
from tests.reliability.job import Figure, Job, at_least, none_of

_SECONDS = 5
_EXECUTIONS = 100_000


def _run() -> Sequence[Figure]:
    found = list(fuzzed([parser.name for parser in PARSERS], _SECONDS))
    return (
        Figure(what="seconds for each", value=str(_SECONDS)),
        at_least("parsers fuzzed to the end", len(found), len(PARSERS)),
        at_least("executions in all", sum(executed for _, executed, _ in found), _EXECUTIONS),
        none_of("parsers that raised what they do not say, or did not end", sum(not good for *_, good in found)),
    )


JOB = Job(
    title="Fuzzing",
    how="Every parser that reads what the program did not write, in the table of `tests/fuzz/parsers.py`, under"
    " atheris, guided by coverage, from good input. The tests do the same by hypothesis, without coverage.",
    run=_run,
)
