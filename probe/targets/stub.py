"""A service file to begin with: what is known of one target, and what a person must still find out.

Law: pure. What is written here is a list that the loader takes, in which nothing claims to be known that is not: an
endpoint is `unverified` until somebody says where it is documented, and such a one never decides a verdict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

from probe.address import parse as parse_address
from probe.model import Role, Scheme, Target
from probe.targets.parse import TargetError

_ID = re.compile(r"[a-z0-9][a-z0-9-]*")

ROLES: Mapping[Scheme, Role] = {
    Scheme.HTTPS: Role.WEB,
    Scheme.HTTP: Role.WEB,
    Scheme.TLS: Role.API,
    Scheme.TCP: Role.LONG_LINK,
    Scheme.DNS: Role.BOOTSTRAP,
    Scheme.UDP: Role.CALLS,
}
"""What an endpoint is taken to be for where nobody says."""

_HEAD = """\
# Begun on {day}. Say who runs the service and where each endpoint is documented, then make it `reported` or
# `documented`: until then no verdict rests on it.
title = "{service}"
operator = "unknown"
homepage = "https://{host}/"
domains = ["{domain}"]
"""
_ENDPOINT = """
[[endpoint]]
target = "{target}"
role = "{role}"
purpose = "not known yet"
certainty = "unverified"
source = "added by hand on {day}"
"""


def service_file(targets: Sequence[Target], *, service: str, role: Role | None, day: date) -> str:
    """A whole file for a new service. Raises TargetError where the host is an address: a service has a domain."""
    first = targets[0]
    if parse_address(first.host) is not None:
        raise TargetError(first.name, "a new service needs a domain of its own; add an address to a file that is there")
    head = _HEAD.format(day=day, service=service, host=first.host, domain=domain_of(first.host))
    return head + endpoints(targets, role=role, day=day)


def endpoints(targets: Sequence[Target], *, role: Role | None, day: date) -> str:
    """The endpoints alone, to stand at the end of a file."""
    return "".join(
        _ENDPOINT.format(target=target.name, role=(role or ROLES[target.scheme]).value, day=day) for target in targets
    )


def domain_of(host: str) -> str:
    """The domain that a service is taken to own for this host: the host, without `www.`."""
    return host.removeprefix("www.") if host.count(".") > 1 else host


def is_service_id(text: str) -> bool:
    """Whether this can be the name of a service, and of its file."""
    return _ID.fullmatch(text) is not None


def service_id_of(host: str) -> str:
    """A name for a service nobody has named: the label before the last of its host, `example` of chat.example.org."""
    return host.split(".")[-2].replace("_", "-")
