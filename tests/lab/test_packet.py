"""What the router is built on: packets and names are read without ever failing, and forged with right checksums."""

from __future__ import annotations

import ssl
import struct
from collections import Counter
from ipaddress import ip_address, ip_network

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab import names, packet
from tests.lab.censor import Censor
from tests.lab.scenarios import SCENARIOS
from tests.lab.scenarios.recognised import STUB_SITES
from tests.lab.scenarios.scenario import BLOCK_SITES
from tests.lab.spec import PUBLIC, Drop, Reject, Rule, To
from tests.lab.test_scenarios import shares_a_world

_ENDS = {
    4: ((ip_address("192.31.196.1").packed, 443), (ip_address("192.52.193.2").packed, 50_000)),
    6: ((ip_address("2620:4f:8000:100::1").packed, 443), (ip_address("2620:4f:8000:1::2").packed, 50_000)),
}


def folded(data: bytes) -> int:
    """The one's complement sum, word by word (RFC 1071 §1): 0xFFFF over data that holds its right checksum."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(total)


def is_right(made: packet.Packet) -> bool:
    """Whether the checksums of a packet are what a receiver wants."""
    body = made.raw[made.at :]
    if made.protocol == packet.ICMP:
        return folded(made.raw[: made.at]) == folded(body) == 0xFFFF
    pseudo = made.source + made.destination + struct.pack("!II", len(body), made.protocol)
    return folded(pseudo + body) == 0xFFFF and (len(made.source) == 16 or folded(made.raw[: made.at]) == 0xFFFF)


def forged(version: int, data: bytes) -> packet.Packet:
    made = packet.read(packet.tcp(*_ENDS[version], 2**32 - 1, 7, packet.ACK | packet.FIN, data) + b"padding")
    assert made is not None
    return made


@pytest.mark.parametrize("version", [4, 6])
@given(data=st.binary(max_size=200))
def test_forged_packets_read_as_they_were_meant(version: int, data: bytes) -> None:
    source, destination = _ENDS[version]
    made = forged(version, data)
    assert (made.source, made.sport, made.destination, made.dport) == (*source, *destination)
    assert (made.seq, made.ack, made.flags, made.payload) == (2**32 - 1, 7, packet.ACK | packet.FIN, data)
    assert made.length == len(data) + 1
    datagram = packet.read(packet.udp(source, destination, data))
    assert datagram is not None
    assert datagram.payload == data
    older = packet.read(packet.aged(made, 5))
    assert older is not None
    assert older.ttl == made.ttl - 5
    moved = packet.readdressed(older, destination, source)
    assert (moved.source, moved.sport, moved.payload, moved.ttl) == (*destination, data, older.ttl)
    complaint = packet.read(packet.error("host_unreachable", destination[0], made))
    assert complaint is not None
    assert complaint.destination == made.source
    assert all(is_right(each) for each in (made, datagram, older, moved, complaint))
    assert not is_right(made._replace(raw=made.raw[:-1] + bytes((made.raw[-1] ^ 1,))))


@given(st.binary(max_size=120))
def test_nothing_that_arrives_makes_reading_fail(data: bytes) -> None:
    for prefix in (b"", b"\x45", b"\x60", b"\x16\x03\x01\x00\x20\x01\x00\x00\x1c", b"GET / HTTP/1.1\r\nHost:"):
        packet.read(prefix + data)
        for reader in names.READERS.values():
            assert isinstance(reader(prefix + data), str | None)
        names.question(prefix + data)


def client_hello(name: str) -> bytes:
    outgoing = ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def test_names_are_read_as_soon_as_they_are_whole() -> None:
    hello = client_hello("service.example")
    in_records = b"".join(b"\x16\x03\x01" + len(p).to_bytes(2, "big") + p for p in (hello[5:60], hello[60:]))
    request = b"GET / HTTP/1.1\r\nAccept: */*\r\nHost: Service.Example:80\r\n\r\n"
    query = dns.message.make_query("service.example", "A").to_wire(prepend_length=True)
    for reader, data in (
        (names.server_name, hello),
        (names.server_name, in_records),
        (names.host_header, request),
        (names.question_in_stream, query),
    ):
        assert reader(data) == "service.example"
        assert reader(data[: len(data) // 2]) is None
    assert names.server_name(request) == names.host_header(hello) == ""


def test_scenarios_can_share_a_world() -> None:
    """No two rows that share a world have a name or an address in common, and none is outside of what the row's world
    owns."""
    shared = {*BLOCK_SITES, *STUB_SITES}
    found: Counter[str] = Counter()
    for scenario in SCENARIOS:
        own = [site for site in scenario.spec.sites if site not in shared]
        addresses = {address for site in own for address in site.addresses}
        addresses |= {a for name in scenario.spec.names for a in name.addresses if not a.startswith(("10.", "127."))}
        owned = [ip_network(prefix) for prefix in (*PUBLIC, *scenario.spec.prefixes)]
        assert all(any(ip_address(a) in prefix for prefix in owned) for a in addresses), owned
        if shares_a_world(scenario):
            found.update(addresses | {site.name for site in own})
    assert [each for each, count in found.items() if count > 1] == []
    assert len({scenario.id for scenario in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize(("do", "answers"), [(Reject(), 1), (Drop(), 0)])
def test_a_connection_that_is_tried_again_is_refused_again(do: Reject | Drop, answers: int) -> None:
    """Linux heeds the second ICMP error where it was busy with the socket when the first came."""
    server, client = _ENDS[4]
    syn = packet.read(packet.tcp(client, server, 1000, 0, packet.SYN))
    assert syn is not None
    censor = Censor([Rule(when=To(addresses=("192.31.196.1",)), do=do)], {4: server[0]}, frozenset())
    first, again = (censor.outbound(syn, 0.0) for _ in range(2))
    assert (len(first), again, censor.armed[0].fired) == (answers, first, 1)
