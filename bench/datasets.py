"""`make bench-datasets`: how fast a database goes out as Parquet, how long `compare` takes over it, in which memory.
Where Spark and Java are installed (`make .venv/ready-spark`), whether Spark says the same.

python -m bench.datasets [OBSERVATIONS [FILE]]: FILE is used where it is there, and made where it is not.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from subprocess import Popen

from bench.dataset import OBSERVATIONS, fill

_LOOK_SECONDS = 0.2
_TABLES = (
    "observation",
    "control_observation",
    "measurement",
    "control_measurement",
    "comparison",
    "verdict",
    "reason",
)


class Used:
    """Seconds of wall and of processor, and the most memory of a program and all that it began, together."""

    def __init__(self, words: Sequence[str]) -> None:
        begun = time.monotonic()
        self.peak, self.cpu = 0, 0.0
        with (
            tempfile.TemporaryFile() as said,
            Popen([sys.executable, "-m", "probe", *words], stdout=said) as process,
        ):
            watch = threading.Thread(target=self._watch, args=(process,), daemon=True)
            watch.start()
            status = process.wait()
            self.wall = time.monotonic() - begun
            said.seek(0)
            self.said = said.read()
        watch.join()
        if status:
            raise SystemExit(f"probe {' '.join(words)}: ended with {status}")

    def _watch(self, process: Popen[bytes]) -> None:
        cpu: dict[int, float] = {}
        while process.poll() is None:
            family = [process.pid, *_children(process.pid)]
            self.peak = max(self.peak, sum(map(_memory, family)))
            cpu |= {each: seconds for each in family if (seconds := _cpu(each))}
            time.sleep(_LOOK_SECONDS)
        self.cpu = sum(cpu.values())


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _memory(pid: int) -> int:
    """Bytes that are its own: what two processes share counts half for each (PSS)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / 100


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else OBSERVATIONS
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(folder) / "probe.sqlite"
        if not path.exists():
            print(f"made {fill(path, count):,} observations", flush=True)
        with closing(sqlite3.connect(path)) as connection:
            sql = "SELECT count(*) FROM {}"
            counts = {table: connection.execute(sql.format(table)).fetchone()[0] for table in _TABLES}
        observations, rows = counts["observation"], sum(counts.values())
        out = str(Path(folder) / "out")
        used = Used(("export", "--format", "parquet", "--output", out, "--db", str(path)))
        _print(f"export of {observations:,} observations, {rows:,} rows in all", used)
        for what, of in (("wall", used.wall), ("processor", used.cpu)):
            print(f"  {observations / of:,.0f} observations/s, {rows / of:,.0f} rows/s of {what} time")
        for words in (("compare",), ("timeline",), ("compare", "--targets")):
            _print(" ".join(words), Used((*words, "--json", "--db", str(path))))
        for words in (("compare",), ("timeline",)):
            used = Used((*words, "--json", out))
            _print(f"{' '.join(words)} of the dataset", used)
            if find_spec("pyspark") and shutil.which("java"):
                other = Used((*words, "--json", "--engine", "spark", "--master", "local[*]", out))
                alike = "the same lines" if other.said == used.said else "OTHER LINES"
                _print(f"{' '.join(words)} of the dataset on Spark, {alike}", other)
    return 0


def _print(what: str, used: Used) -> None:
    print(f"{what}: {used.wall:.1f} s, {used.cpu:.1f} s of processor, {used.peak / (1 << 20):.0f} MiB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
