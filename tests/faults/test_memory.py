"""No memory in the very place where results are written: the error comes back, nothing half is left, and it goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from probe.store import Filter, Store
from tests.faults.village import state

ROOT = Path(__file__).parents[2]
WRITE = """
import asyncio, os, resource, sys
from dataclasses import replace
from pathlib import Path
from probe.store import Store, Writer
from tests.store.examples import a_result, a_run

UNLIMITED = resource.getrlimit(resource.RLIMIT_AS)

def large(name):
    result = a_result(name)
    page = os.urandom(40_000_000)  # compressing it takes as much again
    return replace(result, measurement=replace(result.measurement, bodies={name: page}))

async def main(store):
    async with Writer(store) as writer:
        await writer.put(a_result("m-1"))
        result = large("m-2")
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + 4_000_000, UNLIMITED[1]))
        try:
            await writer.put(result)
        except MemoryError:
            print("no memory")
        resource.setrlimit(resource.RLIMIT_AS, UNLIMITED)
        await writer.put(a_result("m-3"))

with Store.open(Path(sys.argv[1])) as store:
    store.begin_run(a_run())
    try:
        asyncio.run(main(store))
    except MemoryError:
        print("told at the end, too")
"""


def test_a_writer_without_memory_says_so_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "probe.sqlite"
    done = subprocess.run([sys.executable, "-c", WRITE, str(path)], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["no memory", "told at the end, too"]), done.stderr
    assert state(path).sound
    with Store.open(path) as store:
        assert [result.measurement.id for result in store.results(Filter())] == ["m-1", "m-3"]
