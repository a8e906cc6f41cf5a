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


ASK = """
import asyncio, ssl, sys
from probe.control import ControlClient

async def main():
    async with ControlClient(sys.argv[1]) as client:
        said = await client.describe()
    unverified = ssl._create_unverified_context()
    for ground, context in ((said.neutral_tls, unverified), (said.neutral_http, None)):
        reader, writer = await asyncio.open_connection(
            ground.address, ground.port, ssl=context, server_hostname="blocked.example" if context else None
        )
        writer.write(b"GET / HTTP/1.1\\r\\nHost: blocked.example\\r\\n\\r\\n")
        print(ground.address, ground.port, (await reader.read()).splitlines()[-1].decode())

asyncio.run(main())
"""


def test_neutral_ground_is_announced_and_answers_under_any_name(country: World) -> None:
    country.become(Spec())
    words = ("--neutral-tls", f"{CONTROL[0]}:0", "--neutral-http", "0.0.0.0:0")
    running = country.start(["probe", "control", "serve", "--listen", f"{CONTROL[0]}:0", *words], host="control")
    url, _ = place(running)
    secure, clear = re.findall(r"neutral ground on \w+://\S+:(\d+)", running.stderr())
    asked = country.run([sys.executable, "-c", ASK, url])
    assert [line.split(" ", 2)[:2] for line in asked.stdout.splitlines()] == [
        [CONTROL[0], secure],
        [CONTROL[0], clear],
    ], asked.stderr
    assert asked.stdout.count("Neutral ground") == 2
    assert running.stop().returncode == 0


def test_neutral_ground_that_cannot_be_had_is_refused(country: World) -> None:
    country.become(Spec())
    words = ["probe", "control", "serve", "--listen", f"{CONTROL[0]}:0", "--neutral-tls"]
    for place_, said in (("192.31.196.1:443", "--neutral-tls 192.31.196.1:443"), ("443", "give HOST:PORT")):
        done = country.run([*words, place_], host="control")
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
