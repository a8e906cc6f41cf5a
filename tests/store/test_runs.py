"""Which run is to be resumed, and what it has measured."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from probe.model import Host, Scheme, Target
from probe.store import Store, StoreError, is_alive, process_token
from tests.store.examples import BEGIN, TARGET, a_result, a_run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "probe.sqlite") as store:
        yield store


def token_of_a_process_that_ended() -> str:
    told = "from probe.store.process import process_token; print(process_token())"
    return subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True).stdout.strip()


def test_this_process_is_alive() -> None:
    assert is_alive(process_token())


def test_a_process_that_ended_is_not() -> None:
    token = token_of_a_process_that_ended()
    assert len(token.split(":")) == 3
    assert not is_alive(token)


def test_a_process_that_nobody_has_waited_for_is_not_alive() -> None:
    told = "from probe.store.process import process_token; print(process_token(), flush=True)"
    with subprocess.Popen([sys.executable, "-c", told], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        token = process.stdout.read().strip()  # to the end of file: the process is over, or in its last moments
        stat = Path(f"/proc/{process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "Z":
            pass
        assert not is_alive(token)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_another_boot_another_number_or_another_start_is_another_process(position: int) -> None:
    parts = process_token().split(":")
    parts[position] = {0: "0-0-0", 1: "1", 2: "7"}[position]
    assert not is_alive(":".join(parts))


@pytest.mark.parametrize("text", ["", ":", "::", "x", f"{process_token().split(':')[0]}:../self:1"])
def test_other_text_is_no_process(text: str) -> None:
    assert not is_alive(text)


def test_the_newest_run_whose_process_ended_is_to_be_resumed(store: Store) -> None:
    gone = token_of_a_process_that_ended()
    assert store.unfinished_run() is None
    store.begin_run(a_run("older", process=gone))
    newer = a_run("newer", process=gone, started_at=BEGIN + timedelta(days=1))
    store.begin_run(newer)
    store.begin_run(a_run("checked", command="check", process=gone, started_at=BEGIN + timedelta(days=2)))
    store.begin_run(a_run("goes on", started_at=BEGIN + timedelta(days=3)))
    assert store.unfinished_run() == newer
    store.finish_run("newer", BEGIN + timedelta(days=4))
    found = store.unfinished_run()
    assert found is not None
    assert found.id == "older"


def test_what_a_run_has_measured(store: Store) -> None:
    store.begin_run(a_run())
    store.begin_run(a_run("run-2"))
    alone = Target(scheme=Scheme.DNS, host="line.example", port=None)
    store.add([a_result("m-1"), a_result("m-2", target=alone), a_result("m-3", run_id="run-2")])
    assert set(store.measured("run-1")) == {(TARGET.name, "wechat"), ("dns://line.example", None)}
    assert set(store.measured("nothing")) == set()


def test_a_run_that_is_not_there(store: Store) -> None:
    with pytest.raises(StoreError, match="there is no run"):
        store.run("nothing")
    with pytest.raises(StoreError, match="there is no run"):
        store.finish_run("nothing", BEGIN)
    store.begin_run(a_run())
    with pytest.raises(StoreError, match="UNIQUE"):
        store.begin_run(a_run())


def test_one_process_only_takes_over_a_run(tmp_path: Path) -> None:
    with Store.open(tmp_path / "probe.sqlite") as first, Store.open(tmp_path / "probe.sqlite") as second:
        first.begin_run(a_run(process="boot:1:1"))
        found = [store.unfinished_run() for store in (first, second)]
        taken = [store.take_over_run(run, "boot:2:2") for store, run in zip((first, second), found, strict=True) if run]
        assert taken == [True, False]


def test_what_is_known_of_a_host_is_kept_anew(store: Store) -> None:
    store.begin_run(a_run())
    earlier = Host(online=True, vpn="tun", ipv6_works=False, clock_offset=-7.5, rewritten_to=("192.31.196.9",))
    host = Host(online=True, captive_portal=False, since=BEGIN, before=earlier)
    store.set_host("run-1", host)
    assert store.run("run-1").host == host
    assert store.run("run-1").host.at(BEGIN - timedelta(seconds=1)) == earlier
