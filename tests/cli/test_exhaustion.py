"""A host that runs out of descriptors, of ports or of CPU measures more slowly, and calls nobody anything but `ok`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.lab import Finished, World
from tests.lab.people import lines
from tests.lab.scenarios.scenario import at, https
from tests.lab.spec import Page, Site, Spec

COUNT = 240
PORTS = "/proc/sys/net/ipv4/ip_local_port_range"


def sites(addresses: int) -> tuple[Site, ...]:
    """Healthy ones, at so many addresses in turn."""
    page = Page(title="A service", text="works " * 100)
    return tuple(https(f"s{number}.example", at(1 + number % addresses), page=page) for number in range(COUNT))


@contextmanager
def busy_cores() -> Iterator[None]:
    """Both cores, or as many as there are, have something else to do."""
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(len(os.sched_getaffinity(0)))
    ]
    try:
        yield
    finally:
        for each in burners:
            each.kill()
            each.wait()


def run(world: World, shell: str, *words: str) -> Finished:
    """A run over all of them, as fast as it goes, in a shell that was told something before."""
    targets = world.home / "many.txt"
    targets.write_text("".join(f"https://s{number}.example/\n" for number in range(COUNT)))
    options = ("--control", "none", "--concurrency", str(COUNT), "--rate", "100000", "--json")
    database = world.home / "exhaustion.sqlite"
    database.unlink(missing_ok=True)
    command = ("probe", "run", "--targets", str(targets), *options, "--db", str(database), *words)
    return world.run(["sh", "-c", f'{shell}; exec "$@"', "sh", *command], timeout=250)


def assert_all_well(done: Finished) -> None:
    assert done.returncode == 0, done.stderr
    assert Counter(line["outcome"] for line in lines(done)) == {"ok": COUNT}
    # The lab's resolver is busy as well, and may lose a datagram; nothing else may go wrong, nor be tried again.
    reached = [row for line in lines(done) for row in line["observations"] if row["step"] != "dns"]
    assert {(row["failure"], row["attempt"]) for row in reached} == {(None, 1)}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_few_descriptors_and_busy_cores(country: World, workers: str) -> None:
    country.become(Spec(sites=sites(200)))
    with busy_cores():
        assert_all_well(run(country, "ulimit -n 256", "--workers", workers))


def test_few_ports(country: World) -> None:
    country.become(Spec(sites=sites(1)))
    before = country.run(["cat", PORTS]).stdout
    # A port that was used is free again after a second, and not after a minute: there is nothing in flight here.
    reuse = "echo 1 > /proc/sys/net/ipv4/tcp_tw_reuse"
    try:
        assert_all_well(run(country, f"echo 40000 40059 > {PORTS} && {reuse} || exit 99"))
    finally:
        country.run(["sh", "-c", f"echo {before.strip()} > {PORTS}; echo 2 > /proc/sys/net/ipv4/tcp_tw_reuse"])
