"""Fetches one file for the program itself: no measurement, and nothing of it is recorded.

Law: bounded in bytes, seconds and redirects; over https only, since whoever watches the line must not read what is
fetched (http stays allowed within this machine). What comes is trusted no further than its own signature.
"""

from __future__ import annotations

import asyncio
import ssl

import httpx

from probe import __version__
from probe.address import parse

_MOST_REDIRECTS = 5
_HEADERS = {"User-Agent": f"reachability-probe/{__version__}", "Accept-Encoding": "identity"}


class FetchError(Exception):
    """The file could not be had; one line with the URL and the reason."""


async def fetch(url: str, *, longest: int, seconds: float) -> bytes:
    """The bytes at a URL. Raises FetchError, for a URL that is not to be fetched too."""
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(
                verify=ssl.create_default_context(), trust_env=False, timeout=seconds, headers=_HEADERS
            ) as client,
        ):
            return await _follow(client, url, longest)
    except (TimeoutError, httpx.TimeoutException):
        raise FetchError(f"{url}: not there within {seconds:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise FetchError(f"{url}: {error or 'broken off'}") from None


async def _follow(client: httpx.AsyncClient, first: str, longest: int) -> bytes:
    request = client.build_request("GET", first)
    for _ in range(_MOST_REDIRECTS + 1):
        _refuse_open(request.url, within=is_here(first))
        response = await client.send(request, stream=True)
        try:
            if response.next_request is None:
                return await _body(response, longest)
            request = response.next_request
        finally:
            await response.aclose()
    raise FetchError(f"{first}: redirected more than {_MOST_REDIRECTS} times")


def is_here(url: str) -> bool:
    """Whether a URL leads to this machine itself, by its address: no network is needed for it."""
    try:
        address = parse(httpx.URL(url).host)
    except httpx.InvalidURL:
        return False
    return address is not None and address.is_loopback


def _refuse_open(url: httpx.URL, *, within: bool) -> None:
    """`within` this machine, where the first URL led there, http will do."""
    if url.scheme != "https" and not (within and url.scheme == "http" and is_here(str(url))):
        raise FetchError(f"{url}: give an https:// URL, so that nobody on the way reads what is fetched")


async def _body(response: httpx.Response, longest: int) -> bytes:
    if response.status_code != httpx.codes.OK:
        raise FetchError(f"{response.url}: the server answers {response.status_code}")
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > longest:
            raise FetchError(f"{response.url}: larger than {longest >> 20} MiB")
    return bytes(content)
