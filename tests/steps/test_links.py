"""Whether the way out is a tunnel, asked of a real kernel in a network of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_OWN_NETWORK = ("unshare", "--user", "--map-root-user", "--net")
_ASK = """
import json, sys
from ipaddress import ip_address
from pyroute2 import IPRoute
from probe.steps.links import tunnel_towards

kinds = {"tun": {"kind": "tuntap", "mode": "tun"}, "veth": {"kind": "veth", "peer": "far"}}
addresses = {"tun": ("10.0.0.2", "fd00:a::2"), "veth": ("10.1.0.2", "fd00:b::2")}
with IPRoute() as kernel:
    indexes = {}
    for name, kind in kinds.items():
        kernel.link("add", ifname=name, **kind)
        (indexes[name],) = kernel.link_lookup(ifname=name)
        kernel.link("set", index=indexes[name], state="up")
        for address in addresses[name]:
            kernel.addr("add", index=indexes[name], address=address, prefixlen=64 if ":" in address else 24)
    for what, name, given in json.loads(sys.argv[1]):
        getattr(kernel, what)("add", **given, **({"oif": indexes[name]} if name else {}))
print(json.dumps([tunnel_towards(ip_address(a)) for a in ("192.0.2.1", "2001:db8::1")]))
"""
_TABLE = 51_820


def asked(*steps: Sequence[object]) -> list[str | None]:
    """What is said of the ways to the IPv4 and the IPv6 Internet, once these routes and rules are there."""
    command = [*_OWN_NETWORK, sys.executable, "-c", _ASK, json.dumps(steps)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answer: list[str | None] = json.loads(done.stdout)
    return answer


DEFAULT, DEFAULT6 = {"dst": "0.0.0.0/0"}, {"dst": "::/0"}


@pytest.fixture(autouse=True)
def a_kernel_that_makes_them(tunnels: None) -> None:
    """Every test here makes a tunnel."""


def test_no_way_out() -> None:
    assert asked() == [None, None]


def test_a_way_out_that_is_no_tunnel() -> None:
    assert asked(("route", "veth", DEFAULT), ("route", "veth", DEFAULT6)) == [None, None]


def test_a_tunnel_for_one_family() -> None:
    assert asked(("route", "tun", DEFAULT), ("route", "veth", DEFAULT6)) == ["tun", None]
    assert asked(("route", "veth", DEFAULT), ("route", "tun", DEFAULT6)) == [None, "tun"]


def test_a_tunnel_that_is_not_the_way_out() -> None:
    assert asked(("route", "veth", DEFAULT), ("route", "tun", {"dst": "10.9.0.0/16"})) == [None, None]


def test_two_halves_of_everything() -> None:
    """As OpenVPN's redirect-gateway has it: the default route is left as it was."""
    halves = [("route", "tun", {"dst": half}) for half in ("0.0.0.0/1", "128.0.0.0/1")]
    assert asked(("route", "veth", DEFAULT), *halves) == ["tun", None]


def test_a_table_of_its_own() -> None:
    """As wg-quick has it: no route of the main table is changed, and a rule comes before it."""
    own = ("route", "tun", {**DEFAULT, "table": _TABLE})
    rule = ("rule", None, {"table": _TABLE, "priority": 100})
    assert asked(("route", "veth", DEFAULT), own) == [None, None]
    assert asked(("route", "veth", DEFAULT), own, rule) == ["tun", None]
