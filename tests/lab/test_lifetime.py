"""Programs in a world, and its end: whatever ends it, nothing of it is left."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lab.lab import World
from tests.lab.world import WorldError


def test_programs_are_started_signalled_and_waited_for(world: World) -> None:
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); print('up', flush=True); signal.pause()"
    running = world.start([sys.executable, "-c", code], host="control", env={"X": "1"})
    while running.stdout() != "up\n":
        assert not running.has_ended(0.05), running.stderr()
    assert running.stop().returncode == 7
    with pytest.raises(TimeoutError):
        world.run(["sleep", "60"], timeout=0.1)
    with pytest.raises(WorldError, match="no-such-program"):
        world.start(["no-such-program"])


def test_programs_run_side_by_side(world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: world.run(["echo", str(n)]).stdout, range(60)))
    assert done == [f"{n}\n" for n in range(60)]


def test_nothing_in_a_world_reaches_this_machine_or_is_left_of_it(lab: None) -> None:
    with World() as world:
        links = world.run(["cat", "/proc/net/dev"]).stdout
        assert {line.split(":")[0].strip() for line in links.splitlines()[2:]} == {"lo", "eth0"}
        inner = world.start(["sleep", "600"])
        home = world.home
    assert not home.exists()
    assert _gone([inner.pid])


def test_a_world_ends_with_the_process_that_made_it(lab: None) -> None:
    code = (
        "import time; from tests.lab.lab import World\n"
        "with World() as w:\n"
        "    programs = ['sleep', '600'], ['probe', 'control', 'serve']\n"
        "    started = [w.start(argv, host='control').pid for argv in programs]\n"
        "    print(w._process.pid, *started, w.home, flush=True)\n"
        "    time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as maker:
        assert maker.stdout is not None
        *processes, home = maker.stdout.readline().split()
        children = Path(f"/proc/{processes[0]}/task/{processes[0]}/children").read_text().split()
        states = [_state(int(pid)) for pid in (*processes, *children)]
        maker.send_signal(signal.SIGKILL)
    assert len(children) == 4
    assert "Z" not in states
    assert _gone([int(pid) for pid in (*processes, *children)])
    subprocess.run(["rm", "-r", home], check=True)


def _gone(pids: list[int]) -> bool:
    """Whether these processes end, within a time that is long for it."""
    for _ in range(100):
        left = [pid for pid in pids if Path(f"/proc/{pid}").exists() and "Z" not in _state(pid)]
        if not left:
            return True
        time.sleep(0.1)
    return False


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
