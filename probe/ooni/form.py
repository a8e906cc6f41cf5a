"""The shape of a test helper's answer: what is read of it, with types and bounds.

Law: literals only. Keys that are not named here are left out; one that has the wrong type refuses the whole, and the
error names its place. Source: OONI specification ts-017.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

MOST_ITEMS = 500

Text = Annotated[str, Meta(max_length=8192)]
Code = Annotated[int, Meta(ge=-1, le=999)]
Length = Annotated[int, Meta(ge=-1, le=1 << 53)]


class HelperNames(Struct, frozen=True):
    failure: Text | None = None
    addrs: Annotated[list[Text], Meta(max_length=MOST_ITEMS)] | None = None


class HelperPlace(Struct, frozen=True):
    """What the helper found at one endpoint, by connecting or by a handshake."""

    status: bool | None = None
    failure: Text | None = None
    server_name: Text | None = None


class HelperPage(Struct, frozen=True):
    """What came of the helper's one exchange; it does not say from where, redirects included."""

    failure: Text | None = None
    status_code: Code | None = None
    title: str | None = None
    body_length: Length | None = None
    headers: dict[Text, str] | None = None


class Helper(Struct, frozen=True):
    """The answer of the test helper (ts-017): what a control vantage point saw."""

    dns: HelperNames | None = None
    tcp_connect: dict[Text, HelperPlace] | None = None
    tls_handshake: dict[Text, HelperPlace] | None = None
    http_request: HelperPage | None = None
