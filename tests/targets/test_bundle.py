"""Bundles: only what the owner of the key has signed, newer than what is there, and not expired, is ever installed."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from probe.targets import BundleError, NotNewerError, in_force, install, shipped
from probe.targets.bundle import HIGHEST_VERSION, LARGEST, Bundle, pack, public_text, read_private_key, unpack
from probe.targets.installed import texts_of
from tests.cli.lists import write_list

NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEY, OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32), Ed25519PrivateKey.from_private_bytes(b"o" * 32)
PUBLIC = public_text(KEY)


def texts(folder: Path, *targets: str) -> dict[str, str]:
    path = write_list(folder / "chat.toml", targets or ["https://chat.example/"])
    return {path.name: path.read_text("utf-8")}


def a_bundle(folder: Path, version: int = 7, days: int = 30, *targets: str) -> Bundle:
    return Bundle(version=version, made_at=NOW, expires_at=NOW + timedelta(days=days), texts=texts(folder, *targets))


def signed(payload: Mapping[str, Any] | bytes, key: Ed25519PrivateKey = KEY) -> bytes:
    """A bundle made without the program: whatever it holds, its signature is right."""
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    head = f"probe-targets-1 {public_text(key)} {base64.b64encode(key.sign(content)).decode()}\n"
    return head.encode() + content


def test_what_is_packed_is_read_back(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    content = pack(bundle, KEY)
    assert unpack(content, PUBLIC) == bundle
    assert unpack(content, f" {PUBLIC}\n") == bundle
    assert pack(bundle, KEY) == content
    (service,) = bundle.services()
    assert service.id == "chat"


def test_openssl_can_make_the_keys_and_check_the_signature(tmp_path: Path) -> None:
    """What docs/lists.md says to do by hand."""

    def sh(script: str) -> str:
        return subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    sh("openssl genpkey -algorithm ed25519 -out key.pem")
    key = read_private_key((tmp_path / "key.pem").read_bytes())
    assert sh("openssl pkey -in key.pem -pubout -outform DER | tail -c 32 | base64").strip() == public_text(key)
    (tmp_path / "lists.bundle").write_bytes(pack(a_bundle(tmp_path), key))
    sh("tail -n +2 lists.bundle >signed; head -n 1 lists.bundle | cut -d' ' -f3 | base64 -d >signature")
    told = sh("openssl pkeyutl -verify -rawin -inkey key.pem -in signed -sigfile signature")
    assert "Successfully" in told


@given(st.data())
def test_a_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(pack(a_bundle(tmp_path_factory.getbasetemp()), KEY))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BundleError):
        unpack(bytes(content), PUBLIC)


GOOD: dict[str, Any] = {
    "format": "probe target lists 1",
    "version": 7,
    "made_at": "2026-11-24T00:00:00Z",
    "expires_at": "2026-12-24T00:00:00Z",
    "lists": {"chat.toml": "x = 1"},
}


def test_the_form_is_that_of_the_document() -> None:
    assert unpack(signed(GOOD), PUBLIC).version == 7


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not a bundle"),
    "text": (b"hello\n{}", "not a bundle"),
    "a page": (b"<!doctype html>\n", "not a bundle"),
    "another form": (signed(GOOD).replace(b"probe-targets-1", b"probe-targets-2"), "not a bundle"),
    "another key": (signed(GOOD, OTHER_KEY), "signed with another key"),
    "the right key's name only": (
        signed(GOOD, OTHER_KEY).replace(public_text(OTHER_KEY).encode(), PUBLIC.encode()),
        "the signature does not hold",
    ),
    "no signature": (f"probe-targets-1 {PUBLIC} \n{{}}".encode(), "the signature does not hold"),
    "no base64": (f"probe-targets-1 {PUBLIC} ???\n{{}}".encode(), "the signature does not hold"),
    "one byte more": (signed(GOOD) + b"\n", "the signature does not hold"),
    "cut off": (signed(GOOD)[:-1], "the signature does not hold"),
    "too large": (signed(GOOD) + b" " * LARGEST, "larger than 8 MiB"),
    "no JSON": (signed(b"{"), "not a bundle of a form"),
    "no UTF-8": (signed(b'{"format": "\xff"}'), "not a bundle of a form"),
    "another format": (signed({**GOOD, "format": "probe target lists 2"}), "not a bundle of a form"),
    "version 0": (signed({**GOOD, "version": 0}), "version"),
    "endless version": (signed({**GOOD, "version": 1 << 53}), "version"),
    "no version": (signed({key: GOOD[key] for key in GOOD if key != "version"}), "version"),
    "another key of it": (signed({**GOOD, "run": "rm"}), "run"),
    "a time": (signed({**GOOD, "expires_at": "never"}), "never"),
    "no lists": (signed({**GOOD, "lists": {}}), "lists"),
    "out of the folder": (signed({**GOOD, "lists": {"../../chat.toml": ""}}), "../../chat.toml"),
    "no service file": (signed({**GOOD, "lists": {"chat.csv": ""}}), "chat.csv"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(BundleError) as caught:
        install(tmp_path / "targets", content, PUBLIC, NOW)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["", "x", "ключ", PUBLIC[:-4], PUBLIC + "AAAA", base64.b64encode(b"k" * 31).decode()])
def test_a_key_that_is_none(tmp_path: Path, key: str) -> None:
    with pytest.raises(BundleError, match="no public key"):
        unpack(pack(a_bundle(tmp_path), KEY), key)


def test_private_keys_that_are_none(tmp_path: Path) -> None:
    def made(options: str) -> bytes:
        command = f"openssl genpkey -out - {options}"
        return subprocess.run(["sh", "-c", command], check=True, capture_output=True).stdout

    for pem, said in (
        (b"", "not a private key"),
        (b"\xff\x00", "not a private key"),
        (made("-algorithm ed448"), "not an Ed25519 key"),
        (made("-algorithm ed25519 -aes256 -pass pass:secret"), "encrypted"),
    ):
        with pytest.raises(BundleError, match=said):
            read_private_key(pem)


def test_lists_that_the_program_cannot_read_are_not_installed(tmp_path: Path) -> None:
    folder = tmp_path / "targets"
    with pytest.raises(BundleError, match="too old for it") as caught:
        install(folder, signed(GOOD), PUBLIC, NOW)
    assert "chat.toml" in str(caught.value)
    assert not folder.exists()
    with pytest.raises(BundleError, match=r"chat\.toml"):
        pack(unpack(signed(GOOD), PUBLIC), KEY)


def test_an_installed_bundle_is_in_force(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "targets"
    assert in_force(folder, PUBLIC, NOW).services == shipped()
    assert in_force(folder, PUBLIC, NOW).name == "shipped"
    installed = install(folder, pack(a_bundle(tmp_path), KEY), PUBLIC, NOW)
    found = in_force(folder, PUBLIC, NOW)
    assert (found.bundle, found.problem, found.name) == (installed, None, "bundle 7")
    assert [service.id for service in found.services] == ["chat"]
    assert sorted(os.listdir(folder)) == ["lists.bundle"]


def test_only_a_newer_bundle_takes_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "targets"
    install(folder, pack(a_bundle(tmp_path, 7), KEY), PUBLIC, NOW)
    before = (folder / "lists.bundle").read_bytes()
    for version in (7, 6, 1):
        with pytest.raises(NotNewerError, match=f"version {version} is not newer than version 7"):
            install(folder, pack(a_bundle(tmp_path, version, 60), KEY), PUBLIC, NOW)
        assert (folder / "lists.bundle").read_bytes() == before
    install(folder, pack(a_bundle(tmp_path, 8), KEY), PUBLIC, NOW)
    assert in_force(folder, PUBLIC, NOW).name == "bundle 8"


def test_an_expired_bundle_is_neither_installed_nor_used(tmp_path: Path) -> None:
    folder = tmp_path / "targets"
    content = pack(a_bundle(tmp_path, 7, 30), KEY)
    last, over = NOW + timedelta(days=30, seconds=-1), NOW + timedelta(days=30)
    with pytest.raises(BundleError, match="version 7 has expired"):
        install(folder, content, PUBLIC, over)
    assert not folder.exists()
    install(folder, content, PUBLIC, last)
    assert in_force(folder, PUBLIC, last).name == "bundle 7"
    found = in_force(folder, PUBLIC, over)
    assert (found.services, found.bundle) == (shipped(), None)
    assert found.problem == f"{folder / 'lists.bundle'}: version 7 has expired (2026-12-24 00:00 UTC)"
    with pytest.raises(NotNewerError):  # an old one does not come back because the newer one has expired
        install(folder, pack(a_bundle(tmp_path, 6, 90), KEY), PUBLIC, over)


def test_the_key_that_is_set_decides(tmp_path: Path) -> None:
    """A key that is trusted no more counts for nothing, however high the version of what it has signed."""
    folder = tmp_path / "targets"
    install(folder, pack(a_bundle(tmp_path, HIGHEST_VERSION), OTHER_KEY), public_text(OTHER_KEY), NOW)
    assert "another key" in (in_force(folder, PUBLIC, NOW).problem or "")
    assert "no key is set" in (in_force(folder, None, NOW).problem or "")
    assert in_force(folder, PUBLIC, NOW).services == shipped()
    install(folder, pack(a_bundle(tmp_path, 1), KEY), PUBLIC, NOW)
    assert in_force(folder, PUBLIC, NOW).name == "bundle 1"


def test_a_damaged_bundle_is_not_used_and_can_be_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "targets"
    install(folder, pack(a_bundle(tmp_path, 7), KEY), PUBLIC, NOW)
    path = folder / "lists.bundle"
    path.write_bytes(path.read_bytes()[:-1])
    assert "does not hold" in (in_force(folder, PUBLIC, NOW).problem or "")
    install(folder, pack(a_bundle(tmp_path, 7), KEY), PUBLIC, NOW)
    assert in_force(folder, PUBLIC, NOW).name == "bundle 7"


def test_of_many_at_once_the_newest_stays(tmp_path: Path) -> None:
    folder = tmp_path / "targets"
    contents = [pack(a_bundle(tmp_path, version), KEY) for version in range(1, 25)]

    def one(content: bytes) -> None:
        with contextlib.suppress(NotNewerError):
            install(folder, content, PUBLIC, NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, contents[::-1][::2] + contents[::2]))
    assert in_force(folder, PUBLIC, NOW).name == "bundle 24"
    assert os.listdir(folder) == ["lists.bundle"]


def test_the_texts_of_a_folder_are_its_service_files(tmp_path: Path) -> None:
    made = texts(tmp_path)
    (tmp_path / "notes.md").write_text("x")
    (tmp_path / "more.csv").write_text("x")
    assert texts_of(tmp_path) == made
