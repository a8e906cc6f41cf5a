"""Who may send parcels, and whose signature they must bear.

Law: every token is compared, in constant time, so that the time taken says nothing about which came close.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from probe.control.access import known_token
from probe.targets import BundleError
from probe.targets.bundle import read_public_key


@dataclass(frozen=True, slots=True)
class Senders:
    """The public key that belongs to each token; None where any will do."""

    keys: Mapping[str, str | None]

    def key_of(self, authorization: str | None) -> str | None:
        """The key of the sender of this `Authorization` header. Raises PermissionError for one that is not known."""
        token = known_token(authorization or "", self.keys)
        if token is None:
            raise PermissionError("this token is not known here")
        return self.keys[token]


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
