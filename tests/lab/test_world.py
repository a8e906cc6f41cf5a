"""The lab does what its data says: each fault is seen by a plain client behind the censor, and by no one else."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import World
from tests.lab.scenarios.scenario import at, at6, http, https
from tests.lab.spec import (
    HONEST_RESOLVER,
    HOPS,
    PUBLIC_RESOLVER,
    Access,
    Action,
    Answer,
    Back,
    Certificate,
    Drop,
    Ending,
    Eof,
    Forge,
    HostHeader,
    Inject,
    IPv6,
    Lie,
    Name,
    Page,
    Question,
    Redirect,
    Reject,
    Reset,
    Rule,
    Site,
    Sni,
    Spec,
    Throttle,
    To,
)
from tests.lab.world import WorldError

_VISIT = Path(__file__).with_name("visit.py")
_NAME, _OTHER = "service.example", "other.example"
_SITES = (
    *(site(name, at(10), at6(10), page=Page(title=name)) for name in (_NAME, _OTHER) for site in (http, https)),
    https("far.example", at(11)),
)
_WORKS = {"failure": None}


@pytest.fixture(scope="module")
def world(lab: None) -> Iterator[World]:
    with World() as made:
        yield made


def see(world: World, verb: str, host: str = "client", **arguments: object) -> dict[str, Any]:
    """What the plain client sees in a host."""
    done = world.run([sys.executable, str(_VISIT), verb, json.dumps(arguments)], host=host)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def censored(world: World, *rules: Rule, **more: Any) -> None:
    world.become(Spec(sites=_SITES, rules=rules, **more))


def shake(world: World, host: str = "client", address: str = at(10), name: str = _NAME, **more: object) -> Any:
    return see(world, "shake", host, address=address, name=name, **more)["failure"]


def test_sites_are_served_over_both_families_and_versions(world: World) -> None:
    censored(world)
    for host in ("client", "control"):
        for address in (at(10), at6(10)):
            assert see(world, "shake", host, address=address, name=_NAME)["issuer"] == "Lab authority"
            page = see(world, "get", host, address=address, name=_OTHER)
            assert (page["status"], _OTHER in page["body"]) == (200, True)
    assert see(world, "shake", address=at(10), name=_NAME, alpn=["h2", "http/1.1"])["alpn"] == "h2"
    assert see(world, "get", address=at(10), name=_NAME, port=443, secure=True)["status"] == 200
    assert see(world, "connect", address=at(10), port=81) == {"failure": "ConnectionRefusedError"}


@pytest.mark.parametrize(
    ("lie", "answers"),
    [
        (Lie(name=_NAME, answer=Answer.NXDOMAIN), [["NXDOMAIN"]]),
        (Lie(name=_NAME, answer=Answer.NODATA), [["NOERROR"]]),
        (Lie(name=_NAME, answer=Answer.SERVFAIL), [["SERVFAIL"]]),
        (Lie(name=_NAME, answer=Answer.REFUSED), [["REFUSED"]]),
        (Lie(name=_NAME, answer=Answer.SILENCE), []),
        (Lie(name=_NAME, addresses=("10.10.34.35", "::1")), [["NOERROR", "10.10.34.35"]]),
        (Lie(name="example", addresses=(at(99),)), [["NOERROR", at(99)]]),
        (Lie(name="", addresses=(at(99),), only_dead=True), [["NOERROR", at(10)]]),
        (Lie(name=_NAME, answer=Answer.NXDOMAIN, types=("AAAA",)), [["NOERROR", at(10)]]),
        (Lie(name=_OTHER, answer=Answer.NXDOMAIN), [["NOERROR", at(10)]]),
    ],
    ids=lambda value: getattr(value, "answer", None),
)
def test_only_the_providers_resolver_lies(world: World, lie: Lie, answers: list[list[str]]) -> None:
    censored(world, lies=(lie,))
    assert see(world, "resolve", name=_NAME)["answers"] == answers
    for host, server in (("control", None), ("client", PUBLIC_RESOLVER)):
        assert see(world, "resolve", host, name=_NAME, server=server)["answers"] == [["NOERROR", at(10)]]


def test_what_resolvers_say_of_other_names(world: World) -> None:
    names = (Name(name="alias.example", alias=_NAME), Name(name="empty.example"))
    lies = (Lie(name="", addresses=(at(99),), only_dead=True), Lie(name=_NAME, answer=Answer.SERVFAIL, times=1))
    censored(world, names=names, lies=lies)
    assert see(world, "resolve", name=".", kind="NS")["answers"] == [["NOERROR", "a.root.lab."]]
    assert see(world, "resolve", name="dead.example")["answers"] == [["NOERROR", at(99)]]
    assert see(world, "resolve", "control", name="dead.example")["answers"] == [["NXDOMAIN"]]
    assert see(world, "resolve", name="empty.example")["answers"] == [["NOERROR"]]
    assert see(world, "resolve", name="alias.example")["answers"] == [["NOERROR", f"{_NAME}.", at(10)]]
    assert see(world, "resolve", name=_NAME)["answers"] == [["SERVFAIL"]]
    assert see(world, "resolve", name=_NAME, over="tcp")["answers"] == [["NOERROR", at(10)]]


def test_a_forged_answer_comes_before_the_true_one(world: World) -> None:
    censored(world, Rule(when=Question(name=_NAME, types=("A",)), do=Forge(addresses=(at(98),))))
    both = [["NOERROR", at(98)], ["NOERROR", at(10)]]
    assert see(world, "resolve", name=_NAME, listen=0.5)["answers"] == both
    assert see(world, "resolve", name=f"{_OTHER}", listen=0.5)["answers"] == both[1:]
    assert see(world, "resolve", name=_NAME, kind="AAAA", listen=0.5)["answers"] == [["NOERROR", at6(10)]]
    assert see(world, "resolve", "control", name=_NAME, listen=0.5)["answers"] == both[1:]
    assert world.fired() == (1,)


def test_a_question_to_nobody_is_answered_by_the_censor_alone(world: World) -> None:
    censored(world, Rule(when=Question(name=_NAME), do=Forge(addresses=(at(98),))), dark=(at(97),))
    assert see(world, "resolve", name=_NAME, server=at(97), listen=0.5)["answers"] == [["NOERROR", at(98)]]
    assert see(world, "resolve", name=_OTHER, server=at(97))["answers"] == []


def test_questions_are_dropped_by_transport(world: World) -> None:
    censored(world, Rule(when=Question(name=_NAME), do=Drop()))
    assert see(world, "resolve", name=_NAME)["answers"] == []
    assert see(world, "resolve", name=_NAME, over="tcp")["answers"] == [["NOERROR", at(10)]]
    censored(world, Rule(when=Question(name=_NAME, protocol="tcp"), do=Reset()))
    assert see(world, "resolve", name=_NAME, over="tcp") == {"failure": "ConnectionResetError"}
    assert see(world, "resolve", name=_NAME)["answers"] == [["NOERROR", at(10)]]


@pytest.mark.parametrize(
    ("do", "failure"), [(Reset(), "ConnectionResetError"), (Drop(), "TimeoutError"), (Eof(), "EOFError")]
)
def test_a_name_in_the_handshake_is_hit_and_no_other(world: World, do: Action, failure: str) -> None:
    censored(world, Rule(when=Sni(name=_NAME), do=do))
    assert shake(world) == failure
    assert shake(world, address=at6(10)) == failure
    assert shake(world, name=_OTHER) is None
    assert shake(world, "control") is None
    assert world.fired() == (2,)


def test_a_split_name_is_seen_only_by_a_censor_that_reassembles(world: World) -> None:
    for reassemble, failure in ((True, "ConnectionResetError"), (False, None)):
        censored(world, Rule(when=Sni(name=_NAME), do=Reset(), reassemble=reassemble))
        assert shake(world, split=40) == failure


def test_what_an_earlier_world_dropped_is_nothing_to_the_next(world: World) -> None:
    censored(world, Rule(when=Sni(name=_NAME), do=Drop()))
    # The client's system goes on repeating what got no answer, after the program has ended.
    assert shake(world) == "TimeoutError"
    censored(world, Rule(when=Sni(name=_NAME), do=Reset()))
    time.sleep(2.5)
    assert world.fired() == (0,)


def test_a_rule_can_be_for_the_control_too(world: World) -> None:
    censored(world, Rule(when=Sni(name=_NAME), do=Reset(), also_control=True))
    assert shake(world, "control") == shake(world, "client") == "ConnectionResetError"


@pytest.mark.parametrize(
    ("do", "failure"), [(Reset(), "ConnectionResetError"), (Drop(), "TimeoutError"), (Eof(), "EOFError")]
)
def test_a_host_in_a_request_is_hit_and_no_other(world: World, do: Action, failure: str) -> None:
    censored(world, Rule(when=HostHeader(name=_NAME), do=do))
    assert see(world, "get", address=at(10), name=_NAME) == {"failure": failure}
    assert see(world, "get", address=at(10), name=_OTHER)["status"] == 200
    assert see(world, "get", "control", address=at(10), name=_NAME)["status"] == 200


def test_a_page_is_injected_in_place_of_the_true_one(world: World) -> None:
    body = "Blocked by order. " * 500
    data = f"HTTP/1.1 403 Forbidden\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    censored(world, Rule(when=HostHeader(name=_NAME), do=Inject(data=data)))
    page = see(world, "get", address=at(10), name=_NAME)
    assert (page["status"], page["length"], page["body"][:7]) == (403, len(body), "Blocked")
    assert see(world, "get", "control", address=at(10), name=_NAME)["status"] == 200


@pytest.mark.parametrize(
    ("rule", "failure"),
    [
        (Rule(when=To(addresses=(at(10),), port=443), do=Drop()), "TimeoutError"),
        (Rule(when=To(addresses=(at(10),), port=443), do=Reset()), "ConnectionRefusedError"),
        (Rule(when=To(addresses=(at(10),), port=443), do=Reject(why="port_unreachable")), "ConnectionRefusedError"),
        (Rule(when=To(addresses=(at(10),), port=443), do=Reject(why="host_unreachable")), "OSError"),
        (Rule(when=To(addresses=(at(10),), port=443), do=Reject(why="admin_prohibited")), "OSError"),
        (Rule(when=Back(addresses=(at(10),), port=443), do=Drop()), "TimeoutError"),
    ],
)
def test_an_address_and_port_is_hit_and_no_other(world: World, rule: Rule, failure: str) -> None:
    censored(world, rule)
    assert see(world, "connect", address=at(10), port=443) == {"failure": failure}
    for host, address, port in (("client", at(10), 80), ("client", at(11), 443), ("control", at(10), 443)):
        assert see(world, "connect", host, address=address, port=port) == _WORKS
    assert world.fired() == (1,)


def test_ipv6_is_rejected_by_its_own_icmp(world: World) -> None:
    censored(world, Rule(when=To(addresses=(at6(10),)), do=Reject(why="port_unreachable")))
    assert see(world, "connect", address=at6(10), port=443) == {"failure": "ConnectionRefusedError"}


def test_a_rule_acts_on_the_first_flows_only(world: World) -> None:
    censored(world, Rule(when=Sni(name=_NAME), do=Reset(), times=1))
    assert [shake(world), shake(world)] == ["ConnectionResetError", None]


def test_a_trigger_is_punished_for_a_while(world: World) -> None:
    censored(world, Rule(when=Sni(name=_NAME), do=Reset(), residual=60.0))
    assert shake(world, name=_OTHER) is None
    assert shake(world) == "ConnectionResetError"
    assert see(world, "connect", address=at(10), port=80) == {"failure": "TimeoutError"}
    assert see(world, "connect", address=at(11), port=443) == _WORKS
    assert see(world, "connect", "control", address=at(10), port=80) == _WORKS


def test_a_transfer_freezes_after_its_allowance(world: World) -> None:
    size = 200_000
    sites = tuple(http(name, at(12), page=Page(size=size)) for name in (_NAME, _OTHER))
    world.become(Spec(sites=sites, rules=(Rule(when=HostHeader(name=_NAME), do=Throttle(after=20_000)),)))
    assert 10_000 < see(world, "get", address=at(12), name=_NAME)["length"] <= 20_000
    assert see(world, "get", address=at(12), name=_OTHER)["length"] > size


def test_a_throttled_transfer_goes_on(world: World) -> None:
    sites = (http(_NAME, at(12), page=Page(size=60_000)),)
    rule = Rule(when=HostHeader(name=_NAME), do=Throttle(after=20_000, rate=100_000.0))
    world.become(Spec(sites=sites, rules=(rule,)))
    assert see(world, "get", address=at(12), name=_NAME)["length"] > 60_000


def test_a_flow_is_redirected_unseen(world: World) -> None:
    sites = (*_SITES, Site(name=_NAME, addresses=(at(13),), certificate=Certificate.STATE, published=False))
    rule = Rule(when=To(addresses=(at(10),), port=443), do=Redirect(address=at(13)))
    world.become(Spec(sites=sites, rules=(rule,)))
    assert see(world, "shake", address=at(10), name=_NAME)["issuer"] == "State authority"
    assert see(world, "shake", "control", address=at(10), name=_NAME)["issuer"] == "Lab authority"


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        (Certificate.GOOD, None),
        (Certificate.STATE, None),
        (Certificate.EXPIRED, "certificate has expired"),
        (Certificate.WRONG_HOST, "mismatch"),
        (Certificate.SELF_SIGNED, "self-signed certificate"),
        (Certificate.UNKNOWN_AUTHORITY, "unable to get local issuer certificate"),
    ],
)
def test_certificates_are_wrong_in_the_way_they_say(world: World, kind: Certificate, failure: str | None) -> None:
    world.become(Spec(sites=(https(_NAME, at(10), certificate=kind),)))
    seen = shake(world)
    assert seen is None if failure is None else failure in seen


@pytest.mark.parametrize(
    ("ending", "failure"),
    [(Ending.EOF, "EOFError"), (Ending.RESET, "ConnectionResetError"), (Ending.SILENCE, "TimeoutError")],
)
def test_servers_end_requests_badly(world: World, ending: Ending, failure: str) -> None:
    world.become(Spec(sites=(http(_NAME, at(10), page=Page(ending=ending)),)))
    assert see(world, "get", "control", address=at(10), name=_NAME) == {"failure": failure}


def test_pages_are_made_of_their_parts(world: World) -> None:
    page = Page(dynamic=True, title="微信")
    sites = (
        http(_NAME, at(10), page=page, paths=(("/gone", Page(status=404)),)),
        http(_OTHER, at(11), for_client=Page(status=403)),
        Site(name="silent.example", addresses=(at(12),), port=80, certificate=None, silent=True),
        Site(name="relay.example", addresses=(at(13),), port=80, certificate=None, relay=at(10)),
    )
    world.become(Spec(sites=sites))
    bodies = [see(world, "get", address=at(10), name=_NAME)["body"] for _ in range(2)]
    assert bodies[0] != bodies[1]
    assert all("<title>微信</title>" in body for body in bodies)
    assert see(world, "get", address=at(10), name=_NAME, path="/gone")["status"] == 404
    assert see(world, "get", address=at(11), name=_OTHER)["status"] == 403
    assert see(world, "get", "control", address=at(11), name=_OTHER)["status"] == 200
    assert see(world, "get", address=at(12), name="silent.example") == {"failure": "TimeoutError"}
    assert "微信" in see(world, "get", address=at(13), name=_NAME)["body"]


@pytest.mark.parametrize(
    ("access", "v4", "v6"),
    [
        (Access(), None, None),
        (Access(delay=0.05), None, None),
        (Access(ipv6=IPv6.NONE), None, "OSError"),
        (Access(ipv6=IPv6.NOWHERE), None, "TimeoutError"),
        (Access(online=False), "OSError", "OSError"),
        (Access(loss=1.0), "TimeoutError", "TimeoutError"),
    ],
)
def test_the_clients_access(world: World, access: Access, v4: str | None, v6: str | None) -> None:
    censored(world, access=access)
    assert see(world, "connect", address=at(10), port=80) == {"failure": v4}
    assert see(world, "connect", address=at6(10), port=80) == {"failure": v6}
    for address in (at(10), at6(10)):
        assert see(world, "connect", "control", address=address, port=80) == _WORKS


def test_some_packets_are_lost(world: World) -> None:
    censored(world, access=Access(loss=0.2))
    answers = see(world, "resolve", name=_NAME, server=HONEST_RESOLVER, repeat=100, listen=0.5)["answers"]
    assert 30 < len(answers) < 95


def test_packets_that_expire_are_reported_by_the_hop_they_reached(world: World) -> None:
    censored(world, Rule(when=To(addresses=(at(11),)), do=Drop()), access=Access(censor_hop=2))
    for ttl in range(1, len(HOPS) + 1):
        assert see(world, "expire", address=at(10), port=80, ttl=ttl) == {"from": HOPS[ttl - 1], "type": 11}
    assert see(world, "expire", address=at(10), port=80, ttl=len(HOPS) + 1) == {"from": None}
    assert see(world, "expire", address=at(11), port=80, ttl=2)["from"] == HOPS[1]
    assert see(world, "expire", address=at(11), port=80, ttl=3) == {"failure": "TimeoutError"}


def test_a_rule_that_makes_no_sense_is_refused(world: World) -> None:
    with pytest.raises(WorldError, match="To cannot be answered with Forge"):
        censored(world, Rule(when=To(), do=Forge()))
    with pytest.raises(WorldError, match="servers"):
        world.become(Spec(sites=(http(_NAME, "192.0.2.1"), Site(name="x", addresses=(HONEST_RESOLVER,), port=53))))
    censored(world)
    assert shake(world) is None


def test_a_server_in_the_control_host_is_reached_by_the_client(world: World) -> None:
    censored(world)
    serving = world.start([sys.executable, "-m", "http.server", "8080", "--bind", "0.0.0.0"], host="control")
    world.wait_for(serving, "192.52.193.66", 8080)
    assert see(world, "get", address="192.52.193.66", name="c", port=8080)["status"] == 200
    censored(world, Rule(when=To(addresses=("192.52.193.66",)), do=Drop()))
    assert see(world, "connect", address="192.52.193.66", port=8080) == {"failure": "TimeoutError"}
    serving.stop()
