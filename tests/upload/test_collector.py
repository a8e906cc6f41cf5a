"""What a collector takes, and what it refuses with a reason, having changed nothing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from probe.cli.exporting import export_dataset
from probe.collect.access import Senders, read_senders
from probe.collect.depot import Depot
from probe.collect.server import build
from probe.parcel import id_of, pack
from probe.store import Store
from probe.targets.bundle import public_text, signature_line
from tests.cli.alone import ask
from tests.upload.people import KEY, OTHER_KEY, collecting, fill, pem

PINNED, ANY = "pinned", "any"


@dataclass
class Made:
    """A dataset in a folder, to be changed and packed."""

    folder: Path

    def change(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def sign(self, key: object = KEY) -> None:
        """Sums and signature of what is there now."""
        names = sorted(path.name for path in self.folder.iterdir() if not path.name.startswith("SHA256SUMS"))
        sums = "".join(f"{hashlib.sha256(self.read(name)).hexdigest()}  {name}\n" for name in names).encode()
        self.change("SHA256SUMS", sums)
        self.change("SHA256SUMS.sig", signature_line(b"probe-dataset-1", sums, key))  # type: ignore[arg-type]

    def parcel(self) -> tuple[str, bytes]:
        place = self.folder.with_name("parcel")
        pack(self.folder, place)
        return id_of(self.read("SHA256SUMS")), place.read_bytes()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    fill(folder / "v.sqlite", runs=1)
    (folder / "key.pem").write_bytes(pem(KEY))
    export_dataset(output=folder / "out", form="jsonl", db=folder / "v.sqlite", key=folder / "key.pem")
    return folder / "out"


@pytest.fixture
def made(dataset: Path, tmp_path: Path) -> Made:
    shutil.copytree(dataset, tmp_path / "made")
    return Made(tmp_path / "made")


@dataclass
class Desk:
    """A collector in this process."""

    depot: Depot
    told: list[str]

    def put(self, name: str, content: bytes, token: str | None = PINNED) -> httpx.Response:
        return asyncio.run(self.put_all([(name, content)], token))[0]

    async def put_all(self, parcels: list[tuple[str, bytes]], token: str | None = PINNED) -> list[httpx.Response]:
        senders = Senders({PINNED: public_text(KEY), ANY: None})
        transport = httpx.ASGITransport(build(self.depot, senders, self.told.append))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://here", headers=headers) as client:
            return await asyncio.gather(
                *(client.put(f"/v1/parcels/{name}", content=_pieces(content)) for name, content in parcels)
            )

    def kept(self) -> set[str]:
        return {path.name for path in (self.depot.folder / "parcels").iterdir()}

    def measurements(self) -> int:
        return len(ask(self.depot.store.path, "SELECT * FROM measurement"))


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 1 << 16):
        yield content[at : at + (1 << 16)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    store = Store.open(tmp_path / "all.sqlite")
    depot = Depot(tmp_path / "depot", store)
    depot.open()
    return Desk(depot, [])


def test_a_good_one_is_kept_merged_and_acknowledged_once(desk: Desk, made: Made) -> None:
    name, content = made.parcel()
    first, again = desk.put(name, content), desk.put(name, content, ANY)
    assert (first.status_code, first.json()) == (200, {"id": name, "imported": 3, "known": 0})
    assert (again.status_code, again.json()) == (200, {"id": name, "imported": 0, "known": 0})
    assert (desk.kept(), desk.measurements()) == ({f"{name}.tar.gz"}, 3)
    assert (desk.depot.folder / "parcels" / f"{name}.tar.gz").read_bytes() == content
    assert list((desk.depot.folder / "arriving").iterdir()) == []
    (source,) = ask(desk.depot.store.path, "SELECT * FROM source")
    assert (source["name"], source["sha256"], source["signed_by"]) == (name, name, public_text(KEY))


def test_two_at_once_and_one_of_them_twice(desk: Desk, made: Made, tmp_path: Path) -> None:
    fill(tmp_path / "v.sqlite", runs=2)
    (tmp_path / "key.pem").write_bytes(pem(KEY))
    options = {"form": "jsonl", "db": tmp_path / "v.sqlite", "key": tmp_path / "key.pem"}
    export_dataset(output=tmp_path / "late", since="2026-11-24T06:00:00Z", **options)  # type: ignore[arg-type]
    late = Made(tmp_path / "late").parcel()
    answers = asyncio.run(desk.put_all([made.parcel(), late, late, made.parcel()]))
    assert [each.status_code for each in answers] == [200] * 4
    assert sum(each.json()["imported"] for each in answers) == desk.measurements() == 6
    assert len(desk.kept()) == 2


def _forge(made: Made) -> None:
    sums = made.read("SHA256SUMS")
    key = base64.b64encode(KEY.public_key().public_bytes_raw())
    made.change("SHA256SUMS.sig", b" ".join((b"probe-dataset-1", key, base64.b64encode(OTHER_KEY.sign(sums)))) + b"\n")


def _newer(made: Made) -> None:
    package = json.loads(made.read("datapackage.json"))
    package["probe"]["schema_version"] = 99
    made.change("datapackage.json", json.dumps(package).encode())
    made.sign()


def _wrong_row(made: Made) -> None:
    made.change("measurement.jsonl", made.read("measurement.jsonl").replace(b'"title":', b'"titel":'))
    made.sign()


def _unlisted(made: Made) -> None:
    made.change("body.jsonl", b"{}\n")


def _unsigned(made: Made) -> None:
    (made.folder / "SHA256SUMS.sig").unlink()


REFUSED: dict[str, tuple[Callable[[Made], None], str]] = {
    "signed by another": (lambda made: made.sign(OTHER_KEY), "signed with another key"),
    "a forged signature": (_forge, "the signature does not hold"),
    "no signature": (_unsigned, "it is not signed"),
    "a changed file": (
        lambda made: made.change("run.jsonl", made.read("run.jsonl") + b" "),
        "not what SHA256SUMS says",
    ),
    "a file too many": (_unlisted, "is not in SHA256SUMS"),
    "a newer schema": (_newer, "newer version of this program"),
    "a row that is none": (_wrong_row, "nothing of it was imported"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_told_and_changes_nothing(desk: Desk, made: Made, case: str) -> None:
    change, reason = REFUSED[case]
    change(made)
    answer = desk.put(*made.parcel())
    assert answer.status_code == 422
    assert reason in answer.json()["error"]
    assert str(desk.depot.folder) not in answer.json()["error"]
    assert (desk.kept(), desk.measurements()) == (set(), 0)
    assert list((desk.depot.folder / "arriving").iterdir()) == []


def test_who_and_what_is_looked_at_first(desk: Desk, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    name, content = made.parcel()
    for token in (None, "", "pinne", "pinnedx", "PINNED"):
        answer = desk.put(name, content, token)
        assert (answer.status_code, answer.json()["error"]) == (401, "this token is not known here")
    for wrong in ("x", name.upper(), name[:-1], "..%2f..%2fetc"):
        assert desk.put(wrong, content).status_code in (400, 404)
    answer = desk.put("0" * 64, content)
    assert (answer.status_code, answer.json()["error"]) == (422, "it is another parcel than it is called")
    answer = desk.put(name, content[:-20])
    assert (answer.status_code, answer.json()["error"]) == (422, "it breaks off")
    monkeypatch.setattr("probe.collect.server.LARGEST", 1 << 20)
    answer = desk.put(name, bytes(2 << 20))
    assert (answer.status_code, answer.json()["error"]) == (413, "a parcel is at most 1 MiB")
    assert (desk.kept(), desk.measurements()) == (set(), 0)


def test_a_database_that_cannot_be_used_now_costs_nothing(desk: Desk, made: Made) -> None:
    desk.depot.store.close()
    answer = desk.put(*made.parcel())
    assert answer.status_code == 503
    assert "keep the parcel" in answer.json()["error"]
    assert desk.kept() == set()
    assert "closed" in desk.told[0]


SENDERS = {
    "": "holds no token",
    "# only this\n": "holds no token",
    "a\na\n": ":2: give a token",
    "tökén\n": ":1: give a token",
    "a b c\n": ":1: give a token",
    "a nokey\n": ":1: 'nokey' is no public key",
}


@pytest.mark.parametrize("text", SENDERS)
def test_a_file_of_senders_that_is_wrong(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokens").write_text(text)
    with pytest.raises(ValueError, match=SENDERS[text]):
        read_senders(tmp_path / "tokens")


def test_a_body_that_breaks_off(tmp_path: Path, made: Made) -> None:
    """The connection of a sender that was killed, or lost its network."""
    name, content = made.parcel()
    with collecting(tmp_path / "c") as collector:
        host, _, port = collector.url.removeprefix("http://").partition(":")
        head = f"PUT /v1/parcels/{name} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer tok-1\r\n"
        with socket.create_connection((host, int(port))) as sock:
            sock.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[: len(content) // 2])
        headers = {"Authorization": "Bearer tok-1"}
        with httpx.Client(base_url=collector.url, headers=headers, trust_env=False) as client:
            assert client.get("/healthz").json()["status"] == "ok"
            assert collector.parcels() == {}
            assert client.put(f"/v1/parcels/{name}", content=content).json()["imported"] == 3
            assert client.get(f"/v1/parcels/{name}").status_code == 405
    assert collector.parcels().keys() == {name}
    assert list((tmp_path / "c" / "all.sqlite-parcels" / "arriving").iterdir()) == []
