"""Russia, May 2017: LINE and BBM blocked on the 2nd, WeChat on the 4th and freed on the 11th, provider by provider.

Law: data only. Four providers, of which three obey the register, each in its own way, and the fourth does not; the
services as they were then, when BBM was still open. The clock of a world is this machine's, so that a day is a phase:
the nth run of a provider is the nth of DAYS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.lab.scenarios.scenario import FORBIDDEN, at
from tests.lab.spec import Certificate, Drop, Lie, Page, Reset, Rule, Site, Sni, Spec, To

DAYS: Mapping[str, tuple[str, ...]] = {
    "2017-05-01": (),
    "2017-05-02": ("bbm", "line"),
    "2017-05-04": ("bbm", "line", "wechat"),
    "2017-05-05": ("bbm", "line", "wechat"),
    "2017-05-11": ("bbm", "line"),
    "2017-05-12": ("bbm", "line"),
}
"""Which services stand in the register from each day on."""

# What of each service was to be reached: role and target.
SERVICES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "bbm": (("web", "https://www.bbm.com/"), ("api", "https://api.bbmessaging.com/")),
    "line": (("web", "https://line.me/"), ("long_link", "https://gd2.line.naver.jp/")),
    "wechat": (("web", "https://www.wechat.com/"), ("long_link", "tcp://long.weixin.qq.com:8080")),
}
_HOSTS = {
    service: [target.split("/")[2].partition(":")[0] for _, target in endpoints]
    for service, endpoints in SERVICES.items()
}
_ADDRESS = {host: at(10 + number) for number, host in enumerate(host for hosts in _HOSTS.values() for host in hosts)}
_STUB = "192.175.48.66"
_SITES = (
    *(
        Site(name=host, addresses=(address,), page=Page(title=host))
        for host, address in _ADDRESS.items()
        if host != "long.weixin.qq.com"
    ),
    Site(
        name="long.weixin.qq.com",
        addresses=(_ADDRESS["long.weixin.qq.com"],),
        port=8080,
        certificate=None,
        silent=True,
    ),
    Site(name="stub.provider.example", addresses=(_STUB,), port=80, certificate=None, page=FORBIDDEN),
    Site(name="stub.provider.example", addresses=(_STUB,), certificate=Certificate.SELF_SIGNED, page=FORBIDDEN),
)


def _by_name(hosts: Sequence[str]) -> Spec:
    """The resolver leads to a stub page."""
    return Spec(sites=_SITES, lies=tuple(Lie(name=host, addresses=(_STUB,)) for host in hosts))


def _by_address(hosts: Sequence[str]) -> Spec:
    """Packets to the addresses in the register vanish."""
    addresses = tuple(_ADDRESS[host] for host in hosts)
    return Spec(sites=_SITES, rules=(Rule(when=To(addresses=addresses), do=Drop()),))


def _by_handshake(hosts: Sequence[str]) -> Spec:
    """Connections are cut when the name is sent; what sends none, as WeChat's long link, is let be."""
    return Spec(sites=_SITES, rules=tuple(Rule(when=Sni(name=host), do=Reset()) for host in hosts))


def _not_at_all(hosts: Sequence[str]) -> Spec:
    return Spec(sites=_SITES)


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A network in which somebody runs a probe."""

    network: str
    asn: int
    obeys: Callable[[Sequence[str]], Spec]
    """Its world, when these hosts are to be blocked."""
    methods: str
    """How its blocks are recorded."""
    reason: str
    """The code of a reason by which they are told apart."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What is said of a blocked service."""

    def on(self, day: str) -> Spec:
        """Its world on a day."""
        return self.obeys([host for service in DAYS[day] for host in _HOSTS[service]])


def _all(fate: str) -> dict[str, str]:
    return dict.fromkeys(SERVICES, f"web and app endpoints {fate}")


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        network="Stub Telecom",
        asn=64496,
        obeys=_by_name,
        methods='["dns"]',
        reason="dns.wrong_address",
        texts=_all("blocked (dns)"),
    ),
    Provider(
        network="Blackhole Mobile",
        asn=64497,
        obeys=_by_address,
        methods='["tcp"]',
        reason="tcp.timeout",
        texts=_all("blocked (tcp)"),
    ),
    Provider(
        network="Inspecting Cable",
        asn=64498,
        obeys=_by_handshake,
        methods='["tls"]',
        reason="tls.name_is_the_trigger",
        texts={**_all("blocked (tls)"), "wechat": "web blocked (tls), app endpoints work"},
    ),
    Provider(network="Unhurried Fibre", asn=64499, obeys=_not_at_all, methods="[]", reason=""),
)


def list_of(service: str) -> str:
    """The service's target list as of then: open, with a web site and what its app connects to."""
    head = f'title = "{service}"\noperator = "x"\nhomepage = "https://x.example/"\n'
    domains = "domains = [" + ", ".join(f'"{host}"' for host in _HOSTS[service]) + "]\n"
    rest = 'purpose = "as of May 2017"\ncertainty = "documented"\nsource = "made up for this scenario"\n'
    endpoints = (f'[[endpoint]]\ntarget = "{target}"\nrole = "{role}"\n{rest}' for role, target in SERVICES[service])
    return head + domains + "".join(endpoints)
