"""A world made from target lists: every host of a live service is there and answers as its file says is healthy.

Law: what is in the files is all that is known here. Names get addresses of the lab's, one each; an endpoint that is an
address keeps it, and its network is the world's own (`Spec.prefixes`). Of a closed service nothing is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path

from probe.address import parse
from probe.model import SECURE, Endpoint, Scheme, Service, Target
from probe.targets import shipped_dir
from tests.lab.spec import (
    Answer,
    Certificate,
    Drop,
    HostHeader,
    Lie,
    Name,
    Page,
    Reset,
    Rule,
    Site,
    Sni,
    Spec,
    Speech,
    To,
)

_FINGERPRINT = re.compile(r"\b(?:[0-9A-F]{2}:){31}[0-9A-F]{2}\b")
_POOL = tuple(f"{prefix}.{number}" for prefix in ("192.31.196", "192.175.48") for number in range(1, 255))
_RESOLVERS = frozenset({"192.175.48.53", "192.175.48.54", "192.175.48.88"})
_V6 = "2620:4f:8000:100::{:x}"


def write_lists(folder: Path, own_root: str) -> None:
    """The shipped lists, in which the lab's own root stands for each service's own."""
    folder.mkdir()
    for path in sorted(shipped_dir().glob("*.toml")):
        (folder / path.name).write_text(_FINGERPRINT.sub(own_root, path.read_text("utf-8")), "utf-8")


@dataclass(frozen=True)
class Country:
    """The world of these services, and how each endpoint in it can be blocked."""

    services: Sequence[Service]

    @property
    def live(self) -> list[Service]:
        return [service for service in self.services if service.retired is None]

    def addresses(self) -> Mapping[str, str]:
        """Where each host of a live service is."""
        endpoints = [endpoint for service in self.live for endpoint in service.endpoints]
        # A name to an address: a block of one address must be a block of one host.
        free = iter([address for address in _POOL if address not in _RESOLVERS])
        found: dict[str, str] = {}
        for number, endpoint in enumerate(endpoints, start=1):
            host = endpoint.target.host
            if host not in found:
                found[host] = host if parse(host) is not None else _place(endpoint, number, free)
        return found

    def healthy(self) -> Spec:
        """All is well."""
        addresses = self.addresses()
        targets = [endpoint.target for service in self.live for endpoint in service.endpoints]
        return Spec(
            sites=tuple(_site(each, addresses[each.host]) for each in targets if each.scheme is not Scheme.DNS),
            names=tuple(
                Name(name=each.host, addresses=(addresses[each.host],)) for each in targets if each.scheme is Scheme.DNS
            ),
            prefixes=tuple(sorted({_network(target.host) for target in targets if parse(target.host) is not None})),
        )

    def blocking(self, targets: Sequence[Target]) -> Spec:
        """Somebody blocks these, each at the deepest layer that it has, and nothing beside them."""
        spec, addresses = self.healthy(), self.addresses()
        rules = [_rule(each, addresses[each.host]) for each in targets if each.scheme is not Scheme.DNS]
        lies = [_denial(each) for each in targets if each.scheme is Scheme.DNS]
        return replace(spec, rules=tuple(rules), lies=tuple(lies))

    def denying(self, targets: Sequence[Target]) -> Spec:
        """The provider's resolver denies these names; connections to those that are addresses are refused."""
        spec = self.healthy()
        literal = [each for each in targets if parse(each.host) is not None]
        rules = [Rule(when=To(addresses=(each.host,), port=each.port), do=Reset()) for each in literal]
        lies = [_denial(each) for each in targets if each not in literal]
        return replace(spec, rules=tuple(rules), lies=tuple(lies))


def method(target: Target) -> str:
    """What a block of this target at its deepest layer is called."""
    return {Scheme.DNS: "dns", Scheme.TCP: "tcp", Scheme.UDP: "tcp", Scheme.HTTP: "http"}.get(target.scheme, "tls")


def _network(address: str) -> str:
    return str(ip_network((address, 64 if ":" in address else 24), strict=False))


def _place(endpoint: Endpoint, number: int, free: Iterator[str]) -> str:
    healthy = endpoint.healthy or ""
    if "127.0.0.1" in healthy:
        return "127.0.0.1"
    return _V6.format(number) if "over IPv6 only" in healthy else next(free)


def _site(target: Target, address: str) -> Site:
    assert target.port is not None, "only dns:// has none"
    certificate = Certificate.OWN_ROOT if target.roots else Certificate.GOOD
    speech = Speech(target.speaks.value) if target.speaks is not None else None
    return Site(
        name=target.host,
        addresses=(address,),
        port=target.port,
        certificate=certificate if target.scheme in SECURE else None,
        page=Page(status=404, title=f"This is {target.service}", headers=(("X-Service", target.service or ""),)),
        speech=speech,
        datagrams=target.scheme is Scheme.UDP,
        silent=target.scheme is Scheme.TCP and speech is None,
    )


def _denial(target: Target) -> Lie:
    return Lie(name=target.host, answer=Answer.NXDOMAIN)


def _rule(target: Target, address: str) -> Rule:
    if target.scheme in SECURE:
        return Rule(when=Sni(name=target.host, address=address), do=Reset())
    if target.scheme is Scheme.HTTP:
        return Rule(when=HostHeader(name=target.host), do=Reset())
    if target.scheme is Scheme.UDP:
        return Rule(when=To(addresses=(address,), port=target.port, protocol="udp"), do=Drop())
    return Rule(when=To(addresses=(address,), port=target.port), do=Reset())
