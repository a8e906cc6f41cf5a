"""`probe fingerprints`, and the user's own file wherever verdicts are made, on a machine without a network."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from probe.classify.fingerprint_files import SIGNS, shipped
from probe.form import dumps, observation_json
from tests.classify.golden import STUB_AT, STUB_HOST
from tests.classify.stories import FORGED, Saw
from tests.cli import alone

OWN = f"""
[[fingerprint]]
id = "village"
scope = "isp"
weight = "proof"
source = "seen at home"
network = "Village Net"
addresses = ["{FORGED}"]
bodies = ["village-net/why.js"]
"""
STUB = b'<title>Block-System</title><p>No.</p><script src="//mc.yandex.ru/watch/38740850"></script>'
PLAIN = b"<title>LINE</title><p>Life on LINE</p>"


def test_list_has_every_shipped_fingerprint(home: Path) -> None:
    told = [line.split() for line in alone.run(home, "fingerprints", "list").stdout.splitlines()]
    assert [(words[0], words[1], words[2]) for words in told] == [(fp.id, fp.scope, fp.weight) for fp in shipped().all]


def test_list_as_json_has_every_sign(home: Path) -> None:
    done = alone.run(home, "fingerprints", "list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = {row["id"]: row for row in alone.read(done)}
    for fp in shipped().all:
        assert {name: tuple(told[fp.id][name]) for name in SIGNS} == {name: getattr(fp, name) for name in SIGNS}
        assert (told[fp.id]["country"], told[fp.id]["source"]) == (fp.country, fp.source)


@pytest.mark.parametrize("how", ["flag", "environment", "configuration"])
def test_a_file_of_ones_own(home: Path, how: str) -> None:
    (home / "own.toml").write_text(OWN, "utf-8")
    (home / "probe.toml").write_text(f'fingerprints = ["{home / "own.toml"}"]\n', "utf-8")
    words = {
        "flag": ["--fingerprints", home / "own.toml"],
        "environment": [],
        "configuration": ["--config", home / "probe.toml"],
    }[how]
    env = {"PROBE_FINGERPRINTS": str(home / "own.toml")} if how == "environment" else {}
    told = [row["id"] for row in alone.read(alone.run(home, "fingerprints", "list", "--json", *words, **env))]
    assert told == [*(fp.id for fp in shipped().all), "village"]


VERBS: dict[str, list[str]] = {
    "list": ["fingerprints", "list"],
    "test": ["fingerprints", "test", "page.html"],
    "check": ["check", "line.me"],
    "run": ["run"],
    "classify": ["classify"],
    "import": ["import", "x.jsonl"],
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_wrong_file_is_told_by_every_verb(home: Path, verb: list[str]) -> None:
    (home / "own.toml").write_text(OWN.replace("isp", "town"), "utf-8")
    done = alone.run(home, *verb, "--fingerprints", home / "own.toml")
    fault = "fingerprint[1] (village): scope: must be one of national, isp, local, not 'town'"
    assert (done.returncode, done.stdout, done.stderr) == (5, "", f"probe: {home / 'own.toml'}: {fault}\n")
    done = alone.run(home, *verb, "--fingerprints", home / "none.toml")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == f"probe: {home / 'none.toml'}: cannot be read: No such file or directory\n"


def answer(body: bytes, *lines: str, status: str = "200 OK", end: str = "\r\n") -> bytes:
    return end.join((f"HTTP/1.1 {status}", *lines, "", "")).encode() + body


ZIPPED = answer(gzip.compress(STUB), "Content-Type: text/html", "Content-Encoding: gzip")
LEADS = answer(b"", "Location: http://warning.rt.ru/?id=1", status="302 Found", end="\n")
ROWS = Saw().dns(STUB_AT).dns(FORGED, alias="warning.rt.ru").tcp(STUB_AT).tls(STUB_AT, leaf="x", **STUB_HOST).rows
ROWS_OF_A_PAGE = Saw().page("192.31.196.1", STUB).rows
FORMS: dict[str, tuple[bytes, set[tuple[str, str, int | None]]]] = {
    "a page": (STUB, {("title", "block-system", None), ("body", "mc.yandex.ru/watch/38740850", None)}),
    "a page of nobody": (PLAIN, set()),
    "a response": (answer(STUB), {("title", "block-system", None), ("body", "mc.yandex.ru/watch/38740850", None)}),
    "a compressed one": (ZIPPED, {("title", "block-system", None), ("body", "mc.yandex.ru/watch/38740850", None)}),
    "a redirect": (LEADS, {("host", "warning.rt.ru", None)}),
    "plain text": (answer(STUB, "Content-Type: text/plain"), set()),
    "a verdict line": (
        dumps({"target": "https://line.me/", "observations": [observation_json(row) for row in ROWS]}).encode(),
        {("address", STUB_AT, 1), ("host", "warning.rt.ru", 2), ("host", "warning.rt.ru", 4)},
    ),
    "an observation a line": (
        "\n\n".join(dumps(observation_json(row)) for row in ROWS_OF_A_PAGE).encode(),
        {("title", "block-system", 1)},
    ),
}


@pytest.mark.parametrize(("content", "seen"), FORMS.values(), ids=FORMS)
def test_what_is_in_a_file(home: Path, content: bytes, seen: set[tuple[str, str, int | None]]) -> None:
    (home / "file").write_bytes(content)
    done = alone.run(home, "fingerprints", "test", home / "file", "--json")
    assert {(row["sign"], row["pattern"], row["observation"]) for row in alone.read(done)} == seen
    assert done.returncode == (3 if seen else 0)
    plain = alone.run(home, "fingerprints", "test", home / "file")
    assert len(plain.stdout.splitlines()) == len(done.stdout.splitlines())
    assert all(pattern in plain.stdout for _, pattern, _ in seen)
    assert plain.stderr == ("" if seen else "No fingerprint is in it.\n")


def test_a_sign_of_ones_own_is_seen(home: Path) -> None:
    (home / "own.toml").write_text(OWN, "utf-8")
    (home / "page").write_bytes(b'<script src="/village-net/why.js"></script>')
    assert alone.run(home, "fingerprints", "test", home / "page").returncode == 0
    done = alone.run(home, "fingerprints", "test", home / "page", "--fingerprints", home / "own.toml")
    assert (done.returncode, done.stdout.split()[0]) == (3, "village")


BROKEN = {"not JSON": b"{x", "no observation": b'{"step": "dns"}', "a list": b'{"observations": [1]}'}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_line_is_told(home: Path, content: bytes) -> None:
    (home / "file").write_bytes(json.dumps(observation_json(ROWS[0])).encode() + b"\n" + content)
    done = alone.run(home, "fingerprints", "test", home / "file")
    assert done.returncode == 2
    assert done.stderr.startswith(f"probe: {home / 'file'}: line 2: ")
