"""`probe control serve` as a process: where it listens, what it refuses, how it ends."""

from __future__ import annotations

import re
import signal
import sys
import time

import pytest

from tests.lab.lab import Running, World
from tests.lab.spec import CONTROL, Spec

_PLACE = re.compile(r"^probe: listening on (http://\S+:(\d+))$", re.MULTILINE)


def place(running: Running) -> tuple[str, int]:
    """The URL and the port that it says it listens on."""
    end = time.monotonic() + 30
    while (found := _PLACE.search(running.stderr())) is None:
        assert not running.has_ended(0.05), running.stderr()
        assert time.monotonic() < end, running.stderr()
    return found[1], int(found[2])


def healthy(world: World, url: str) -> bool:
    code = f"import httpx; print(httpx.get({url + '/healthz'!r}, trust_env=False).status_code)"
    return world.run([sys.executable, "-c", code]).stdout.strip() == "200"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_says_where_it_listens_and_ends_when_told(country: World, number: signal.Signals) -> None:
    country.become(Spec())
    running = country.start(["probe", "control", "serve", "--listen", f"{CONTROL[0]}:0"], host="control")
    url, port = place(running)
    assert port > 0
    assert healthy(country, url)
    running.signal(number)
    done = running.wait(30)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines() == [f"probe: listening on {url}"]


def test_an_open_one_says_so_and_a_taken_port_is_refused(country: World) -> None:
    country.become(Spec())
    words = ("probe", "control", "serve", "--listen")
    running = country.start([*words, f"{CONTROL[0]}:0", "--open"], host="control")
    _, port = place(running)
    second = country.run([*words, f"{CONTROL[0]}:{port}"], host="control")
    assert (second.returncode, second.stdout) == (2, "")
    assert len(second.stderr.splitlines()) == 1
    assert str(port) in second.stderr
    done = running.stop()
    assert done.returncode == 0
    assert "any public host" in done.stderr
