"""Files of registers: what is read of them, what is damaged, what is refused."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.imports.files import UnreadableError
from probe.imports.register_line import DUMP as DUMP_FORM
from probe.imports.register_line import read_line
from probe.imports.registers import LONGEST_LINE, RegisterFile
from probe.register import Entry, Keys, Kind
from probe.targets import TargetError, parse_one
from tests.imports.registered import DUMP, write_csv, write_dump

Read = tuple[RegisterFile, list[tuple[Entry, Keys]]]


def read(path: Path) -> Read:
    file = RegisterFile.open(path)
    return file, list(file.entries())


def one(line: str) -> tuple[Entry | None, tuple[list[str], list[str]], list[str]]:
    """The entry of one line of a dump, its keys, and the faults."""
    faults: list[str] = []
    entry, keys = read_line(7, line, DUMP_FORM, faults) or (None, ((), ()))
    return entry, (list(keys[0]), list(keys[1])), faults


def test_a_dump_is_read_whole(tmp_path: Path) -> None:
    file, found = read(write_dump(tmp_path / "dump.csv", *DUMP))
    assert (file.form.name, file.encoding, file.damaged) == ("dump", "windows-1251", 0)
    assert file.updated_at == datetime(2017, 5, 4, 10, tzinfo=UTC)
    assert [entry.line for entry, _ in found] == list(range(2, 2 + len(DUMP)))
    assert found[0] == (
        Entry(
            line=2,
            kind=Kind.DOMAIN,
            domain="wechat.com",
            authority="Роскомнадзор",
            decision="27-31-2017/Ид2971-17",
            date=date(2017, 5, 4),
        ),
        (["wechat.com"], ["192.31.196.1", "192.31.196.2"]),
    )
    register = file.register("rkn", "RU")
    assert (register.name, register.country, register.form, register.source) == ("rkn", "RU", "dump", "dump.csv")


@pytest.mark.parametrize(
    ("line", "kind", "listed", "beside"),
    [
        (DUMP[1], Kind.WILDCARD, ["*.line.me"], ["192.31.196.3"]),
        (
            DUMP[2],
            Kind.URL,
            ["http://pages.example/a?b=1", "http://pages.example/c"],
            ["pages.example", "192.31.196.4"],
        ),
        (DUMP[3], Kind.ADDRESS, ["192.175.48.7"], []),
        (DUMP[4], Kind.ADDRESS, ["192.52.193.0/24", "2620:4f:8000::/48"], []),
        (DUMP[5], Kind.DOMAIN, ["xn--80a1acny.xn--p1ai"], []),
        (";WeChat.COM.;;a;b;2017-05-04", Kind.DOMAIN, ["wechat.com"], []),
        (";*.ПОЧТА.рф;;a;b;2017-05-04", Kind.WILDCARD, ["*.xn--80a1acny.xn--p1ai"], []),
        (";192.31.196.5;;a;b;2017-05-04", Kind.ADDRESS, ["192.31.196.5"], []),
        (";2620:4f:8000::1;;a;b;2017-05-04", Kind.ADDRESS, ["2620:4f:8000::1"], []),
        ("192.31.196.77/24;;;a;b;2017-05-04", Kind.ADDRESS, ["192.31.196.0/24"], []),
        ("192.31.196.77/32;;;a;b;2017-05-04", Kind.ADDRESS, ["192.31.196.77"], []),
        ("::ffff:192.31.196.5;;;a;b;2017-05-04", Kind.ADDRESS, ["192.31.196.5"], []),
        (";a.example;https://A.example/Путь?q=é#here;a;b;2017-05-04", Kind.URL,
         ["https://a.example/%D0%9F%D1%83%D1%82%D1%8C?q=%C3%A9"], ["a.example"]),
        (";a.example;http://a.example;a;b;2017-05-04", Kind.URL, ["http://a.example/"], ["a.example"]),
        (';a.example;"http://a.example/x;y=""1""";a;b;2017-05-04', Kind.URL,
         ["http://a.example/x;y=%221%22"], ["a.example"]),
        (";a.example;rtmp://a.example/live;a;b;2017-05-04", Kind.URL, [], ["a.example"]),
        (";*.a.example;http://a.example/;a;b;2017-05-04", Kind.WILDCARD, ["*.a.example"], []),
    ],
)  # fmt: skip
def test_what_a_line_lists(line: str, kind: Kind, listed: list[str], beside: list[str]) -> None:
    entry, keys, faults = one(line)
    assert faults == []
    assert entry is not None
    assert (entry.kind, *keys) == (kind, listed, beside)


@pytest.mark.parametrize(
    ("line", "fault", "kept"),
    [
        ("192.31.196.1;wechat.com;;a", "4 fields, not 6", None),
        (";wechat.com;;a;b;2017-05-04;more", "7 fields, not 6", None),
        (';wechat.com;"http://wechat.com/;a;b;2017-05-04', "unexpected end of data", None),
        (";;;a;b;2017-05-04", "names no address, domain or page", None),
        ("192.31.196.300;wechat.com;;a;b;2017-05-04", "'192.31.196.300' is no address", ["wechat.com"]),
        ("192.31.196.1;we chat;;a;b;2017-05-04", "'we chat' is no domain", ["192.31.196.1"]),
        (";a.example;http:///;a;b;2017-05-04", "'http:///' is no page", []),
        (";a.example;a.example/page;a;b;2017-05-04", "'a.example/page' is no page", []),
        (";wechat.com;;a;b;04.05.2017", "'04.05.2017' is no date such as 2017-05-04", ["wechat.com"]),
        (";wechat.com;;a;b;2017-02-30", "'2017-02-30' is no date such as 2017-05-04", ["wechat.com"]),
        (";*.;;a;b;2017-05-04", "'*.' is no domain", None),
        (";we\x00chat.com;;a;b;2017-05-04", "is no domain", None),
    ],
)
def test_what_is_wrong_with_a_line_costs_that_part_only(line: str, fault: str, kept: list[str] | None) -> None:
    entry, (listed, _), faults = one(line)
    assert fault in "; ".join(faults)
    assert (listed if entry else None) == kept


def test_damaged_lines_are_counted_and_the_first_named(tmp_path: Path) -> None:
    rows = [DUMP[0], "garbage", DUMP[1], "192.31.196.300;x.example;;a;b;2017-05-04", "", *[DUMP[3]] * 40, *["bad"] * 30]
    file, found = read(write_dump(tmp_path / "dump.csv", *rows))
    assert len(found) == 43
    assert file.damaged == 32
    assert [(each.line, each.reason) for each in file.first_damaged[:2]] == [
        (3, "1 fields, not 6"),
        (5, "'192.31.196.300' is no address"),
    ]
    assert len(file.first_damaged) == 20


def test_a_line_without_end_is_damage_and_no_more(tmp_path: Path) -> None:
    long = f"192.31.196.1;long.example;http://long.example/{'a' * LONGEST_LINE};a;b;2017-05-04"
    file, found = read(write_dump(tmp_path / "dump.csv", DUMP[0], long, DUMP[1]))
    assert [entry.line for entry, _ in found] == [2, 4]
    assert [(each.line, each.reason) for each in file.first_damaged] == [(3, "longer than 1 MiB")]


_UPDATED = b"Updated: 2017-05-04 10:00:00 +0000\n"
CUT = {
    "inside a date": _UPDATED + b";a.example;;a;b;2017-05-04\n;b.example;;a;b;2017-0",
    "inside a name": _UPDATED + b";a.example;;a;b;2017-05-04\n;b.exam",
    "inside a table": b"domain,url,address,authority,decision,date\na.example,,,a,b,2017-05-04\nb.example,,,a",
}


@pytest.mark.parametrize("where", CUT)
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, where: str) -> None:
    path = tmp_path / "cut.csv"
    path.write_bytes(CUT[where])
    with pytest.raises(UnreadableError, match=r"cut\.csv: cut off: it ends in the middle of line 3"):
        read(path)


def test_a_gzip_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    whole = write_dump(tmp_path / "dump.csv", *(f";a{number}.example;;a;b;2017-05-04" for number in range(5000)))
    packed = tmp_path / "dump.csv.gz"
    packed.write_bytes(gzip.compress(whole.read_bytes()))
    assert len(read(packed)[1]) == 5000
    packed.write_bytes(packed.read_bytes()[:-2000])
    with pytest.raises(UnreadableError, match="not a whole gzip file, it breaks off after line"):
        read(packed)


def test_a_last_line_needs_no_end(tmp_path: Path) -> None:
    path = write_dump(tmp_path / "dump.csv", *DUMP)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert len(read(path)[1]) == len(DUMP)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no register of a known form"),
        (b"<html><body>Not found</body></html>\n", "no register of a known form"),
        (b"domain;url;address\n", "no register of a known form"),
        (_UPDATED, "no entry in it"),
        (_UPDATED + b"<html>\n<body>\n", "2 lines are damaged and 0 are not: line 2: 1 fields"),
        (b"SQLite format 3\x00", "not a text file"),
    ],
)  # fmt: skip
def test_what_is_no_register_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "it"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=f"{re.escape(str(path))}: .*{re.escape(reason)}"):
        read(path)


@pytest.mark.parametrize("encoding", ["windows-1251", "utf-8", "utf-8-sig"])
def test_both_encodings_are_told_apart(tmp_path: Path, encoding: str) -> None:
    _, found = read(write_dump(tmp_path / "dump.csv", *DUMP, encoding=encoding))
    assert found[5][0].domain == "xn--80a1acny.xn--p1ai"
    assert found[5][0].authority == "суд"


def test_a_letter_that_is_none_damages_its_line_only(tmp_path: Path) -> None:
    path = write_dump(tmp_path / "dump.csv", *DUMP)
    path.write_bytes(path.read_bytes() + b";a.example;;\x98;b;2017-05-04\n")  # windows-1251 has nothing at 0x98
    file, found = read(path)
    assert len(found) == len(DUMP)
    assert [(each.line, each.reason) for each in file.first_damaged] == [(10, "not text in windows-1251")]


def test_the_plain_form(tmp_path: Path) -> None:
    rows = (
        'wechat.com,,"192.31.196.1 | 192.31.196.2",Роскомнадзор,"27-31, and more",2017-05-04',
        "*.line.me,,,,,",
        ",https://a.example/x,,,,2017-05-05",
    )
    file, found = read(write_csv(tmp_path / "list.csv", *rows, header="Domain, URL,address,authority,decision,date"))
    assert (file.form.name, file.updated_at, file.damaged) == ("csv", None, 0)
    assert [entry for entry, _ in found] == [
        Entry(
            line=2,
            kind=Kind.DOMAIN,
            domain="wechat.com",
            authority="Роскомнадзор",
            decision="27-31, and more",
            date=date(2017, 5, 4),
        ),
        Entry(line=3, kind=Kind.WILDCARD, domain="*.line.me"),
        Entry(line=4, kind=Kind.URL, url="https://a.example/x", date=date(2017, 5, 5)),
    ]
    assert found[0][1] == (["wechat.com"], ["192.31.196.1", "192.31.196.2"])


@pytest.mark.parametrize(
    ("updated", "moment", "damaged"),
    [
        ("Updated: 2017-05-04 13:00:00 +0300", datetime(2017, 5, 4, 10, tzinfo=UTC), 0),
        ("Updated: 2017-05-04 10:00:00", datetime(2017, 5, 4, 10, tzinfo=UTC), 0),
        ("Updated: yesterday", None, 1),
    ],
)
def test_the_age_of_a_dump(tmp_path: Path, updated: str, moment: datetime | None, damaged: int) -> None:
    file, _ = read(write_dump(tmp_path / "dump.csv", *DUMP, updated=updated))
    assert (file.updated_at, file.damaged) == (moment, damaged)


_LETTERS = st.text("abzABZ0189-_.xn", max_size=12)
_PIECES = st.text("aZ09/%:@!$&'()*+,=._~-?#é ", max_size=12)


@given(_LETTERS, _LETTERS)
def test_a_glance_at_a_name_sees_what_a_closer_look_would(label: str, top: str) -> None:
    name = f"{label}.{top}"
    try:
        expected = [parse_one(f"dns://{name}").host]
    except TargetError:
        expected = []
    entry, (listed, _), faults = one(f";{name};;a;b;2017-05-04")
    assert (listed if entry else []) == expected or parse_as_address(name)
    assert bool(faults) == (not expected) or parse_as_address(name)


def parse_as_address(name: str) -> bool:
    entry, _, _ = one(f"{name};;;a;b;2017-05-04")
    return entry is not None


@given(_LETTERS, _PIECES)
def test_a_glance_at_a_page_sees_what_a_closer_look_would(label: str, rest: str) -> None:
    url = f"http://{label}.example/{rest}".strip()
    try:
        expected = [parse_one(url).name]
    except TargetError:
        expected = []
    assert one(f";b.example;{url};a;b;2017-05-04")[1][0] == expected
