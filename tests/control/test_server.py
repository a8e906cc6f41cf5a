"""What a control measures for whom, and what it turns away, over real sockets."""

from __future__ import annotations

import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from probe import __version__
from probe.control import limits
from tests.control.conftest import Running, Start
from tests.control.world import METADATA, OTHER, PRIVATE, SITE

FORBIDDEN = (PRIVATE, METADATA, "127.0.0.1", "::1", f"{SITE}:25")
"""Servers that are there and listen, and that no request may reach."""


def reached_forbidden(control: Running) -> list[str]:
    return [hit for hit in control.hits if hit.startswith(FORBIDDEN)]


def rows(line: dict[str, Any], step: str) -> list[dict[str, Any]]:
    return [row for row in line["observations"] if row["step"] == step]


def test_a_listed_target_is_measured(listing: Running) -> None:
    line = listing.line("https://site.test/")
    assert line["target"] == "https://site.test/"
    assert line["vantage"] == {"name": "lab-control", "country": "NL", "asn": 64500, "network": "Lab"}
    assert {row["step"] for row in line["observations"]} == {"dns", "tcp", "tls", "http"}
    (page,) = rows(line, "http")
    assert (page["status"], page["title"], page["failure"]) == (200, "The site", None)
    assert (rows(line, "tls")[0]["failure"], "body" in page) == (None, False)


def test_a_listed_target_is_spoken_to_in_its_protocol(listing: Running) -> None:
    (line,) = listing.lines({"target": "tcp://chat.test:5222", "speaks": "xmpp"})
    assert [(row["step"], row.get("recognised"), row["failure"]) for row in line["observations"][-2:]] == [
        ("tcp", None, None),
        ("greeting", True, None),
    ]
    (plain,) = listing.lines({"target": "tcp://chat.test:5222"})
    assert rows(plain, "greeting") == []
    assert plain["measurement_id"] != line["measurement_id"]
    assert listing.lines({"target": "tcp://chat.test:5222", "speaks": "xmpp"}) == [line]


def test_it_is_spoken_to_at_the_addresses_the_client_saw_as_well(listing: Running) -> None:
    (line,) = listing.lines({"target": "tcp://chat.test:5222", "speaks": "xmpp", "addresses": [SITE]})
    told = {row["address"]: row["recognised"] for row in rows(line, "greeting")}
    assert told == {OTHER: True, SITE: False}


def test_datagrams_go_to_public_addresses_only(listing: Running) -> None:
    line = listing.line("udp://calls.test:3478", PRIVATE, "127.0.0.1", SITE)
    told = {row["address"]: (row["transport"], row["recognised"]) for row in rows(line, "greeting")}
    assert told == {OTHER: ("udp", True), SITE: ("udp", False)}
    assert f"{OTHER}:3478 datagram" in listing.hits
    assert reached_forbidden(listing) == []


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        ({"target": "tcp://chat.test:5222", "speaks": "mtproto"}, "not on the lists"),
        ({"target": "tcp://site.test:5222", "speaks": "xmpp"}, "not on the lists"),
        ({"target": "udp://site.test:5222"}, "not on the lists"),
        ({"target": "udp://calls.test:53"}, "port 53"),
        ({"target": "udp://10.9.9.9:3478"}, "private use"),
        ({"target": "tcp://chat.test:5222", "speaks": "newgetdns"}, "speaks must be a protocol of tcp://"),
        ({"target": "tcp://chat.test:5222", "speaks": "of tomorrow"}, "speaks must be a protocol of tcp://"),
    ],
)
def test_a_protocol_that_is_not_spoken(listing: Running, ask: dict[str, str], named: str) -> None:
    (line,) = listing.lines(ask)
    assert named in line["error"]
    assert not any(hit.endswith(":53 datagram") for hit in listing.hits)


def test_a_failure_of_the_target_is_a_measurement(listing: Running) -> None:
    line = listing.line("http://gone.test/")
    assert {row["failure"] for row in line["observations"]} == {"dns_nxdomain_error"}


def test_a_broken_zone_is_a_failure_of_the_target(listing: Running) -> None:
    line = listing.line("dns://broken.test")
    assert {row["failure"] for row in line["observations"]} == {"dns_servfail_error"}


def test_a_broken_resolver_is_a_failure_of_the_control(start: Start) -> None:
    control = start(broken_resolver=True)
    assert control.line("https://site.test/") == {
        "target": "https://site.test/",
        "error": "this control has no resolver that works",
    }
    assert control.post("/", {"http_request": "https://site.test/"}).status_code == 503


def test_the_target_in_the_line_is_normalised(listing: Running) -> None:
    assert listing.line("HTTPS://Site.Test")["target"] == "https://site.test/"


def test_addresses_the_client_saw_are_connected_to_as_well(listing: Running) -> None:
    line = listing.line("http://site.test/", OTHER)
    assert {row["address"] for row in rows(line, "tcp")} == {SITE, OTHER}


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("https://unlisted.test/", "not on the lists"),
        ("tcp://site.test:5223", "not on the lists"),
        ("dns://unlisted.test", "not on the lists"),
        ("tcp://site.test:25", "port 25"),
        ("http://site.test:22/", "port 22"),
        ("http://10.9.9.9/", "private use"),
        ("http://127.0.0.1/", "loopback"),
        ("http://[::1]/", "loopback"),
        (f"http://[::ffff:{PRIVATE}]/", "private use"),
        ("http://[64:ff9b::a09:909]/", "private use"),
        ("http://[2002:a09:909::1]/", "private use"),
        (f"http://{METADATA}/", "link local"),
        ("ftp://site.test/", ""),
        ("http://", ""),
        ("http://site.test:99999/", ""),
        ("x" * 5000, ""),
        ("", ""),
        ("http://\u001b[31m/", ""),
    ],
)
def test_a_target_that_is_not_measured_has_a_line_that_says_why(listing: Running, target: str, named: str) -> None:
    made = listing.counted("measurements_total")
    bad, good = sorted(
        listing.lines({"target": target}, {"target": "https://site.test/"}), key=lambda line: "error" not in line
    )
    assert named in bad["error"]
    assert bad["error"]
    assert bad["error"].isprintable()
    assert len(bad["error"]) <= 300
    assert "observations" in good
    assert listing.counted("measurements_total") <= made + 1  # the good one, if it is the first


def test_whose_certificates_are_good_is_the_clients_to_say(listing: Running) -> None:
    """They are another measurement, so that nobody is given what another takes for good."""
    made, target = listing.counted("measurements_total"), "https://site.test/roots"

    def failure(*roots: str) -> str | None:
        (line,) = listing.lines({"target": target, "roots": list(roots)})
        return next(row["failure"] for row in rows(line, "tls"))

    assert failure() is None
    assert failure("ab" * 32) == failure("AB:" * 31 + "AB") == "ssl_unknown_authority"
    assert failure("public", "ab" * 32) is failure() is None
    assert listing.counted("measurements_total") == made + 3


@pytest.mark.parametrize(
    ("roots", "said"),
    [
        (["ab" * 31], "64 hexadecimal digits"),
        (["\u001b[31m"], "64 hexadecimal digits"),
        (["ab" * 32] * 9, "at most 8"),
    ],
)
def test_what_is_no_root_is_refused(listing: Running, roots: list[str], said: str) -> None:
    (line,) = listing.lines({"target": "https://site.test/", "roots": roots})
    assert line["error"].startswith("roots: ")
    assert said in line["error"]
    assert line["error"].isprintable()


@pytest.mark.parametrize(
    "target",
    [
        "http://private.test/",
        "http://loopback.test/",
        "http://mapped.test/",
        "http://nat64.test/",
        "http://sixtofour.test/",
        "http://twin.test/",
        "http://site.test/to-metadata",
        "http://site.test/to-private",
        "http://site.test/to-mapped",
        "http://site.test/to-mail",
    ],
)
def test_no_name_and_no_redirect_leads_to_what_is_not_public(listing: Running, target: str) -> None:
    line = listing.line(target)
    public = {SITE} if target.startswith(("http://site", "http://twin")) else set()
    assert {row["address"] for row in rows(line, "tcp")} == public
    assert reached_forbidden(listing) == []


def test_a_redirect_to_another_public_host_is_followed(listing: Running) -> None:
    line = listing.line("http://site.test/to-other")
    assert [(row["address"], row["hop"]) for row in rows(line, "http")] == [(SITE, 0), (OTHER, 1)]


def test_a_name_that_changes_its_address_gets_no_further(start: Start) -> None:
    control = start(open=True, ttl=0)
    seen = [{row["address"] for row in rows(control.line("http://rebind.test/"), "tcp")} for _ in range(6)]
    assert {SITE} in seen
    assert set() in seen
    assert reached_forbidden(control) == []


def test_addresses_asked_for_that_are_not_public_are_not_connected_to(listing: Running) -> None:
    asked = [PRIVATE, METADATA, "127.0.0.1", f"::ffff:{PRIVATE}", "64:ff9b::a09:909", "fe80::1%lo", OTHER]
    line = listing.line("http://site.test/", *asked)
    assert {row["address"] for row in rows(line, "tcp")} == {SITE, OTHER}
    assert reached_forbidden(listing) == []


@pytest.mark.parametrize(
    ("addresses", "named"),
    [
        ([f"192.31.196.{n}" for n in range(9)], "at most 8"),
        (["no address"], "IP addresses"),
        (["10.1"], "IP addresses"),
    ],
)
def test_addresses_that_cannot_be_are_refused(listing: Running, addresses: list[str], named: str) -> None:
    assert named in listing.line("https://site.test/", *addresses)["error"]


BAD_BODIES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "no JSON": (b"hello", 400),
    "not UTF-8": (b'{"targets": [{"target": "\xff"}]}', 400),
    "half a surrogate": (b'{"targets": [{"target": "\\ud800"}]}', 400),
    "a list": (b"[]", 400),
    "no targets": (b"{}", 400),
    "targets not objects": (b'{"targets": ["https://site.test/"]}', 400),
    "target not a text": (b'{"targets": [{"target": 5}]}', 400),
    "addresses not a list": (b'{"targets": [{"target": "a", "addresses": "b"}]}', 400),
    "nested": (b"[" * 100_000, 400),
    "nested where anything may be": (b'{"targets": [], "x": ' + b"[" * 100_000, 400),
    "nested objects": (b'{"targets":' * 10_000, 400),
    "too large": (b'{"targets": [' + b" " * limits.MOST_BODY_BYTES, 413),
    "far too large": (b"x" * 20_000_000, 413),
    "too many targets": (json.dumps({"targets": [{"target": "a"}] * 501}).encode(), 413),
}


@pytest.mark.parametrize("path", ["/v1/measure", "/"])
@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_bad_body_is_turned_away_with_a_reason(listing: Running, path: str, case: str) -> None:
    body, status = BAD_BODIES[case]
    if path == "/" and case == "too many targets":
        status = 400  # of another form altogether
    answer = listing.post(path, body)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert listing.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/measure", 405),
        ("GET", "/", 405),
        ("POST", "/healthz", 405),
        ("GET", "/nothing", 404),
        ("POST", "/v1/measure/", 404),
        ("GET", "/%ff%00", 404),
    ],
)
def test_a_wrong_method_or_path_is_turned_away_with_a_reason(
    listing: Running, method: str, path: str, status: int
) -> None:
    answer = httpx.request(method, listing.url + path, trust_env=False)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer second-token", 200),
        ("bearer  first-token", 200),
        ("Bearer third-token", 401),
        ("Bearer first-toke", 401),
        ("Bearer", 401),
        ("Basic first-token", 401),
        ("first-token", 401),
        ("Bearer \xe9", 401),
    ],
)
@pytest.mark.parametrize("path", ["/v1/measure", "/"])
def test_tokens(listing: Running, path: str, authorization: str, status: int) -> None:
    body = {"targets": [{"target": "http://unlisted.test/"}], "http_request": "http://unlisted.test/"}
    answer = listing.post(path, body, headers={"Authorization": authorization.encode("latin-1")})
    assert answer.status_code == status
    assert ("observations" in answer.text or "tcp_connect" in answer.text) is (status == 200)


def test_a_token_opens_no_private_address(listing: Running) -> None:
    bearer = {"Authorization": "Bearer first-token"}
    assert rows(listing.line("http://private.test/", headers=bearer), "tcp") == []
    assert "error" in listing.line(f"http://{PRIVATE}/", headers=bearer)
    assert reached_forbidden(listing) == []


def test_open_lifts_the_lists_and_nothing_else(open_to_all: Running) -> None:
    assert "observations" in open_to_all.line("http://unlisted.test/")
    assert "error" in open_to_all.line(f"http://{METADATA}/")
    assert "error" in open_to_all.line("tcp://unlisted.test:25")
    assert reached_forbidden(open_to_all) == []


def test_many_who_ask_for_the_same_cost_one_measurement(start: Start) -> None:
    control = start()
    with ThreadPoolExecutor(20) as pool:
        lines = list(pool.map(lambda _: control.line("http://site.test/slow", OTHER, PRIVATE), range(20)))
    lines.append(control.line("http://site.test/slow", OTHER))
    assert len({line["measurement_id"] for line in lines}) == 1
    assert control.counted("measurements_total") == 1
    assert control.counted("cache_hits_total") == 20
    assert sum(hit == f"{SITE}:80 /slow" for hit in control.hits) == 1


def test_another_address_is_another_measurement(start: Start) -> None:
    control = start()
    lines = [control.line("http://site.test/", *asked) for asked in [(), (OTHER,), ()]]
    assert len({line["measurement_id"] for line in lines}) == 2


def test_lines_are_sent_as_targets_are_finished(listing: Running) -> None:
    targets = ["http://site.test/slow?1", "http://site.test/quick"]
    assert [line["target"] for line in listing.lines(*({"target": each} for each in targets))] == targets[::-1]


def test_each_ask_has_its_line(listing: Running) -> None:
    lines = listing.lines(*[{"target": "https://site.test/"}] * 3, {"target": "nonsense"})
    assert [line["target"] for line in lines] == ["nonsense", *["https://site.test/"] * 3]


def test_a_target_that_hangs_is_given_up(start: Start) -> None:
    control = start(deadline=0.5, http_timeout=60)
    assert "not finished" in control.line("http://site.test/hang")["error"]
    # Its own failure is not kept: it is tried again for the next who asks.
    assert "not finished" in control.line("http://site.test/hang")["error"]
    assert control.counted("measurements_total") == 2


def test_with_too_much_under_way_requests_are_turned_away(start: Start) -> None:
    control = start(in_flight=2, http_timeout=60)
    hanging = [{"target": f"http://site.test/hang?{n}"} for n in range(3)]
    with httpx.stream(
        "POST", control.url + "/v1/measure", json={"targets": [{"target": "nonsense"}, *hanging]}, trust_env=False
    ) as answer:
        next(answer.iter_lines())  # the line of the one that is refused comes once all have been asked for
        assert control.counted("in_flight") == 3
        for path, body in [
            ("/v1/measure", {"targets": [{"target": "https://site.test/"}]}),
            ("/", {"http_request": "https://site.test/"}),
        ]:
            turned_away = control.post(path, body)
            assert turned_away.status_code == 503
            assert int(turned_away.headers["retry-after"]) > 0
            assert turned_away.json()["error"]


def test_health_says_where_and_what(listing: Running) -> None:
    vantage = {"name": "lab-control", "country": "NL", "asn": 64500, "network": "Lab"}
    neutral = {"neutral_tls": None, "neutral_http": None}
    assert listing.get("/healthz").json() == {"status": "ok", "version": __version__, "vantage": vantage, **neutral}


def test_metrics_count_requests_by_route_and_status(start: Start) -> None:
    control = start()
    control.line("https://site.test/")
    control.post("/v1/measure", b"x")
    control.get("/no/such/path")
    text = control.get("/metrics").text.splitlines()
    for line in (
        'probe_control_requests_total{route="/v1/measure",status="200"} 1',
        'probe_control_requests_total{route="/v1/measure",status="400"} 1',
        'probe_control_requests_total{route="other",status="404"} 1',
        "probe_control_measurements_total 1",
        "probe_control_in_flight 0",
        "# TYPE probe_control_requests_total counter",
    ):
        assert line in text


def raw_connection(control: Running) -> socket.socket:
    url = httpx.URL(control.url)
    return socket.create_connection((url.host, url.port), timeout=60)


def test_slow_clients_are_cut_off(start: Start) -> None:
    control = start(body_seconds=0.3, silent_seconds=0.3)
    with raw_connection(control) as silent, raw_connection(control) as header, raw_connection(control) as body:
        header.sendall(b"POST /v1/measure HTTP/1.1\r\nHost:")
        body.sendall(b"POST /v1/measure HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert body.recv(4096).startswith(b"HTTP/1.1 408")
        assert (silent.recv(4096), header.recv(4096)) == (b"", b"")


def test_garbage_instead_of_http_is_survived(listing: Running) -> None:
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET " + b"x" * 100_000, b"\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n"):
        with raw_connection(listing) as connection:
            connection.sendall(garbage + b"\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
    assert listing.get("/healthz").status_code == 200


def test_a_client_that_goes_away_takes_nothing_with_it(start: Start) -> None:
    control = start()
    ask = {"targets": [{"target": "nonsense"}, {"target": "http://site.test/slow"}]}
    with httpx.stream("POST", control.url + "/v1/measure", json=ask, trust_env=False) as answer:
        next(answer.iter_lines())
    assert "observations" in control.line("http://site.test/slow")
    assert control.counted("measurements_total") == 1


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_cleanly(start: Start, number: str) -> None:
    control = start(http_timeout=60)
    ask = {"targets": [{"target": "nonsense"}, {"target": "http://site.test/hang"}]}
    with httpx.stream("POST", control.url + "/v1/measure", json=ask, timeout=60, trust_env=False) as answer:
        received = answer.iter_lines()
        next(received)
        control.process.send_signal(getattr(signal, number))
        assert "stopping" in json.loads(next(received))["error"]
    assert control.process.wait(timeout=60) == 0
    assert (control.folder / "ended").read_text() == "cleanly"
    assert (control.folder / "log").read_text() == ""
