"""The form of a target list: which keys each of its tables has, and what each key may hold.

Law: pure. A reader gives the value in the model's form, or raises ValueError with the reason and what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from probe.model import DEFAULT_PORTS, PUBLIC, App, Certainty, ProtocolName, Role, Target
from probe.targets.parse import parse_one

_LONGEST_SHOWN = 60
_MOST_ROOTS = 8
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Key:
    """What one key of a table may hold."""

    required: bool
    read: Callable[[Any], Any]
    """Gives the value, or raises ValueError with the reason."""


def shown(text: str) -> str:
    """A piece of a file as an error can show it: short, and on one line."""
    return "".join(c if c.isprintable() else "?" for c in text[:_LONGEST_SHOWN])


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    if not value.isprintable():
        raise ValueError("has control characters in it")
    return value


def _date(value: Any) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError("must be a date without quotes, such as 2019-05-31")
    return value


def _word_of(kind: type[Role] | type[Certainty] | type[ProtocolName]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value not in tuple(kind):
            raise ValueError(f"must be one of {', '.join(kind)}, not {shown(repr(value))}")
        return kind(value)

    return read


def _roles(value: Any) -> tuple[Role, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('must be a list of roles, such as ["web", "long_link"]')
    roles = tuple(_word_of(Role)(each) for each in value)
    if len(set(roles)) != len(roles):
        raise ValueError("names a role twice")
    return roles


def parse_roots(value: Any) -> tuple[str, ...]:
    """`Target.roots` from a list: fingerprints without colons, in lower case; `public` as it is.

    Raises ValueError for what is no such list.
    """
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of SHA-256 fingerprints of root certificates")
    if len(value) > _MOST_ROOTS:
        raise ValueError(f"has {len(value)} entries, at most {_MOST_ROOTS} are looked at")
    return tuple(dict.fromkeys(map(_root, value)))


def _root(value: Any) -> str:
    plain = value.replace(":", "").lower() if isinstance(value, str) else ""
    if plain != PUBLIC and not _FINGERPRINT.fullmatch(plain):
        reason = f"must be the SHA-256 of a certificate (64 hexadecimal digits, colons allowed) or {PUBLIC!r}"
        raise ValueError(f"{reason}, not {shown(repr(value))}")
    return plain


def _domains(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('must be a list of domains, such as ["line.me"]')
    return tuple(parse_one(f"dns://{_text(each)}").host for each in value)


def _tables(name: str) -> Callable[[Any], Any]:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
            raise ValueError(f"must be at least one [[{name}]] table")
        return value

    return read


def _target(value: Any) -> Target:
    return parse_one(_text(value))


def _page(value: Any) -> str:
    if parse_one(_text(value)).scheme not in DEFAULT_PORTS:
        raise ValueError("must be a web page, such as https://line.me/")
    return _text(value)


_PACKAGE = re.compile(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*)+", re.ASCII)


def _app(value: Any) -> App:
    known = ("apple", "google")
    if not isinstance(value, dict) or not value or not set(value) <= set(known):
        raise ValueError(f"must be a table with {' or '.join(known)}, or both")
    apple, google = value.get("apple"), value.get("google")
    if apple is not None and (type(apple) is not int or not 0 < apple < 1 << 53):
        raise ValueError("apple must be the number that stands in the app's address, such as 123456789")
    if google is not None and not (isinstance(google, str) and _PACKAGE.fullmatch(google) and len(google) <= 150):
        raise ValueError('google must be the name of a package, such as "org.example.app"')
    return App(apple=apple, google=google)


SERVICE: Mapping[str, Key] = {
    "title": Key(True, _text),
    "operator": Key(True, _text),
    "homepage": Key(True, _page),
    "domains": Key(True, _domains),
    "all_of": Key(False, _roles),
    "any_of": Key(False, _roles),
    "roots": Key(False, parse_roots),
    "retired": Key(False, _date),
    "retired_reason": Key(False, _text),
    "app": Key(False, _app),
    "endpoint": Key(True, _tables("endpoint")),
    "unmeasured": Key(False, _tables("unmeasured")),
}
ENDPOINT: Mapping[str, Key] = {
    "target": Key(True, _target),
    "role": Key(True, _word_of(Role)),
    "purpose": Key(True, _text),
    "certainty": Key(True, _word_of(Certainty)),
    "source": Key(True, _text),
    "healthy": Key(False, _text),
    "speaks": Key(False, _word_of(ProtocolName)),
    "roots": Key(False, parse_roots),
    "retired": Key(False, _date),
}
UNMEASURED: Mapping[str, Key] = {
    "address": Key(True, _text),
    "role": Key(True, _word_of(Role)),
    "purpose": Key(True, _text),
    "certainty": Key(True, _word_of(Certainty)),
    "source": Key(True, _text),
    "why": Key(True, _text),
}
