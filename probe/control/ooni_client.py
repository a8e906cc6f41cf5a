"""Asks a test helper of OONI's web connectivity, and takes its answer for the measurement of a control.

Law: a helper is asked about pages, and about what a page shows by the way; what it cannot be asked is not guessed.
Bytes, seconds, types and the addresses in an answer are bounded; whatever goes wrong gives None and a sentence.
Source: OONI specification ts-017.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from probe import __version__
from probe.address import parse
from probe.control.asking import CAUGHT, LEFT_BEHIND, Patience, Problems, checked, http_client, public, read
from probe.control.wire import Description, WireError, decode
from probe.identity import new_id
from probe.model import DEFAULT_PORTS, Measurement, Scheme, Target, Vantage
from probe.ooni import HELPER_PREFIX
from probe.ooni.form import Helper, HelperNames, HelperPlace
from probe.ooni.helper import control_of
from probe.ooni.hop import Hop, split, way_of
from probe.steps.http import HEADERS

DEADLINE_SECONDS = 45.0
_CONNECT_SECONDS = 10.0
_MOST_AT_ONCE = 8
"""Questions: a helper visits each page anew, and serves many."""
_MOST_BYTES = 512 * 1024
_MOST_ADDRESSES = 24
"""Of an answer, those that were asked about aside."""
_DESCRIBE_SECONDS = 10.0
_PAUSE_SECONDS = 3.0
"""Before a helper that is busy is asked again; it does not say when."""
_TRIES = 3
_SENT = ("User-Agent", "Accept", "Accept-Language")
"""The headers that a helper passes on."""
_UNASKABLE = {
    Scheme.DNS: "a name alone (dns://)",
    Scheme.TCP: "tcp:// on ports other than 80 and 443",
    Scheme.TLS: "tls:// on ports other than 443",
    Scheme.UDP: "datagrams (udp://)",
}
"""It visits pages, and connects to a web server's ports whatever port it is told."""
_OWN_ROOT = "a service with a root of its own"
"""A helper cannot be told of the root: it would call the service's certificates bad, and the service down."""
_ALIVE = frozenset({httpx.codes.OK, httpx.codes.BAD_REQUEST})
"""What a helper says to a question that is none."""


class OoniClient:
    """One test helper, asked as `ControlClient` asks a control. Used with `async with`.

    `url` begins with `ooni+http://` or `ooni+https://`; `deadline` is in seconds for one question, `verify` as for a
    `ControlClient`. Raises ValueError for an unusable URL.
    """

    def __init__(self, url: str, *, deadline: float = DEADLINE_SECONDS, verify: ssl.SSLContext | None = None) -> None:
        self.url = url
        self._endpoint = checked(url.removeprefix(HELPER_PREFIX))
        self._deadline = deadline
        self._verify = verify
        self._problems = Problems(url)
        self._patience = Patience()
        self._description: Description | None = None
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)
        self._vantage = Vantage(name=f"ooni test helper {httpx.URL(self._endpoint).host}")

    @property
    def problems(self) -> list[str]:
        """What went wrong so far, each distinct sentence once."""
        return self._problems.sentences

    async def __aenter__(self) -> Self:
        timeout = httpx.Timeout(self._deadline, connect=min(_CONNECT_SECONDS, self._deadline))
        named = {"User-Agent": f"reachability-probe/{__version__}"}
        self._http = http_client(named, timeout=timeout, verify=self._verify)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def measure(
        self, target: Target, addresses: Sequence[str] = (), *, here: Awaitable[Measurement] | None = None
    ) -> Measurement | None:
        """What the helper sees of this target; None when it could not be had, `problems` says why.

        `addresses` are as for a `ControlClient`. A helper does not say where a redirect led it: it is taken to have
        gone the way of the measurement `here`, where that can be told (`probe.ooni.helper`).
        """
        page = page_of(target)
        if page is None:
            unaskable = _OWN_ROOT if target.roots else _UNASKABLE[target.scheme]
            self._problems.note(f"cannot be asked about {unaskable}")
        if page is None or self._patience.is_lost:
            return None
        asked = public(addresses)
        async with self._places:
            since, started_at = self._patience.clock(), datetime.now(UTC)
            helper = None if self._patience.is_lost else await self._ask(page, asked)
            runtime = self._patience.clock() - since
        if helper is None:
            return None
        hops = way_of(await here) if here is not None and page is target else (Hop(page, None),)
        found = control_of(
            _bounded(helper, page, asked),
            hops,
            new_id(started_at),
            started_at,
            target=target,
            vantage=self._vantage,
            runtime=runtime,
        )
        if found is None:
            self._problems.note("does not say where a redirect led it, so its page cannot be compared")
        return found

    async def describe(self) -> Description | None:
        """That it is there: a helper says nothing of itself. None when it is not."""
        if self._description is None and not self._patience.is_lost:
            since = self._patience.clock()
            try:
                async with asyncio.timeout(min(_DESCRIBE_SECONDS, self._deadline)):
                    status, _ = await self._post(b"{}")
                if status not in _ALIVE:
                    raise WireError(f"status {status}")
                self._description = Description(vantage=self._vantage)
            except CAUGHT as error:
                self._problems.note_error(error)
                self._patience.waited_in_vain(since)
        return self._description

    @property
    def clock_offset(self) -> None:
        """A helper's clock is not looked at."""

    @property
    def impostor(self) -> bool:
        """Nobody is recognised in a helper's place."""
        return False

    async def neutral_ground(self, scheme: Scheme) -> None:
        """A helper has none."""

    async def _ask(self, page: Target, addresses: Sequence[str]) -> Helper | None:
        since = self._patience.clock()
        try:
            async with asyncio.timeout(self._deadline):
                helper = await self._converse(msgspec.json.encode(question(page, addresses)))
        except CAUGHT as error:
            self._problems.note_error(error)
            self._patience.waited_in_vain(since)
            return None
        except asyncio.CancelledError:
            self._problems.note(LEFT_BEHIND)
            raise
        self._patience.was_answered()
        return helper

    async def _converse(self, body: bytes) -> Helper:
        """Raises WireError, and what httpx raises."""
        status, answer = await self._post(body)
        for _ in range(_TRIES - 1):
            if status != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(_PAUSE_SECONDS)
            status, answer = await self._post(body)
        if status != httpx.codes.OK:
            raise WireError(f"status {status}")
        helper = decode(answer, Helper)
        if helper.dns is None or helper.http_request is None:
            raise WireError("not a test helper's")
        return helper

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        async with self._http.stream("POST", self._endpoint, content=body, headers=headers) as response:
            return response.status_code, await read(response, _MOST_BYTES)


def page_of(target: Target) -> Target | None:
    """The page by which a helper learns of a target; None where there is none."""
    if target.roots:
        return None
    if target.scheme in DEFAULT_PORTS:
        return target
    if target.scheme in (Scheme.TCP, Scheme.TLS) and target.port == DEFAULT_PORTS[Scheme.HTTPS]:
        return Target(scheme=Scheme.HTTPS, host=target.host, port=target.port)
    if target.scheme is Scheme.TCP and target.port == DEFAULT_PORTS[Scheme.HTTP]:
        return Target(scheme=Scheme.HTTP, host=target.host, port=target.port)
    return None


def question(page: Target, addresses: Sequence[str]) -> dict[str, Any]:
    """The test-helper request for a page."""
    return {
        "http_request": page.name,
        "http_request_headers": {name: [value] for name, value in HEADERS if name in _SENT},
        "tcp_connect": [f"[{each}]:{page.port}" if ":" in each else f"{each}:{page.port}" for each in addresses],
        "x_quic_enabled": False,
    }


def _bounded(helper: Helper, page: Target, asked: Sequence[str]) -> Helper:
    """The answer with nothing in it that was not asked about: the addresses of the name, and those that we named."""
    named = [str(a) for text in (helper.dns.addrs if helper.dns else None) or () if (a := parse(text)) is not None]
    own = list(dict.fromkeys(named))[:_MOST_ADDRESSES]
    wanted = {page.host, *own, *asked}

    def within(places: dict[str, HelperPlace] | None) -> dict[str, HelperPlace]:
        return {end: place for end, place in (places or {}).items() if _spelled(end) in wanted}

    return msgspec.structs.replace(
        helper,
        dns=HelperNames(failure=helper.dns.failure if helper.dns else None, addrs=own),
        tcp_connect=within(helper.tcp_connect),
        tls_handshake=within(helper.tls_handshake),
    )


def _spelled(endpoint: str) -> str | None:
    address = parse(split(endpoint)[0])
    return str(address) if address is not None else None
