"""Many targets at once: wall time, memory, and more than one core. Each part gives figures: rows for people."""

from __future__ import annotations

import os
import subprocess
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import HTTPS, NAME, ZONE, Bench, FailedError, probe_run, run

SLOW, DEAD, HELD = (f"https://n{{}}.{label}.{ZONE}/" for label in ("slow", "dead", "held"))
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that was measured, and what is asked for."""

    what: str
    value: str
    asked: str = ""
    remark: str = ""


def delayed(bench: Bench, options: Namespace) -> Iterator[Figure]:
    """A list of which a twentieth is dead, and the others take their time; beside the same list one at a time."""
    count = 200 if options.quick else 1000
    dead = count // 20
    mixed = bench.home / "list-delayed.txt"
    mixed.write_text("".join((DEAD if n < dead else SLOW).format(n) + "\n" for n in range(count)))
    together = _wall(bench, mixed, count)
    alone = _wall(bench, bench.targets(DEAD, 1), 1)
    few = 3 if options.quick else 10
    slow = (_wall(bench, bench.targets(SLOW, few), 1) - _wall(bench, bench.targets(SLOW, 1), 1)) / (few - 1)
    one_at_a_time = slow * (count - dead) + alone * dead
    yield Figure(
        what=f"{count:,} targets, 100 ms for each page, 5 % dead",
        value=f"{together:.1f} s",
        asked=f"<= {alone + 5:.1f} s",
        remark=f"a dead one alone takes {alone:.1f} s, with its attempts and follow-ups",
    )
    yield Figure(
        what="the same, one at a time",
        value=f"{one_at_a_time:,.0f} s, {one_at_a_time / together:.0f} times as long",
        asked=">= 100 times",
        remark=f"extrapolated from {few} slow ones and a dead one",
    )


def _wall(bench: Bench, targets: Path, concurrency: int) -> float:
    spent = run(bench, probe_run(targets, bench.fresh("probe.sqlite"), concurrency))
    if spent.status not in (0, 4):
        raise FailedError(f"probe run: {spent.said[-300:]}")
    return spent.wall


def held(bench: Bench, options: Namespace) -> Iterator[Figure]:
    """Memory of each HTTPS check in flight, at a server that holds all answers until all have asked."""
    count, first = (1000, 100) if options.quick else (5000, 500)
    release = bench.home / "release"
    release.unlink(missing_ok=True)
    words = probe_run(
        bench.targets(HELD, count), bench.fresh("probe.sqlite"), count, "--workers", "1", "--timeout", "280"
    )
    with _started(bench, words) as process:
        few = many = memory_at_few = memory = 0
        ends = time.monotonic() + 270
        while many < count and time.monotonic() < ends and process.poll() is None:
            time.sleep(0.05)
            now = _number(bench.home / "held")
            if now >= first and not few:
                few, memory_at_few = now, _memory(process.pid)
            if now > many:
                many, memory, ends = now, _memory(process.pid), min(ends, time.monotonic() + 15)
        release.touch()
        process.wait()
    release.unlink()
    if many <= few:
        raise FailedError(f"only {many} checks were in flight at once")
    yield Figure(
        what=f"memory of an HTTPS check, {many:,} in flight",
        value=f"{(memory - memory_at_few) / (many - few):.0f} kB",
        asked="<= 80 kB",
        remark=f"resident at {few:,}: {memory_at_few >> 10} MB, at {many:,}: {memory >> 10} MB",
    )


def million(bench: Bench, options: Namespace) -> Iterator[Figure]:
    """Memory of a run over a very long list of names. One target in a thousand is a page, which proves the network."""
    count = options.names or (20_000 if options.quick else 1_000_000)
    targets = bench.home / f"list-names-{count}.txt"
    with targets.open("w") as file:
        file.writelines(f"{(HTTPS if n % 1000 == 0 else NAME).format(n)}\n" for n in range(count))
    begun = time.perf_counter()
    peaks: list[tuple[float, int]] = []
    words = probe_run(targets, bench.fresh("probe.sqlite"), 1000, "--workers", "1")
    with _started(bench, words) as process:
        while process.poll() is None:
            time.sleep(0.2)
            peaks.append((time.perf_counter() - begun, _memory(process.pid)))
    wall = time.perf_counter() - begun
    if process.returncode not in (0, 4):
        raise FailedError(f"probe run ended with {process.returncode}")
    half = next(memory for at, memory in peaks if at > wall / 2)
    most = max(memory for _, memory in peaks)
    growth = (most - half) / (count / 2) * 1_000_000 / 1024
    yield Figure(
        what=f"memory of a run over {count:,} names",
        value=f"{most / 1024:.0f} MB",
        asked="<= 300 MB",
        remark=f"{count / wall:,.0f} a second; its second half adds {max(0.0, growth):.0f} MB for a million",
    )
    targets.unlink()


def workers(bench: Bench, options: Namespace) -> Iterator[Figure]:
    """One process against two workers: in wall time, and by the CPU that the busiest process needs for a check."""
    count = 500 if options.quick else 4000
    targets = bench.targets(HTTPS, count)
    walls: dict[int, float] = {}
    busiest: dict[int, float] = {}
    for number in (1, 2):
        words = probe_run(targets, bench.fresh("probe.sqlite"), bench.concurrency, "--workers", str(number))
        begun, used = time.perf_counter(), dict[int, float]()
        with _started(bench, words) as process:
            while process.poll() is None:
                used |= _used(process.pid)
                time.sleep(0.05)
        if process.returncode != 0:
            raise FailedError(f"probe run --workers {number} ended with {process.returncode}")
        walls[number], busiest[number] = time.perf_counter() - begun, max(used.values())
    cores = len(os.sched_getaffinity(0))
    yield Figure(
        what="two workers against one process, HTTPS",
        value=f"{walls[1] / walls[2]:.2f} times as fast",
        asked=">= 1.7",
        remark=f"on {cores} cores, which the servers and this program share",
    )
    yield Figure(
        what="the same, where no process waits for a core",
        value=f"{busiest[1] / busiest[2]:.2f} times as fast",
        asked=">= 1.7",
        remark=f"{count:,} checks, their start included, by the CPU of the busiest process",
    )


@contextmanager
def _started(bench: Bench, words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with (bench.home / "output").open("wb") as output:
        process = subprocess.Popen(
            words, env=bench.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _used(pid: int) -> dict[int, float]:
    """CPU seconds of a process and of its children, by their ids."""
    found: dict[int, float] = {}
    with suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(") ")[2].split()
            found[each] = (int(fields[11]) + int(fields[12])) / _TICKS
    return found


def _memory(pid: int) -> int:
    """Resident memory, kB; 0 when it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
    return 0


def _number(path: Path) -> int:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return 0
