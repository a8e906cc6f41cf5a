"""What one process packs another unpacks, equal in everything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from probe.classify import classify
from probe.handover import Finding, Heard, Order, pack, pack_order, unpack, unpack_order
from probe.model import Certainty, Host, Observation, ProtocolName, Role, Scheme, Target
from probe.observation import DETAILS, GreetingDetail, QuicDetail
from tests.classify.stories import CONTROL, HERE, HTTPS, ONLINE, REAL, well
from tests.store.examples import BODY, DER, OBSERVATIONS, a_control, a_result

TARGET = Target(
    scheme=Scheme.TCP,
    host="line.example",
    port=5222,
    speaks=ProtocolName.XMPP,
    service="line",
    role=Role.LONG_LINK,
    certainty=Certainty.UNVERIFIED,
    retired=date(2019, 5, 31),
    roots=("public", "ab"),
)
ROWS = (
    *OBSERVATIONS,
    Observation(id=98, started=1.5, runtime=0.25, detail=QuicDetail(address=REAL, port=443, server_name=None)),
    Observation(
        id=99,
        started=2.5,
        runtime=0.125,
        detail=GreetingDetail(address=REAL, port=5222, transport="tcp", protocol=ProtocolName.XMPP, first_bytes="3c"),
    ),
)


def test_a_task_comes_as_it_went() -> None:
    assert unpack_order(pack_order(TARGET, 0.25)) == Order(TARGET, 0.25)


def test_every_kind_of_observation_comes_as_it_went() -> None:
    assert {row.step for row in ROWS} == {*DETAILS}
    result = a_result("m-1")
    sent = Finding(
        replace(result.measurement, observations=ROWS, lag=0.1, bodies={"b": BODY}, certificates={"c": DER}),
        (a_control(), replace(a_control("control-2"), bodies={"x": b""})),
        {},
        (Heard(None, True), Heard(-1.5, False)),
    )
    come = unpack(pack(sent))
    assert come == sent
    assert (come.here.bodies, come.here.certificates) == ({"b": BODY}, {"c": DER})
    assert come.controls[1].bodies == {"x": b""}
    assert [type(row.detail) for row in come.here.observations] == [type(row.detail) for row in ROWS]


def test_verdicts_come_with_the_hosts_they_stand_on() -> None:
    here = well().measured(HTTPS, HERE)
    since = datetime(2026, 11, 24, 1, 2, 3, 456789, tzinfo=UTC)
    hosts = (
        ONLINE,
        replace(ONLINE, captive_portal=True, rewritten_to=(REAL,), clock_offset=0.1),
        Host(online=False, why_offline="no route", since=since, before=ONLINE),
    )
    verdicts = {host: classify(here, (well().measured(HTTPS, CONTROL),), host) for host in hosts}
    assert unpack(pack(Finding(here, (), verdicts, ()))).verdicts == verdicts
