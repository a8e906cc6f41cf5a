"""Many targets are kept as names; what is made of a name is what it was."""

from __future__ import annotations

from pathlib import Path

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.model import Scheme, Target
from probe.targets import Targets, parse, parse_one, read, without
from probe.targets.parse import _ORDINARY

NAMES = ("https://a.example/", "dns://b.example", "http://a.example/x?y=1", "tcp://[2620:4f:8000::1]:5222")


def test_they_are_a_sequence_of_targets() -> None:
    own = parse_one("tls://own.example:443")
    many = Targets(names=NAMES).after((own,))
    assert list(many) == [own, *map(parse_one, NAMES)]
    assert (len(many), many[0], many[-1]) == (5, own, parse_one(NAMES[-1]))
    assert list(many[1:3]) == [parse_one(name) for name in NAMES[:2]]
    with pytest.raises(IndexError):
        many[5]


def test_what_was_measured_is_left_out_by_name_and_service() -> None:
    many = Targets(names=NAMES)
    assert list(without(many, [(NAMES[0], None), (NAMES[1], "another"), ("dns://gone.example", None)])) == [
        parse_one(name) for name in NAMES[1:]
    ]
    assert without(many, ()) is many


def test_a_list_belongs_to_services_however_long_it_is(tmp_path: Path) -> None:
    service = tmp_path / "chat.toml"
    service.write_text(
        'title = "Chat"\noperator = "o"\nhomepage = "https://chat.example/"\ndomains = ["chat.example"]\n'
        '[[endpoint]]\ntarget = "https://chat.example/"\nrole = "web"\npurpose = "page"\nsource = "s"\n'
        'certainty = "documented"\n'
    )
    listed = tmp_path / "list.txt"
    listed.write_text(
        "https://chat.example/\nhttps://www.chat.example/\nhttps://chat.example/\nhttps://other.example/\n"
    )
    lists = read([service, listed])
    assert [(target.name, target.service) for target in lists.targets] == [
        ("https://chat.example/", "chat"),
        ("https://www.chat.example/", "chat"),
        ("https://other.example/", None),
    ]
    assert lists.repeated == 2
    assert [target.name for target in lists.others.of_services(["chat"])] == ["https://www.chat.example/"]


@given(st.from_regex(_ORDINARY, fullmatch=True))
def test_an_ordinary_name_is_as_idna_has_it(name: str) -> None:
    if len(name) > 253:
        return
    assert idna.encode(name, uts46=True, std3_rules=False).decode("ascii").lower() == name
    assert parse(name)[0] == Target(scheme=Scheme.HTTPS, host=name, port=443)


@pytest.mark.parametrize(
    "name", ["a.b-", "a..b", "a.1", "a.0x1", f"{'a' * 64}.com", "xn--a.com", "a_b.com", "com", "A.com"]
)
def test_any_other_name_is_looked_at_closely(name: str) -> None:
    assert _ORDINARY.fullmatch(name) is None
