"""Nothing is wrong."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.scenarios.scenario import (
    HEADERS,
    PAGE,
    Control,
    Scenario,
    at,
    at6,
    both,
    http,
    https,
    ok,
    to,
)
from tests.lab.spec import (
    Access,
    Answer,
    Certificate,
    Drop,
    IPv6,
    Lie,
    Name,
    Page,
    Reset,
    Rule,
    Site,
    Sni,
    Spec,
    To,
)


def _chain(status: int, number: int) -> Scenario:
    """Four hops over two hosts."""
    a, b = f"ok-redirect-chain-{status}.example", f"second-ok-redirect-chain-{status}.example"
    sites = (
        *(
            site(a, at(number), page=to(f"https://{a}/1", status), paths=(("/1", to(f"http://{b}/2", status)),))
            for site in (http, https)
        ),
        http(b, at(number + 1), page=to(f"https://{b}/3", status)),
        https(b, at(number + 1)),
    )
    return ok(f"ok-redirect-chain-{status}", Spec(sites=sites), f"http://{a}/")


OK: tuple[Scenario, ...] = (
    ok("ok-http", Spec(sites=(http("ok-http.example", at(1)),)), "http://ok-http.example/"),
    ok("ok-https", Spec(sites=(https("ok-https.example", at(2), at6(2)),)), "https://ok-https.example/"),
    ok("ok-domain", Spec(sites=both("ok-domain.example", at(3))), "ok-domain.example"),
    ok(
        "ok-idna",
        Spec(
            sites=(
                http("xn--e1afmkfd.xn--e1aybc", at(4), page=to("https://xn--e1afmkfd.xn--e1aybc/", 301)),
                https(
                    "xn--e1afmkfd.xn--e1aybc",
                    at(4),
                    page=to("https://www.xn--e1afmkfd.xn--e1aybc/"),
                ),
                https("www.xn--e1afmkfd.xn--e1aybc", at(5)),
            )
        ),
        "http://пример.тест/",
        "http://Пример.тест/start",
    ),
    ok(
        "ok-large",
        Spec(sites=both("ok-large.example", at(6), page=Page(title="Large", size=1_500_000, headers=HEADERS))),
        "http://ok-large.example/",
        "https://ok-large.example/",
    ),
    *(_chain(status, 8 + 2 * i) for i, status in enumerate((301, 302, 303, 307, 308))),
    ok(
        "ok-no-ipv6",
        Spec(sites=both("ok-no-ipv6.example", at(18), at6(18)), access=Access(ipv6=IPv6.NONE)),
        "ok-no-ipv6.example",
        host={"ipv4": True, "ipv6": False, "ipv6_works": None},
    ),
    ok(
        "ok-ipv6-broken",
        Spec(sites=both("ok-ipv6-broken.example", at(19), at6(19)), access=Access(ipv6=IPv6.NOWHERE)),
        "ok-ipv6-broken.example",
        host={"ipv6": True, "ipv6_works": False},
    ),
    ok(
        "ok-clock-wrong",
        Spec(sites=(https("ok-clock-wrong.example", at(42), certificate=Certificate.BRIEF),)),
        "https://ok-clock-wrong.example/",
        clock="+365d",
        reason="host.clock_wrong",
        host={"clock_wrong": True, "captive_portal": False},
    ),
    ok(
        "ok-clock-behind",
        Spec(sites=(https("ok-clock-behind.example", at(43), certificate=Certificate.BRIEF),)),
        "https://ok-clock-behind.example/",
        clock="-365d",
        reason="host.clock_off",
        host={"clock_wrong": True},
    ),
    ok(
        "vpn",
        Spec(sites=both("vpn.example", at(44), at6(44)), access=Access(vpn=True)),
        "vpn.example",
        reason="host.vpn",
        host={"vpn": "tun", "ipv6_works": True},
    ),
    ok(
        "ok-cdn-other-addresses",
        Spec(
            sites=(
                https("ok-cdn-other-addresses.example", at(20), at(21)),
                Site(name="ok-cdn-other-addresses.example", addresses=(at(22),), page=PAGE, published=False),
            ),
            lies=(Lie(name="ok-cdn-other-addresses.example", addresses=(at(22),)),),
        ),
        "https://ok-cdn-other-addresses.example/",
    ),
    ok(
        "ok-cdn-http-only",
        Spec(
            sites=(
                http("ok-cdn-http-only.example", at(23)),
                Site(
                    name="ok-cdn-http-only.example",
                    addresses=(at(24),),
                    port=80,
                    certificate=None,
                    page=PAGE,
                    published=False,
                ),
            ),
            lies=(Lie(name="ok-cdn-http-only.example", addresses=(at(24),)),),
        ),
        "http://ok-cdn-http-only.example/",
    ),
    ok(
        "ok-dynamic",
        Spec(sites=both("ok-dynamic.example", at(25), page=Page(title="News", dynamic=True, headers=HEADERS))),
        "http://ok-dynamic.example/",
        "https://ok-dynamic.example/",
    ),
    ok(
        "ok-locale",
        Spec(
            sites=(
                https(
                    "ok-locale.example",
                    at(26),
                    for_client=to("/ru/"),
                    paths=(("/ru/", Page(title="Служба", text="Пишите друзьям. " * 30, headers=HEADERS)),),
                ),
            )
        ),
        "https://ok-locale.example/",
    ),
    ok(
        "ok-cjk-title",
        Spec(sites=both("ok-cjk-title.example", at(27), page=Page(title="微信，是一个生活方式", headers=HEADERS))),
        "http://ok-cjk-title.example/",
        "https://ok-cjk-title.example/",
    ),
    ok(
        "ok-transient-reset",
        Spec(
            sites=(https("ok-transient-reset.example", at(28)),),
            rules=(Rule(when=Sni(name="ok-transient-reset.example"), do=Reset(), times=1),),
        ),
        "https://ok-transient-reset.example/",
    ),
    ok(
        "ok-transient-timeout",
        Spec(
            sites=(https("ok-transient-timeout.example", at(29)),),
            rules=(Rule(when=To(addresses=(at(29),)), do=Drop(), times=1),),
        ),
        "https://ok-transient-timeout.example/",
    ),
    ok(
        "ok-transient-dns",
        Spec(
            sites=(https("ok-transient-dns.example", at(30)),),
            lies=(Lie(name="ok-transient-dns.example", answer=Answer.SILENCE, times=2),),
        ),
        "https://ok-transient-dns.example/",
    ),
    ok(
        "ok-one-dead-address",
        Spec(sites=(https("ok-one-dead-address.example", *map(at, range(31, 35))),), dark=(at(32),)),
        "https://ok-one-dead-address.example/",
    ),
    ok(
        "ok-slow",
        Spec(sites=both("ok-slow.example", at(35), page=Page(title="Slow", delay=5.0, headers=HEADERS))),
        "http://ok-slow.example/",
        "https://ok-slow.example/",
        seconds=12.0,
    ),
    ok(
        "ok-tcp-service",
        Spec(
            sites=(Site(name="ok-tcp-service.example", addresses=(at(36),), port=5222, certificate=None, silent=True),)
        ),
        "tcp://ok-tcp-service.example:5222",
    ),
    ok(
        "ok-non-tls-443",
        Spec(sites=(Site(name="ok-non-tls-443.example", addresses=(at(37),), certificate=None, silent=True),)),
        "tcp://ok-non-tls-443.example:443",
    ),
    ok("ok-tls", Spec(sites=(https("ok-tls.example", at(38)),)), "tls://ok-tls.example:443"),
    ok(
        "ok-loopback-by-design",
        Spec(names=(Name(name="ok-loopback-by-design.example", addresses=("127.0.0.1",)),)),
        "dns://ok-loopback-by-design.example",
    ),
    ok("ok-dns", Spec(sites=(https("ok-dns.example", at(39)),)), "dns://ok-dns.example"),
    ok(
        "ok-private-ca",
        Spec(
            sites=(
                https("ok-private-ca.example", at(115), certificate=Certificate.OWN_ROOT),
                https("tls-ok-private-ca.example", at(116), certificate=Certificate.OWN_ROOT),
            )
        ),
        "https://ok-private-ca.example/",
        "tls://tls-ok-private-ca.example:443",
        own_root=True,
    ),
    ok(
        "ok-control-down-https",
        Spec(sites=(https("ok-control-down-https.example", at(40)),)),
        "https://ok-control-down-https.example/",
        control=Control.DOWN,
    ),
    Scenario(
        id="quic-drop",
        spec=Spec(
            sites=(replace(https("quic-drop.example", at(161)), http3=True),),
            rules=(Rule(when=To(addresses=(at(161),), port=443, protocol="udp"), do=Drop()),),
        ),
        targets=("https://quic-drop.example/",),
        outcome="ok",
        methods=("quic",),
        reason="quic.blocked",
    ),
    ok("ok-quic", Spec(sites=(replace(https("ok-quic.example", at(162)), http3=True),)), "https://ok-quic.example/"),
    ok(
        "ok-other-name-censored",
        Spec(
            sites=(https("ok-other-name-censored.example", at(41)),),
            rules=(Rule(when=Sni(name="censored-beside.example"), do=Reset()),),
        ),
        "https://ok-other-name-censored.example/",
    ),
)
