"""Which files are opened, which are refused, and that a refused one is left as it was."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from probe.store import Store, StoreError
from probe.store.migrations import APPLICATION_ID, SCHEMA_VERSION
from probe.store.schema import TABLES
from tests.store.examples import a_result, a_run

OTHERS = "CREATE TABLE theirs (id INTEGER PRIMARY KEY); INSERT INTO theirs VALUES (1);"


def sql(path: Path, script: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


def ask(path: Path, question: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def newer(path: Path) -> None:
    Store.open(path).close()
    sql(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1};")


def newer_in_the_log(path: Path) -> None:
    """The number stands in the write-ahead log only: whoever opens the file to write, and closes it, moves it over."""
    other = path.with_name("other.sqlite")
    Store.open(other).close()
    connection = sqlite3.connect(other)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    for end in ("", "-wal"):
        shutil.copy(f"{other}{end}", f"{path}{end}")
    connection.close()


def theirs_in_the_log(path: Path) -> None:
    other = path.with_name("other.sqlite")
    connection = sqlite3.connect(other)
    connection.executescript(f"PRAGMA journal_mode = WAL; PRAGMA user_version = 3; {OTHERS}")
    for end in ("", "-wal"):
        shutil.copy(f"{other}{end}", f"{path}{end}")
    connection.close()


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (
        lambda path: path.write_text("a letter, longer than a header would be. " * 9),
        "is not an SQLite database",
    ),
    "short text": (lambda path: path.write_text("x"), "is not an SQLite database"),
    "another program's, without a name": (lambda path: sql(path, OTHERS), "is the database of another program"),
    "another program's, by name": (
        lambda path: sql(path, "PRAGMA application_id = 252006674; PRAGMA user_version = 1;"),
        "is the database of another program",
    ),
    "another program's, still in its log": (theirs_in_the_log, "is the database of another program"),
    "newer": (newer, "was written by a newer version of this program"),
    "newer, still in its log": (newer_in_the_log, "was written by a newer version of this program"),
    "cut off": (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\x10"), "not an SQLite database"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_was(tmp_path: Path, case: str, create: bool) -> None:
    make, reason = REFUSED[case]
    path = tmp_path / "it.sqlite"
    make(path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    logged = path.with_name("it.sqlite-wal")
    log_before = logged.read_bytes() if logged.exists() else None
    with pytest.raises(StoreError, match=reason) as refused:
        Store.open(path, create=create)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert log_before is None or logged.read_bytes() == log_before


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a directory; name another file with --db"):
        Store.open(tmp_path)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match="is not a regular file"):
        Store.open(tmp_path / "pipe")


def test_a_directory_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"not a directory|file exists"):
        Store.open(tmp_path / "file" / "probe.sqlite")


def test_a_missing_file_is_not_made_for_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such database"):
        Store.open(tmp_path / "new" / "probe.sqlite", create=False)
    assert list(tmp_path.iterdir()) == []


TRY = """
import os, sys
from pathlib import Path
from probe.store import Store, StoreError
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    Store.open(Path(sys.argv[1])).close()
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("mode", [(0o755, 0o000), (0o755, 0o444), (0o555, 0o444), (0o000, 0o644)])
def test_a_file_without_permission_is_refused(tmp_path: Path, mode: tuple[int, int]) -> None:
    """(Modes of the directory and of the file.) Nobody may write it, whoever runs this."""
    for parent in (tmp_path, *list(tmp_path.parents)[:2]):
        parent.chmod(0o755)
    path = tmp_path / "kept" / "probe.sqlite"
    Store.open(path).close()
    path.chmod(mode[1])
    path.parent.chmod(mode[0])
    before = path.read_bytes() if os.geteuid() == 0 else None
    try:
        tried = subprocess.run([sys.executable, "-c", TRY, str(path)], check=True, capture_output=True, text=True)
        assert tried.stdout.startswith(f"{path}: "), tried
        assert any(word in tried.stdout for word in ("permission", "cannot be written")), tried.stdout
        assert before is None or path.read_bytes() == before
    finally:
        path.parent.chmod(0o755)


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "probe.sqlite"
    path.touch()
    Store.open(path).close()
    assert ask(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


def test_the_file_is_made_for_safety(tmp_path: Path) -> None:
    path = tmp_path / "probe.sqlite"
    with Store.open(path) as store:
        db = store._db
        assert [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("foreign_keys", "synchronous")] == [1, 2]
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]
    assert ask(path, "PRAGMA application_id") == [(APPLICATION_ID,)]


def test_the_tables_are_those_of_the_literals(tmp_path: Path) -> None:
    path = tmp_path / "probe.sqlite"
    Store.open(path).close()
    assert {name for (name,) in ask(path, "SELECT name FROM sqlite_master WHERE type = 'table'")} == set(TABLES)
    assert ask(path, "PRAGMA foreign_key_check") == []
    for name, table in TABLES.items():
        declared = {(row[3], row[2], row[4]) for row in ask(path, f"PRAGMA foreign_key_list({name})")}
        assert declared == set(table.foreign_keys), name
        first = {
            row[1]: ask(path, f"PRAGMA index_info({row[1]})")[0][2] for row in ask(path, f"PRAGMA index_list({name})")
        }
        assert {column for column, _, _ in table.foreign_keys} <= set(first.values()), f"{name}: no index on a key"


def test_the_schema_is_the_one_that_was_released(tmp_path: Path) -> None:
    """A change of the model changes the tables of new files only. It needs a migration for old ones, a new number here
    and in the name of the file, and an entry in the changelog."""
    path = tmp_path / "probe.sqlite"
    Store.open(path).close()
    made = ask(path, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name")
    text = "\n".join(f"{str(sql).strip()};\n" for (sql,) in made)
    released = Path(__file__).with_name(f"schema_{SCHEMA_VERSION}.sql")
    if os.environ.get("WRITE_SCHEMA"):
        released.write_text(text)
    assert text == released.read_text()


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "probe.sqlite"
    with Store.open(path) as store:
        store.begin_run(a_run())
        store.add([a_result("m-1")])
    before = path.read_bytes()
    Store.open(path).close()
    Store.open(path, create=False).close()
    assert path.read_bytes() == before


OPEN_AT_ONCE = """
import sys, time
from pathlib import Path
from probe.store import Store
from tests.store.examples import a_run
path = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
with Store.open(path) as store:
    store.begin_run(a_run(sys.argv[2]))
"""


def test_several_processes_make_one_database_at_once(tmp_path: Path) -> None:
    for attempt in range(4):
        path = tmp_path / f"{attempt}.sqlite"
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", OPEN_AT_ONCE, str(path), f"run-{number}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(3)
        ]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        assert [process.wait() for process in processes] == [0, 0, 0]
        for process in processes:
            assert process.stdout is not None
            process.stdout.close()
        assert ask(path, "SELECT count(*) FROM run") == [(3,)]
        assert ask(path, "PRAGMA integrity_check") == [("ok",)]


BEGIN_TO_MAKE = f"""
import os, shutil, sqlite3, sys
path, finish = sys.argv[1], sys.argv[2] == "finish"
connection = sqlite3.connect(path, isolation_level=None)
connection.execute("PRAGMA cache_size = 1")  # pages go to the file before the end
connection.execute("BEGIN IMMEDIATE")
connection.execute("PRAGMA application_id = {APPLICATION_ID}")
for number in range(50):
    connection.execute(f"CREATE TABLE half_{{number}} (id INTEGER PRIMARY KEY, text TEXT UNIQUE)")
shutil.copy(path + "-journal", path + "-kept")
if finish:
    connection.execute("COMMIT")
    os.replace(path + "-kept", path + "-journal")
os._exit(9)
"""


@pytest.mark.parametrize("moment", ["before the first page", "finish"])
def test_a_making_that_was_cut_off_is_taken_up(tmp_path: Path, moment: str) -> None:
    """Killed inside the transaction that makes the tables, with pages in the file: without the first page yet, and in
    the last moment, when all pages are there but the journal, which says that they do not count, is there as well."""
    path = tmp_path / "probe.sqlite"
    assert subprocess.run([sys.executable, "-c", BEGIN_TO_MAKE, str(path), moment], check=False).returncode == 9
    assert path.with_name("probe.sqlite-journal").stat().st_size > 0
    assert path.read_bytes().startswith(b"SQLite format 3" if moment == "finish" else bytes(100))
    with Store.open(path) as store:
        store.begin_run(a_run())
    assert ask(path, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'half%'") == [(0,)]
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
