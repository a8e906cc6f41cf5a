"""Every parser under atheris."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fuzz.__main__ import fuzz
from tests.fuzz.parsers import PARSERS
from tests.reliability.job import Figure, Job, at_least, none_of

_SECONDS = 10
_EXECUTIONS = 100_000


def _run() -> Sequence[Figure]:
    found = [fuzz(parser, _SECONDS) for parser in PARSERS]
    return (
        Figure(what="parsers", value=str(len(PARSERS))),
        Figure(what="seconds for each", value=str(_SECONDS)),
        at_least("executions in all", sum(executed for executed, _ in found), _EXECUTIONS),
        none_of("parsers that raised what they do not say, or did not end", sum(not good for _, good in found)),
    )


JOB = Job(
    title="Fuzzing",
    how="Every parser that reads what the program did not write, in the table of `tests/fuzz/parsers.py`, under"
    " atheris, guided by coverage, from good input. The tests do the same by hypothesis, without coverage.",
    run=_run,
)
