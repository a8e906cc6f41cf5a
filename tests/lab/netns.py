"""Namespaces and the links between them, made without any program: system calls by ctypes, netlink by pyroute2.

Law: nothing here has a name outside the process that made it. A namespace is a descriptor, and is gone when the last
process in it is gone and the descriptor is closed.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute

_NEWNS, _NEWNET = 0x0002_0000, 0x4000_0000  # linux/sched.h
_BIND = 0x1000  # linux/mount.h: MS_BIND
_SET_DEATH_SIGNAL = 1  # linux/prctl.h: PR_SET_PDEATHSIG
_SIOCETHTOOL = 0x8946
# linux/ethtool.h: checksums, segmentation and gathering left to a card that does not exist (ETHTOOL_STXCSUM, …STSO,
# …SGSO, …SGRO). Without them every packet on the wire is whole: of MTU size, and with its checksum.
_OFFLOADS = (0x17, 0x1F, 0x24, 0x2C)

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A network namespace and a mount namespace, by descriptor."""

    name: str
    net: int
    mounts: int
    routes: IPRoute
    """A netlink socket in its network namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The router's end of a link to a host."""

    name: str
    host_mac: bytes


def _call(name: str, *arguments: Any) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def die_with_parent() -> None:
    """This process is killed when its parent ends, however that ends."""
    _call("prctl", _SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


@contextmanager
def _returning(kind: str, flag: int) -> Iterator[None]:
    """Comes back into the namespace that this process was in."""
    before, here = os.open(f"/proc/self/ns/{kind}", os.O_RDONLY), os.getcwd()
    try:
        yield
    finally:
        _call("setns", before, flag)
        os.close(before)
        os.chdir(here)


def make_host(name: str, resolv_conf: Path) -> Host:
    """A new host with loopback only, whose /etc/resolv.conf is this file. Raises OSError."""
    with _returning("mnt", _NEWNS):
        _call("unshare", _NEWNS)
        _call("mount", os.fsencode(resolv_conf), b"/etc/resolv.conf", None, _BIND, None)
        mounts = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    with _returning("net", _NEWNET):
        _call("unshare", _NEWNET)
        net = os.open("/proc/self/ns/net", os.O_RDONLY)
        # Neighbours are not asked for, and addresses are not tried out: both would only cost time.
        for key, value in (("accept_dad", "0"), ("dad_transmits", "0"), ("accept_ra", "0")):
            Path(f"/proc/sys/net/ipv6/conf/default/{key}").write_text(value)
        for each in ("all", "default"):  # an answer may come by another link than the question went
            Path(f"/proc/sys/net/ipv4/conf/{each}/rp_filter").write_text("0")
        # No kind of ICMP is limited in its rate (255: one that nobody sends): a busy host refuses as often as it must.
        for family, kinds in (("ipv4/icmp_ratemask", "0"), ("ipv6/icmp/ratemask", "255")):
            Path(f"/proc/sys/net/{family}").write_text(kinds)
        routes = IPRoute()
        routes.link("set", index=1, state="up")
    return Host(name=name, net=net, mounts=mounts, routes=routes)


def enter(host: Host) -> None:
    """Moves this process into a host. For a child between fork and exec."""
    _call("setns", host.net, _NEWNET)
    _call("setns", host.mounts, _NEWNS)


def connect(router: IPRoute, host: Host, addresses: Sequence[str]) -> Link:
    """A link from this namespace to a host, which gets the addresses and sends everything over it."""
    router.link("add", ifname=host.name, kind="veth", peer={"ifname": "eth0", "net_ns_fd": host.net})
    Path(f"/proc/sys/net/ipv6/conf/{host.name}/disable_ipv6").write_text("1")
    router.link("set", index=router.link_lookup(ifname=host.name)[0], state="up")
    _without_offloads(host.name)
    index = host.routes.link_lookup(ifname="eth0")[0]
    _inside(host, lambda: _without_offloads("eth0"))
    host.routes.link("set", index=index, arp=False, state="up")
    for address in addresses:
        host.routes.addr("add", index=index, address=address, prefixlen=128 if ":" in address else 32)
    for family in (socket.AF_INET, socket.AF_INET6):
        set_default_route(host, family, "eth0")
    attributes = dict(host.routes.get_links(index)[0]["attrs"])
    return Link(name=host.name, host_mac=bytes.fromhex(attributes["IFLA_ADDRESS"].replace(":", "")))


def set_default_route(host: Host, family: int, over: str | None) -> None:
    """Gives a host its route to everywhere over a link, or takes it away."""
    destination = "0.0.0.0/0" if family == socket.AF_INET else "::/0"
    wanted = host.routes.link_lookup(ifname=over) if over is not None else []
    there = [r for r in host.routes.get_routes(family=family, table=254) if r["dst_len"] == 0 and r["table"] == 254]
    for link in {route.get_attr("RTA_OIF") for route in there}.difference(wanted):
        host.routes.route("del", dst=destination, oif=link, family=family)
    if wanted and not any(route.get_attr("RTA_OIF") in wanted for route in there):
        host.routes.link("set", index=wanted[0], state="up")
        host.routes.route("add", dst=destination, oif=wanted[0], family=family)


def answer_for(host: Host, prefix: str) -> None:
    """Every address of a prefix is this host's own."""
    family = socket.AF_INET6 if ":" in prefix else socket.AF_INET
    host.routes.route("add", dst=prefix, oif=1, type="local", table=255, scope=254, family=family)


def _inside(host: Host, do: Callable[[], None]) -> None:
    with _returning("net", _NEWNET):
        _call("setns", host.net, _NEWNET)
        do()


def _without_offloads(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for command in _OFFLOADS:
            value = array("I", (command, 0))
            request = struct.pack("16sP", interface.encode(), value.buffer_info()[0])
            fcntl.ioctl(sock, _SIOCETHTOOL, request)
