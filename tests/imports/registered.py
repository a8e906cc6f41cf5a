"""Registers made for a test."""

from __future__ import annotations

from pathlib import Path

UPDATED = "Updated: 2017-05-04 10:00:00 +0000"
HEADER = "domain,url,address,authority,decision,date"

DUMP = (
    "192.31.196.1 | 192.31.196.2;wechat.com;;Роскомнадзор;27-31-2017/Ид2971-17;2017-05-04",
    "192.31.196.3;*.line.me;;Роскомнадзор;Ид2971-18;2017-05-03",
    "192.31.196.4;pages.example;http://pages.example/a?b=1 | http://pages.example/c;ФНС;2-6-27/ 2016-АИ;2016-12-01",
    "192.175.48.7;;;Генпрокуратура;27-31-2018/Ид1;2018-04-16",
    "192.52.193.0/24 | 2620:4F:8000::/48;;;Генпрокуратура;27-31-2018/Ид2;2018-04-17",
    ";почта.рф;;суд;3-1/2;2015-01-02",
    "192.31.196.9;wechat.com;;суд;2-2/1;2016-08-04",
    "192.31.196.10;linkedin.com;;суд;2;",
)


def write_dump(path: Path, *rows: str, updated: str = UPDATED, encoding: str = "windows-1251") -> Path:
    """A dump in the form of zapret-info."""
    path.write_bytes("".join(f"{row}\n" for row in (updated, *rows)).encode(encoding))
    return path


def write_csv(path: Path, *rows: str, header: str = HEADER, encoding: str = "utf-8-sig") -> Path:
    """A register in the plain form."""
    path.write_bytes("".join(f"{row}\r\n" for row in (header, *rows)).encode(encoding))
    return path
