"""What a run learns of its own host: which observations decide which fact, and which decide nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.classify import Ground
from probe.classify import ground as ground_module
from probe.failure import Failure as F
from probe.model import Host, Measurement, Scheme, Target
from tests.classify.stories import CONTROL, HERE, ONLINE, REAL, REAL2, REAL6, STUB, Saw, well

A, B = "a.example", "b.test"
GIVEN = replace(ONLINE, resolver_rewrites_nxdomain=True, rewritten_to=(STUB,))
DENIED = replace(ONLINE, resolver_rewrites_nxdomain=False)
PAST, COMING = ("2024-01-01", "2024-04-01"), ("2028-01-01", "2028-04-01")
LOGIN = {"title": "Log in", "body": "login", "length": 500}


def page(host: str, saw: Saw) -> Measurement:
    return saw.measured(Target(scheme=Scheme.HTTP, host=host, port=80), HERE)


def secure(host: str, saw: Saw) -> Measurement:
    return saw.measured(Target(scheme=Scheme.HTTPS, host=host, port=443), HERE)


def on(host: str) -> Saw:
    return Saw(host=host)


def stranger(host: str, address: str = STUB, leaf: str = "stranger") -> Measurement:
    """Another certificate than the service's."""
    return secure(host, on(host).dns(address).tcp(address).tls(address, F.SSL_INVALID_HOSTNAME, leaf=leaf))


def login(host: str, address: str = STUB, **page_: object) -> Measurement:
    shown = {**LOGIN, **page_}
    return page(host, on(host).dns(address).tcp(address, port=80).http(address, url=f"http://{host}/", **shown))  # type: ignore[arg-type]


def led_away(host: str, address: str = STUB, to: str = "login.test") -> Measurement:
    return login(host, address, status=302, location=f"http://{to}/?from={host}", body=host)


def out_of_time(host: str, valid: tuple[str, str], leaf: str | None = None) -> Measurement:
    saw = on(host).dns(REAL).tcp(REAL)
    return secure(host, saw.tls(REAL, F.SSL_INVALID_CERTIFICATE, leaf=leaf or host, valid=valid))


def only_over_ipv4(host: str) -> Measurement:
    saw = on(host).dns(REAL).dns(REAL6, kind="AAAA").tcp(REAL).tcp(REAL6, F.GENERIC_TIMEOUT, tries=2)
    return secure(host, saw.tls(REAL, F.CONNECTION_RESET))


def concluded(host: Host, *found: Measurement, impostor: bool = False) -> Host:
    """The host after a run in which no control answered."""
    ground = Ground(host)
    for measurement in found:
        ground.hear(None, impostor)
        ground.learn(measurement, ())
    return ground.conclude()


WELL = secure(A, on(A).dns(REAL).tcp(REAL).tls(REAL).http(REAL))
PORTALS: dict[str, tuple[Host, tuple[Measurement, ...], bool]] = {
    "a dead name leads where this one leads": (GIVEN, (login(A),), False),
    "one certificate for two sites": (ONLINE, (stranger(A, REAL), stranger(B, REAL2)), False),
    "two sites lead to one other": (DENIED, (led_away(A, REAL), led_away(B, REAL2)), False),
    "two sites show one page": (DENIED, (login(A, REAL), login(B, REAL2)), False),
    "an impostor, and another certificate": (DENIED, (stranger(A, REAL),), True),
    "an impostor, and another site": (DENIED, (led_away(A, REAL),), True),
}
NO_PORTALS: dict[str, tuple[Host, tuple[Measurement, ...], bool]] = {
    "nothing was measured": (GIVEN, (), True),
    "dead names are rewritten, this one is not": (GIVEN, (login(A, REAL),), False),
    "one site shows another certificate": (ONLINE, (stranger(A),), False),
    "two certificates": (ONLINE, (stranger(A, leaf="one"), stranger(B, leaf="two")), False),
    "two names of one site": (ONLINE, (stranger("x.a.example"), stranger("y.a.example")), False),
    "one page, though another site has its own": (ONLINE, (login(A), login(B), login("c.lab", body="own")), False),
    "empty pages": (ONLINE, (login(A, length=0), login(B, length=0)), False),
    "redirects within each site": (
        ONLINE,
        (led_away(A, to=f"www.{A}"), led_away(B, to=f"www.{B}")),
        False,
    ),
    "a filter of these names": (DENIED, (stranger(A), stranger(B)), False),
    "an impostor alone": (DENIED, (login(A, REAL),), True),
    "the clock": (ONLINE, (out_of_time(A, PAST, leaf="both"), out_of_time(B, PAST, leaf="both")), False),
}


@pytest.mark.parametrize(("host", "found", "impostor"), PORTALS.values(), ids=PORTALS)
def test_a_captive_portal(host: Host, found: tuple[Measurement, ...], impostor: bool) -> None:
    assert concluded(host, *found, impostor=impostor).captive_portal is True


@pytest.mark.parametrize(("host", "found", "impostor"), NO_PORTALS.values(), ids=NO_PORTALS)
def test_no_captive_portal(host: Host, found: tuple[Measurement, ...], impostor: bool) -> None:
    assert concluded(host, *found, impostor=impostor).captive_portal is None


@pytest.mark.parametrize(("host", "found", "impostor"), PORTALS.values(), ids=PORTALS)
def test_whoever_proves_to_be_itself_rules_a_portal_out(
    host: Host, found: tuple[Measurement, ...], impostor: bool
) -> None:
    assert concluded(host, *found, WELL, impostor=impostor).captive_portal is False
    ground = Ground(host)
    ground.learn(found[0], [well().measured(found[0].target, CONTROL)])
    assert ground.host.captive_portal is False
    ground = Ground(host)
    ground.hear(0.4, impostor)
    assert ground.host.captive_portal is False


def test_without_a_network_there_is_no_portal() -> None:
    assert concluded(replace(GIVEN, online=False), login(A)).captive_portal is None


@pytest.mark.parametrize(
    ("offset", "wrong"), [(0.0, False), (299.0, False), (-299.0, False), (301.0, True), (-86_400.0, True)]
)
def test_the_clock_by_the_control(offset: float, wrong: bool) -> None:
    ground = Ground(ONLINE)
    ground.hear(None, False)
    assert (ground.host.clock_offset, ground.host.clock_wrong) == (None, None)
    ground.hear(offset, False)
    ground.hear(7000.0, False)  # another control, later
    assert (ground.host.clock_offset, ground.host.clock_wrong) == (offset, wrong)
    ground.learn(WELL, ())
    assert ground.conclude().clock_wrong is wrong


CLOCKS: dict[str, tuple[tuple[Measurement, ...], bool | None]] = {
    "two sites' certificates are past": ((out_of_time(A, PAST), out_of_time(B, PAST)), True),
    "two sites' are still to come": ((out_of_time(A, COMING), out_of_time(B, COMING)), True),
    "one site's is past": ((out_of_time(A, PAST), out_of_time(f"www.{A}", PAST, leaf="own")), None),
    "two sites show the same": ((out_of_time(A, PAST, leaf="x"), out_of_time(B, PAST, leaf="x")), None),
    "one is past, one still to come": ((out_of_time(A, PAST), out_of_time(B, COMING)), None),
    "it is valid now, but for its issuer": (tuple(out_of_time(h, ("2026-01-01", "2027-01-01")) for h in (A, B)), None),
    "another is good": ((out_of_time(A, PAST), out_of_time(B, PAST), WELL), False),
}


@pytest.mark.parametrize(("found", "wrong"), CLOCKS.values(), ids=CLOCKS)
def test_the_clock_by_certificates(found: tuple[Measurement, ...], wrong: bool | None) -> None:
    host = concluded(ONLINE, *found)
    assert (host.clock_wrong, host.clock_offset) == (wrong, None)


def test_ipv6_works_once_a_connection_was_made() -> None:
    ground = Ground(ONLINE)
    for name in ("a.test", "b.test", "c.test", "d.test"):
        ground.learn(only_over_ipv4(name), ())
    assert ground.host.ipv6_works is None
    assert not ground.tries_ipv6
    ground.learn(secure(A, on(A).dns(REAL6, kind="AAAA").tcp(REAL6).tls(REAL6, F.EOF)), ())
    assert ground.host.ipv6_works is True
    assert ground.tries_ipv6
    assert ground.conclude().ipv6_works is True


def test_ipv6_is_tried_three_times() -> None:
    ground = Ground(ONLINE)
    for name in ("a.test", "a.test", "b.test"):
        ground.learn(only_over_ipv4(name), ())
    assert ground.tries_ipv6
    ground.learn(only_over_ipv4("c.test"), ())
    assert not ground.tries_ipv6
    assert ground.conclude().ipv6_works is False


def test_one_host_may_have_a_dead_address_of_its_own() -> None:
    """Only a control that reaches it says that it is alive."""
    assert concluded(ONLINE, only_over_ipv4(A)).ipv6_works is None
    for theirs, works in ((well(), None), (Saw().dns(REAL6, kind="AAAA").tcp(REAL6).tls(REAL6), False)):
        ground = Ground(ONLINE)
        mine = only_over_ipv4(A)
        ground.learn(mine, [theirs.measured(mine.target, CONTROL)])
        assert ground.conclude().ipv6_works is works


def test_what_fails_over_both_says_nothing_of_ipv6() -> None:
    saw = on(A).dns(REAL).dns(REAL6, kind="AAAA").tcp(REAL, F.GENERIC_TIMEOUT).tcp(REAL6, F.GENERIC_TIMEOUT)
    assert concluded(ONLINE, *(secure(name, saw) for name in ("a.test", "b.test", "c.test"))).ipv6_works is None


def known(host: str, mine: Measurement) -> list[Measurement]:
    return [Saw(host=host).dns(REAL).tcp(REAL, port=80).measured(mine.target, CONTROL)]


def test_a_resolver_that_answers_everything_alike() -> None:
    def intercepts(*found: tuple[Measurement, Sequence[Measurement]], host: Host = GIVEN) -> bool | None:
        ground = Ground(host)
        for mine, controls in found:
            ground.learn(mine, controls)
        return ground.conclude().resolver_intercepts

    astray, dead = (login(A), known(A, login(A))), (login(B), [])
    assert intercepts(astray) is True
    assert intercepts(astray, dead) is True
    assert intercepts(dead) is None  # no control knows the name: it may well be dead
    assert intercepts(astray, (login(B, REAL), [])) is False
    assert intercepts(astray, (page(B, on(B).dns(failure=F.DNS_NXDOMAIN)), [])) is False
    assert intercepts(astray, host=DENIED) is None


def test_a_verdict_can_wait_only_for_what_concerns_it() -> None:
    def possible(measurement: Measurement, host: Host = ONLINE) -> int:
        return len(list(Ground(host).possible(measurement)))

    settled = replace(ONLINE, captive_portal=False, clock_wrong=False, ipv6_works=True)
    assert possible(WELL, settled) == 1
    assert possible(out_of_time(A, PAST), settled) == 1
    assert possible(WELL) == 2
    assert possible(out_of_time(A, PAST)) == 4
    assert possible(only_over_ipv4(A)) == 6
    assert possible(WELL, replace(settled, resolver_rewrites_nxdomain=True, rewritten_to=(STUB,))) == 3
    for host in Ground(GIVEN).possible(out_of_time(A, PAST)):
        assert replace(host, captive_portal=None, clock_wrong=None, ipv6_works=None, resolver_intercepts=None) == GIVEN


def test_a_host_at_a_moment() -> None:
    moment = WELL.started_at
    earlier = Host(online=True, vpn="tun")
    host = Host(online=True, since=moment, before=earlier)
    assert host.at(moment) is host
    assert host.at(moment.replace(year=2025)) is earlier
    assert earlier.at(moment.replace(year=2020)) is earlier


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=12))
def test_what_is_kept_of_many_sites_says_the_same_as_all_of_it(given_: list[tuple[str, str]]) -> None:
    kept: dict[str, set[str]] = {}
    every: dict[str, set[str]] = {}
    for site, thing in given_:
        ground_module._note(kept, site, thing)
        every.setdefault(site, set()).add(thing)
    assert ground_module._is_one(kept) == ground_module._is_one(every)
    assert ground_module._is_of_several(kept) == ground_module._is_of_several(every)
    assert bool(kept) == bool(every)


def test_of_very_many_sites_little_is_kept() -> None:
    ground = Ground(ONLINE)
    for number in range(500):
        host = f"n{number}.site{number}.example"
        ground.learn(login(host, f"192.31.196.{number % 250}", body=f"body {number}"), ())
    kept = [ground._pages, ground._addresses]
    assert all(sum(map(len, found.values())) <= 4 for found in kept)
