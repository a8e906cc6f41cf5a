"""Whose page is it? Over plain HTTP only what it says and is built of can tell."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.scenarios.scenario import (
    BLOCK_SITES,
    FORBIDDEN,
    HEADERS,
    PAGE,
    Scenario,
    at,
    blocked,
    http,
    https,
    ok,
    other,
    response,
)
from tests.lab.spec import HostHeader, Inject, Lie, Page, Rule, Site, Spec

_RENDERED = len(f"<!doctype html><html><head><meta charset=utf-8><title>{PAGE.title}</title></head><body>{PAGE.text}")
_NOTICE = "This address is on the register of restricted resources. "


def _copied(title: str | None) -> Page:
    """A block page with the site's own headers, and as long as its page."""
    shell = len("<html><head></head><body>") + (len(f"<title>{title}</title>") if title is not None else 0)
    return Page(title=title, text=_NOTICE.ljust(_RENDERED - shell, "."), headers=HEADERS)


def _injected(id: str, number: int, page: Page, **more: str) -> Scenario:
    name = f"{id}.example"
    rule = Rule(when=HostHeader(name=name), do=Inject(data=response(page)))
    spec = Spec(sites=(http(name, at(number)), *BLOCK_SITES), rules=(rule,))
    return blocked("http", id, spec, f"http://{name}/", confidence="likely", **more)


def _leads_on(url: str, seconds: int = 0) -> Page:
    return Page(title="One moment", text=f'<meta http-equiv="refresh" content="{seconds}; url={url}">', headers=HEADERS)


def _edge(name: str, number: int, page: Page) -> Site:
    """Another server of the same site, that only the client's resolver knows."""
    return Site(name=name, addresses=(at(number),), port=80, certificate=None, page=page, published=False)


_SERVICE = Page(
    title="微信，是一个生活方式",
    text='<div id="app" class="top menu"><img src="/logo.png">昨天的事情，全都不同，请看下面的表。</div>',
    headers=HEADERS,
)

PAGES: tuple[Scenario, ...] = (
    # somebody else's
    _injected("http-block-page-content-length", 225, _copied("Access restricted")),
    _injected("http-block-page-content-length-no-title", 226, _copied(None)),
    _injected(
        "http-redirect-block-host-refresh",
        227,
        Page(text='<meta http-equiv="refresh" content="3; url=http://gateway.example/blocked">'),
        reason="http.redirect_elsewhere",
    ),
    # the site's own
    ok(
        "ok-refresh",
        Spec(
            sites=(
                http("ok-refresh.example", at(228), page=_leads_on("http://www.ok-refresh.example/start")),
                http("www.ok-refresh.example", at(228)),
            )
        ),
        "http://ok-refresh.example/",
    ),
    ok(
        "ok-refresh-to-https",
        Spec(
            sites=(
                http("ok-refresh-to-https.example", at(229), page=_leads_on("https://ok-refresh-to-https.example/")),
                https("ok-refresh-to-https.example", at(229)),
            )
        ),
        "http://ok-refresh-to-https.example/",
    ),
    ok(
        "ok-refresh-for-a-cookie",
        Spec(sites=(http("ok-refresh-for-a-cookie.example", at(230), page=_leads_on("/")),)),
        "http://ok-refresh-for-a-cookie.example/",
    ),
    ok(
        "ok-news-that-come-by-themselves",
        Spec(sites=(http("ok-news.example", at(231), page=_leads_on("http://nowhere.example/", seconds=300)),)),
        "http://ok-news.example/",
    ),
    ok(
        "ok-dynamic-title",
        Spec(
            sites=(
                http("ok-dynamic-title.example", at(232), page=Page(title="News {n}", dynamic=True, headers=HEADERS)),
            )
        ),
        "http://ok-dynamic-title.example/",
    ),
    ok(
        "ok-cjk-title-other-text",
        Spec(
            sites=(
                http(
                    "ok-cjk-title-other-text.example",
                    at(233),
                    page=replace(_SERVICE, text="昨天的事情，全都不同，请看下面的表。" * 9),
                    for_client=replace(_SERVICE, text="今天的消息，没有别的，只有这些而已。"),
                ),
            )
        ),
        "http://ok-cjk-title-other-text.example/",
    ),
    ok(
        "ok-other-language-in-its-place",
        Spec(
            sites=(
                http(
                    "ok-other-language-in-its-place.example",
                    at(234),
                    page=replace(_SERVICE, text=f'{_SERVICE.text}<p class="news foot"><i id="k">'),
                    for_client=Page(
                        title="Жизнь, как она есть",
                        text='<div id="app" class="top menu"><img src="/logo.png">Пишите друзьям, звоните и делитесь'
                        ' снимками.</div><p class="news foot">',
                        headers=HEADERS,
                    ),
                ),
            )
        ),
        "http://ok-other-language-in-its-place.example/",
    ),
    ok(
        "ok-other-server-software",
        Spec(
            sites=(
                http("ok-other-server-software.example", at(235), page=replace(PAGE, dynamic=True)),
                _edge(
                    "ok-other-server-software.example",
                    236,
                    replace(PAGE, dynamic=True, size=9000, headers=(("Server", "cloudflare"), ("CF-Ray", "1-AMS"))),
                ),
            ),
            lies=(Lie(name="ok-other-server-software.example", addresses=(at(236),)),),
        ),
        "http://ok-other-server-software.example/",
    ),
    # it cannot be told
    other(
        "inconclusive",
        "locale-http",
        Spec(
            sites=(
                http(
                    "locale-http.example",
                    at(237),
                    for_client=Page(status=302, location="/ru/", headers=HEADERS),
                    paths=(("/ru/", Page(title="Служба", text="Пишите друзьям. " * 30, headers=HEADERS)),),
                ),
            )
        ),
        "http://locale-http.example/",
    ),
    other(
        "inconclusive",
        "repair-http",
        Spec(
            sites=(
                http(
                    "repair-http.example",
                    at(238),
                    for_client=Page(status=503, title="We are back soon", text="Repairs. " * 9, headers=HEADERS),
                ),
            )
        ),
        "http://repair-http.example/",
    ),
    other(
        "inconclusive",
        "consent-http",
        Spec(
            sites=(
                http(
                    "consent-http.example",
                    at(239),
                    page=replace(PAGE, text=f'<link href="/style.css">{PAGE.text}'),
                    for_client=Page(
                        title="Before you go on",
                        text='<link href="/style.css"><form class="consent">We keep cookies. Agree?</form>',
                        headers=HEADERS,
                    ),
                ),
            )
        ),
        "http://consent-http.example/",
    ),
    other(
        "inconclusive",
        "forbidden-by-the-same-server-http",
        Spec(
            sites=(
                http(
                    "forbidden-by-the-same-server-http.example",
                    at(240),
                    for_client=replace(FORBIDDEN, status=403, headers=HEADERS[:1]),
                ),
            )
        ),
        "http://forbidden-by-the-same-server-http.example/",
    ),
)
