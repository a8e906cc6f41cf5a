"""Lists from elsewhere: every form is read, and a line that is no target costs that line and no other."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.model import Role
from probe.targets import Lists, TargetListError, check, parse_one, read, shipped
from probe.targets.entries import LARGEST, LONGEST_LINE
from tests.cli.lists import write_list

HEADER = "url,category_code,category_description,date_added,source,notes\n"
NEWS = "NEWS,News Media,2017-04-12,citizenlab,"


def put(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def names(lists: Lists) -> list[str]:
    return [target.name for target in lists.targets]


A, B, C = "https://a.example/", "http://b.example/x?y=1", "tcp://c.example:5222"
# Each is the three targets, in one of the forms in which lists go round.
FORMS: dict[str, tuple[str, str | bytes]] = {
    "test list": ("global.csv", f"{HEADER}{A},{NEWS}\n{B},{NEWS}\n{C},{NEWS}\n"),
    "from Windows": ("w.csv", f"\ufeff{HEADER}{A},{NEWS}\n{B},{NEWS}\n{C},{NEWS}\n".replace("\n", "\r\n")),
    "quoted": ("q.csv", f'{HEADER}"{A}",NEWS,"News, Media",,,"said ""so"", once"\n {B} ,{NEWS}\n{C},{NEWS}'),
    "other columns first": ("o.csv", f'id;"URL";notes\n1;{A};x\n2;{B};\n3;{C}\n'),
    "tabs": ("t.csv", f"url\tnotes\n{A}\tx\n{B}\t\n{C}\n"),
    "no header": ("n.csv", f"{A},{NEWS}\n{B},{NEWS}\n{C},{NEWS}\n"),
    "one column": ("1.csv", f"{A}\n{B}\n{C}\n"),
    "a test list of any name": ("global", f"# of 2017\n\n{HEADER}{A},{NEWS}\n{B},{NEWS}\n{C},{NEWS}\n"),
    "rows of a test list": ("rows", f"{A},{NEWS}\n{B},{NEWS}\n{C},{NEWS}\n"),
    "lines": ("lines.txt", f"# mine\n\n  {A}\n{B}  # and why\n\t{C}\n\n#{A}z"),
    "lines with CRLF": ("l.txt", f"\ufeff{A}\r\n\r\n# x\r\n{B}\r\n{C}\r\n"),
    "lines of any name": ("urls", f"{A}\n{B}\n{C}"),
    "OONI Run": (
        "run.json",
        f'{{"name": "x", "nettests": [{{"test_name": "web_connectivity", "inputs": ["{A}", "{B}"],'
        f' "inputs_extra": [{{"category_code": "NEWS"}}, {{}}]}}, {{"inputs": ["{C}"]}}]}}',
    ),
    "OONI Run of any name": ("link", f'\n{{\n"nettests":[{{"inputs":["{A}","{B}","{C}"]}}]}}'),
    "older tests": ("tests.json", f'{{"tests": [{{"test_name": "web_connectivity", "urls": ["{A}", "{B}", "{C}"]}}]}}'),
    "urls": ("urls.json", f'{{"urls": ["{A}", "{B}", "{C}"]}}'),
    "a plain list": ("plain.json", f'\ufeff["{A}", "{B}", "{C}"]'),
    "a plain list of objects": ("objects", f'[{{"url": "{A}", "category_code": "NEWS"}}, {{"url": "{B}"}}, "{C}"]'),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), FORMS.values(), ids=FORMS)
def test_every_form_is_read(tmp_path: Path, name: str, text: str | bytes) -> None:
    path = put(tmp_path, name, text)
    lists = read([path])
    assert names(lists) == [A, B, C]
    assert (lists.services, lists.faults, lists.repeated) == ((), (), 0)
    assert check([path]) == []


def test_a_line_that_is_no_target_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    rows = [
        A,
        "ftp://old.example",
        f"{B},",
        f'"{A}',
        "",
        ",NEWS",
        "https://a.example:0/",
        f"{C},{NEWS}",
        "url,x",
        "wechat",
    ]
    path = put(
        tmp_path, "bad.csv", HEADER.encode() + "\n".join(rows).encode() + b"\n\xff\n" + b"y" * LONGEST_LINE + b"\n"
    )
    lists = read([path])
    assert names(lists) == [A, B, C]
    told = [fault.removeprefix(f"{path}:").split(":", 1) for fault in lists.faults]
    assert [int(line) for line, _ in told] == [3, 5, 7, 8, 10, 11, 12, 13]
    for (_, reason), word in zip(
        told,
        ("ftp", "not a row", "the column url is empty", "port", "no dot", "no dot", "not UTF-8", "longer than 16 KiB"),
        strict=True,
    ):
        assert word in reason
    assert check([path]) == list(lists.faults)


JSON = """{"name": "a link",
  "nettests": [
    {"test_name": "web_connectivity", "inputs": [
       "https://a.example/", 7,
       "ftp://b.example/",
       {"url": null}
    ]},
    {"test_name": "telegram"},
    {"test_name": "dnscheck",
     "inputs": ["https://dns.example/"]},
    {"test_name": "web_connectivity", "targets_name": "websites_list_prioritized"},
    "https://a.example/", "http://b.example/x?y=1"
  ]
}"""


def test_what_is_no_input_of_a_descriptor_is_named(tmp_path: Path) -> None:
    path = put(tmp_path, "run.json", JSON)
    lists = read([path])
    assert names(lists) == [A, B]
    assert lists.repeated == 1
    places = [fault.removeprefix(f"{path}:").partition(": ") for fault in lists.faults]
    assert [(int(line), reason.split(",")[0][:40]) for line, _, reason in places] == [
        (4, "an input must be a text"),
        (5, "'ftp://b.example/' is no target: the sch"),
        (6, "an input must be a text"),
        (8, "the test 'telegram' is not web_connectiv"),
        (9, "the test 'dnscheck' is not web_connectiv"),
        (11, "the test has no inputs (none of the keys"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "not JSON"),
        ("a.json", '["https://a.example/",]', "not JSON"),
        ("a.json", "[" * 100_000, "not JSON"),
        ("a.json", "9" * 10_000, "not JSON"),
        ("a.json", b'["\xff"]', "line 1: is not UTF-8"),
        ("a.json", "7", "neither a list of URLs nor"),
        ("a.json", '{"name": "x"}', "has no list of URLs"),
        ("a.json", '{"nettests": {}}', "has no list of URLs"),
        ("a.json", f'{{"is_expired": true, "nettests": [{{"inputs": ["{A}"]}}]}}', "has expired"),
        ("a.json", '{"nettests": []}', "nothing in it is a target"),
        ("a.txt", "", "nothing in it is a target"),
        ("a.txt", "# all\n#of it\n", "nothing in it is a target"),
        ("a.csv", HEADER, "nothing in it is a target"),
        ("a.csv", "Category Code,Category Description\nNEWS,News Media\n", "nothing in it is a target"),
        ("a.txt", "https://a.example/\n".encode("utf-16"), "is not UTF-8 text"),
        ("a.txt", b"https://a.example/\n" * (LARGEST // 19 + 1), "larger than 32 MiB"),
        ("a.json", b" " * (LARGEST + 1), "larger than 32 MiB"),
    ],
)  # fmt: skip
def test_a_file_without_a_target_is_refused(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    path = put(tmp_path, name, text)
    good = put(tmp_path, "good.txt", A)
    with pytest.raises(TargetListError) as caught:
        read([good, path])
    last = str(caught.value).splitlines()[-1]
    assert last.startswith(f"{path}: ")
    assert said in last
    assert len(last) < len(str(path)) + 200
    assert check([path])[-1] == last


def test_the_largest_list_and_the_longest_line_are_read(tmp_path: Path) -> None:
    longest = A.encode() + b" #" + b"x" * (LONGEST_LINE - len(A) - 3) + b"\n"
    assert len(longest) == LONGEST_LINE
    assert names(read([put(tmp_path, "a.txt", longest + B.encode())])) == [A, B]
    filled = (longest * (LARGEST // LONGEST_LINE))[: LARGEST - len(longest)] + longest
    assert len(filled) == LARGEST
    assert names(read([put(tmp_path, "b.txt", filled)])) == [A]


def test_a_domain_means_what_it_means_on_the_command_line(tmp_path: Path) -> None:
    lists = read([put(tmp_path, "a.txt", "wechat.com\nhttps://www.wechat.com\nhttps://other.example/\n")], shipped())
    secure, plain, web, other = lists.targets
    assert (secure.name, secure.service, secure.role) == ("https://wechat.com/", "wechat", None)
    assert (plain.name, plain.service) == ("http://wechat.com/", "wechat")
    assert (web.name, web.service, web.role) == ("https://www.wechat.com/", "wechat", Role.WEB)
    assert other.service is None


def test_a_host_with_a_root_of_its_own_keeps_it(tmp_path: Path) -> None:
    own = next(e.target for service in shipped() for e in service.endpoints if e.target.roots)
    (target,) = read([put(tmp_path, "a.txt", f"https://{own.host}/made/up")], shipped()).targets
    assert (target.service, target.role, target.roots) == ("signal", None, own.roots)


def test_a_file_takes_the_place_of_what_is_known_of_its_service(tmp_path: Path) -> None:
    lists = read(
        [write_list(tmp_path / "wechat.toml", [A]), put(tmp_path, "a.txt", "https://www.wechat.com/")], shipped()
    )
    assert [(target.name, target.service, target.role) for target in lists.targets] == [
        (A, "wechat", Role.WEB),
        ("https://www.wechat.com/", None, None),
    ]


def test_each_target_once(tmp_path: Path) -> None:
    service = write_list(tmp_path / "a.toml", [A, C])
    lines = put(tmp_path, "b.txt", f"{B}\nHTTP://B.example/x?y=1\n{A}\na.example\n")
    table = put(tmp_path, "c.csv", f"{HEADER}{B},{NEWS}\n{C},{NEWS}\nhttps://d.example,{NEWS}\n")
    lists = read([lines, table, service])
    assert names(lists) == [A, C, B, "http://a.example/", "https://d.example/"]
    assert lists.repeated == 5
    assert [target.service for target in lists.targets] == ["a", "a", None, None, None]


def test_a_folder_mixes_forms(tmp_path: Path) -> None:
    write_list(tmp_path / "s.toml", [A])
    put(tmp_path, "b.txt", B)
    legend = put(tmp_path, "00-LEGEND-codes.csv", "Category Code,Category Description\nNEWS,News Media\n")
    put(tmp_path, "README.md", "http://never.example/")
    put(tmp_path, "z.JSON", f'["{C}"]')
    lists = read([tmp_path])
    assert names(lists) == [A, B, C]
    assert lists.faults[-1] == f"{legend}: nothing in it is a target"
    assert [fault.split(": ")[0] for fault in lists.faults] == [f"{legend}:1", f"{legend}:2", str(legend)]
    with pytest.raises(TargetListError):
        read([tmp_path, legend])


def test_a_folder_without_any_target_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "a.txt", "# nothing yet")
    assert check([tmp_path]) == [f"{path}: nothing in it is a target", f"{tmp_path}: nothing in it is a target"]


def test_a_service_file_with_a_fault_stops_everything(tmp_path: Path) -> None:
    bad = put(tmp_path, "bad.toml", "title = 7")
    with pytest.raises(TargetListError) as caught:
        read([put(tmp_path, "a.txt", f"{A}\nx\n"), bad])
    told = str(caught.value).splitlines()
    assert told[0].startswith(f"{tmp_path / 'a.txt'}:2: ")
    assert all(line.startswith(f"{bad}: ") for line in told[1:])


def test_a_service_file_of_any_name(tmp_path: Path) -> None:
    path = tmp_path / "line.list"
    write_list(path, [A])
    (service,) = read([path]).services
    assert service.id == "line"


@contextlib.contextmanager
def pipe(path: Path, content: bytes) -> Iterator[Path]:
    """A pipe into which somebody writes this, as far as it is read."""

    def write() -> None:
        with contextlib.suppress(BrokenPipeError):
            path.write_bytes(content)

    os.mkfifo(path)
    writer = threading.Thread(target=write)
    writer.start()
    yield path
    writer.join()


def test_a_pipe_is_a_list(tmp_path: Path) -> None:
    with pipe(tmp_path / "pipe", f"{HEADER}{A},{NEWS}\n{B},{NEWS}\n".encode()) as path:
        assert names(read([path])) == [A, B]


@pytest.mark.parametrize("name", ["pipe", "pipe.json"])
def test_a_pipe_that_does_not_end_is_refused(tmp_path: Path, name: str) -> None:
    with pipe(tmp_path / name, b"a" * (LARGEST + 1)) as path, pytest.raises(TargetListError, match="larger than 32"):
        read([path])


_PIECES = st.sampled_from(
    [A, "a.example", "x", '"', ",", ";", "\n", "[", "]", "{", "}", ":", "#", " ", "\x1b", "‮", "url"]
)


@given(st.lists(_PIECES, max_size=12).map("".join), st.sampled_from(["a.txt", "a.csv", "a.json", "a"]))
def test_any_text_is_a_list_or_has_faults(tmp_path_factory: pytest.TempPathFactory, text: str, name: str) -> None:
    path = put(tmp_path_factory.getbasetemp(), name, text)
    try:
        lists = read([path])
    except TargetListError as error:
        told = str(error).splitlines()
        assert told
    else:
        told = list(lists.faults)
        assert [parse_one(name).name for name in names(lists)] == names(lists) != []
    assert all(line.startswith(str(path)) and line.isprintable() for line in told)
