"""Whether the way out is paid for by the byte: what the machine itself knows."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from probe.steps.metered import metered


@pytest.fixture
def links(tmp_path: Path) -> Path:
    """Links as the kernel shows them in /sys/class/net."""
    drivers = tmp_path / "drivers"
    for name, kind, driver in (
        ("eth0", "", "e1000e"),
        ("wlan0", "DEVTYPE=wlan\n", "iwlwifi"),
        ("wwan0", "DEVTYPE=wwan\n", "qmi_wwan"),
        ("bnep0", "DEVTYPE=bluetooth\n", "bnep"),
        ("usb0", "", "rndis_host"),
        ("eth1", "DEVTYPE=gadget\n", "ipheth"),
    ):
        (drivers / driver).mkdir(parents=True, exist_ok=True)
        (tmp_path / "net" / name / "device").mkdir(parents=True)
        (tmp_path / "net" / name / "uevent").write_text(f"{kind}INTERFACE={name}\nIFINDEX=2\n")
        (tmp_path / "net" / name / "device" / "driver").symlink_to(drivers / driver)
    return tmp_path / "net"


def busctl(folder: Path, script: str) -> str:
    """A PATH on which `busctl` does this; the real one would ask the machine that the test runs on."""
    folder.mkdir()
    (folder / "busctl").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "busctl").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


KINDS = (
    ((), None),
    (("eth0",), None),
    (("wlan0", "eth0"), None),
    (("gone0",), None),
    (("wwan0",), "a mobile network"),
    (("eth0", "wwan0"), "a mobile network"),
    (("bnep0",), "a phone, over Bluetooth"),
    (("usb0",), "a phone, over USB"),
    (("eth1",), "a phone, over USB"),
)


@pytest.mark.parametrize(("names", "over"), KINDS)
def test_by_the_kind_of_link(
    links: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], over: str | None
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert asyncio.run(metered(names, links)) == over


SAID = (
    ("echo u 1", "wlan0", "a connection that is set to be metered"),
    ("echo u 3", "wlan0", "a connection that seems to be metered"),
    ("echo u 2", "wwan0", None),  # its owner says that it is not
    ("echo u 4", "wwan0", "a mobile network"),
    ("echo u 0", "eth0", None),
    ("echo u 99", "eth0", None),
    ("echo s yes", "eth0", None),
    ("echo 'Failed to connect to bus' >&2; exit 1", "wwan0", "a mobile network"),
)


@pytest.mark.parametrize(("script", "name", "over"), SAID)
def test_by_what_network_manager_says(
    links: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, name: str, over: str | None
) -> None:
    monkeypatch.setenv("PATH", busctl(tmp_path / "bin", script))
    assert asyncio.run(metered((name,), links)) == over


def test_a_bus_that_does_not_answer_is_not_waited_for(
    links: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", busctl(tmp_path / "bin", "exec sleep 60"))
    began = time.monotonic()
    assert asyncio.run(metered(("eth0",), links)) is None
    assert time.monotonic() - began < 20
