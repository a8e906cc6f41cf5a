"""Asks a control vantage point, many targets in one request, each caller answered as its line comes in.

Law: a control is believed to be honest but never relied upon. Bytes, lines and seconds are bounded; whatever goes
wrong gives None for the target and a sentence for the user, never an exception and never a verdict.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpx

from probe import __version__
from probe.checks import NeutralGround
from probe.control.asking import (
    CAUGHT,
    LEFT_BEHIND,
    Patience,
    Problems,
    checked,
    http_client,
    public,
    raw,
    reached,
    read,
)
from probe.control.wire import (
    HEALTH_PATH,
    LINES,
    MEASURE_PATH,
    MOST_LINE_BYTES,
    Ask,
    Description,
    Line,
    WireError,
    decode,
    read_health,
    read_line,
    request_body,
)
from probe.model import Measurement, Scheme, Target

DEADLINE_SECONDS = 65.0
"""A little more than a control takes at most, so that it is the control that says so."""
SILENCE_SECONDS = 15.0
"""How long a control may take to begin its answer. It does so before it measures anything."""
SILENCE_AMONG_OTHERS_SECONDS = 5.0
"""The same where another control may do as well."""
_BATCH_SECONDS = 0.02
_MOST_TARGETS = 100
"""In one request: well below what a control takes, and few enough that it starts with the first ones soon."""
_MOST_BYTES = 32 * 1024 * 1024
_MOST_BYTES_OF_ERROR = 4096
_MOST_BYTES_OF_HEALTH = 65_536
_DESCRIBE_SECONDS = 10.0
_PAUSE_SECONDS = (0.5, 10.0)
"""How long a busy control may let us wait before we ask again: at least, at most."""
_USUAL_PAUSE_SECONDS = 2.0
"""Where it does not say."""
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_LOGIN_WANTED = 511
_OF_TIME = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID and _HAS_EXPIRED (openssl/x509_vfy.h)


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

    `url` is http or https; `deadline` is in seconds for one target, from the asking, and `silence` until the control
    begins its answer; `verify` are the roots for https, those of the system (or of `SSL_CERT_FILE`) when None.
    Raises ValueError for an unusable URL.
    """

    def __init__(
        self,
        url: str,
        *,
        deadline: float = DEADLINE_SECONDS,
        silence: float = SILENCE_SECONDS,
        token: str | None = None,
        verify: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.url = checked(url)
        self.clock_offset: float | None = None
        """Seconds by which this machine's clock is ahead of the control's; None while it has not answered."""
        self.impostor = False
        """Something that is no control has answered in its place: with a page, or with a certificate that is not its.
        """
        self._now = now
        self._deadline = deadline
        self._silence = min(silence, deadline)
        self._token = token
        self._verify = verify
        self._problems = Problems(self.url)
        self._patience = Patience()
        self._description: Description | None = None
        self._describing = asyncio.Lock()
        self._batch: dict[str, _Waiting] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._asking: dict[asyncio.Task[None], Mapping[str, _Waiting]] = {}

    @property
    def problems(self) -> list[str]:
        """What went wrong so far, each distinct sentence once, at most MOST_PROBLEMS."""
        return self._problems.sentences

    async def __aenter__(self) -> Self:
        timeout = httpx.Timeout(self._deadline, connect=self._silence)
        self._http = http_client(_headers(self._token), timeout=timeout, verify=self._verify)
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        waiting = [each for batch in (self._batch, *self._asking.values()) for each in batch.values()]
        if any(not each.answer.done() for each in waiting):
            self._problems.note(LEFT_BEHIND)
        for each in waiting:
            each.tell(None)
        for task in self._asking:
            task.cancel()
        try:
            # Told of no error, or it would wrap that of the caller's block in a group.
            await self._group.__aexit__(None, None, None)
        finally:
            await self._http.aclose()

    async def measure(
        self, target: Target, addresses: Sequence[str] = (), *, here: Awaitable[Measurement] | None = None
    ) -> Measurement | None:
        """What the control sees of this target; None when it could not be had, `problems` says why.

        `addresses` are those seen here; the public ones, at most 8, are what the control connects to as well. `here`
        is not needed: a control of ours tells every hop itself.
        """
        if self._patience.is_lost:
            return None
        waiting = self._enqueue(target, public(addresses))
        # Not awaited as itself: others may wait for it, and a caller that is cancelled must not cancel it.
        # Its batch has the deadline, and tells every one that waits.
        await asyncio.wait((waiting.answer,))
        return waiting.answer.result()

    async def describe(self) -> Description | None:
        """Where the control is, and where its neutral ground; None when it does not say. What it said is remembered.

        Neutral ground has an address and a port. Nothing follows from a failure there, unless the same place answers
        under another name just before or after: it may be full, or another machine's.
        """
        async with self._describing:  # all who ask at once wait for one answer
            if self._description is None and not self._patience.is_lost:
                since = self._patience.clock()
                try:
                    self._description = await self._ask_for_description()
                except CAUGHT as error:
                    self._note_error(error)
                    self._patience.waited_in_vain(since)
            return self._description

    async def _ask_for_description(self) -> Description:
        async with asyncio.timeout(min(_DESCRIBE_SECONDS, self._deadline)):
            async with self._http.stream("GET", self.url + HEALTH_PATH) as response:
                self._note_who(response)
                if response.status_code != httpx.codes.OK:
                    raise WireError(f"status {response.status_code} of {HEALTH_PATH}")
                address, offset = reached(response), self._offset(response)
                description = read_health(await read(response, _MOST_BYTES_OF_HEALTH), address)
        self.clock_offset = offset
        return description

    async def neutral_ground(self, scheme: Scheme) -> NeutralGround | None:
        """Where the control answers under any name: in clear for `http`, with TLS for any other scheme. None where
        nowhere."""
        said = await self.describe()
        ground = (said.neutral_http if scheme is Scheme.HTTP else said.neutral_tls) if said is not None else None
        if said is None or ground is None or ground.address is None:
            return None
        return NeutralGround(address=ground.address, port=ground.port, apart=ground.address != said.reached_at)

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
        busy, since = False, self._patience.clock()
        try:
            async with asyncio.timeout(self._deadline):
                while True:
                    try:
                        await self._converse(batch)
                        break
                    except BusyError as error:
                        busy = True
                        # Many were told the same at the same moment: they shall not all come back at once.
                        await asyncio.sleep(error.pause * random.uniform(1.0, 1.5))  # noqa: S311 - no secret
            if not all(waiting.answer.done() for waiting in batch.values()):
                self._problems.note("ended its answer before all targets were answered")
        except CAUGHT as error:
            if busy and isinstance(error, TimeoutError):
                self._problems.note("is too busy")
            else:
                self._note_error(error)
        finally:
            if not any(waiting.answer.done() for waiting in batch.values()):
                self._patience.waited_in_vain(since)
            for waiting in batch.values():
                waiting.tell(None)

    async def _converse(self, batch: Mapping[str, _Waiting]) -> None:
        """Raises BusyError, WireError, and what httpx raises."""
        asks = [
            Ask(
                target=name,
                addresses=list(each.addresses),
                speaks=each.target.speaks,
                roots=list(each.target.roots),
            )
            for name, each in batch.items()
        ]
        url, kind = self.url + MEASURE_PATH, {"Content-Type": "application/json"}
        request = self._http.build_request("POST", url, content=request_body(asks), headers=kind)
        async with asyncio.timeout(self._silence):
            response = await self._http.send(request, stream=True)
        try:
            self._note_who(response)
            if response.status_code != httpx.codes.OK:
                await _turned_away(response)
            if _media_type(response) != LINES:
                raise WireError("not a control's answer")
            self.clock_offset = self._offset(response)
            async with aclosing(_lines(response)) as lines:
                async for line in lines:
                    self._hand_over(batch, read_line(line))
                    if all(waiting.answer.done() for waiting in batch.values()):
                        return  # whatever else it has to say
        finally:
            await response.aclose()

    def _hand_over(self, batch: Mapping[str, _Waiting], line: Line) -> None:
        waiting = batch.get(line.target)
        if waiting is None:
            self._problems.note("answered for a target nobody asked for")
            return
        self._patience.was_answered()
        if line.seen is not None:
            waiting.tell(line.seen.of(waiting.target))
            return
        self._problems.note(f"did not measure a target: {line.error}")
        waiting.tell(None)

    def _note_who(self, response: httpx.Response) -> None:
        """A control leads to no other host and shows no pages; what a server in front of it says of an outage is a page
        of another kind (5xx), but for 511, which is a network's demand for a login (RFC 6585 §6)."""
        onward = response.next_request.url.host if response.next_request is not None else None
        led_away = onward is not None and onward != response.url.host
        shown = response.is_success and _media_type(response) in _PAGES
        self.impostor = self.impostor or led_away or shown or response.status_code == _LOGIN_WANTED

    def _offset(self, response: httpx.Response) -> float | None:
        """How far our clock is ahead, by the Date of an answer that has just begun; None where there is none."""
        try:
            return (self._now() - parsedate_to_datetime(response.headers["date"])).total_seconds()
        except (KeyError, TypeError, ValueError):
            return None

    def _note_error(self, error: Exception) -> None:
        self.impostor = self.impostor or _shows_another_certificate(error)
        self._problems.note_error(error)


def _media_type(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _shows_another_certificate(error: BaseException | None) -> bool:
    """Whether the cause is a certificate for another name, or from an authority that is not trusted. One that is not
    valid now may well be the control's own, and the clock wrong."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None and error.verify_code not in _OF_TIME


def _headers(token: str | None) -> dict[str, str]:
    named = {"User-Agent": f"reachability-probe/{__version__}"}
    return named if token is None else {**named, "Authorization": f"Bearer {token}"}


async def _turned_away(response: httpx.Response) -> None:
    """Raises BusyError or WireError for an answer that is none."""
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        after = response.headers.get("retry-after", "")
        least, most = _PAUSE_SECONDS
        seconds = float(after) if after.isascii() and after.isdigit() else _USUAL_PAUSE_SECONDS
        raise BusyError(min(max(seconds, least), most))
    try:
        reason = str(decode(await read(response, _MOST_BYTES_OF_ERROR), dict[str, Any]).get("error", ""))
    except WireError:
        reason = ""
    raise WireError(f"status {response.status_code} {reason}".strip())


async def _lines(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The lines of an answer as they come. Raises WireError when one, or all, are too long."""
    total, rest = 0, bytearray()
    async with aclosing(raw(response)) as chunks:
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
