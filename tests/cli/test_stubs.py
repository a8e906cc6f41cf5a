"""`probe targets add`: what it writes is a list, and what was there stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.model import Certainty, Role, Scheme
from probe.targets import load, service_of
from probe.targets.stub import ROLES
from tests.cli import alone
from tests.lab.lab import Finished

# As a person writes it: comments, white space, and no newline at the end.
BY_HAND = """# mine
title   = "Chat"
operator = 'Chat Inc.'  # says its imprint
homepage = "https://chat.example/"
domains = [
  "chat.example",
]


[[endpoint]]
  target = "https://chat.example/"
  role = "web"
  purpose = "web site"
  certainty = "documented"
  source = "its manual"
# the end"""


def add(home: Path, *words: str | Path) -> Finished:
    return alone.run(home, "targets", "add", *words)


@pytest.mark.parametrize(
    ("words", "service", "targets", "roles"),
    [
        (("chat.example.org",), "example", ["https://chat.example.org/", "http://chat.example.org/"], {"web"}),
        (("https://www.chat.example/x?y='&z",), "chat", ["https://www.chat.example/x?y='&z"], {"web"}),
        (("tcp://chat.example:5222", "--service", "Chat-2"), "chat-2", ["tcp://chat.example:5222"], {"long_link"}),
        (("tls://chat.example:443", "--role", "push"), "chat", ["tls://chat.example:443"], {"push"}),
        (("dns://chat.example",), "chat", ["dns://chat.example"], {"bootstrap"}),
        (("https://яндекс.рф/",), "xn--d1acpjx3f", ["https://xn--d1acpjx3f.xn--p1ai/"], {"web"}),
        (("https://szlong.weixin.qq.com/",), "wechat", ["https://szlong.weixin.qq.com/"], {"web"}),
    ],
)
def test_a_new_file(home: Path, words: tuple[str, ...], service: str, targets: list[str], roles: set[str]) -> None:
    shown = add(home, *words)
    assert (shown.returncode, shown.stderr) == (0, "")
    path = home / f"{service}.toml"
    written = add(home, *words, "--output", path)
    assert (written.returncode, written.stdout) == (0, "")
    assert path.read_text("utf-8") == shown.stdout
    (found,) = load([path])
    assert found.id == service
    assert [each.target.name for each in found.endpoints] == targets
    assert {each.target.role for each in found.endpoints} == {Role(role) for role in roles}
    assert {each.target.certainty for each in found.endpoints} == {Certainty.UNVERIFIED}
    assert service_of(found.endpoints[0].target.host, [found]) == service


def test_every_scheme_has_a_role() -> None:
    assert set(ROLES) == set(Scheme)


def test_nothing_is_overwritten(home: Path) -> None:
    path = home / "chat.toml"
    path.write_text(BY_HAND)
    done = add(home, "https://other.example/", "--output", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--append" in done.stderr
    assert path.read_text() == BY_HAND


@pytest.mark.parametrize("text", [BY_HAND, BY_HAND + "\n", BY_HAND.replace("\n", "\r\n") + "\r\n"])
def test_an_endpoint_is_added_behind_what_is_there(home: Path, text: str) -> None:
    path = home / "chat.toml"
    path.write_bytes(text.encode())
    path.chmod(0o640)
    done = add(home, "tcp://chat.example:5222", "--role", "push", "--output", path, "--append")
    assert (done.returncode, done.stdout) == (0, "")
    after = path.read_bytes()
    assert after.startswith(text.encode())
    assert after.count(b"\r\n") in (0, after.count(b"\n"))
    assert path.stat().st_mode & 0o777 == 0o640
    (service,) = load([path])
    assert [(each.target.name, each.target.role) for each in service.endpoints] == [
        ("https://chat.example/", "web"),
        ("tcp://chat.example:5222", "push"),
    ]
    again = add(home, "tcp://chat.example:5222", "--output", path, "--append")
    assert again.returncode == 5
    assert "is endpoint[2] already" in again.stderr
    assert path.read_bytes() == after


def test_a_file_that_takes_no_more_is_left_as_it_is(home: Path) -> None:
    inline = BY_HAND.partition("[[")[0] + (
        'endpoint = [{target="https://chat.example/",role="web",purpose="x",certainty="reported",source="x"}]\n'
    )
    for name, text in (("chat.toml", inline), ("bad.toml", "title = 7"), ("list.txt", "https://a.example/")):
        path = home / name
        path.write_text(text)
        done = add(home, "https://more.example/", "--output", path, "--append")
        assert (done.returncode, done.stdout) == (5, "")
        assert "not written" in done.stderr
        assert path.read_text() == text


def test_a_link_stays_one(home: Path) -> None:
    path, link = home / "chat.toml", home / "link.toml"
    path.write_text(BY_HAND)
    link.symlink_to(path)
    assert add(home, "https://more.example/", "--output", link, "--append").returncode == 0
    assert link.is_symlink()
    assert "https://more.example/" in path.read_text()


@pytest.mark.parametrize(
    ("status", "words", "said"),
    [
        (2, ("wechatt",), "no dot"),
        (2, ("ftp://chat.example/",), "ftp"),
        (2, ("https://192.0.2.7/",), "domain of its own"),
        (2, ("https://chat.example/", "--role", "boss"), "--role"),
        (2, ("https://chat.example/", "--service", "../x"), "--service"),
        (2, ("https://chat.example/", "--append"), "--output"),
        (2, ("https://chat.example/", "--append", "--output", "chat.toml", "--service", "line"), "--service"),
        (5, ("https://chat.example/", "--append", "--output", "missing.toml"), "missing.toml"),
        (5, ("https://chat.example/", "--output", "no/chat.toml"), "no/chat.toml"),
    ],
)
def test_wrong_words(home: Path, status: int, words: tuple[str, ...], said: str) -> None:
    before = alone.files_below(home)
    done = alone.run(home, "targets", "add", *words, cwd=home, PYTHONPATH=str(alone.ROOT))
    assert (done.returncode, done.stdout) == (status, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert alone.files_below(home) == before
