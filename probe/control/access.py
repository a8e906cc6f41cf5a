"""Who may have what measured: everybody what is on the lists, holders of a token any public host.

Law: decided before anything is sent. Whatever is decided here, the guard at connect time still stands.
"""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException

from probe.model import ProtocolName, Target

Listed = Callable[[Target], bool]

_WEB_PORTS = frozenset({80, 443})
_SCHEME = "bearer"


def listed_in(targets: Iterable[Target]) -> Listed:
    """Is a target on these lists? When its host is, with a port listed for that host, or a web port.

    Path and scheme do not matter: a person who checks `wechat.com` asks for https and http of it. A `dns://`
    target has no port, so its host decides. A protocol is only spoken where a list says that it is.
    """
    ports: dict[str, set[int | None]] = defaultdict(lambda: {None, *_WEB_PORTS})
    spoken: set[tuple[str, int | None, ProtocolName]] = set()
    for target in targets:
        ports[target.host].add(target.port)
        if target.speaks is not None:
            spoken.add((target.host, target.port, target.speaks))
    known = dict(ports)

    def is_listed(target: Target) -> bool:
        there = target.port in known.get(target.host, frozenset())
        return there and (target.speaks is None or (target.host, target.port, target.speaks) in spoken)

    return is_listed


def read_tokens(path: Path) -> frozenset[str]:
    """The tokens of a file, one a line. Raises OSError, and ValueError when there is none in it or one has spaces."""
    tokens = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    for number, token in enumerate(tokens, start=1):
        if not token.isascii() or len(token.split()) != 1:
            raise ValueError(f"{path}: token {number} must be one word of ASCII characters")
    if not tokens:
        raise ValueError(f"{path}: holds no token")
    return frozenset(tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rule of one control."""

    listed: Listed
    tokens: frozenset[str] = frozenset()
    open: bool = False

    def of(self, authorization: str | None) -> Listed:
        """Which targets the sender of this `Authorization` header may ask for. Raises HTTPException 401."""
        if authorization is not None and known_token(authorization, self.tokens) is None:
            raise HTTPException(401, "this token is not known here", {"WWW-Authenticate": "Bearer"})
        return _any_target if self.open or authorization is not None else self.listed


def known_token(authorization: str, tokens: Iterable[str]) -> str | None:
    """That of the tokens which this `Authorization` header bears; None where it bears none of them."""
    scheme, _, token = authorization.partition(" ")
    given = token.strip().encode("utf-8", "replace")
    # All of them are compared, so that the time taken says nothing about which came close.
    matches = [each for each in tokens if hmac.compare_digest(given, each.encode())]
    return matches[0] if matches and scheme.lower() == _SCHEME else None


def _any_target(target: Target) -> bool:
    return True
