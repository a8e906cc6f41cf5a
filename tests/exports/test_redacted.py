"""Nothing of a volunteer's own is in any byte of any dataset, wherever it was written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from probe.cli.exporting import export_dataset
from probe.store import Store
from tests.exports.world import BY_SERVERS, COOKIE, REDACT, SPELLED, STRANGER, contents, plant
from tests.store.examples import a_result, a_run

FORMS = ("csv", "jsonl", "parquet", "ooni")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("planted") / "probe.sqlite"
    plant(path)
    return path


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bodies", [False, True])
def test_no_identity_is_in_any_byte(planted: Path, tmp_path: Path, form: str, bodies: bool) -> None:
    output = tmp_path / "out"
    assert export_dataset(output=output, form=form, db=planted, redact=REDACT, bodies=bodies) == 0
    looked_at = list(contents(output))
    assert sum(len(data) for _, data in looked_at) > 20_000
    for name, data in looked_at:
        lower = data.lower()
        for secret in (*SPELLED, *BY_SERVERS, COOKIE):
            assert secret.encode() not in data, (name, secret)
            assert secret.lower().encode() not in lower, (name, secret)
            assert secret.encode("utf-16-le") not in data, (name, secret)
    if form == "jsonl":
        assert b"[own]" in (output / "observation.jsonl").read_bytes()
        assert b"5.6.7.8" in (output / "observation.jsonl").read_bytes()


def test_without_being_told_the_same_is_there(planted: Path, tmp_path: Path) -> None:
    """The search above finds what is there to be found."""
    assert export_dataset(output=tmp_path / "out", form="jsonl", db=planted, redact=None) == 0
    found = {secret for _, data in contents(tmp_path / "out") for secret in SPELLED if secret.encode() in data}
    assert len(found) > 10


def test_a_name_server_a_lan_and_a_stranger_are_never_there(planted: Path, tmp_path: Path) -> None:
    assert export_dataset(output=tmp_path / "out", form="csv", db=planted, bodies=True) == 0
    text = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    for secret in ("192.168.7.1", "10.20.30.40", STRANGER, COOKIE, "fd00:1:2::3"):
        assert secret.encode() not in text


def _named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """This host under another name."""
    system, _, *rest = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((system, name, *rest)))


@pytest.mark.parametrize(("name", "is_told"), [("alices-laptop.lan", False), ("wechat", True), ("web", True)])
def test_the_name_of_this_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_told: bool) -> None:
    """Replaced without being asked, unless it is a word that stands in every dataset."""
    with Store.open(tmp_path / "probe.sqlite") as store:
        store.begin_run(a_run(settings={"x": f"at {name}"}))
        store.add([a_result("m-1")])
    _named(monkeypatch, name)
    assert export_dataset(output=tmp_path / "out", form="jsonl", db=tmp_path / "probe.sqlite") == 0
    assert (f"at {name}" in (tmp_path / "out" / "run.jsonl").read_text()) == is_told
    target = json.loads((tmp_path / "out" / "target.jsonl").read_text())
    assert (target["host"], target["service"], target["role"]) == ("wechat.example", "wechat", "web")
