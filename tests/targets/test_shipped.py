"""The lists that come with the program, and what a word of `probe check` means by them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from probe.address import parse as parse_address
from probe.control.limits import PORTS
from probe.imports.ooni_messengers import SERVICES
from probe.model import PUBLIC, Certainty, Role, Scheme, Service
from probe.targets import TargetError, check, load, parse, resolve, service_of, shipped, shipped_dir, targets_of

THIRTY = """
    bbm bbm-enterprise botim discord googlechat googlemeet icq imo kakaotalk line lineworks linkedin matrix max
    messenger qq session signal skype snapchat teams telegram threema viber vk wechat whatsapp wire zalo zello
"""
BY_ID = {service.id: service for service in shipped()}


def names(*words: str) -> list[str]:
    return [target.name for target in resolve(words, shipped())]


def test_the_shipped_lists_have_no_fault() -> None:
    assert check([shipped_dir()]) == []
    assert set(BY_ID) == set(THIRTY.split())
    assert load([shipped_dir()]) == shipped()


def test_no_target_is_there_twice() -> None:
    all_names = [target.name for target in targets_of(shipped())]
    assert len(set(all_names)) == len(all_names)


@pytest.mark.parametrize("service", shipped(), ids=lambda service: service.id)
def test_every_host_belongs_to_its_service(service: Service) -> None:
    for target in targets_of([service]):
        assert target.service == service.id
        if parse_address(target.host) is None:
            assert service_of(target.host, shipped()) == service.id, target.host
    for domain in service.domains:
        hosts = [target.host for target in targets_of([service])]
        assert any(host == domain or host.endswith(f".{domain}") for host in hosts), f"{domain} is of no endpoint"


@pytest.mark.parametrize("service", shipped(), ids=lambda service: service.id)
def test_every_service_can_be_judged(service: Service) -> None:
    if service.retired:
        assert service.retired_reason
        assert {each.target.retired for each in service.endpoints} == {service.retired}
        return
    assert all(each.healthy for each in service.endpoints)
    assert service.all_of or not any(target.decides for target in targets_of([service]))
    # a control that may not connect there could not say whether it works elsewhere
    assert {target.port for target in targets_of([service])} <= {None, *PORTS}


def test_imported_measurements_find_their_service() -> None:
    assert set(SERVICES.values()) <= set(BY_ID)


def test_what_no_source_knows_decides_nothing() -> None:
    assert (BY_ID["googlechat"].all_of, BY_ID["googlechat"].any_of) == ((), ())
    unverified = [each.target for service in shipped() for each in service.endpoints if "unsourced" in each.source]
    assert {target.certainty for target in unverified} == {Certainty.UNVERIFIED}


def test_the_roots_of_signal() -> None:
    roots = {each.target.host: each.target.roots for each in BY_ID["signal"].endpoints}
    own = roots["chat.signal.org"]
    assert [root[:8] for root in own] == ["ddb0f92b", "2642f1f9"]
    assert (roots["signal.org"], roots["cdn2.signal.org"]) == ((), (*own, PUBLIC))
    assert not any(each.target.roots for id in BY_ID if id != "signal" for each in BY_ID[id].endpoints)


def test_whatever_is_asked_of_a_host_its_certificate_may_be_of_its_own_root() -> None:
    words = (
        "chat.signal.org",
        "https://chat.signal.org/v1/config",
        "tls://chat.signal.org:443",
        "tcp://chat.signal.org:443",
    )
    own = BY_ID["signal"].endpoints[0].target.roots
    assert [target.roots for target in resolve(words, shipped())] == [own, own, own, own, ()]
    assert resolve(["https://signal.org/help"], shipped())[0].roots == ()


def test_which_endpoints_are_no_tls() -> None:
    """A handshake there would call a healthy service broken."""
    plain = {
        "telegram": {80, 443},
        "whatsapp": {443, 5222},
        "threema": {443, 5222},
        "qq": {80, 443, 8080, 14000},
        "viber": {443, 4244, 5242},
        "kakaotalk": {443, 995, 5228, 5242, 9282, 10009},
        "session": {4443},
    }
    for id, ports in plain.items():
        links = [target for target in targets_of([BY_ID[id]]) if target.role in (Role.LONG_LINK, Role.BOOTSTRAP)]
        assert {target.port for target in links if target.scheme is Scheme.TCP} == ports
    numbered = [target for target in targets_of([BY_ID["whatsapp"]]) if re.match(r"e\d+\.", target.host)]
    assert len(numbered) == 32


def test_what_is_known_of_the_three() -> None:
    wechat = [each.target for each in BY_ID["wechat"].endpoints]
    # mmtls is no TLS: a handshake on its ports would call a healthy service broken
    links = [target for target in wechat if target.role in (Role.LONG_LINK, Role.SHORT_LINK)]
    assert {target.scheme for target in links if "long." in target.host or "short" in target.host} == {Scheme.TCP}
    assert {target.port for target in links if target.scheme is Scheme.TCP} == {80, 443, 8080}
    assert {target.role for target in wechat} >= {Role.WEB, Role.API, Role.LOGIN, Role.MEDIA, Role.BOOTSTRAP}
    assert {target.retired for target in wechat} == {None}

    line = {each.target.name: each.target for each in BY_ID["line"].endpoints}
    assert line["https://legy.line-apps.com/"].certainty is Certainty.DOCUMENTED
    assert line["https://api.line.me/"].certainty is Certainty.UNVERIFIED

    assert BY_ID["bbm"].retired == date(2019, 5, 31)


def test_the_lists_lie_beside_the_package_or_in_it() -> None:
    assert shipped_dir().is_dir()
    assert (shipped_dir() / "wechat.toml").is_file()
    assert shipped_dir() == Path(__file__).parents[2] / "targets"


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("wechat.com", "wechat"),
        ("sglong.wechat.com", "wechat"),
        ("evilwechat.com", None),
        ("wechat.com.example", None),
        ("qq.com", None),
        ("gd2.line.naver.jp", "line"),
        ("naver.jp", None),
        ("192.0.2.7", None),
    ],
)
def test_service_of_a_host(host: str, service: str | None) -> None:
    assert service_of(host, shipped()) == service


def test_the_longest_domain_decides() -> None:
    outer = replace(BY_ID["line"], id="outer", domains=("chat.example",))
    inner = replace(BY_ID["line"], id="inner", domains=("work.chat.example",))
    for services in ((outer, inner), (inner, outer)):
        assert service_of("api.work.chat.example", services) == "inner"
        assert service_of("api.chat.example", services) == "outer"


@pytest.mark.parametrize("word", ["wechat", "WeChat", "WECHAT"])
def test_a_service_means_its_targets(word: str) -> None:
    assert resolve([word], shipped()) == targets_of([BY_ID["wechat"]])


def test_a_domain_or_target_keeps_what_is_known_of_it() -> None:
    secure, plain = resolve(["www.wechat.com"], shipped())
    assert secure == BY_ID["wechat"].endpoints[0].target
    assert (plain.name, plain.service, plain.role) == ("http://www.wechat.com/", "wechat", None)
    (link,) = resolve(["TCP://Long.weixin.qq.com:8080"], shipped())
    assert (link.service, link.role, link.certainty) == ("wechat", Role.LONG_LINK, Certainty.REPORTED)
    assert resolve(["https://stranger.example/"], shipped()) == parse("https://stranger.example/")


def test_each_target_once_in_the_order_given() -> None:
    assert names("http://b.example/", "a.example", "https://a.example", "http://B.example") == [
        "http://b.example/",
        "https://a.example/",
        "http://a.example/",
    ]
    assert names("https://www.bbm.com/", "bbm")[0] == "https://www.bbm.com/"
    assert len(names("https://www.bbm.com/", "bbm", "BBM")) == len(BY_ID["bbm"].endpoints)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("wechatt", "'wechatt' is no target: no service has this name; did you mean wechat? `probe targets list`"),
        ("Lin", "did you mean line? `probe targets list` shows all"),
        ("zzzzzz", "no service has this name; `probe targets list` shows all"),
        ("", "no service has this name"),
        ("wechat.com:0", "the scheme is missing"),
        ("https://wechat.com:0/", "from 1 to 65535"),
        ("127.1", "not spelled as one"),
    ],
)
def test_a_word_that_means_nothing_is_refused(word: str, said: str) -> None:
    with pytest.raises(TargetError) as caught:
        resolve(["line", word], shipped())
    assert said in str(caught.value)
