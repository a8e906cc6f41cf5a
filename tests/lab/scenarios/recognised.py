"""Somebody who blocks is recognised, by addresses and pages that the program ships or the user adds, or seems to be.

The addresses and hosts of providers are theirs, and in these worlds only.
"""

from __future__ import annotations

from tests.lab.scenarios.scenario import (
    DARK,
    HEADERS,
    PAGE,
    Control,
    Scenario,
    at,
    blocked,
    both,
    http,
    https,
    ok,
    other,
    response,
)
from tests.lab.spec import Answer, HostHeader, Inject, Lie, Name, Page, Redirect, Rule, Site, Spec, To

PROVIDER, PROVIDER_HOST = "95.167.13.50", "warning.rt.ru"
"""A provider's block host."""
NEIGHBOUR = "95.167.13.51"
"""Another of its block addresses."""
ANOTHERS = "62.33.207.196"
"""A block address of another provider."""
PREFIX = "95.167.13.0/24"
COMPANY = "208.91.112.55"
"""Where a filter that companies buy sends visitors."""
_STUB = Page(
    title="Доступ ограничен",
    text='<p>По решению суда.</p><script src="//mc.yandex.ru/watch/38740850"></script>',
    headers=(("Server", "gateway"),),
)
STUB_SITES = (
    Site(name=PROVIDER_HOST, addresses=(PROVIDER,), port=80, certificate=None, page=_STUB),
    Site(name=PROVIDER_HOST, addresses=(PROVIDER,), page=_STUB),
)
_ARTICLE = Page(
    title="How they block: an overview",
    text="<p>The page says: 5651 sayılı Kanun uyarınca Erişim Sağlayıcıları Birliği. Another holds"
    " &lt;script src=//mc.yandex.ru/watch/38740850> and leads to"
    f' <a href="http://{PROVIDER_HOST}/">{PROVIDER_HOST}</a>, or says TTK :: Доступ к ресурсу ограничен.</p>',
    headers=HEADERS,
)
_OWN = f"""
[[fingerprint]]
id = "village"
scope = "isp"
country = "ZZ"
network = "Village Net"
weight = "proof"
source = "seen at home"
addresses = ["{DARK}"]
"""


def _sent_to(
    id: str, number: int, address: str, scheme: str = "https", control: Control = Control.ON, **more: str
) -> Scenario:
    """The provider's resolver sends the name to an address that is known."""
    name = f"{id}.example"
    service = Site(name=name, addresses=(at(number),), port=5222, certificate=None, silent=True)
    spec = Spec(
        sites=(*both(name, at(number)), service, *STUB_SITES),
        lies=(Lie(name=name, addresses=(address,)),),
        dark=(DARK,),
        prefixes=(PREFIX,),
    )
    target = f"tcp://{name}:5222" if scheme == "tcp" else f"{scheme}://{name}" + ("" if scheme == "dns" else "/")
    return blocked(
        "dns", id, spec, target, confidence="confirmed", reason="dns.known_block_address", control=control, **more
    )


def _shown(id: str, number: int, page: Page, control: Control = Control.ON) -> Scenario:
    """The censor answers a request in clear with a page that is known."""
    name = f"{id}.example"
    spec = Spec(
        sites=(http(name, at(number)), *STUB_SITES),
        rules=(Rule(when=HostHeader(name=name), do=Inject(data=response(page))),),
        prefixes=(PREFIX,),
    )
    target = f"http://{name}/"
    return blocked("http", id, spec, target, confidence="confirmed", reason="http.known_block_page", control=control)


_LEADS = Page(status=302, location=f"http://{PROVIDER_HOST}/?id=7&st=0", headers=(("Server", "gateway"),))
_LEADS_ITSELF = Page(text=f'<meta http-equiv="refresh" content="1; url=http://{PROVIDER_HOST}/">')

RECOGNISED: tuple[Scenario, ...] = (
    # by the address
    _sent_to("dns-known-block-address", 200, PROVIDER),
    _sent_to("dns-known-block-address-http", 201, PROVIDER, "http"),
    _sent_to("dns-known-block-address-name", 202, PROVIDER, "dns", Control.OFF),
    _sent_to("dns-known-block-address-tcp", 203, NEIGHBOUR, "tcp", Control.OFF),
    _sent_to("dns-known-block-address-no-control", 204, PROVIDER, control=Control.DOWN),
    _sent_to("dns-known-block-address-private", 205, "10.10.34.36", control=Control.DOWN),
    _sent_to("dns-known-block-address-company", 206, COMPANY, control=Control.DOWN),
    _sent_to("dns-known-block-address-own", 207, DARK, control=Control.DOWN, fingerprints=_OWN),
    blocked(
        "dns",
        "dns-ghost",
        Spec(
            sites=STUB_SITES,
            lies=(Lie(name="dns-ghost.example", addresses=(PROVIDER,)),),
            prefixes=(PREFIX,),
        ),
        "http://dns-ghost.example/",
        confidence="confirmed",
    ),
    # by what stands at an address that is not known
    blocked(
        "dns",
        "dns-leads-to-known-blocker",
        Spec(
            sites=(
                http("dns-leads-to-known-blocker.example", at(208)),
                Site(name="stub.example", addresses=(at(209),), port=80, certificate=None, page=_STUB),
            ),
            lies=(Lie(name="dns-leads-to-known-blocker.example", addresses=(at(209),)),),
        ),
        "http://dns-leads-to-known-blocker.example/",
        confidence="confirmed",
        reason="dns.leads_to_known_blocker",
    ),
    # by the page, or the way to it
    _shown("http-block-page-listed", 210, _STUB),
    _shown("http-block-page-listed-no-control", 211, _STUB, Control.DOWN),
    _shown("http-block-page-listed-location", 212, _LEADS),
    _shown("http-block-page-listed-location-no-control", 213, _LEADS, Control.OFF),
    _shown("http-block-page-listed-refresh", 214, _LEADS_ITSELF, Control.OFF),
    # by the certificate
    blocked(
        "tls",
        "tls-known-filter-certificate",
        Spec(
            sites=(https("tls-known-filter-certificate.example", at(215)), *STUB_SITES),
            rules=(Rule(when=To(addresses=(at(215),), port=443), do=Redirect(address=PROVIDER)),),
            prefixes=(PREFIX,),
        ),
        "https://tls-known-filter-certificate.example/",
        confidence="confirmed",
        reason="tls.known_filter_certificate",
        control=Control.DOWN,
    ),
    # it only seems so
    ok(
        "ok-article-about-blocking",
        Spec(sites=(http("ok-article-about-blocking.example", at(216), page=_ARTICLE),)),
        "http://ok-article-about-blocking.example/",
    ),
    other(
        "inconclusive",
        "article-about-blocking-no-control",
        Spec(sites=(http("article-about-blocking-no-control.example", at(217), page=_ARTICLE),)),
        "http://article-about-blocking-no-control.example/",
        control=Control.OFF,
    ),
    ok(
        "ok-block-host-itself",
        Spec(sites=STUB_SITES, prefixes=(PREFIX,)),
        f"http://{PROVIDER_HOST}/",
        f"https://{PROVIDER_HOST}/",
    ),
    other(
        "inconclusive",
        "block-host-itself-no-control",
        Spec(sites=STUB_SITES, prefixes=(PREFIX,)),
        f"http://{PROVIDER_HOST}/",
        control=Control.OFF,
    ),
    ok(
        "ok-at-a-block-address",
        Spec(sites=both("ok-at-a-block-address.example", NEIGHBOUR, page=PAGE), prefixes=(PREFIX,)),
        "ok-at-a-block-address.example",
    ),
    ok(
        "ok-at-a-block-address-no-control",
        Spec(sites=(https("ok-at-a-block-address-no-control.example", ANOTHERS),), prefixes=(f"{ANOTHERS}/32",)),
        "https://ok-at-a-block-address-no-control.example/",
        control=Control.OFF,
    ),
    ok(
        "ok-behind-a-known-page",
        Spec(sites=(http("ok-behind-a-known-page.example", at(218), page=_STUB),)),
        "http://ok-behind-a-known-page.example/",
    ),
    other(
        "down",
        "down-everyone-is-sent-away",
        Spec(names=(Name(name="down-everyone-is-sent-away.example", addresses=("10.10.34.36",)),)),
        "https://down-everyone-is-sent-away.example/",
    ),
    other(
        "inconclusive",
        "private-address-no-control",
        Spec(
            sites=(https("private-address-no-control.example", at(219)),),
            lies=(Lie(name="private-address-no-control.example", answer=Answer.ADDRESSES, addresses=("10.1.2.3",)),),
        ),
        "https://private-address-no-control.example/",
        control=Control.DOWN,
    ),
)
