"""Target lists: a good one is read whole, a bad one is refused with every fault, its file, line, key and reason."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.model import PUBLIC, App, Certainty, Endpoint, ProtocolName, Role, Scheme, Service, Target, Unmeasured
from probe.targets import TargetListError, check, load

HEAD = """\
title = "Example"
operator = "Example Inc."
homepage = "https://chat.example/"
domains = ["chat.example", "Чат.example"]
"""
WEB = """
[[endpoint]]
target = "https://chat.example/"
role = "web"
purpose = "web site"
certainty = "documented"
source = "its manual"
healthy = "any HTTP status"
"""
LINK = """
[[endpoint]]
target = "tcp://long.chat.example:8080"
role = "long_link"
purpose = "messages"
certainty = "unverified"
source = "hearsay"
retired = 2020-01-02
"""
GOOD = HEAD + WEB + LINK + "# nothing more\n"


def put(folder: Path, text: str | bytes, name: str = "example.toml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    web = Target(scheme=Scheme.HTTPS, host="chat.example", port=443, service="example", role=Role.WEB)
    link = Target(
        scheme=Scheme.TCP,
        host="long.chat.example",
        port=8080,
        service="example",
        role=Role.LONG_LINK,
        certainty=Certainty.UNVERIFIED,
        retired=date(2020, 1, 2),
    )
    assert load([put(tmp_path, GOOD)]) == (
        Service(
            id="example",
            title="Example",
            operator="Example Inc.",
            homepage="https://chat.example/",
            domains=("chat.example", "xn--80a0bn.example"),
            endpoints=(
                Endpoint(target=web, purpose="web site", source="its manual", healthy="any HTTP status"),
                Endpoint(target=link, purpose="messages", source="hearsay"),
            ),
            all_of=(Role.WEB,),
        ),
    )
    assert check([tmp_path]) == []


def test_what_an_endpoint_speaks(tmp_path: Path) -> None:
    """A datagram says something in any case, and STUN is what can be said."""
    chat = LINK.replace("long.chat.example:8080", "xmpp.chat.example:5222") + 'speaks = "xmpp"\n'
    calls = LINK.replace("tcp://long.chat.example:8080", "udp://stun.chat.example:3478")
    (service,) = load([put(tmp_path, GOOD + chat + calls)])
    assert [each.target.speaks for each in service.endpoints] == [None, None, ProtocolName.XMPP, ProtocolName.STUN]
    assert service.endpoints[2].target.name == "tcp://xmpp.chat.example:5222"


def test_a_closed_service_closes_its_endpoints(tmp_path: Path) -> None:
    (service,) = load([put(tmp_path, 'retired = 2019-05-31\nretired_reason = "closed"\n' + GOOD)])
    assert (service.retired, service.retired_reason) == (date(2019, 5, 31), "closed")
    assert [each.target.retired for each in service.endpoints] == [date(2019, 5, 31), date(2020, 1, 2)]


LEFT_OUT = """
[[unmeasured]]
address = "udp 192.31.196.0/24:10001-30000"
role = "media"
purpose = "calls"
certainty = "reported"
source = "its manual"
why = "wants a key first"
"""
KNOWN = WEB.replace("web", "long_link").replace("https://chat.example/", "tcp://link.chat.example:443")
FINGERPRINT = "AB:" * 31 + "CD"


def test_what_is_not_measured_is_kept_with_its_reason(tmp_path: Path) -> None:
    (service,) = load([put(tmp_path, HEAD + LEFT_OUT + WEB + LEFT_OUT.replace("10001-30000", "3478"))])
    assert len(service.endpoints) == 1
    assert service.unmeasured[0] == Unmeasured(
        address="udp 192.31.196.0/24:10001-30000",
        role=Role.MEDIA,
        purpose="calls",
        certainty=Certainty.REPORTED,
        source="its manual",
        why="wants a key first",
    )
    assert service.unmeasured[1].address.endswith(":3478")


def test_which_roles_must_work(tmp_path: Path) -> None:
    def needed(words: str) -> tuple[tuple[Role, ...], tuple[Role, ...]]:
        (service,) = load([put(tmp_path, words + HEAD + WEB + KNOWN + LINK)])
        return service.all_of, service.any_of

    both = (Role.WEB, Role.LONG_LINK)
    assert needed("") == (both, ())
    assert needed('all_of = ["long_link"]\n') == ((Role.LONG_LINK,), ())
    assert needed('any_of = ["long_link", "web"]\n') == ((), (Role.LONG_LINK, Role.WEB))
    assert needed('all_of = ["web"]\nany_of = ["long_link"]\n') == ((Role.WEB,), (Role.LONG_LINK,))


def test_roots_of_a_service_and_of_an_endpoint(tmp_path: Path) -> None:
    own, plain = f'roots = ["{FINGERPRINT}"]\n', FINGERPRINT.replace(":", "").lower()
    other = WEB.replace("//chat", "//api.chat") + f'roots = ["public", "{plain}"]\n'
    (service,) = load([put(tmp_path, own + HEAD + WEB + other + KNOWN)])
    assert [each.target.roots for each in service.endpoints] == [(plain,), (PUBLIC, plain), ()]
    public = other.replace(f', "{plain}"', "")
    (service,) = load([put(tmp_path, own + HEAD + public + WEB)])
    assert [each.target.roots for each in service.endpoints] == [(), (plain,)]
    (service,) = load([put(tmp_path, HEAD + WEB + other + KNOWN)])
    assert [each.target.roots for each in service.endpoints] == [(), (PUBLIC, plain), ()]


ROLES = (
    "must be one of web, api, long_link, short_link, media, push, login, registration, bootstrap, support, calls, links"
)


def test_an_app_has_an_id_in_either_store_or_both(tmp_path: Path) -> None:
    tables = {
        "apple = 123456789": App(apple=123456789),
        'google = "org.example.chat"': App(google="org.example.chat"),
        'apple = 1\ngoogle = "a.B_2"': App(apple=1, google="a.B_2"),
    }
    for table, app in tables.items():
        (service,) = load([put(tmp_path, f"{GOOD}[app]\n{table}\n")])
        assert service.app == app
    (service,) = load([put(tmp_path, GOOD)])
    assert service.app is None


APP = "app: must be a table with apple or google, or both"
APPLE, GOOGLE = "app: apple must be the number that stands in the app's address", "app: google must be the name of a"

# what is written in place of what, and what is said of it after the file's name
FAULTS: tuple[tuple[str, str, str], ...] = (
    # keys
    ('title = "Example"', 'title = "Example"\nretird = 1', "line 2: retird: unknown key; did you mean 'retired'?"),
    ('healthy = "any', 'healty = "any', "line 12: endpoint[1].healty: unknown key; did you mean 'healthy'?"),
    ('title = "Example"', 'zzz = 1\ntitle = "Example"', "line 1: zzz: unknown key; known: title, operator, homepage"),
    ('operator = "Example Inc."\n', "", "operator: is missing"),
    ('source = "hearsay"\n', "", "line 14: endpoint[2].source: is missing"),
    ('source = "hearsay"', 'source = "a"\nsource = "b"', "at line 20"),
    ('title = "Example"', '"\\u001b[31m\\nx" = 1\ntitle = "Example"', ": ?[31m?x: unknown key"),
    # texts
    ('title = "Example"', "title = 3", "line 1: title: must be a text that is not empty"),
    ('title = "Example"', 'title = " "', "line 1: title: must be a text that is not empty"),
    ('"its manual"', '"a\\u001bb"', "line 11: endpoint[1].source: has control characters in it"),
    ('homepage = "https://chat.example/"', 'homepage = "chat"', "line 3: homepage: 'chat' is no target"),
    ('homepage = "https://chat.example/"', 'homepage = "dns://a.b"', "line 3: homepage: must be a web page"),
    # domains
    ('["chat.example", "Чат.example"]', '"chat.example"', "line 4: domains: must be a list of domains"),
    ('["chat.example", "Чат.example"]', "[]", "line 4: domains: must be a list of domains"),
    ('"Чат.example"', '"127.1"', "line 4: domains: 'dns://127.1' is no target: the host looks like an address"),
    ('"Чат.example"', "7", "line 4: domains: must be a text"),
    # dates
    ("2020-01-02", '"2020-01-02"', "line 20: endpoint[2].retired: must be a date without quotes, such as 2019-05-31"),
    ("2020-01-02", "2020-01-02T03:04:05Z", "line 20: endpoint[2].retired: must be a date without quotes"),
    ("2020-01-02", "2020-13-45", "line 20"),
    ('title = "Example"', 'title = "E"\nretired_reason = "x"', "line 2: retired_reason: is there without retired"),
    # words of a closed list
    (
        '"hearsay"',
        '"hearsay"\nspeaks = "smtp"',
        "endpoint[2].speaks: must be one of xmpp, stun, mtproto, mqtt, newgetdns",
    ),
    (
        '"hearsay"',
        '"hearsay"\nspeaks = "newgetdns"',
        "line 20: endpoint[2].speaks: newgetdns is spoken over http:// only",
    ),
    ('"its manual"', '"its manual"\nspeaks = "mqtt"', "endpoint[1].speaks: mqtt is spoken over tcp:// or tls:// only"),
    ('"long_link"', '"longlink"', f"line 16: endpoint[2].role: {ROLES}, not 'longlink'"),
    ('"long_link"', "[1]", f"line 16: endpoint[2].role: {ROLES}, not [1]"),
    ('"unverified"', '"sure"', "line 18: endpoint[2].certainty: must be one of documented, reported, unverified, not"),
    # roles that must work
    ('title = "Example"', 'title = "E"\nall_of = "web"', "line 2: all_of: must be a list of roles, such as"),
    ('title = "Example"', 'title = "E"\nall_of = []', "line 2: all_of: must be a list of roles, such as"),
    ('title = "Example"', 'title = "E"\nany_of = ["wep"]', f"line 2: any_of: {ROLES}, not 'wep'"),
    ('title = "Example"', 'title = "E"\nall_of = ["web", "web"]', "line 2: all_of: names a role twice"),
    ('title = "Example"', 'title = "E"\nall_of = ["web"]\nany_of = ["web"]', "line 3: any_of: web is in all_of alre"),
    (
        'title = "Example"',
        'title = "E"\nany_of = ["long_link"]',
        "line 2: any_of: no endpoint with the role long_link is known well enough to decide; there are: web",
    ),
    (
        'title = "Example"',
        'title = "E"\nretired = 2020-01-01\nall_of = ["web"]',
        "line 3: all_of: a service that is closed needs nothing",
    ),
    # roots
    ('healthy = "any HTTP status"', "roots = []", "line 12: endpoint[1].roots: must be a list of SHA-256 fingerprints"),
    ('healthy = "any HTTP status"', 'roots = "public"', "line 12: endpoint[1].roots: must be a list of SHA-256"),
    (
        'healthy = "any HTTP status"',
        f'roots = ["{FINGERPRINT}F"]',
        "line 12: endpoint[1].roots: must be the SHA-256 of a certificate (64 hexadecimal digits, colons allowed)",
    ),
    ('healthy = "any HTTP status"', "roots = [7]", "or 'public', not 7"),
    (
        'healthy = "any HTTP status"',
        f"roots = {[f'{n:064}' for n in range(9)]}",
        "line 12: endpoint[1].roots: has 9 entries, at most 8 are looked at",
    ),
    (
        'source = "hearsay"',
        f'source = "hearsay"\nroots = ["{FINGERPRINT}"]',
        "line 20: endpoint[2].roots: tcp:// shows no certificate; leave it out, or use https:// or tls://",
    ),
    # targets
    ("tcp://long.chat.example:8080", "tcp://long.chat.example:0", "line 15: endpoint[2].target: 'tcp://long.chat.exa"),
    ("tcp://long.chat.example:8080", "long.chat.example", "line 15: endpoint[2].target: 'long.chat.example' is no t"),
    ("tcp://long.chat.example:8080", "https://Chat.example:443", "line 15: endpoint[2].target: https://chat.example/"),
    # the app
    (WEB, f"[app]\n{WEB}", APP),
    (WEB, f"[app]\nmicrosoft = 1\n{WEB}", APP),
    (WEB, f"app = 7\n{WEB}", APP),
    (WEB, f'[app]\napple = "7"\n{WEB}', APPLE),
    (WEB, f"[app]\napple = 0\n{WEB}", APPLE),
    (WEB, f"[app]\napple = true\n{WEB}", APPLE),
    (WEB, f"[app]\ngoogle = 7\n{WEB}", GOOGLE),
    (WEB, f'[app]\ngoogle = "chat"\n{WEB}', GOOGLE),
    (WEB, f'[app]\ngoogle = "org.example/../x?id=y"\n{WEB}', GOOGLE),
    # the endpoints as a whole
    (WEB + LINK, "", "endpoint: is missing"),
    (WEB + LINK, "endpoint = []", "line 5: endpoint: must be at least one [[endpoint]] table"),
    (WEB + LINK, WEB.replace("[[endpoint]]", "[endpoint]"), "endpoint: must be at least one [[endpoint]] table"),
    # what is not measured
    ("# nothing more\n", "unmeasured = 7\n", "line 21: endpoint[2].unmeasured: unknown key; known: target, role"),
    (
        "# nothing more\n",
        LEFT_OUT.replace('"media"', '"medium"'),
        f"line 24: unmeasured[1].role: {ROLES}, not 'medium'",
    ),
    ("# nothing more\n", LEFT_OUT.replace('why = "wants a key first"\n', ""), "line 22: unmeasured[1].why: is missing"),
    ("# nothing more\n", LEFT_OUT.replace("[[unmeasured]]", "[unmeasured]"), "unmeasured: must be at least one [["),
    # not TOML
    ('title = "Example"', 'title = "Example', "not TOML"),
    ('title = "Example"', "title = ", "at line 1, column"),
    ('title = "Example"', f"a = {'[' * 100_000}", "not TOML"),
    ('title = "Example"', f"a = {'9' * 5000}", "not TOML"),
)


@pytest.mark.parametrize(("good", "bad", "said"), FAULTS, ids=[f"{i}" for i, _ in enumerate(FAULTS)])
def test_a_fault_is_named(tmp_path: Path, good: str, bad: str, said: str) -> None:
    assert GOOD.count(good) == 1
    path = put(tmp_path, GOOD.replace(good, bad))
    (problem,) = check([path])
    assert problem.startswith(f"{path}: ")
    assert said in problem
    assert problem.isprintable()
    assert len(problem) < len(str(path)) + 400


def test_every_fault_of_every_file_is_named_at_once(tmp_path: Path) -> None:
    first = put(
        tmp_path, GOOD.replace('"web"', '"wep"').replace('"unverified"', "1").replace("title", "titel"), "a.toml"
    )
    second = put(tmp_path, b"\n\xff", "b.toml")
    problems = check([tmp_path])
    assert [problem.partition(": ")[0] for problem in problems] == [str(first)] * 4 + [str(second)]
    for problem, said in zip(
        problems,
        ("line 1: titel: unknown", "title: is missing", "line 8: endpoint[1].role", "line 18: endpoint[2].certainty"),
        strict=False,
    ):
        assert said in problem
    with pytest.raises(TargetListError) as caught:
        load([tmp_path])
    assert str(caught.value).splitlines() == problems


def test_files_that_cannot_be_lists(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    cases = (
        (tmp_path / "none.toml", "cannot be read: No such file or directory"),
        (tmp_path / ("x" * 300), "cannot be read: File name too long"),
        (put(tmp_path, b"title = \n\n\xff", "bytes.toml"), "line 3: is not UTF-8 text"),
        (put(tmp_path, b"#" * ((1 << 20) + 1), "large.toml"), "larger than 1 MiB"),
        (Path("/dev/zero"), "is not UTF-8 text"),
        (empty, "a folder without any .toml or .csv or .json or .txt file"),
    )
    for path, reason in cases:
        (problem,) = check([path])
        assert problem.startswith(f"{path}: {reason}")


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    text = GOOD.encode()
    (service,) = load([put(tmp_path, text + b"#" * ((1 << 20) - len(text)))])
    assert service.title == "Example"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_said(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    path = put(locked, GOOD)
    locked.chmod(0)
    try:
        for each in (path, locked):
            assert check([each]) == [f"{each}: cannot be read: Permission denied"]
    finally:
        locked.chmod(0o700)


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.toml", "a.toml", "c.md"):
        put(tmp_path, GOOD, name)
    assert [service.id for service in load([tmp_path])] == ["a", "b"]
    assert [service.id for service in load([tmp_path / "b.toml", tmp_path])] == ["b", "a"]


def test_two_files_for_one_service_are_refused(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    first, second = put(tmp_path, GOOD), put(tmp_path / "more", GOOD, "Example.toml")
    assert check([first, second]) == [f"{second}: the service 'example' is in {first} already; each has one file"]


@given(st.text(alphabet="[]=\"#.,{}\n'\\ae1-:\u200b", max_size=60))
def test_any_text_is_a_list_or_has_faults(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = put(tmp_path_factory.getbasetemp(), text, "any.toml")
    problems = check([path])
    assert problems  # too short to hold all that must be there
    assert all(problem.startswith(f"{path}: ") and problem.isprintable() for problem in problems)
