"""An OONI test helper as a control: our own server in its OONI form, and helpers that misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from probe.classify import classify
from probe.control import ooni_client
from probe.control.ooni_client import OoniClient, page_of, question
from probe.failure import Failure
from probe.model import DnsDetail, HttpDetail, Measurement, Scheme, StepName, Target, TcpDetail, TlsDetail
from probe.targets import parse_one
from tests.classify.stories import HERE, HTTP, HTTPS, ONLINE, REAL, Saw, well, well_in_clear
from tests.control.conftest import Running, Start
from tests.control.test_hostile import Exchange, hangs, hostile
from tests.control.world import OTHER, PRIVATE, SITE, SITE_V6


def asked(control: Running, target: str, *addresses: str) -> tuple[Measurement | None, list[str]]:
    async def body() -> tuple[Measurement | None, list[str]]:
        async with OoniClient(f"ooni+{control.url}") as client:
            return await client.measure(parse_one(target), addresses), client.problems

    return asyncio.run(body())


def seen(control: Running, target: str, *addresses: str) -> Measurement:
    answer, problems = asked(control, target, *addresses)
    assert answer is not None, problems
    assert problems == []
    return answer


def rows(measurement: Measurement, step: StepName) -> dict[str, Failure | None]:
    """Failures by address, or by type of question."""
    found: dict[str, Failure | None] = {}
    for row in measurement.observations:
        if row.step is step:
            key = row.detail.query_type if isinstance(row.detail, DnsDetail) else row.detail.address
            found[key] = row.failure
    return found


# What our own server answers in this form


def test_a_page_over_tls(listing: Running) -> None:
    answer = seen(listing, "https://both.test/", OTHER, PRIVATE)
    assert answer.target == parse_one("https://both.test/")
    assert (answer.run_id, answer.vantage.name, answer.vantage.country) == (None, "ooni test helper 127.0.0.1", "ZZ")
    assert rows(answer, StepName.DNS) == {"A": None, "AAAA": None}
    assert rows(answer, StepName.TCP) == {SITE: None, SITE_V6: None, OTHER: Failure.CONNECTION_REFUSED}
    assert rows(answer, StepName.TLS) == {SITE: None, SITE_V6: None}
    (page,) = [row.detail for row in answer.observations if isinstance(row.detail, HttpDetail)]
    assert (page.status, page.title, page.url) == (200, "The site", "https://both.test/")
    assert ("x-site", "yes") in page.headers
    assert all(row.error is None for row in answer.observations if row.failure is None)


def test_a_page_in_clear_is_only_what_is_on_its_own_port(listing: Running) -> None:
    answer = seen(listing, "http://site.test/")
    assert {row.detail.port for row in answer.observations if isinstance(row.detail, TcpDetail | HttpDetail)} == {80}
    assert rows(answer, StepName.TLS) == {}


def test_a_handshake_and_a_connection_are_no_page(open_to_all: Running) -> None:
    shake, connect = seen(open_to_all, "tls://site.test:443"), seen(open_to_all, "tcp://site.test:443")
    assert {row.step for row in shake.observations} == {StepName.DNS, StepName.TCP, StepName.TLS}
    assert {row.step for row in connect.observations} == {StepName.DNS, StepName.TCP}
    assert (shake.target.name, connect.target.name) == ("tls://site.test:443", "tcp://site.test:443")
    clear = seen(open_to_all, "tcp://site.test:80")
    assert [row.detail.port for row in clear.observations if isinstance(row.detail, TcpDetail)] == [80]


def test_a_name_that_is_not_there(listing: Running) -> None:
    answer = seen(listing, "http://gone.test/")
    assert {row.step for row in answer.observations if row.failure is None} == set()
    assert rows(answer, StepName.DNS) == {"A": Failure.DNS_NXDOMAIN}


def test_a_certificate_that_is_bad_keeps_its_word(open_to_all: Running) -> None:
    assert rows(seen(open_to_all, "https://unlisted.test/"), StepName.TLS)[SITE] is Failure.SSL_INVALID_HOSTNAME


@pytest.mark.parametrize("target", ["dns://site.test", "tcp://site.test:5222", "tls://site.test:8443"])
def test_what_a_helper_cannot_be_asked_is_not_asked(start: Start, target: str) -> None:
    control = start()
    answer, (problem,) = asked(control, target)
    assert answer is None
    assert "cannot be asked about" in problem
    assert "/" not in control.hits
    assert 'route="/"' not in control.get("/metrics").text


def test_one_that_refuses_is_a_sentence(listing: Running) -> None:
    answer, (problem,) = asked(listing, "https://unlisted.test/")
    assert answer is None
    assert "status 403" in problem
    assert "ooni+http://127.0.0.1" in problem


def test_it_is_described_and_what_is_none_is_not(listing: Running) -> None:
    async def body() -> None:
        async with OoniClient(f"ooni+{listing.url}") as client, OoniClient(f"ooni+{listing.url}/nowhere") as other:
            said = await client.describe()
            assert said is not None
            assert said.vantage.name == "ooni test helper 127.0.0.1"
            assert (said.neutral_tls, said.neutral_http) == (None, None)
            assert await other.describe() is None
            assert "status 404" in other.problems[0]

    asyncio.run(body())


# What stand-ins answer

GOOD: dict[str, Any] = {
    "dns": {"failure": None, "addrs": [REAL]},
    "tcp_connect": {f"{REAL}:443": {"status": True, "failure": None}},
    "tls_handshake": {f"{REAL}:443": {"server_name": "line.me", "status": True, "failure": None}},
    "http_request": {"failure": None, "status_code": 200, "title": "LINE", "body_length": 9000, "headers": {"X": "y"}},
}
IN_CLEAR = {"tcp_connect": {f"{REAL}:80": {"status": True, "failure": None}}, "tls_handshake": {}}


def says(answer: object) -> Callable[[Exchange], Awaitable[None]]:
    async def peer(exchange: Exchange) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        await exchange.begin("200 OK", "X-Helper: yes")
        await exchange.send(body)

    return peer


async def told(
    peer: Callable[[Exchange], Awaitable[None]],
    target: Target = HTTPS,
    *addresses: str,
    here: Saw | None = None,
    deadline: float = 5.0,
) -> tuple[Measurement | None, list[str], list[Exchange]]:
    async def measured() -> Measurement:
        assert here is not None
        return here.measured(target, HERE)

    async with hostile(peer) as helper, OoniClient(f"ooni+{helper.url}", deadline=deadline) as client:
        answer = await client.measure(target, addresses, here=measured() if here is not None else None)
        return answer, client.problems, helper.exchanges


def test_no_more_is_sent_than_the_form_has() -> None:
    async def body() -> None:
        _, problems, (exchange,) = await told(says(GOOD), HTTPS, "2001:4860::8888", REAL, PRIVATE)
        assert problems == []
        assert (exchange.path, set(exchange.body)) == (
            "/",
            {"http_request", "http_request_headers", "tcp_connect", "x_quic_enabled"},
        )
        assert exchange.body["http_request"] == "https://line.me/"
        assert exchange.body["tcp_connect"] == ["[2001:4860::8888]:443", f"{REAL}:443"]
        assert "Mozilla" in exchange.body["http_request_headers"]["User-Agent"][0]
        assert "Mozilla" not in exchange.headers
        assert "cookie" not in exchange.headers.lower()

    asyncio.run(body())


BAD: dict[str, tuple[object, str]] = {
    "nothing": (b"", "bad answer"),
    "no JSON": (b"<html>Log in</html>", "bad answer"),
    "a list": ([], "bad answer"),
    "empty": ({}, "not a test helper's"),
    "no page": ({**GOOD, "http_request": None}, "not a test helper's"),
    "no names": ({**GOOD, "dns": None}, "not a test helper's"),
    "names of the wrong type": ({**GOOD, "dns": {"addrs": "1.2.3.4"}}, "bad answer"),
    "addresses of the wrong type": ({**GOOD, "dns": {"addrs": [1]}}, "bad answer"),
    "too many addresses": ({**GOOD, "dns": {"addrs": [REAL] * 501}}, "bad answer"),
    "places of the wrong type": ({**GOOD, "tcp_connect": [REAL]}, "bad answer"),
    "a place of the wrong type": ({**GOOD, "tcp_connect": {REAL: True}}, "bad answer"),
    "a status of the wrong type": ({**GOOD, "tls_handshake": {REAL: {"status": "yes"}}}, "bad answer"),
    "an endless word": ({**GOOD, "dns": {"failure": "x" * 10_000, "addrs": []}}, "bad answer"),
    "a code out of range": ({**GOOD, "http_request": {"status_code": 10**9}}, "bad answer"),
    "a length out of range": ({**GOOD, "http_request": {"body_length": 2**60}}, "bad answer"),
    "headers of the wrong type": ({**GOOD, "http_request": {"headers": {"a": ["b"]}}}, "bad answer"),
    "nested": (b"[" * 100_000, "bad answer"),
    "nested where nobody looks": (b'{"x": ' + b"[" * 100_000, "bad answer"),
    "endless": (b"x" * 600_000, "over 524288 bytes"),
    "cut off": (json.dumps(GOOD).encode()[:-20], "bad answer"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_answer_is_a_sentence(case: str) -> None:
    answer, words = BAD[case]

    async def body() -> None:
        found, problems, _ = await told(says(answer))
        assert found is None
        assert any(words in problem and problem.isprintable() for problem in problems), problems

    asyncio.run(body())


def test_one_that_hangs_is_given_up_and_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probe.control.asking._QUICK_SECONDS", 0.1)

    async def body() -> None:
        async with hostile(hangs) as helper, OoniClient(f"ooni+{helper.url}", deadline=0.3) as client:
            assert await asyncio.gather(*(client.measure(HTTPS) for _ in range(50))) == [None] * 50
            assert [await client.measure(HTTPS) for _ in range(50)] == [None] * 50
            assert len(helper.exchanges) == 8, "those that were asked before it was noticed"
            assert "in time" in client.problems[0]
            assert await client.describe() is None
            assert len(helper.exchanges) == 8


def test_one_that_is_left_behind_is_told() -> None:
    async def body() -> None:
        async with hostile(hangs) as helper, OoniClient(f"ooni+{helper.url}") as client:
            asking = asyncio.create_task(client.measure(HTTPS))
            await asyncio.sleep(0.1)
            asking.cancel()
            await asyncio.wait((asking,))
            assert "not answered yet" in client.problems[0]

    asyncio.run(body())


def test_one_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ooni_client, "_PAUSE_SECONDS", 0.01)

    async def busy_at_first(exchange: Exchange) -> None:
        if exchange.number < 2:
            await exchange.begin("503 Service Unavailable")
        else:
            await says(GOOD)(exchange)

    async def body() -> None:
        found, problems, exchanges = await told(busy_at_first)
        assert (found is not None, problems, len(exchanges)) == (True, [], 3)

    asyncio.run(body())


def test_only_so_many_questions_at_once() -> None:
    at_once, most = 0, 0

    async def counts(exchange: Exchange) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        await says(GOOD)(exchange)

    async def body() -> None:
        async with hostile(counts) as helper, OoniClient(f"ooni+{helper.url}") as client:
            targets = [replace(HTTPS, path=f"/{number}") for number in range(40)]
            answers = await asyncio.gather(*(client.measure(target) for target in targets))
            assert [answer.target if answer else None for answer in answers] == targets

    asyncio.run(body())
    assert 1 < most <= 8


def test_what_was_not_asked_about_is_left_out() -> None:
    strangers = {f"192.31.196.{n}:443": {"status": True, "failure": None} for n in range(50, 250)}
    many = [f"192.175.48.{n}" for n in range(1, 200)]
    answer = {
        **GOOD,
        "dns": {"failure": None, "addrs": [REAL, "nonsense", "\x1b[31m", *many]},
        "tcp_connect": {**GOOD["tcp_connect"], **strangers, "nonsense": {"status": True}},
        "tls_handshake": {**GOOD["tls_handshake"], **strangers},
    }

    async def body() -> None:
        found, problems, _ = await told(says(answer))
        assert found is not None
        assert problems == []
        assert set(rows(found, StepName.TCP)) == set(rows(found, StepName.TLS)) == {REAL}
        (question_,) = [row.detail for row in found.observations if isinstance(row.detail, DnsDetail)]
        assert len(question_.answers) == 24

    asyncio.run(body())


def test_rows_that_are_only_implied_say_so() -> None:
    async def body() -> None:
        found, _, _ = await told(says({**GOOD, "tcp_connect": {}, "tls_handshake": {}}))
        assert found is not None
        implied = [row for row in found.observations if row.error is not None]
        assert {row.step for row in implied} == {StepName.TCP, StepName.TLS}
        assert all("shown by the page" in str(row.error) for row in implied)
        for row in implied:
            assert isinstance(row.detail, TcpDetail | TlsDetail)
            assert row.detail.address == REAL

    asyncio.run(body())


def test_no_row_is_implied_by_a_page_that_failed() -> None:
    failed = {"failure": "unknown_error", "status_code": -1, "body_length": -1, "title": "", "headers": {}}

    async def body() -> None:
        found, _, _ = await told(says({**GOOD, "tcp_connect": {}, "tls_handshake": {}, "http_request": failed}))
        assert found is not None
        assert {row.step for row in found.observations if row.failure is None} == {StepName.DNS}

    asyncio.run(body())


CASES: dict[str, tuple[Target, Saw, dict[str, Any], str]] = {
    # what was seen here, what the helper answers, the reason that decides
    "well": (HTTPS, well(), GOOD, "tls.verified_page"),
    "nxdomain": (HTTPS, Saw().dns(failure=Failure.DNS_NXDOMAIN, tries=2), GOOD, "dns.nxdomain"),
    "cut": (
        HTTPS,
        Saw().dns(REAL).tcp(REAL).tls(REAL, Failure.CONNECTION_RESET, tries=2),
        GOOD,
        "tls.reset_after_client_hello",
    ),
    "down": (
        HTTPS,
        Saw().dns(REAL).tcp(REAL, Failure.GENERIC_TIMEOUT, tries=2),
        {
            "dns": GOOD["dns"],
            "tcp_connect": {f"{REAL}:443": {"status": False, "failure": "generic_timeout_error"}},
            "http_request": {"failure": "generic_timeout_error", "status_code": -1},
        },
        "tcp.fails_everywhere",
    ),
    "gone": (
        HTTPS,
        Saw().dns(failure=Failure.DNS_NXDOMAIN, tries=2),
        {
            "dns": {"failure": "dns_name_error", "addrs": []},
            "http_request": {"failure": "dns_lookup_error", "status_code": -1},
        },
        "dns.fails_everywhere",
    ),
    "the helper cannot look": (
        HTTPS,
        Saw().dns(failure=Failure.DNS_NXDOMAIN, tries=2),
        {
            "dns": {"failure": "unknown_error", "addrs": []},
            "http_request": {"failure": "unknown_error", "status_code": -1},
        },
        "control.none",
    ),
    "redirected to TLS, and cut there": (
        HTTP,
        well_in_clear(status=301, location="https://line.me/")
        .redirected("line.me")
        .dns(REAL)
        .tcp(REAL)
        .tls(REAL, Failure.CONNECTION_RESET, tries=2),
        {**GOOD, "tcp_connect": {f"{REAL}:{port}": {"status": True, "failure": None} for port in (80, 443)}},
        "tls.reset_after_client_hello",
    ),
    "led astray in clear": (
        HTTP,
        well_in_clear(status=302, location="http://warning.example/")
        .redirected("warning.example")
        .dns("192.175.48.77")
        .tcp("192.175.48.77", port=80)
        .http(
            "192.175.48.77",
            title="Access restricted",
            body="stub",
            length=90,
            headers=(("server", "gw"),),
            url="http://warning.example/",
        ),
        {**GOOD, **IN_CLEAR},
        "http.redirect_elsewhere",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_concluded_with_a_helper(case: str) -> None:
    target, here, answer, code = CASES[case]

    async def body() -> None:
        found, problems, _ = await told(says(answer), target, here=here)
        assert problems == []
        assert found is not None
        verdict = classify(here.measured(target, HERE), [found], ONLINE)
        assert verdict.reasons[0].code == code

    asyncio.run(body())


def test_where_it_cannot_be_told_where_the_helper_was_led_there_is_no_control() -> None:
    here = well_in_clear(status=302, location="http://elsewhere.example/").redirected("elsewhere.example")
    here = here.dns(REAL).tcp(REAL, Failure.GENERIC_TIMEOUT, tries=2)

    async def body() -> None:
        found, (problem,), _ = await told(says({**GOOD, **IN_CLEAR}), HTTP, here=here)
        assert found is None
        assert "does not say where a redirect led it" in problem

    asyncio.run(body())


@pytest.mark.parametrize("url", ["ooni+", "ooni+ftp://a.test", "ooni+https://", "ooni+https://a.test/?b"])
def test_a_url_that_cannot_be_one_of_a_helper(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL of a control"):
        OoniClient(url)


def test_the_page_that_shows_a_target() -> None:
    table = {
        "https://a.test:8443/x": "https://a.test:8443/x",
        "http://a.test/": "http://a.test/",
        "tls://a.test:443": "https://a.test/",
        "tcp://a.test:443": "https://a.test/",
        "tcp://a.test:80": "http://a.test/",
        "tcp://a.test:5222": None,
        "tls://a.test:5223": None,
        "dns://a.test": None,
    }
    for text, url in table.items():
        page = page_of(parse_one(text))
        assert (page.name if page else None) == url
    assert page_of(replace(parse_one("https://a.test/"), roots=("00" * 32,))) is None


def test_the_port_of_a_question_is_that_of_its_page() -> None:
    asked_ = question(Target(scheme=Scheme.HTTPS, host="a.test", port=8443), ["2001:4860::8888"])
    assert asked_["tcp_connect"] == ["[2001:4860::8888]:8443"]
