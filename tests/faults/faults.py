"""The faults, one row each: what happens to a run, how it must end, and what it must say.

Law: each is real: a full tmpfs, a lock held by another process, a clock that jumps, a stopped process. What must hold
afterwards is the same for all (`Suffered.wrong`).
"""

from __future__ import annotations

import re
import resource
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.faults.village import TARGETS, State, state, told, village, words
from tests.lab.lab import Finished, Running, World
from tests.lab.needs import clock, without_clocks
from tests.lab.spec import PROVIDER_RESOLVER, Drop, Page, Rule, To

_SLOW = 0.15
"""Seconds from one site's answer to the next: a run lasts long enough to be disturbed in the middle."""
_MIDDLE = 4
"""Measurements that are told of when it happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong, and how a run must take it."""

    title: str
    happens: Callable[[World, Path], Finished]
    """Starts a run with this database, lets it happen, and takes it away again."""
    status: tuple[int, ...]
    says: str = ""
    """What the one line on stderr that tells of it is like, a regular expression; empty: nothing need be said."""
    outcomes: frozenset[str] = frozenset({"ok"})
    """What may be said of targets that are all well."""
    needs: Callable[[], str | None] = lambda: None
    """Why it cannot be made here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suffered:
    """What became of a run, of its database, and of the run after it."""

    fault: Fault
    done: Finished
    after: State
    next: Finished
    last: State

    @property
    def told(self) -> list[dict[str, Any]]:
        """What the disturbed run has told."""
        return told(self.done.stdout)

    @property
    def line(self) -> str:
        """What the user is told of it: the line of the program that fits."""
        lines = self.done.stderr.splitlines()
        return next((line for line in lines if self.fault.says and re.search(self.fault.says, line)), "")

    def wrong(self) -> Iterator[str]:
        """What is not as it should be."""
        if self.done.returncode not in self.fault.status:
            yield f"ended with {self.done.returncode}: {self.done.stderr[-1000:]}"
        if self.fault.says and not self.line:
            yield f"does not say so: {self.done.stderr[-1000:]}"
        if "Traceback" in self.done.stderr or "Exception" in self.done.stderr:
            yield f"a traceback is no message: {self.done.stderr[-2000:]}"
        if self.after.lacks(self.told):
            yield f"{self.after.lacks(self.told)} of {len(self.told)} measurements that were told are not there"
        for when, each in (("afterwards", self.after), ("in the end", self.last)):
            if not each.sound or each.torn:
                yield f"{when}: the file is not whole ({each.torn} torn)"
        if strange := sorted({line["outcome"] for line in self.told} - self.fault.outcomes):
            yield f"says {', '.join(strange)} of targets that are well"
        told_next = {line["target"]: line["outcome"] for line in told(self.next.stdout)}
        if self.next.returncode != 0 or told_next != dict.fromkeys(TARGETS, "ok"):
            yield f"the next run is not right: {self.next.returncode}, {self.next.stderr[-1000:]}"
        if self.last.unfinished or self.last.gaps():
            yield f"{self.last.unfinished} runs cannot be finished, {self.last.gaps()} gaps"


def suffer(world: World, fault: Fault, database: Path) -> Suffered:
    """Lets it happen in a village that is put right again, resumes, and measures once more."""
    world.become(village(_SLOW))
    try:
        done = fault.happens(world, database)
    finally:
        world.become(village())
    seen = _seen(database)
    after = state(seen)
    for _ in range(after.unfinished):
        world.run(words(world, database, "--resume"))
    last = world.run(words(world, database))
    return Suffered(fault=fault, done=done, after=after, next=last, last=state(seen))


def _seen(database: Path) -> Path:
    """The database as it is seen from here: one on a disk of the world's own is reached through a process there."""
    disk = _DISKS.get(database.parent)
    return database if disk is None else Path(f"/proc/{disk.pid}/root{database}")


def _start(world: World, database: Path, *more: str, env: Mapping[str, str] | None = None) -> Running:
    """A run that has come to its middle."""
    running = world.start(words(world, database, *more), env=env)
    _wait_for_the_middle(running)
    return running


def _wait_for_the_middle(running: Running) -> None:
    end = time.monotonic() + 60
    while running.stdout().count("\n") < _MIDDLE:
        if running.has_ended(0.02) or time.monotonic() > end:
            raise TimeoutError(f"it never came to its middle: {running.stderr()}")


_DISKS: dict[Path, Running] = {}
"""Disks of their own, each with a process that sees it."""


@contextmanager
def disks(world: World) -> Iterator[None]:
    """What is mounted inside is gone at the end."""
    yield
    for folder, process in _DISKS.items():
        process.stop()
        world.run(["umount", "-l", str(folder)])
    _DISKS.clear()


def _disk(world: World, database: Path, size: str) -> Path:
    """A small disk of its own where the database is to be."""
    folder = database.parent
    folder.mkdir(exist_ok=True)
    made = world.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)])
    assert made.returncode == 0, made.stderr
    _DISKS[folder] = world.start(["sleep", "3600"])
    return folder


def _full_disk(world: World, database: Path) -> Finished:
    folder = _disk(world, database, "4m")
    running = _start(world, database)
    filler = ["dd", "if=/dev/zero", f"of={folder}/filler", "bs=4k"]
    assert world.run(filler).returncode == 1  # no space is left
    done = running.wait(90)
    world.run(["rm", f"{folder}/filler"])
    return done


def _read_only(world: World, database: Path) -> Finished:
    folder = _disk(world, database, "4m")
    world.run(["mount", "-o", "remount,ro", str(folder)])
    done = world.run(words(world, database))
    world.run(["mount", "-o", "remount,rw", str(folder)])
    return done


def _forbidden(world: World, database: Path) -> Finished:
    """A folder that its user may not write to, and a user without the right to do so all the same."""
    database.parent.mkdir()
    database.parent.chmod(0o555)
    done = world.run(["setpriv", "--bounding-set", "-all", *words(world, database)])
    database.parent.chmod(0o755)
    return done


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def locked_for(seconds: float) -> Callable[[World, Path], Finished]:
    """Another process writes for so long."""

    def happens(world: World, database: Path) -> Finished:
        running = _start(world, database)
        with _locked(database):
            running.has_ended(seconds)
        return running.wait(90)

    return happens


_IMPATIENT = """
import sys
{change}
import probe.cli.main
sys.argv[0] = "probe"
probe.cli.main.main()
"""


def _locked_too_long(world: World, database: Path) -> Finished:
    """With less patience than the program has; `make reliability` waits the whole minute."""
    world.run(words(world, database))
    with _locked(database):
        impatient = _IMPATIENT.format(change="import probe.store.opening; probe.store.opening.BUSY_SECONDS = 1")
        return world.run([sys.executable, "-c", impatient, *words(world, database)[1:]])


def locked_for_good(world: World, database: Path) -> Finished:
    """Another process keeps it until the run has given up."""
    running = _start(world, database)
    with _locked(database):
        return running.wait(180)


def _clock_back(world: World, database: Path) -> Finished:
    shift = database.with_suffix(".clock")
    shift.parent.mkdir(exist_ok=True)
    shift.write_text("+0")
    fake = {**clock("+0"), "FAKETIME_TIMESTAMP_FILE": str(shift), "FAKETIME_NO_CACHE": "1"}
    del fake["FAKETIME"]
    running = _start(world, database, env=fake)
    shift.write_text("-1d")
    return running.wait(90)


def suspended_for(seconds: float) -> Callable[[World, Path], Finished]:
    """The process does not run for so long."""

    def happens(world: World, database: Path) -> Finished:
        running = _start(world, database, "--timeout", "3")
        running.signal(signal.SIGSTOP)
        time.sleep(seconds)
        running.signal(signal.SIGCONT)
        return running.wait(90)

    return happens


_DEAF = Rule(when=To(addresses=(PROVIDER_RESOLVER,), protocol="udp"), do=Drop())


def resolver_away_for(seconds: float) -> Callable[[World, Path], Finished]:
    """The resolver does not answer for so long, and then again."""

    def happens(world: World, database: Path) -> Finished:
        running = _start(world, database, "--concurrency", "5")
        world.become(village(_SLOW, rules=(_DEAF,)))
        running.has_ended(seconds)
        world.become(village(_SLOW))
        return running.wait(120)

    return happens


def resolver_dead(world: World, database: Path) -> Finished:
    """It answers some, and then nobody any more."""
    running = _start(world, database, "--concurrency", "5")
    world.become(village(_SLOW, rules=(_DEAF,)))
    return running.wait(240)


def _resolver_dead_soon(world: World, database: Path) -> Finished:
    """With less patience than the program has."""
    impatient = _IMPATIENT.format(change="import probe.outage; probe.outage.PAUSES = (0.5,)")
    running = world.start([sys.executable, "-c", impatient, *words(world, database, "--concurrency", "5")[1:]])
    _wait_for_the_middle(running)
    world.become(village(_SLOW, rules=(_DEAF,)))
    return running.wait(120)


def _no_memory(world: World, database: Path) -> Finished:
    """Not a byte more than it has, in the middle, and large pages still to come, all at one moment."""
    spec = village(_SLOW, page=Page(title="{n}", dynamic=True, size=900_000))
    late = tuple(replace(site, page=replace(site.page, delay=3.0)) for site in spec.sites[_MIDDLE:] if site.page)
    world.become(replace(spec, sites=(*spec.sites[:_MIDDLE], *late)))
    running = _start(world, database)
    sizes = Path(f"/proc/{running.pid}/status").read_text()
    size = int(sizes.split("VmSize:")[1].split()[0]) * 1024
    resource.prlimit(running.pid, resource.RLIMIT_AS, (size, size))
    return running.wait(90)


def _two_at_once(world: World, database: Path) -> Finished:
    """Two that a timer starts, both at once; what the second one says is taken for both."""
    consent = world.run(["probe", "consent", "--agree"])
    assert consent.returncode == 0, consent.stderr
    first, second = (world.start(words(world, database, "--scheduled")) for _ in range(2))
    ended = [first.wait(90), second.wait(90)]
    worked, stood_back = sorted(ended, key=lambda done: done.returncode)
    assert worked.returncode == 0, worked.stderr
    return Finished(
        returncode=stood_back.returncode, stdout=worked.stdout + stood_back.stdout, stderr=stood_back.stderr
    )


_FULL = "the disk is full; free some space and start again"
_NOT_TO_BE_WRITTEN = r"cannot be (written|opened|made)|read-only file system|permission denied"
_LOST = "lost its network on the way: no resolver answers .*`probe run --resume` measures the rest"

FAULTS: Mapping[str, Fault] = {
    "disk-full": Fault(title="the disk is full", happens=_full_disk, status=(1,), says=_FULL),
    "read-only": Fault(title="the file system is read-only", happens=_read_only, status=(5,), says=_NOT_TO_BE_WRITTEN),
    "forbidden": Fault(
        title="the folder may not be written to",
        happens=_forbidden,
        status=(5,),
        says=_NOT_TO_BE_WRITTEN,
        needs=lambda: None if shutil.which("setpriv") else "the program `setpriv` (util-linux) is missing",
    ),
    "locked": Fault(title="another process writes for 3 s", happens=locked_for(3.0), status=(0,)),
    "locked-long": Fault(
        title="another process writes for longer than a run waits",
        happens=_locked_too_long,
        status=(1,),
        says="another program has kept it locked for .*; stop that program",
    ),
    "clock": Fault(
        title="the clock jumps back a day in the middle", happens=_clock_back, status=(0,), needs=without_clocks
    ),
    "suspend": Fault(title="suspended for 5 s in the middle", happens=suspended_for(5.0), status=(0,)),
    "resolver-away": Fault(
        title="the resolver is away for 8 s in the middle",
        happens=resolver_away_for(8.0),
        status=(0, 4),
        outcomes=frozenset({"ok", "inconclusive"}),  # a fault that passed
    ),
    "resolver-dead": Fault(
        title="the resolver dies in the middle", happens=_resolver_dead_soon, status=(75,), says=_LOST
    ),
    "memory": Fault(
        title="no more memory in the middle",
        happens=_no_memory,
        status=(1,),
        says="has run out of descriptors or memory.*; ask for less",
    ),
    "two-timers": Fault(
        title="two timers start it at once",
        happens=_two_at_once,
        status=(75,),
        says="Another scheduled run has been going on since",
    ),
}
