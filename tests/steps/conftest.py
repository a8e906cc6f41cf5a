from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trustme

from probe.certificate import Roots
from probe.steps.network import Network, Resolver, Timeouts
from probe.steps.step import Attempt, Journal


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def stranger() -> trustme.CA:
    return trustme.CA(organization_name="nobody trusts us")


@pytest.fixture
def network(authority: trustme.CA) -> Network:
    """Steps on loopback: the rule about public addresses is tested where it is asked, in test_tcp."""
    return Network(
        resolvers=(Resolver("127.0.0.1", 53),),
        roots=Roots.from_pem(authority.cert_pem.bytes(), "the test's authority"),
        timeouts=Timeouts(dns=(0.5, 0.5, 0.5), tcp=1, tls=1, http=1),
        pause=0.01,
        linger=0.2,
        allow=lambda address, port: True,
    )


@pytest.fixture
def attempt(network: Network) -> Attempt:
    return Attempt(Journal(network.clock), network)


@pytest.fixture
def attempt_with(network: Network) -> Callable[..., Attempt]:
    def make(**changes: Any) -> Attempt:
        return Attempt(Journal(network.clock), replace(network, **changes))

    return make
