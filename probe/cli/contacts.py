"""`probe run --dry-run`: whom a run would contact.

Law: nothing is sent, nothing is resolved and nothing is written. What only an answer can tell (the addresses of names,
where redirects lead) is not known beforehand, and is said not to be.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probe.cli.errors import Status

if TYPE_CHECKING:
    from probe.cli.job import Job
    from probe.model import Target

_SUMMARY = (
    "Nothing was sent. A run would measure {targets} targets at {hosts} hosts, in random order. Not listed, since only"
    " answers tell: the addresses of names, where redirects lead, QUIC (udp) where a page offers it. Where something"
    " fails, the same hosts are asked again in other ways: at their addresses' ports 53, 80 and 443, by the name"
    " {other_name}, at the addresses that the controls were given, and at the controls' neutral ports."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One host and port, and what for."""

    kind: str
    """`target`, `name` (only asked for), `resolver`, `secure_resolver` (over HTTPS, in follow-ups), or `control`."""
    host: str
    port: int | None
    """Absent for a name that is only asked for."""
    transport: str | None
    """`tcp` or `udp`."""
    address: str | None
    """The address, where the host is written as one; absent for a name, whose addresses only a resolver knows."""
    purpose: str
    """The targets that are there, or what is asked."""


def show_contacts(job: Job) -> Status:
    """Prints whom a job would contact."""
    from probe.checks.follow_up import OTHER_NAME
    from probe.form import dumps
    from probe.report.safe import safe

    found = list(contacts(job))
    for each in found:
        if job.json:
            print(dumps(each))
        else:
            known = "" if each.address is None else "address"
            port = f"{each.transport}/{each.port}" if each.port else "-"
            print(f"{each.kind:<15} {port:<10} {safe(each.host, 300):<48} {known:<8} {safe(each.purpose)}".rstrip())
    hosts = len({target.host for target in job.targets})
    print(_SUMMARY.format(targets=len(job.targets), hosts=hosts, other_name=OTHER_NAME), file=sys.stderr)
    return Status.OK


def contacts(job: Job) -> Iterator[Contact]:
    """Resolvers, then controls, then the hosts of the targets, each host and port once."""
    for resolver in job.resolvers:
        for transport, port, asked in _questions(resolver.port):
            yield _contact("resolver", resolver.address, port, transport, asked)
    if job.secure_resolver is not None:
        where = job.secure_resolver
        yield _contact("secure_resolver", where.address, where.port, "tcp", "names that look blocked")
    for url in job.controls:
        yield _control(url)
    places: dict[tuple[str, str, int, str], list[str]] = {}
    for target in job.targets:
        places.setdefault(_place(target), []).append(target.name)
    for (kind, host, port, transport), names in sorted(places.items()):
        yield _contact(kind, host, port or None, transport or None, " ".join(names))


def _questions(port: int) -> Iterator[tuple[str, int, str]]:
    from probe.steps.dns_stream import TLS_PORT

    yield "udp", port, "every name; the root's servers and one name that cannot exist, once"
    yield "tcp", port, "names that look blocked, and answers that are too long"
    yield "tcp", TLS_PORT, "names that look blocked"


def _control(url: str) -> Contact:
    from urllib.parse import urlsplit

    from probe.model import DEFAULT_PORTS, Scheme
    from probe.ooni import HELPER_PREFIX

    parts = urlsplit(url.removeprefix(HELPER_PREFIX))
    port = parts.port or DEFAULT_PORTS[Scheme(parts.scheme)]
    return _contact("control", parts.hostname or "", port, "tcp", f"is told every target: {url}")


def _place(target: Target) -> tuple[str, str, int, str]:
    """Kind, host, port and transport; 0 and nothing for a target that is a mere question to the resolver."""
    from probe.model import Scheme

    if target.port is None:
        return "name", target.host, 0, ""
    return "target", target.host, target.port, "udp" if target.scheme is Scheme.UDP else "tcp"


def _contact(kind: str, host: str, port: int | None, transport: str | None, purpose: str) -> Contact:
    from probe.address import parse

    address = str(found) if (found := parse(host)) is not None else None
    return Contact(kind=kind, host=host, port=port, transport=transport, address=address, purpose=purpose)
