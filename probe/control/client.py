"""Asks a control vantage point, many targets in one request, each caller answered as its line comes in.

Law: a control is believed to be honest but never relied upon. Bytes, lines and seconds are bounded; whatever goes
wrong gives None for the target and a sentence for the user, never an exception and never a verdict.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self, cast

import httpx

from probe import __version__
from probe.address import is_global, parse
from probe.control.wire import (
    HEALTH_PATH,
    LINES,
    MEASURE_PATH,
    MOST_LINE_BYTES,
    Ask,
    Line,
    WireError,
    check_vantage,
    decode,
    printable,
    read_line,
    request_body,
)
from probe.form import FormError, vantage_from_json
from probe.model import Measurement, Target, Vantage

MOST_PROBLEMS = 20
_BATCH_SECONDS = 0.02
_MOST_TARGETS = 100
"""In one request: well below what a control takes, and few enough that it starts with the first ones soon."""
_MOST_ADDRESSES = 8
_MOST_BYTES = 32 * 1024 * 1024
_MOST_BYTES_OF_ERROR = 4096
_MOST_BYTES_OF_HEALTH = 65_536
_DESCRIBE_SECONDS = 10.0
_PAUSE_SECONDS = (0.5, 10.0)
"""How long a busy control may let us wait before we ask again: at least, at most."""
_LONGEST_SENTENCE = 300

# What a control, or the way to it, can do wrong, with the words for it; the first type that fits is taken.
_PROBLEMS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "did not answer in time"),
    (httpx.TimeoutException, "did not answer in time"),
    (httpx.ConnectError, "cannot be connected to"),
    (httpx.RemoteProtocolError, "broke off, or does not speak HTTP"),
    (httpx.HTTPError, "cannot be asked"),
    (httpx.StreamError, "cannot be asked"),
    (WireError, "gave a bad answer"),
    (FormError, "gave a bad answer"),
    (OSError, "cannot be connected to"),
)
_CAUGHT = tuple(kind for kind, _ in _PROBLEMS)


class BusyError(Exception):
    """The control asks to be asked again later, in `pause` seconds."""

    def __init__(self, pause: float) -> None:
        super().__init__(f"busy for {pause} s")
        self.pause = pause


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One target asked for, and where its answer goes."""

    target: Target
    addresses: tuple[str, ...]
    answer: asyncio.Future[Measurement | None]

    def tell(self, answer: Measurement | None) -> None:
        """The first answer counts."""
        if not self.answer.done():
            self.answer.set_result(answer)


class ControlClient:
    """One control. Used with `async with`, by hundreds of callers at once.

    `url` is http or https; `deadline` is in seconds for one target, from the asking; `verify` are the roots for
    https, those of the system (or of `SSL_CERT_FILE`) when None. Raises ValueError for an unusable URL.
    """

    def __init__(
        self, url: str, *, deadline: float = 60.0, token: str | None = None, verify: ssl.SSLContext | None = None
    ) -> None:
        self.url = _checked(url)
        self._deadline = deadline
        self._token = token
        self._verify = verify
        self._problems: dict[str, None] = {}
        self._batch: dict[str, _Waiting] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._asking: dict[asyncio.Task[None], Mapping[str, _Waiting]] = {}

    @property
    def problems(self) -> list[str]:
        """What went wrong so far, each distinct sentence once, at most MOST_PROBLEMS."""
        return list(self._problems)

    async def __aenter__(self) -> Self:
        self._http = httpx.AsyncClient(
            verify=self._verify or ssl.create_default_context(),
            trust_env=False,
            timeout=self._deadline,
            headers=_headers(self._token),
            # Nothing is remembered from one answer to the next.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for batch in (self._batch, *self._asking.values()):
            for waiting in batch.values():
                waiting.tell(None)
        for task in self._asking:
            task.cancel()
        try:
            # Told of no error, or it would wrap that of the caller's block in a group.
            await self._group.__aexit__(None, None, None)
        finally:
            await self._http.aclose()

    async def measure(self, target: Target, addresses: Sequence[str] = ()) -> Measurement | None:
        """What the control sees of this target; None when it could not be had, `problems` says why.

        `addresses` are those seen here; the public ones, at most 8, are what the control connects to as well.
        """
        waiting = self._enqueue(target, _public(addresses))
        # Not awaited as itself: others may wait for it, and a caller that is cancelled must not cancel it.
        # Its batch has the deadline, and tells every one that waits.
        await asyncio.wait((waiting.answer,))
        return waiting.answer.result()

    async def describe(self) -> Vantage | None:
        """Where the control is; None when it does not say."""
        try:
            async with asyncio.timeout(min(_DESCRIBE_SECONDS, self._deadline)):
                async with self._http.stream("GET", self.url + HEALTH_PATH) as response:
                    if response.status_code != httpx.codes.OK:
                        raise WireError(f"status {response.status_code} of {HEALTH_PATH}")
                    body = await _read(response, _MOST_BYTES_OF_HEALTH)
            vantage = vantage_from_json(decode(body, dict[str, Any]).get("vantage"))
            check_vantage(vantage)
        except _CAUGHT as error:
            self._note_error(error)
            return None
        return vantage

    def _enqueue(self, target: Target, addresses: tuple[str, ...]) -> _Waiting:
        """Lines name their target only, so one request asks for each name once."""
        there = self._batch.get(target.name)
        if there is not None and there.target == target and there.addresses == addresses:
            return there
        if there is not None:
            self._send_batch()
        loop = asyncio.get_running_loop()
        waiting = _Waiting(target, addresses, loop.create_future())
        self._batch[target.name] = waiting
        if len(self._batch) >= _MOST_TARGETS:
            self._send_batch()
        elif self._timer is None:
            self._timer = loop.call_later(_BATCH_SECONDS, self._send_batch)
        return waiting

    def _send_batch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        batch, self._batch, self._timer = self._batch, {}, None
        task = self._group.create_task(self._ask(batch))
        self._asking[task] = batch
        task.add_done_callback(self._asking.pop)

    async def _ask(self, batch: Mapping[str, _Waiting]) -> None:
        """One request and its answer; whoever has no line by its end gets None."""
        busy = False
        try:
            async with asyncio.timeout(self._deadline):
                while True:
                    try:
                        await self._converse(batch)
                        break
                    except BusyError as error:
                        busy = True
                        await asyncio.sleep(error.pause)
            if not all(waiting.answer.done() for waiting in batch.values()):
                self._note("ended its answer before all targets were answered")
        except _CAUGHT as error:
            if busy and isinstance(error, TimeoutError):
                self._note("is too busy")
            else:
                self._note_error(error)
        finally:
            for waiting in batch.values():
                waiting.tell(None)

    async def _converse(self, batch: Mapping[str, _Waiting]) -> None:
        """Raises BusyError, WireError, and what httpx raises."""
        asks = [
            Ask(target=name, addresses=list(each.addresses), roots=list(each.target.roots))
            for name, each in batch.items()
        ]
        url, kind = self.url + MEASURE_PATH, {"Content-Type": "application/json"}
        async with self._http.stream("POST", url, content=request_body(asks), headers=kind) as response:
            if response.status_code != httpx.codes.OK:
                await _turned_away(response)
            if response.headers.get("content-type", "").partition(";")[0].strip() != LINES:
                raise WireError("not a control's answer")
            async with aclosing(_lines(response)) as lines:
                async for raw in lines:
                    line = read_line(raw)
                    self._hand_over(batch.get(line.target), line)
                    if all(waiting.answer.done() for waiting in batch.values()):
                        return  # whatever else it has to say

    def _hand_over(self, waiting: _Waiting | None, line: Line) -> None:
        if waiting is None:
            self._note("answered for a target nobody asked for")
            return
        if line.seen is not None:
            waiting.tell(line.seen.of(waiting.target))
            return
        self._note(f"did not measure a target: {line.error}")
        waiting.tell(None)

    def _note_error(self, error: Exception) -> None:
        words = next(words for kind, words in _PROBLEMS if isinstance(error, kind))
        details = "" if isinstance(error, TimeoutError | httpx.TimeoutException) else str(error)
        self._note(f"{words}: {details}" if details else words)

    def _note(self, what: str) -> None:
        if len(self._problems) < MOST_PROBLEMS:
            self._problems[f"control {self.url} {printable(what, _LONGEST_SENTENCE)}"] = None


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"not the URL of a control: {url!r} ({error})") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise ValueError(f"not the URL of a control: {url!r} (it must be like https://host or http://host:port)")
    return str(parsed).rstrip("/")


def _headers(token: str | None) -> dict[str, str]:
    # Asked for as it is: a compressed answer could be far larger than its bytes on the way.
    plain = {"User-Agent": f"reachability-probe/{__version__}", "Accept-Encoding": "identity"}
    return plain if token is None else {**plain, "Authorization": f"Bearer {token}"}


def _public(addresses: Sequence[str]) -> tuple[str, ...]:
    """What a control would connect to, in one spelling."""
    parsed = (parse(each) for each in addresses)
    found = dict.fromkeys(str(each) for each in parsed if each is not None and is_global(each))
    return tuple(found)[:_MOST_ADDRESSES]


async def _turned_away(response: httpx.Response) -> None:
    """Raises BusyError or WireError for an answer that is none."""
    after = response.headers.get("retry-after", "")
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE and after.isascii() and after.isdigit():
        least, most = _PAUSE_SECONDS
        raise BusyError(min(max(float(after), least), most))
    try:
        reason = str(decode(await _read(response, _MOST_BYTES_OF_ERROR), dict[str, Any]).get("error", ""))
    except WireError:
        reason = ""
    raise WireError(f"status {response.status_code} {reason}".strip())


async def _read(response: httpx.Response, most: int) -> bytes:
    """The body as it came over the wire. Raises WireError when it is longer."""
    body = bytearray()
    async with aclosing(_raw(response)) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > most:
                raise WireError(f"an answer over {most} bytes")
    return bytes(body)


def _raw(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The bytes as they come; an async generator, though httpx declares less, and to be closed like one."""
    return cast(AsyncGenerator[bytes, None], response.aiter_raw())


async def _lines(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The lines of an answer as they come. Raises WireError when one, or all, are too long."""
    total, rest = 0, bytearray()
    async with aclosing(_raw(response)) as chunks:
        async for chunk in chunks:
            total += len(chunk)
            if total > _MOST_BYTES:
                raise WireError(f"an answer over {_MOST_BYTES} bytes")
            head, newline, tail = chunk.rpartition(b"\n")
            if newline:
                for line in bytes(rest + head).split(b"\n"):
                    yield line
                rest = bytearray(tail)
            else:
                rest += chunk
            if len(rest) > MOST_LINE_BYTES:
                raise WireError(f"a line over {MOST_LINE_BYTES} bytes")
