"""Who may send parcels, and whose signature they must bear.

Law: every token is compared, in constant time, so that the time taken says nothing about which came close.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from probe.targets import BundleError
from probe.targets.bundle import read_public_key

_SCHEME = "bearer"


@dataclass(frozen=True, slots=True)
class Senders:
    """The public key that belongs to each token; None where any will do."""

    keys: Mapping[str, str | None]

    def key_of(self, authorization: str | None) -> str | None:
        """The key of the sender of this `Authorization` header. Raises PermissionError for one that is not known."""
        scheme, _, token = (authorization or "").partition(" ")
        given = token.strip().encode("utf-8", "replace")
        matches = [each for each in self.keys if hmac.compare_digest(given, each.encode())]
        if scheme.lower() != _SCHEME or not matches:
            raise PermissionError("this token is not known here")
        return self.keys[matches[0]]


def read_senders(path: Path) -> Senders:
    """The senders of a file, one a line: a token, and a public key where only that one's signature is to count.

    Raises OSError, and ValueError that names the line.
    """
    keys: dict[str, str | None] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        token, key = words[0], words[1] if len(words) > 1 else None
        if len(words) > 2 or not token.isascii() or token in keys:
            raise ValueError(f"{path}:{number}: give a token of ASCII characters, another one each, and a key or none")
        try:
            if key is not None:
                read_public_key(key)
        except BundleError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
        keys[token] = key
    if not keys:
        raise ValueError(f"{path}: holds no token")
    return Senders(keys)
