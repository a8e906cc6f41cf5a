"""Who sent a token is told by comparing it with all of them, each in a time that says nothing of how much was right."""

from __future__ import annotations

import hmac

import pytest
from starlette.exceptions import HTTPException

from probe.control.access import Access
from probe.targets import parse_one

TOKENS = frozenset({"first-token", "second-token", "third-token"})
TARGET = parse_one("https://line.me/")


@pytest.mark.parametrize("token", ["first-token", "second-token", "wrong", "", "first-token2", "é" * 99])
def test_every_token_is_compared_by_the_standard_librarys_constant_time(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    in_constant_time = hmac.compare_digest

    def compare(given: bytes, known: bytes) -> bool:
        compared.append((given, known))
        return in_constant_time(given, known)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    access = Access(listed=lambda target: False, tokens=TOKENS)
    if token in TOKENS:
        assert access.of(f"Bearer {token}")(TARGET)
    else:
        with pytest.raises(HTTPException) as caught:
            access.of(f"Bearer {token}")
        assert caught.value.status_code == 401
    assert sorted(compared) == sorted((token.encode(), each.encode()) for each in TOKENS)
