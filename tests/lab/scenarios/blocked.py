"""The network interferes."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.scenarios.scenario import (
    BLOCK_HOST,
    BLOCK_SITES,
    CLOSED,
    DARK,
    FORBIDDEN,
    PAGE,
    Control,
    Scenario,
    at,
    at6,
    blocked,
    both,
    http,
    https,
    response,
    to,
)
from tests.lab.spec import (
    PUBLIC_RESOLVER,
    Answer,
    Back,
    Certificate,
    Drop,
    Eof,
    Forge,
    HostHeader,
    Inject,
    Lie,
    Page,
    Question,
    Redirect,
    Reject,
    Reset,
    Rule,
    Site,
    Sni,
    Spec,
    Throttle,
    To,
)

_MINUTE = 60.0
BIG = replace(PAGE, size=100_000)


def _sni(
    id: str, number: int, do: Drop | Reset | Eof, *, confidence: str = "confirmed", residual: float = 0.0
) -> Scenario:
    """The censor acts on the name in the ClientHello."""
    name = f"{id}.example"
    rule = Rule(when=Sni(name=name), do=do, residual=residual)
    spec = Spec(sites=(https(name, at(number)),), rules=(rule,))
    return blocked("tls", id, spec, f"https://{name}/", confidence=confidence)


def _host(id: str, number: int, do: Drop | Reset | Eof | Inject, confidence: str = "confirmed") -> Scenario:
    """The censor acts on the Host of a request in clear."""
    name = f"{id}.example"
    spec = Spec(sites=(http(name, at(number)),), rules=(Rule(when=HostHeader(name=name), do=do),))
    return blocked("http", id, spec, f"http://{name}/", confidence=confidence)


def _address(id: str, number: int, do: Drop | Reset | Reject, port: int | None = None, target: str = "") -> Scenario:
    """The censor acts on the address."""
    name = f"{id}.example"
    service = Site(name=name, addresses=(at(number),), port=5222, certificate=None, silent=True)
    rule = Rule(when=To(addresses=(at(number),), port=port), do=do)
    spec = Spec(sites=(*both(name, at(number)), service), rules=(rule,))
    return blocked("tcp", id, spec, target or f"https://{name}/")


def _lie(
    id: str, number: int, answer: Answer, *addresses: str, scheme: str = "https", confidence: str = "confirmed"
) -> Scenario:
    """The provider's resolver lies about the name."""
    name = f"{id}.example"
    lie = Lie(name=name, answer=answer, addresses=addresses)
    spec = Spec(sites=(*both(name, at(number)), *BLOCK_SITES), lies=(lie,), dark=(DARK,))
    return blocked("dns", id, spec, f"{scheme}://{name}/", confidence=confidence)


def _hop(method: str, id: str, number: int, spec: Spec) -> Scenario:
    """The first host works and redirects to the second one, `after-<id>.example` at the next address."""
    first, second = f"{id}.example", f"after-{id}.example"
    sites = (http(first, at(number), page=to(f"https://{second}/")), https(second, at(number + 1)))
    whole = Spec(sites=(*sites, *spec.sites), rules=spec.rules, lies=spec.lies, dark=spec.dark)
    return blocked(method, id, whole, f"http://{first}/")


def _private_ca(id: str, number: int, shown: Certificate) -> Scenario:
    """A service with a root of its own; somebody on the way shows a certificate of another, with its root."""
    name, false = f"{id}.example", at(number + 1)
    sites = (
        https(name, at(number), certificate=Certificate.OWN_ROOT),
        Site(name=name, addresses=(false,), certificate=shown, published=False),
    )
    rule = Rule(when=To(addresses=(at(number),), port=443), do=Redirect(address=false))
    spec = Spec(sites=sites, rules=(rule,))
    return blocked("tls", id, spec, f"https://{name}/", confidence="confirmed", own_root=True)


BLOCKED: tuple[Scenario, ...] = (
    # by the name
    _lie("dns-nxdomain", 50, Answer.NXDOMAIN),
    _lie("dns-nodata", 51, Answer.NODATA),
    _lie("dns-servfail", 52, Answer.SERVFAIL, confidence="likely"),
    _lie("dns-refused", 53, Answer.REFUSED),
    _lie("dns-timeout", 54, Answer.SILENCE, confidence="likely"),
    _lie("dns-bogon", 55, Answer.ADDRESSES, "10.10.34.35"),
    _lie("dns-loopback", 56, Answer.ADDRESSES, "127.0.0.1", "::1"),
    _lie("dns-zero", 57, Answer.ADDRESSES, "0.0.0.0"),
    _lie("dns-block-host-http", 58, Answer.ADDRESSES, BLOCK_HOST, scheme="http", confidence="likely"),
    _lie("dns-block-host-https", 59, Answer.ADDRESSES, BLOCK_HOST),
    _lie("dns-refused-address", 60, Answer.ADDRESSES, CLOSED),
    _lie("dns-dark-address", 61, Answer.ADDRESSES, DARK),
    blocked(
        "dns",
        "dns-question-dropped",
        Spec(
            sites=(https("dns-question-dropped.example", at(62)),),
            rules=(Rule(when=Question(name="dns-question-dropped.example"), do=Drop()),),
        ),
        "https://dns-question-dropped.example/",
    ),
    blocked(
        "dns",
        "dns-injected",
        Spec(
            sites=(https("dns-injected.example", at(63)),),
            rules=(Rule(when=Question(name="dns-injected.example"), do=Forge(addresses=("10.10.34.36",))),),
        ),
        "https://dns-injected.example/",
        confidence="confirmed",
    ),
    blocked(
        "dns",
        "dns-injected-any-resolver",
        Spec(
            sites=(https("dns-injected-any-resolver.example", at(64)),),
            rules=(
                Rule(
                    when=Question(name="dns-injected-any-resolver.example"),
                    do=Forge(addresses=(DARK,), swallow=True),
                ),
            ),
            dark=(DARK,),
        ),
        "https://dns-injected-any-resolver.example/",
        confidence="confirmed",
    ),
    blocked(
        "dns",
        "dns-injected-alone",
        Spec(
            sites=(https("dns-injected-alone.example", at(67)),),
            rules=(Rule(when=Question(name="dns-injected-alone.example"), do=Forge(addresses=(DARK,), swallow=True)),),
            dark=(DARK,),
        ),
        "https://dns-injected-alone.example/",
        confidence="confirmed",
        reason="dns.true_over_tcp",
    ),
    blocked(
        "dns",
        "dns-ghost-unlisted",
        Spec(sites=BLOCK_SITES, lies=(Lie(name="dns-ghost-unlisted.example", addresses=(BLOCK_HOST,)),)),
        "http://dns-ghost-unlisted.example/",
        reason="dns.ghost",
    ),
    blocked(
        "dns",
        "dns-true-over-tls",
        Spec(
            sites=(https("dns-true-over-tls.example", at(69)),),
            rules=(
                Rule(when=Question(name="dns-true-over-tls.example"), do=Forge(addresses=(DARK,), swallow=True)),
                Rule(when=Question(name="dns-true-over-tls.example", protocol="tcp"), do=Reset()),
            ),
            dark=(DARK,),
        ),
        "https://dns-true-over-tls.example/",
        confidence="confirmed",
        reason="dns.true_over_tls",
    ),
    blocked(
        "dns",
        "dns-true-elsewhere",
        Spec(
            sites=(https("dns-true-elsewhere.example", at(68)),),
            lies=(Lie(name="dns-true-elsewhere.example", addresses=("10.10.34.34",)),),
        ),
        "https://dns-true-elsewhere.example/",
        confidence="confirmed",
        reason="dns.true_elsewhere",
        options=("--doh", f"https://{PUBLIC_RESOLVER}/dns-query"),
    ),
    *(
        blocked(
            "dns",
            f"dns-{kind.lower()}-only",
            Spec(
                sites=both(f"dns-{kind.lower()}-only.example", at(65 + i), at6(65 + i)),
                lies=(Lie(name=f"dns-{kind.lower()}-only.example", addresses=(false,), types=(kind,)),),
                dark=(DARK,),
            ),
            f"https://dns-{kind.lower()}-only.example/",
            reason=f"dns.{kind.lower()}_forged",
        )
        for i, (kind, false) in enumerate((("A", "10.10.34.35"), ("AAAA", "::1")))
    ),
    # by the address
    _address("tcp-drop", 70, Drop()),
    _address("tcp-reset", 71, Reset()),
    _address("tcp-refused", 72, Reject(why="port_unreachable")),
    _address("tcp-unreachable", 73, Reject(why="host_unreachable")),
    _address("tcp-prohibited", 74, Reject(why="admin_prohibited")),
    _address("tcp-port-443", 75, Drop(), port=443),
    _address("tcp-port-5222", 76, Drop(), port=5222, target="tcp://tcp-port-5222.example:5222"),
    blocked(
        "tcp",
        "tcp-synack-drop",
        Spec(
            sites=(https("tcp-synack-drop.example", at(77)),),
            rules=(Rule(when=Back(addresses=(at(77),)), do=Drop()),),
        ),
        "https://tcp-synack-drop.example/",
    ),
    # by the name in the handshake
    _sni("tls-sni-reset", 80, Reset()),
    _sni("tls-sni-drop", 81, Drop()),
    _sni("tls-sni-eof", 82, Eof()),
    blocked(
        "tls",
        "tls-mitm",
        Spec(
            sites=(
                https("tls-mitm.example", at(83)),
                Site(
                    name="tls-mitm.example",
                    addresses=(at(84),),
                    certificate=Certificate.UNKNOWN_AUTHORITY,
                    published=False,
                ),
            ),
            rules=(Rule(when=To(addresses=(at(83),), port=443), do=Redirect(address=at(84))),),
        ),
        "https://tls-mitm.example/",
        confidence="confirmed",
    ),
    _private_ca("tls-mitm-private-ca", 47, Certificate.ANOTHER_ROOT),
    _private_ca("tls-mitm-private-ca-trusted", 117, Certificate.STATE),
    blocked(
        "tls",
        "tls-mitm-trusted",
        Spec(
            sites=(
                https("tls-mitm-trusted.example", at(87)),
                Site(
                    name="tls-mitm-trusted.example",
                    addresses=(at(88),),
                    certificate=Certificate.STATE,
                    page=PAGE,
                    published=False,
                ),
            ),
            rules=(Rule(when=To(addresses=(at(87),), port=443), do=Redirect(address=at(88))),),
        ),
        "https://tls-mitm-trusted.example/",
        reason="tls.trusted_interception",
    ),
    blocked(
        "tls",
        "tls-sni-not-reassembled",
        Spec(
            sites=(https("tls-sni-not-reassembled.example", at(89)),),
            rules=(Rule(when=Sni(name="tls-sni-not-reassembled.example"), do=Reset(), reassemble=False),),
        ),
        "https://tls-sni-not-reassembled.example/",
        confidence="confirmed",
        reason="tls.split_name_passes",
    ),
    # every further try meets the residual block of the address, until that has been waited out
    _sni("residual", 85, Reset(), residual=_MINUTE),
    *(
        blocked(
            method,
            f"residual-{method}-on-neutral-ground",
            Spec(
                sites=(site(f"residual-{method}-on-neutral-ground.example", at(113 + i)),),
                rules=(
                    Rule(
                        when=trigger(name=f"residual-{method}-on-neutral-ground.example"), do=Drop(), residual=_MINUTE
                    ),
                ),
            ),
            f"{scheme}://residual-{method}-on-neutral-ground.example/",
            confidence="confirmed",
            reason=f"{method}.name_cut_elsewhere",
            control=Control.NEUTRAL,
        )
        for i, (method, scheme, site, trigger) in enumerate(
            (("tls", "https", https, Sni), ("http", "http", http, HostHeader))
        )
    ),
    # by the number of bytes
    blocked(
        "throttling",
        "freeze",
        Spec(
            sites=(https("freeze.example", at(110), page=BIG),),
            rules=(Rule(when=Sni(name="freeze.example"), do=Throttle(after=20_000)),),
        ),
        "https://freeze.example/",
        confidence="confirmed",
    ),
    blocked(
        "throttling",
        "throttled",
        Spec(
            sites=(https("throttled.example", at(111), page=BIG),),
            rules=(Rule(when=Sni(name="throttled.example"), do=Throttle(after=20_000, rate=16_000.0)),),
        ),
        "https://throttled.example/",
        confidence="confirmed",
        seconds=20.0,
    ),
    blocked(
        "throttling",
        "freeze-http",
        Spec(
            sites=(http("freeze-http.example", at(112), page=BIG),),
            rules=(Rule(when=HostHeader(name="freeze-http.example"), do=Throttle(after=20_000), reassemble=True),),
        ),
        "http://freeze-http.example/",
        reason="throttling.freezes",
    ),
    Scenario(
        id="tls-and-dns",
        spec=Spec(
            sites=(https("tls-and-dns.example", at(86)), *BLOCK_SITES),
            lies=(Lie(name="tls-and-dns.example", addresses=(BLOCK_HOST,)),),
            rules=(Rule(when=Sni(name="tls-and-dns.example"), do=Reset()),),
        ),
        targets=("https://tls-and-dns.example/",),
        outcome="blocked",
        methods=("dns", "tls"),
        confidence="likely",
    ),
    # by the page
    _host("http-reset", 90, Reset()),
    _host("http-eof", 91, Eof()),
    _host("http-timeout", 92, Drop()),
    _host("http-block-page", 93, Inject(data=response(FORBIDDEN)), confidence="likely"),
    _host(
        "http-block-page-no-title",
        94,
        Inject(data=response(Page(text="No.", headers=(("Server", "gateway"),)))),
        confidence="likely",
    ),
    _host(
        "http-block-page-same-title",
        99,
        Inject(data=response(Page(title=PAGE.title, text="No.", headers=(("Server", "gateway"),)))),
        confidence="likely",
    ),
    _host(
        "http-451-injected",
        95,
        Inject(data=response(Page(status=451, title="Blocked", headers=(("Server", "gateway"),)))),
        confidence="likely",
    ),
    *(
        blocked(
            "http",
            f"http-redirect-block-host-{status}",
            Spec(
                sites=(http(f"http-redirect-block-host-{status}.example", at(96 + i)), *BLOCK_SITES),
                rules=(
                    Rule(
                        when=HostHeader(name=f"http-redirect-block-host-{status}.example"),
                        do=Inject(data=response(Page(status=status, location="http://gateway.example/blocked"))),
                    ),
                ),
            ),
            f"http://http-redirect-block-host-{status}.example/",
            confidence="likely",
        )
        for i, status in enumerate((301, 302, 303))
    ),
    # on the second hop
    _hop("tcp", "hop-refused", 100, Spec(rules=(Rule(when=To(addresses=(at(101),)), do=Reset()),))),
    _hop("tls", "hop-reset", 102, Spec(rules=(Rule(when=Sni(name="after-hop-reset.example"), do=Reset()),))),
    _hop("tls", "hop-eof", 104, Spec(rules=(Rule(when=Sni(name="after-hop-eof.example"), do=Eof()),))),
    _hop("tls", "hop-timeout", 106, Spec(rules=(Rule(when=Sni(name="after-hop-timeout.example"), do=Drop()),))),
    _hop("dns", "hop-nxdomain", 108, Spec(lies=(Lie(name="after-hop-nxdomain.example", answer=Answer.NXDOMAIN),))),
)
