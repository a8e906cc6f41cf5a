"""One parcel to a collector, over HTTPS.

Law: bounded in bytes and seconds; no redirect is followed and no proxy used. A parcel counts as acknowledged only when
the collector names its id.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec

from probe import __version__
from probe.parcel import ENDING

PATH = "/v1/parcels/"
_SECONDS = 1800.0
"""For one parcel, whatever happens: at 40 kB/s the largest one."""
_WAITS = httpx.Timeout(60.0, connect=30.0, read=300.0)
"""For one operation; the collector answers when it has merged the parcel."""
_CHUNK = 1 << 16
_LONGEST_ANSWER = 1 << 16
_OF_THE_PARCEL = frozenset({400, 409, 413, 422})
"""Statuses that say of this parcel that it is not taken; any other says it of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Where parcels go."""

    url: str
    token: str


class Receipt(msgspec.Struct, frozen=True):
    """What a collector says of a parcel that it keeps."""

    id: str
    imported: int
    """Measurements that were new to it."""
    known: int


class _Reason(msgspec.Struct, frozen=True):
    error: str


class NotAcknowledgedError(Exception):
    """A parcel that the collector does not have for sure; the text says why. Part of it may be a stranger's."""

    def __init__(self, reason: str, *, of_parcel: bool = False) -> None:
        super().__init__(reason)
        self.of_parcel = of_parcel
        """Others may fare better."""


def client() -> httpx.AsyncClient:
    """What parcels are sent by."""
    headers = {"User-Agent": f"reachability-probe/{__version__}", "Accept-Encoding": "identity"}
    return httpx.AsyncClient(verify=ssl.create_default_context(), trust_env=False, timeout=_WAITS, headers=headers)


async def send(http: httpx.AsyncClient, collector: Collector, parcel: Path, size: int) -> Receipt:
    """Sends a parcel of so many bytes. Raises NotAcknowledgedError, and OSError where it cannot be read."""
    name = parcel.name.removesuffix(ENDING)
    request = http.build_request(
        "PUT",
        f"{collector.url.rstrip('/')}{PATH}{name}",
        content=_pieces(parcel),
        headers={
            "Authorization": f"Bearer {collector.token}",
            "Content-Length": str(size),
            "Content-Type": "application/gzip",
        },
    )
    try:
        async with asyncio.timeout(_SECONDS):
            response = await http.send(request, stream=True)
            try:
                answer = await _body(response)
            finally:
                await response.aclose()
    except TimeoutError:
        raise NotAcknowledgedError(f"not acknowledged within {_SECONDS / 60:.0f} minutes") from None
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
        raise NotAcknowledgedError(str(error) or type(error).__name__) from None
    return _receipt(response.status_code, answer, name)


def _receipt(status: int, answer: bytes, name: str) -> Receipt:
    if status in (200, 201):
        try:
            receipt = msgspec.json.decode(answer, type=Receipt)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise NotAcknowledgedError("what answers there is no collector") from None
        if receipt.id != name:
            raise NotAcknowledgedError("the collector acknowledges another parcel")
        return receipt
    try:
        reason = msgspec.json.decode(answer, type=_Reason).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        reason = "no reason given"
    raise NotAcknowledgedError(f"the collector answers {status}: {reason}", of_parcel=status in _OF_THE_PARCEL)


async def _pieces(parcel: Path) -> AsyncIterator[bytes]:
    with parcel.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _CHUNK):
            yield piece


async def _body(response: httpx.Response) -> bytes:
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > _LONGEST_ANSWER:
            raise NotAcknowledgedError("what answers there is no collector")
    return bytes(content)
