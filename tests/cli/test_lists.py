"""`probe targets`, `probe --version` and help: what needs no network, on a machine without one."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest

import probe
from tests.cli import alone

LISTS = alone.ROOT / "targets"
SHIPPED = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(LISTS.glob("*.toml"))}
KEYS = {
    "service", "title", "operator", "homepage", "domains", "retired", "retired_reason", "all_of", "any_of", "targets",
    "unmeasured", "app",
}  # fmt: skip
TARGET_KEYS = {"target", "role", "speaks", "purpose", "certainty", "source", "healthy", "roots", "retired"}


def plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def test_list_has_every_shipped_service(home: Path) -> None:
    done = alone.run(home, "targets", "list")
    assert (done.returncode, done.stderr) == (0, "")
    told = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert sorted(told) == sorted(SHIPPED)
    assert len(done.stdout.splitlines()) == len(SHIPPED)
    for name, service in SHIPPED.items():
        assert service["title"] in told[name]
        assert f"{len(service['endpoint'])} targets" in told[name]


def test_list_as_json_is_the_files(home: Path) -> None:
    done = alone.run(home, "targets", "list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = {service["service"]: service for service in alone.read(done)}
    assert sorted(told) == sorted(SHIPPED)
    for name, service in SHIPPED.items():
        assert set(told[name]) == KEYS
        for key in ("title", "operator", "homepage", "domains"):
            assert told[name][key] == service[key]
        assert told[name]["retired"] == plain(service.get("retired"))
        assert len(told[name]["targets"]) == len(service["endpoint"])
        for given, endpoint in zip(told[name]["targets"], service["endpoint"], strict=True):
            assert set(given) == TARGET_KEYS
            assert {key: given[key] for key in ("target", "role", "purpose", "certainty", "source")} == {
                key: endpoint[key] for key in ("target", "role", "purpose", "certainty", "source")
            }
        assert told[name]["unmeasured"] == service.get("unmeasured", [])
        for key in ("all_of", "any_of"):
            assert told[name][key] == service.get(key, told[name][key])


def test_show_is_one_service_of_the_list(home: Path) -> None:
    of_list = {service["service"]: service for service in alone.read(alone.run(home, "targets", "list", "--json"))}
    done = alone.run(home, "targets", "show", "WeChat", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert alone.read(done) == [of_list["wechat"]]
    text = alone.run(home, "targets", "show", "bbm").stdout
    for endpoint in SHIPPED["bbm"]["endpoint"]:
        assert endpoint["target"] in text
        assert endpoint["source"] in text
    assert str(SHIPPED["bbm"]["retired"]) in text
    text = alone.run(home, "targets", "show", "line").stdout
    assert ", ".join(SHIPPED["line"]["all_of"]) in text
    for each in SHIPPED["line"]["unmeasured"]:
        assert each["address"] in text
        assert each["why"] in text


def test_lists_of_ones_own(home: Path) -> None:
    (home / "mine").mkdir()
    text = (LISTS / "line.toml").read_text("utf-8").replace('title = "LINE"', 'title = "Own"')
    (home / "mine" / "own.toml").write_text(text, "utf-8")
    done = alone.run(home, "targets", "list", "--targets", home / "mine", "--json")
    assert [service["service"] for service in alone.read(done)] == ["own"]
    done = alone.run(home, "targets", "show", "own", "--targets", home / "mine" / "own.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Own")


def test_check_of_the_shipped_lists(home: Path) -> None:
    done = alone.run(home, "targets", "check", LISTS)
    assert (done.returncode, done.stdout) == (0, "")


def test_check_as_json_names_file_key_and_reason(home: Path) -> None:
    (home / "bad.toml").write_text("title = 7\n", "utf-8")
    done = alone.run(home, "targets", "check", "--json", home / "bad.toml")
    assert done.returncode == 5
    assert any("bad.toml" in str(fault) and "title" in str(fault) for fault in alone.read(done))


def test_check_of_a_list_from_elsewhere_gives_each_bad_line(home: Path) -> None:
    path = home / "mine.txt"
    path.write_text("https://a.example/\nftp://b.example/\nhttps://a.example/\nc\u202e\n", "utf-8")
    done = alone.run(home, "targets", "check", path)
    assert (done.returncode, done.stdout) == (5, "")
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [f"{path}:2", f"{path}:4"]
    told = alone.read(alone.run(home, "targets", "check", "--json", path))
    assert [f"probe: {each['problem']}" for each in told] == done.stderr.splitlines()
    path.write_text("https://a.example/\n", "utf-8")
    assert alone.run(home, "targets", "check", path, LISTS).returncode == 0


def test_names_of_files_do_nothing_to_a_terminal(home: Path) -> None:
    named = home / "\x1b[31mred\u202e.txt"
    for content in (None, "x\n"):
        if content is not None:
            named.write_text(content)
        for words in (("run", "--targets"), ("targets", "check")):
            done = alone.run(home, *words, named)
            assert done.returncode == 5
            assert "red" in done.stderr
            assert all(line.isprintable() for line in done.stderr.splitlines())


def test_list_of_a_list_from_elsewhere(home: Path) -> None:
    path = home / "mine.csv"
    path.write_text("url,category_code\nhttps://www.wechat.com/,COMT\nhttps://a.example/,NEWS\nx,NEWS\n")
    words = ("targets", "list", "--targets", path, "--targets", LISTS / "bbm.toml")
    done = alone.run(home, *words)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["bbm", "-"]
    assert "2 targets" in done.stdout.splitlines()[1]
    assert done.stderr.startswith(f"probe: {path}:4: ")
    told = alone.read(alone.run(home, *words, "--json"))[1]
    assert told == {
        "service": None,
        "targets": [
            {"target": "https://www.wechat.com/", "service": "wechat"},
            {"target": "https://a.example/", "service": None},
        ],
    }


def test_the_version(home: Path) -> None:
    for program in (alone.PROBE, ("probe",)):
        done = alone.run(home, "--version", program=program)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"probe {probe.__version__}\n", "")


@pytest.mark.parametrize(
    "verb", ["", "check", "run", "results", "explain", "doctor", "targets", "targets update", "control serve"]
)
def test_help_is_data(home: Path, verb: str) -> None:
    done = alone.run(home, *verb.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ")
    assert alone.files_below(home) == {"roots.pem"}
