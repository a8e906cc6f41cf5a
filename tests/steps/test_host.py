"""What this host says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.steps.host import system_resolvers


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("nameserver 192.0.2.53\n", ["192.0.2.53"]),
        ("# nameserver 192.0.2.1\nsearch lan\nnameserver\t2001:db8::53\noptions edns0\n", ["2001:db8::53"]),
        ("nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.1\n", ["192.0.2.1", "192.0.2.2"]),
        ("  nameserver fe80::1%lo  # the router\n", ["fe80::1%lo"]),
        ("nameserver\nnameserver gateway.example\nnameservers 192.0.2.1\n", []),
        ("", []),
    ],
    ids=["one", "six", "twice", "link-local", "no-address", "empty"],
)
def test_the_resolvers_of_resolv_conf(tmp_path: Path, text: str, addresses: list[str]) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    assert [resolver.address for resolver in system_resolvers(str(path))] == addresses


def test_no_file_names_no_resolver(tmp_path: Path) -> None:
    assert system_resolvers(str(tmp_path / "resolv.conf")) == ()
    assert system_resolvers(str(tmp_path)) == ()
