"""The same control asked in OONI's words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.conftest import Running, Start
from tests.control.world import DEAD, OTHER, PRIVATE, SITE, SITE_V6

HEADERS = {"Accept": ["*/*"], "Accept-Language": ["en"], "User-Agent": ["Mozilla/5.0"], "X-Other": None}


def ask(control: Running, url: str, *endpoints: str) -> dict[str, Any]:
    request = {
        "http_request": url,
        "http_request_headers": HEADERS,
        "tcp_connect": list(endpoints),
        "x_quic_enabled": False,
    }
    answer = control.post("/", request)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_https_page(listing: Running) -> None:
    good = {"status": True, "failure": None}
    answer = ask(listing, "https://both.test/", f"{SITE}:443", f"{OTHER}:443", f"[{SITE_V6}]:443", f"{PRIVATE}:443")
    assert answer["dns"] == {"failure": None, "addrs": [SITE, SITE_V6]}
    assert answer["tcp_connect"] == {
        f"{SITE}:443": good,
        f"[{SITE_V6}]:443": good,
        f"{OTHER}:443": {"status": False, "failure": "connection_refused_error"},
    }
    shaken = {"server_name": "both.test", **good}
    assert answer["tls_handshake"] == {f"{SITE}:443": shaken, f"[{SITE_V6}]:443": shaken}
    assert answer["ip_info"] == {
        SITE: {"asn": 0, "flags": 1 | 2 | 8},
        OTHER: {"asn": 0, "flags": 1},
        SITE_V6: {"asn": 0, "flags": 1 | 2 | 8},
        PRIVATE: {"asn": 0, "flags": 1 | 4},
    }
    page = answer["http_request"]
    assert (page["status_code"], page["title"], page["failure"]) == (200, "The site", None)
    assert page["body_length"] == len("<html><head><title>The site</title></head><body>Welcome</body></html>")
    assert page["headers"]["X-Site"] == "yes"


def test_an_http_page_is_vouched_for_on_port_443(listing: Running) -> None:
    answer = ask(listing, "http://site.test/")
    assert set(answer["tcp_connect"]) == {f"{SITE}:80", f"{SITE}:443"}
    assert set(answer["tls_handshake"]) == {f"{SITE}:443"}
    assert answer["ip_info"] == {SITE: {"asn": 0, "flags": 2 | 8}}


def test_a_page_behind_a_redirect(listing: Running) -> None:
    answer = ask(listing, "http://site.test/to-other")
    assert answer["http_request"]["status_code"] == 200
    assert f"{OTHER}:80" not in answer["tcp_connect"]


def test_a_handshake_that_fails_keeps_its_word(open_to_all: Running) -> None:
    answer = ask(open_to_all, "https://unlisted.test/")
    assert answer["tls_handshake"][f"{SITE}:443"]["failure"] == "ssl_invalid_hostname"
    assert answer["http_request"]["failure"] == "unknown_error"
    assert answer["ip_info"][SITE]["flags"] == 2


def test_a_name_that_is_not_there(listing: Running) -> None:
    answer = ask(listing, "http://gone.test/")
    assert answer["dns"] == {"failure": "dns_name_error", "addrs": []}
    assert answer["tcp_connect"] == {}
    assert answer["http_request"] == {
        "body_length": -1,
        "discovered_h3_endpoint": "",
        "failure": "dns_lookup_error",
        "title": "",
        "headers": {},
        "status_code": -1,
    }


def test_an_address_to_which_there_is_no_route(listing: Running) -> None:
    answer = ask(listing, "http://dead.test/")
    assert answer["dns"] == {"failure": None, "addrs": [DEAD]}
    assert answer["tcp_connect"] == {}
    assert answer["http_request"]["failure"] == "unknown_error"


def test_an_address_as_the_host(open_to_all: Running) -> None:
    answer = ask(open_to_all, f"http://{SITE}/")
    assert answer["dns"] == {"failure": None, "addrs": [SITE]}
    assert answer["http_request"]["status_code"] == 200


def test_it_is_the_measurement_that_the_others_get(start: Start) -> None:
    control = start()
    control.line("https://site.test/", OTHER)
    ask(control, "https://site.test/", f"{OTHER}:443", f"{PRIVATE}:443")
    assert (control.counted("measurements_total"), control.counted("addresses_total")) == (1, 1)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"http_request": "https://unlisted.test/"}, 403),
        ({"http_request": f"http://{PRIVATE}/"}, 403),
        ({"http_request": "http://site.test:25/"}, 403),
        ({"http_request": "tcp://site.test:5222"}, 400),
        ({"http_request": "dns://site.test"}, 400),
        ({"http_request": "nonsense"}, 400),
        ({"http_request": ""}, 400),
        ({}, 400),
        ({"http_request": "https://site.test/", "tcp_connect": ["site.test:443"]}, 400),
        ({"http_request": "https://site.test/", "tcp_connect": [SITE]}, 400),
        ({"http_request": "https://site.test/", "tcp_connect": [f"{SITE}:443"] * 65}, 400),
        ({"http_request": "https://site.test/", "tcp_connect": {"a": 1}}, 400),
        ({"http_request": "https://site.test/", "http_request_headers": {"Accept": "x"}}, 400),
    ],
)
def test_what_is_turned_away(listing: Running, request_: dict[str, Any], status: int) -> None:
    answer = listing.post("/", request_)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


def test_a_control_that_cannot_measure_says_so(start: Start) -> None:
    control = start(deadline=0.3, http_timeout=60)
    answer = control.post("/", {"http_request": "http://site.test/hang"})
    assert answer.status_code == 503
    assert "not finished" in answer.json()["error"]
