"""The world that runs are disturbed in, and what must hold of their database afterwards.

Law: a database is looked at in a copy, so that what a dead process left behind is put right by the program alone.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.cli.lists import write_list
from tests.lab.lab import World
from tests.lab.people import CONTROL_URL, control
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import Page, Spec

TARGETS = tuple(f"https://house{number}.example/" for number in range(16))


_PAGE = Page(title="{n}", text="Write to your friends. " * 40, dynamic=True)


def village(delay: float = 0.02, page: Page = _PAGE, **more: Any) -> Spec:
    """Sixteen sites, each slower than the one before by so many seconds; every page is another one each time."""
    pages = [replace(page, delay=delay * number) for number in range(16)]
    sites = tuple(https(f"house{number}.example", at(number + 1), page=page) for number, page in enumerate(pages))
    return Spec(sites=sites, **more)


@contextmanager
def villages() -> Iterator[World]:
    """A world with that village, its target list, and a control."""
    with World(village()) as world, control(world, "--timeout", "3"):
        write_list(world.home / "village.toml", TARGETS)
        yield world


def words(world: World, database: Path, *more: str) -> tuple[str, ...]:
    """A run over the village."""
    options = ("--control", CONTROL_URL, "--timeout", "10", "--rate", "200", "--json")
    return ("probe", "run", "--targets", str(world.home / "village.toml"), *options, "--db", str(database), *more)


def told(stdout: str) -> list[dict[str, Any]]:
    """What a run has told; half a line, as a killed one may leave it, was not."""
    return [json.loads(line) for line in stdout.splitlines(keepends=True) if line.endswith("\n")]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is in a database."""

    sound: bool
    """SQLite finds no fault in the file, and nothing points at what is not there."""
    torn: int
    """Measurements that lack their observations, their verdict, its reasons or what they were compared with."""
    outcomes: dict[str, str]
    """By the id of the measurement."""
    measured: Counter[tuple[str, str]]
    """How often each run has measured each target."""
    unfinished: int
    """Runs without an end."""
    runs: int

    def lacks(self, lines: Sequence[dict[str, Any]]) -> int:
        """How many of these lines are not there as they were told."""
        return sum(self.outcomes.get(line["measurement_id"]) != line["outcome"] for line in lines)

    def gaps(self, targets: Sequence[str] = TARGETS) -> int:
        """Targets that a run was to measure and has not, or more than once."""
        runs = {run for run, _ in self.measured}
        return sum(self.measured[run, target] != 1 for run in runs for target in targets)


NOTHING = State(sound=True, torn=0, outcomes={}, measured=Counter(), unfinished=0, runs=0)


def state(database: Path) -> State:
    """What is in it now; of a file that is not there yet, nothing."""
    with tempfile.TemporaryDirectory() as folder:
        for path in (database, database.with_name(f"{database.name}-wal")):
            if path.exists():
                shutil.copy(path, folder)
        copy = Path(folder) / database.name
        if not copy.exists() or not copy.stat().st_size:
            return NOTHING
        connection = sqlite3.connect(copy)
        try:
            return _state(connection)
        finally:
            connection.close()


_TORN = """
SELECT count(*) FROM measurement WHERE
    NOT EXISTS (SELECT 1 FROM observation WHERE measurement_id = measurement.id)
    OR NOT EXISTS (SELECT 1 FROM verdict JOIN reason ON reason.verdict_id = verdict.id
                   WHERE measurement_id = measurement.id)
    OR (SELECT count(*) FROM comparison WHERE measurement_id = measurement.id)
       != (SELECT json_array_length(controls) FROM verdict WHERE measurement_id = measurement.id
           ORDER BY id DESC LIMIT 1)
"""


def _state(connection: sqlite3.Connection) -> State:
    def ask(sql: str) -> list[Any]:
        return connection.execute(sql).fetchall()

    sound = ask("PRAGMA integrity_check") == [("ok",)] and ask("PRAGMA foreign_key_check") == []
    if not ask("SELECT 1 FROM sqlite_master WHERE name = 'measurement'"):  # cut off before its first transaction
        return State(sound=sound, torn=0, outcomes={}, measured=Counter(), unfinished=0, runs=0)
    verdicts = "SELECT measurement_id, outcome FROM verdict ORDER BY id"
    measured = "SELECT run_id, target.name FROM measurement JOIN target ON target.id = target_id"
    return State(
        sound=sound,
        torn=ask(_TORN)[0][0],
        outcomes=dict(ask(verdicts)),
        measured=Counter(map(tuple, ask(measured))),
        unfinished=ask("SELECT count(*) FROM run WHERE finished_at IS NULL")[0][0],
        runs=ask("SELECT count(*) FROM run")[0][0],
    )
