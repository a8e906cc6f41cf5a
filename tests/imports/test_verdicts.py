"""What our rules conclude from each sample: a table, read across."""

from __future__ import annotations

import pytest

from probe.failure import Failure
from probe.model import DnsDetail, Experiment, HttpDetail, Measurement, TcpDetail, TlsDetail
from probe.ooni.words import OTHER_WORDS, failure_of
from tests.imports.sampled import NAMES, judged, judged_object, lines_of, one

H, S = "http://service.example.org/", "https://service.example.org/"
DC, DC2 = "tcp://192.31.196.50", "tcp://192.31.196.51"

# sample: for each measurement its target, outcome, methods, confidence, and the code of the first reason
VERDICTS: dict[str, list[tuple[str, str, str, str | None, str]]] = {
    "web_accessible": [(S, "ok", "", None, "tls.verified_page")],
    "web_redirect_to_https": [(H, "ok", "", None, "tls.verified_page")],
    "web_04_redirect_to_www": [(H, "ok", "", None, "tls.verified_page")],
    "web_dns_hijack": [(H, "blocked", "dns", "possible", "dns.wrong_address")],
    "web_dns_bogon": [(S, "blocked", "dns", "confirmed", "dns.known_block_address")],
    "web_dns_nxdomain": [(S, "blocked", "dns", "confirmed", "dns.true_address_works")],
    "web_04_dns_nxdomain": [(S, "blocked", "dns", "possible", "dns.nxdomain")],
    "web_tcp_timeout": [(S, "blocked", "tcp", "possible", "tcp.timeout")],
    "web_tls_reset": [(S, "blocked", "tls", "possible", "tls.reset_after_client_hello")],
    "web_tls_reset_after_redirect": [(H, "blocked", "tls", "possible", "tls.reset_after_client_hello")],
    "web_04_tls_reset": [(S, "blocked", "tls", "possible", "tls.reset_after_client_hello")],
    "web_http_block_page": [(H, "blocked", "http", "possible", "http.other_page")],
    "web_http_reset": [(H, "blocked", "http", "possible", "http.reset")],
    "web_redirect_to_block_page": [(H, "blocked", "http", "possible", "http.redirect_elsewhere")],
    "web_redirect_elsewhere_fails": [(H, "inconclusive", "", None, "control.none")],
    "web_refused_by_site": [(S, "refused", "", None, "http.refused")],
    "web_04_down": [
        (S, "down", "", None, "dns.fails_everywhere"),
        (S, "down", "", None, "tcp.fails_everywhere"),
        (S, "down", "", None, "tcp.fails_everywhere"),
    ],
    "web_no_control": [(S, "inconclusive", "", None, "control.none")],
    "telegram_ok": [
        (f"{DC}:443", "ok", "", None, "tcp.connected"),
        (f"{DC}:80", "ok", "", None, "tcp.connected"),
        (f"{DC2}:443", "ok", "", None, "tcp.connected"),
        (f"{DC2}:80", "ok", "", None, "tcp.connected"),
        ("https://web.telegram.org/", "ok", "", None, "tls.verified_page"),
    ],
    "telegram_blocked": [
        (f"{DC}:443", "inconclusive", "", None, "control.none"),
        (f"{DC}:80", "inconclusive", "", None, "control.none"),
        (f"{DC2}:443", "inconclusive", "", None, "control.none"),
        (f"{DC2}:80", "inconclusive", "", None, "control.none"),
        ("https://web.telegram.org/", "inconclusive", "", None, "control.none"),
    ],
    "whatsapp_ok": [
        ("dns://e2.whatsapp.net", "inconclusive", "", None, "control.none"),
        ("https://v.whatsapp.net/v2/register", "ok", "", None, "tls.verified_page"),
        ("https://web.whatsapp.com/", "ok", "", None, "tls.verified_page"),
        ("tcp://e1.whatsapp.net:443", "ok", "", None, "tcp.connected"),
        ("tcp://e1.whatsapp.net:5222", "inconclusive", "", None, "control.none"),
    ],
    "signal_ok": [
        ("dns://uptime.signal.org", "inconclusive", "", None, "control.none"),
        ("https://chat.signal.org/", "ok", "", None, "tls.verified_page"),
    ],
    "facebook_messenger": [
        ("dns://stun.fbsbx.com", "inconclusive", "", None, "control.none"),
        ("tcp://b-api.facebook.com:443", "ok", "", None, "tcp.connected"),
        ("tcp://edge-mqtt.facebook.com:443", "inconclusive", "", None, "control.none"),
    ],
}


def test_every_sample_has_its_verdicts() -> None:
    assert sorted(VERDICTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_verdict(name: str) -> None:
    found = [
        (
            measurement.target.name,
            str(verdict.outcome),
            ",".join(verdict.methods),
            verdict.confidence and str(verdict.confidence),
            verdict.reasons[0].code,
        )
        for line in lines_of(name)
        for measurement, _, verdict in judged(line)
    ]
    assert sorted(found, key=lambda row: row[0]) == sorted(VERDICTS[name], key=lambda row: row[0])


def _first(name: str) -> tuple[Measurement, Measurement]:
    measurement, controls, _ = judged(lines_of(name)[0])[0]
    return measurement, controls[0]


def _way(measurement: Measurement) -> list[tuple[int, str, str | None, str | None]]:
    return [
        (row.hop, row.step.value, row.failure and row.failure.value, row.experiment) for row in measurement.observations
    ]


def test_a_redirect_is_the_next_hop_and_what_belongs_to_none_is_left_out() -> None:
    measurement, control = _first("web_redirect_to_https")
    assert _way(measurement) == [
        (0, "dns", None, None),
        (0, "tcp", None, None),
        (0, "http", None, None),
        (1, "dns", None, None),
        (1, "tcp", None, None),
        (1, "tls", None, None),
        (1, "http", None, None),
    ]
    assert "not in the file" in str(measurement.observations[3].error)
    assert {row.hop for row in control.observations} == {0, 1}
    page = measurement.observations[-1].detail
    assert isinstance(page, HttpDetail)
    assert (page.title, page.http_version, page.address) == ("The Service", "HTTP/2", "192.31.196.10")
    assert measurement.bodies[page.body_sha256 or ""].startswith(b"<html>")


def test_a_way_to_the_helpers_address_is_an_experiment() -> None:
    measurement, _ = _first("web_dns_nxdomain")
    ours = [row for row in measurement.observations if row.experiment is None]
    assert [(row.step.value, row.failure) for row in ours] == [("dns", Failure.DNS_NXDOMAIN)] * 2
    tried = [row for row in measurement.observations if row.experiment is Experiment.CONTROL_ADDRESS]
    assert [row.step.value for row in tried] == ["tcp", "tls", "http"]


def test_columns_of_a_row() -> None:
    measurement, control = _first("web_accessible")
    dns, tcp, tls, _ = (row.detail for row in measurement.observations)
    assert isinstance(dns, DnsDetail)
    assert (dns.hostname, dns.query_type, [r.value for r in dns.answers]) == (
        "service.example.org",
        "A",
        ["192.31.196.10"],
    )
    assert tcp == TcpDetail(address="192.31.196.10", port=443)
    assert isinstance(tls, TlsDetail)
    assert (tls.tls_version, tls.alpn, tls.server_name) == ("TLSv1.3", "h2", "service.example.org")
    assert tls.alternative_names == ("service.example.org",)
    assert set(measurement.certificates) == set(tls.certificates)
    assert (measurement.vantage.country, measurement.vantage.asn, measurement.vantage.network) == (
        "RU",
        64496,
        "Sample Telecom",
    )
    assert control.vantage.name == "ooni test helper"
    times = [(row.started, row.runtime) for row in measurement.observations]
    assert times == [
        (0.01, pytest.approx(0.02)),
        (0.04, pytest.approx(0.03)),
        (0.08, pytest.approx(0.05)),
        (0.14, pytest.approx(0.1)),
    ]


def test_both_families_of_one_call_are_told_apart() -> None:
    web = next(m for m, _, _ in judged(lines_of("whatsapp_ok")[0]) if m.target.host == "web.whatsapp.com")
    asked = {row.detail.query_type: row.detail for row in web.observations if isinstance(row.detail, DnsDetail)}
    assert {kind: [r.value for r in detail.answers] for kind, detail in asked.items()} == {
        "A": ["192.31.196.10"],
        "AAAA": ["2620:4f:8000::10"],
    }
    assert web.target.service == "whatsapp"


def test_a_redirect_to_another_host_is_no_block_where_the_pages_do_not_differ_clearly() -> None:
    """The helper does not say where it was led. Only a page that has nothing of the service's may speak of a censor."""
    row = one("web_redirect_to_block_page")
    response = row["test_keys"]["requests"][0]["response"]
    response["headers_list"].append(["X-Service-Node", "9"])  # a header that only the service sends
    ((_, controls, verdict),) = judged_object(row)
    assert (verdict.outcome, controls) == ("inconclusive", ())


def test_a_page_that_came_in_clear_is_not_vouched_for_by_a_handshake_on_another_port() -> None:
    row = one("web_http_block_page")
    keys = row["test_keys"]
    keys["tls_handshakes"] = one("web_redirect_to_https")["test_keys"]["tls_handshakes"][:1]
    ((measurement, _, verdict),) = judged_object(row)
    assert verdict.outcome == "blocked"
    assert "tls" not in {o.step.value for o in measurement.observations}


def test_what_the_measuring_machine_broke_off_itself_is_no_block() -> None:
    row = one("web_tls_reset")
    row["test_keys"]["tls_handshakes"][0]["failure"] = "connection_already_closed"
    ((_, _, verdict),) = judged_object(row)
    assert verdict.outcome == "inconclusive"


@pytest.mark.parametrize("word", list(Failure))
def test_our_words_are_the_same(word: Failure) -> None:
    assert failure_of(word.value) == (word, None)


@pytest.mark.parametrize(
    ("word", "failure", "text"),
    [
        (None, None, None),
        ("", None, None),
        ("dns_name_error", Failure.DNS_NXDOMAIN, "dns_name_error"),
        ("connect_error", Failure.UNKNOWN, "connect_error"),
        ("unknown_failure: tls: alert 40\n", Failure.UNKNOWN, "tls: alert 40"),
        ("never heard of", Failure.UNKNOWN, "never heard of"),
    ],
)
def test_other_words(word: str | None, failure: Failure | None, text: str | None) -> None:
    assert failure_of(word) == (failure, text)


def test_no_other_word_is_one_of_ours() -> None:
    assert not set(OTHER_WORDS) & {word.value for word in Failure}
