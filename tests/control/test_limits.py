"""The guard: decided on the address and port of each connection, whatever led there."""

from __future__ import annotations

import asyncio
import socket

import pytest

from probe.address import parse
from probe.certificate import Roots
from probe.checks import measure
from probe.control import limits
from probe.model import Scheme, Target, Vantage
from probe.steps.network import Network, Resolver
from tests.control.world import SITE, SITE_V6


@pytest.mark.parametrize(
    ("address", "port", "may"),
    [
        (SITE, 443, True),
        (SITE_V6, 5222, True),
        ("64:ff9b::c01f:c40a", 443, True),
        (SITE, 25, False),
        (SITE, 22, False),
        ("0.0.0.0", 80, False),
        ("100.64.0.1", 80, False),
        ("192.168.1.1", 443, False),
        ("224.0.0.1", 80, False),
        ("255.255.255.255", 80, False),
        ("::", 80, False),
        ("::127.0.0.1", 80, False),
        ("::ffff:127.0.0.1", 80, False),
        ("64:ff9b::7f00:1", 80, False),
        ("64:ff9b:1::1", 80, False),
        ("2002:7f00:1::", 80, False),
        ("2001:0:102:304::", 80, False),
        ("fd00::1", 80, False),
        ("fe80::1", 80, False),
    ],
)
def test_the_guard(address: str, port: int, may: bool) -> None:
    network = limits.guard(Network(resolvers=(Resolver(SITE),), roots=Roots((), "none")), limits.PORTS)
    parsed = parse(address)
    assert parsed is not None
    assert network.may_connect(parsed, port) is may


def test_the_guard_never_widens_what_the_network_allows() -> None:
    nothing = Network(resolvers=(), roots=Roots((), "none"), allow=lambda address, port: False)
    parsed = parse(SITE)
    assert parsed is not None
    assert limits.guard(nothing, limits.PORTS).may_connect(parsed, 443) is False


def test_an_address_as_the_host_gives_no_more_rights_than_a_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        sock.settimeout(0)
        network = limits.guard(Network(resolvers=(), roots=Roots((), "none"), attempts=1), {port})
        target = Target(scheme=Scheme.TCP, host="127.0.0.1", port=port)
        measurement = asyncio.run(measure(target, network, vantage=Vantage(name="here")))
        assert measurement.observations == ()
        with pytest.raises(BlockingIOError):
            sock.accept()
