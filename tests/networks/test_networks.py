"""Databases of networks: every publisher's spelling, what is unknown, and files that are none."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.model import DnsDetail, DnsRecord, Measurement, Observation, Scheme, Target, TcpDetail, Vantage
from probe.networks import UNKNOWN, Networks, NetworksError, Origin
from tests.networks import books


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    folder = tmp_path_factory.mktemp("books")
    return Networks.open([books.asn(folder / "asn.mmdb"), books.country(folder / "country.mmdb")])


SPELLINGS: dict[str, tuple[dict[str, Any], Origin]] = {
    "MaxMind ASN": (
        {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"},
        Origin(asn=64500, network="Example"),
    ),
    "MaxMind country": ({"country": {"iso_code": "JP", "names": {"en": "Japan"}}}, Origin(country="JP")),
    "only registered": (
        {"asn": 1, "registered_country": {"iso_code": "JP"}},  # where its owner is, not where the address is
        Origin(asn=1),
    ),
    "IPinfo": (
        {"asn": "AS64500", "as_name": "Example", "country": "Japan", "country_code": "JP"},
        Origin(asn=64500, network="Example", country="JP"),
    ),
    "IPinfo of old": (
        {"asn": "AS64500", "name": "Example", "country": "JP"},
        Origin(asn=64500, network="Example", country="JP"),
    ),
    "IPLocate": (
        {"asn": "64500", "org": "Example", "country_code": "jp"},
        Origin(asn=64500, network="Example", country="JP"),
    ),
    "iptoasn country": ({"country_code": "JP"}, Origin(country="JP")),
    "no country": ({"autonomous_system_number": 7, "country_code": "ZZ"}, Origin(asn=7)),
    "a name without a number": ({"name": "Example", "country_code": "JP"}, Origin(country="JP")),
    "nonsense beside": (
        {"asn": "ASX", "country": "Japan", "country_code": "JP"},
        Origin(country="JP"),
    ),
    "control characters": ({"asn": 7, "name": "\x1b[31mEvil"}, Origin(asn=7, network="[31mEvil")),
}  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(tmp_path: Path, name: str) -> None:
    record, origin = SPELLINGS[name]
    networks = Networks.open([books.write(tmp_path / "a.mmdb", {"192.31.196.0/24": record})])
    assert networks.of("192.31.196.7") == origin


def test_several_databases_add_up(known: Networks) -> None:
    assert known.of("192.31.196.7") == Origin(asn=64500, network="Example Messaging", country="JP")
    assert known.of("2620:4f:8000:100::7") == Origin(asn=64500, network="Example Messaging", country="JP")


def test_the_first_that_knows_counts(tmp_path: Path) -> None:
    first = books.write(tmp_path / "1.mmdb", {"192.31.196.0/25": {"asn": 1}})
    second = books.write(tmp_path / "2.mmdb", {"192.31.196.0/24": {"asn": 2, "name": "Two"}})
    networks = Networks.open([first, second, first])
    assert networks.of("192.31.196.7") == Origin(asn=1)  # and not with the other's name
    assert networks.of("192.31.196.200") == Origin(asn=2, network="Two")
    assert len(networks.databases) == 2


@pytest.mark.parametrize(
    "address",
    [
        "192.175.49.1",
        "2001:4860::1",
        "10.0.0.1",
        "127.0.0.1",
        "::1",
        "fe80::1",
        "not an address",
        "",
        "192.31.196.7/32",
    ],
)
def test_what_no_database_says_is_unknown(known: Networks, address: str) -> None:
    assert known.of(address) == UNKNOWN
    assert Networks().of(address) == UNKNOWN


def test_an_address_of_no_public_service_is_not_looked_up(tmp_path: Path) -> None:
    networks = Networks.open([books.write(tmp_path / "a.mmdb", {"10.0.0.0/8": {"asn": 7}})])
    assert networks.of("10.0.0.1") == UNKNOWN


@pytest.mark.parametrize("address", ["::ffff:192.31.196.7", "64:ff9b::c01f:c407"])
def test_an_ipv6_spelling_is_where_the_ipv4_address_is(known: Networks, address: str) -> None:
    assert known.of(address).asn == 64500


def test_a_database_of_ipv4_only(tmp_path: Path) -> None:
    path = books.write(tmp_path / "a.mmdb", {"192.31.196.0/24": {"asn": 7}}, version=4)
    networks = Networks.open([path])
    assert networks.of("192.31.196.1") == Origin(asn=7)
    assert networks.of("2620:4f:8000:100::7") == UNKNOWN
    assert networks.of("::ffff:192.31.196.1") == Origin(asn=7)


def test_records_are_filled_in(known: Networks) -> None:
    address = DnsRecord(name="a.example", type="A", value="192.31.196.7", ttl=60)
    filled = known.record(address)
    assert (filled.asn, filled.network, filled.country) == (64500, "Example Messaging", "JP")
    alias = DnsRecord(name="a.example", type="CNAME", value="192.31.196.7", ttl=60)
    assert known.record(alias) == alias
    assert Networks().record(address) == address


def test_what_another_vantage_point_says_stands_where_nothing_is_known_here(known: Networks) -> None:
    def seen(value: str) -> DnsRecord:
        return DnsRecord(name="a.example", type="A", value=value, ttl=60, asn=7, network="Theirs", country="NL")

    detail = DnsDetail(
        hostname="a.example",
        query_type="A",
        resolver_address="192.0.2.1",
        resolver_port=53,
        transport="udp",
        answers=(seen("192.31.196.7"), seen("192.175.49.1")),
    )
    rows = (
        Observation(id=1, started=0, runtime=1, detail=detail),
        Observation(id=2, started=0, runtime=1, detail=TcpDetail(address="192.31.196.7", port=443)),
    )
    measurement = Measurement(
        id="m",
        run_id=None,
        target=Target(scheme=Scheme.DNS, host="a.example", port=None),
        vantage=Vantage(name="control"),
        started_at=datetime(2026, 11, 24, tzinfo=UTC),
        runtime=1,
        observations=rows,
    )
    assert Networks().measurement(measurement) == measurement
    looked_up = known.measurement(measurement)
    assert looked_up.id.startswith("m~")
    assert known.measurement(looked_up) == looked_up
    first, second = looked_up.observations
    assert isinstance(first.detail, DnsDetail)
    assert [(each.asn, each.network, each.country) for each in first.detail.answers] == [
        (64500, "Example Messaging", "JP"),
        (7, "Theirs", "NL"),
    ]
    assert second == rows[1]


@pytest.mark.parametrize(
    ("said", "addresses", "found"),
    [
        (Vantage(name="a"), ["10.0.0.1", "192.52.193.2"], ("RU", 64503, "Last Mile")),
        (Vantage(name="a"), ["192.175.49.1"], ("ZZ", 0, None)),
        (Vantage(name="a"), [], ("ZZ", 0, None)),
        (Vantage(name="a", country="DE"), ["192.52.193.2"], ("DE", 64503, "Last Mile")),
        (Vantage(name="a", asn=3320), ["192.52.193.2"], ("RU", 3320, None)),
        (Vantage(name="a", network="home"), ["192.52.193.2"], ("RU", 64503, "home")),
        (Vantage(name="a", country="DE", asn=3320, network="T"), ["192.52.193.2"], ("DE", 3320, "T")),
    ],
)
def test_a_vantage_point(
    known: Networks, said: Vantage, addresses: list[str], found: tuple[str, int, str | None]
) -> None:
    vantage = known.vantage(said, addresses)
    assert (vantage.country, vantage.asn, vantage.network) == found


def test_which_databases_they_are(known: Networks) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert known.described() == [
        {"kind": "GeoLite2-ASN", "built": today},
        {"kind": "GeoLite2-Country", "built": today},
    ]


def test_a_database_is_in_memory(tmp_path: Path) -> None:
    path = books.asn(tmp_path / "a.mmdb")
    networks = Networks.open([path])
    os.truncate(path, 10)
    assert networks.of("192.31.196.7").asn == 64500


def refused(path: Path) -> str:
    with pytest.raises(NetworksError) as caught:
        Networks.open([path])
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_files_that_are_no_database(tmp_path: Path) -> None:
    good = books.asn(tmp_path / "good.mmdb").read_bytes()
    files = {
        "empty": b"",
        "text": b"192.31.196.0/24,64500\n" * 1000,
        "packed": gzip.compress(good),
        "cut": good[: len(good) // 2],
        "headless": good[-40:],
    }
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert "damaged, or no MaxMind DB file" in refused(path)
    assert "cannot be read: No such file" in refused(tmp_path / "missing")
    assert "not a file" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a file" in refused(tmp_path / "pipe")
    assert "not a file" in refused(Path("/dev/zero"))


def test_a_database_of_something_else(tmp_path: Path) -> None:
    path = books.write(tmp_path / "a.mmdb", {"192.31.196.0/24": {"is_anonymous": True}}, "GeoIP2-Anonymous-IP")
    assert "of kind 'GeoIP2-Anonymous-IP', a database that knows neither ASN nor country" in refused(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return books.asn(tmp_path_factory.mktemp("whole") / "a.mmdb").read_bytes()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=20),
    cut=st.integers(0, 40),
)
def test_a_damaged_file_is_one_error_or_none(
    tmp_path: Path, whole: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    content = bytearray(whole[: len(whole) - cut])
    for where, byte in changes:
        content[where % len(content)] = byte
    path = tmp_path / "damaged.mmdb"
    path.write_bytes(content)
    try:
        networks = Networks.open([path])
        for address in ("192.31.196.7", "192.52.193.2", "2620:4f:8000:100::7", "2001:4860::1"):
            assert isinstance(networks.of(address), Origin)
    except NetworksError as error:
        said = str(error)
    else:
        said = ""
    assert said.startswith(str(path)) or not said
