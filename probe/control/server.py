"""A control vantage point that others may ask (`docs/control.md` says what, how much, and what never).

Law: a request is read within bounds, decided upon, and answered with the shared measurements; nothing is measured
here that `checks.measure` would not measure, and nothing is connected to that the guard does not let through.
Clients' addresses are neither logged nor kept.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from probe import __version__
from probe.checks import measure, measure_at
from probe.control import limits, ooni
from probe.control.access import Access, Listed
from probe.control.cache import MOST_RECENT, MOST_RECENT_BYTES, Answer, Measurements, Unmeasured
from probe.control.fault import OwnResolvers
from probe.control.keeping import Newest
from probe.control.limits import RefusedError
from probe.control.metrics import OTHER, TEXT, Requests, metrics_text
from probe.control.neutral import Neutral
from probe.control.wire import (
    HEALTH_PATH,
    LINES,
    MEASURE_PATH,
    Ask,
    Description,
    WireError,
    error_line,
    health_json,
    measurement_line,
    printable,
    read_request,
)
from probe.model import Measurement, Scheme, Target, Vantage
from probe.steps.network import Network
from probe.targets import TargetError, parse_one

OONI_PATH, METRICS_PATH = "/", "/metrics"
PATHS = frozenset({OONI_PATH, MEASURE_PATH, HEALTH_PATH, METRICS_PATH})

_REQUEST_SECONDS = 90.0
"""A whole request: reading, measuring, and a client that takes its time to read the answer."""
_RETRY_SECONDS = 1
_AS_IT_COMES = {"X-Accel-Buffering": "no"}
"""Asks a web server on the way not to gather the lines before it sends them on."""
_NOT_LISTED = "not on the lists of this control"
_LONGEST_ECHO = 2048
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """What the person who runs a control decides."""

    ttl: float = 300.0
    """Seconds for which one measurement serves everybody who asks for it."""
    ports: frozenset[int] = limits.PORTS
    tokens: frozenset[str] = frozenset()
    """Whoever sends one of them may ask for any public host."""
    open: bool = False
    """Anyone may ask for any public host."""
    in_flight: int = 500
    """Measurements running at once; with as many under way, requests are turned away. More than the shipped lists have
    targets, so that one probe that asks for all of them waits for nothing."""
    deadline: float = 60.0
    """Seconds for one target, from the asking to the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The routes, and what they share."""

    settings: ControlSettings
    description: Description
    access: Access
    measurements: Measurements
    requests: Requests = field(default_factory=Requests)
    lines: Newest[str, bytes] = field(
        default_factory=lambda: Newest(most=MOST_RECENT, most_bytes=MOST_RECENT_BYTES, size=len)
    )

    async def measure(self, request: Request) -> Response:
        """`POST /v1/measure`"""
        may = self.access.of(request.headers.get("authorization"))
        asks = read_request(await limits.read_body(request))
        if len(asks) > limits.MOST_TARGETS:
            raise HTTPException(413, f"{len(asks)} targets, at most {limits.MOST_TARGETS} in one request")
        self._check_room()
        return StreamingResponse(self._lines(asks, may), media_type=LINES, headers=_AS_IT_COMES)

    async def help(self, request: Request) -> Response:
        """`POST /`, the test helper of OONI's web connectivity."""
        may = self.access.of(request.headers.get("authorization"))
        asked = ooni.read_request(await limits.read_body(request))
        public = limits.public_addresses(asked.addresses)[: limits.MOST_ADDRESSES]
        target = self._admit(asked.http_request, may)
        if target.scheme not in (Scheme.HTTP, Scheme.HTTPS):
            raise RefusedError(400, "http_request must be an http:// or https:// URL")
        self._check_room()
        futures = [self.measurements.ask(each, public) for each in (target, *ooni.also(target))]
        await asyncio.wait(set(futures))
        answers = [future.result() for future in futures]
        page = answers[0]
        if isinstance(page, Unmeasured):
            raise HTTPException(503, page.reason, {"Retry-After": str(_RETRY_SECONDS)})
        return JSONResponse(ooni.response_json(asked, [each for each in answers if isinstance(each, Measurement)]))

    async def health(self, request: Request) -> Response:
        """`GET /healthz`"""
        return JSONResponse(health_json(self.description, __version__))

    async def metrics(self, request: Request) -> Response:
        """`GET /metrics`"""
        kept = self.measurements
        text = metrics_text(
            self.requests, made=kept.made, addresses=kept.addresses, hits=kept.hits, in_flight=kept.in_flight
        )
        return PlainTextResponse(text, media_type=TEXT)

    def _admit(self, text: str, may: Listed, speaks: str | None = None) -> Target:
        """The target that is meant, if it may be measured. Raises RefusedError."""
        try:
            target = parse_one(text)
        except TargetError as error:
            raise RefusedError(400, printable(str(error), _LONGEST_REASON)) from None
        if speaks is not None:
            target = replace(target, speaks=limits.protocol(speaks, target))
        limits.check_reachable(target, self.settings.ports)
        if not may(target):
            raise RefusedError(403, _NOT_LISTED)
        return target

    def _check_room(self) -> None:
        if self.measurements.in_flight >= self.settings.in_flight:
            raise HTTPException(503, "too much under way, try again soon", {"Retry-After": str(_RETRY_SECONDS)})

    async def _lines(self, asks: Sequence[Ask], may: Listed) -> AsyncIterator[bytes]:
        """One line for each ask, as each is finished. All are asked for before the first line is sent."""
        finished: asyncio.Queue[tuple[str, asyncio.Future[Answer]]] = asyncio.Queue()
        pending: list[tuple[asyncio.Future[Answer], functools.partial[None]]] = []
        refused: list[bytes] = []
        for ask in asks:
            try:
                target, addresses = self._admit(ask.target, may, ask.speaks), self._admit_addresses(ask)
                target = replace(target, roots=limits.roots(ask.roots))
            except RefusedError as error:
                refused.append(error_line(printable(ask.target, _LONGEST_ECHO), str(error)))
                continue
            future = self.measurements.ask(target, addresses)
            report = functools.partial(_report, finished, target.name)
            future.add_done_callback(report)
            pending.append((future, report))
        try:
            for line in refused:
                yield line
            for _ in pending:
                name, future = await finished.get()
                answer = future.result()
                yield error_line(name, answer.reason) if isinstance(answer, Unmeasured) else self._line(answer)
        finally:  # a client that went away leaves nothing behind on a future that others wait for
            for future, report in pending:
                future.remove_done_callback(report)

    def _line(self, measurement: Measurement) -> bytes:
        """Written once for all who are given the same measurement: its id stands for its rows."""
        return self.lines.made(measurement.id, functools.partial(measurement_line, measurement))

    @staticmethod
    def _admit_addresses(ask: Ask) -> tuple[str, ...]:
        if len(ask.addresses) > limits.MOST_ADDRESSES:
            raise RefusedError(400, f"at most {limits.MOST_ADDRESSES} addresses for one target")
        return limits.public_addresses(ask.addresses)


def _report(
    finished: asyncio.Queue[tuple[str, asyncio.Future[Answer]]], name: str, future: asyncio.Future[Answer]
) -> None:
    finished.put_nowait((name, future))


def build(
    settings: ControlSettings, network: Network, vantage: Vantage, listed: Listed, neutral: Neutral | None = None
) -> Starlette:
    """The application. `network` is guarded here: whatever it allows, only public addresses are connected to."""
    neutral = neutral or Neutral()
    guarded = limits.guard(network, settings.ports)

    own = OwnResolvers(network=guarded)

    async def measure_guarded(target: Target, address: str | None) -> Measurement:
        if address is not None:
            return await measure_at(address, target, guarded, vantage=vantage)
        measurement = await measure(target, guarded, vantage=vantage)
        await own.vouch_for(measurement)
        return measurement

    control = Control(
        settings=settings,
        description=Description(
            vantage=vantage,
            neutral_tls=neutral.tls.ground if neutral.tls is not None else None,
            neutral_http=neutral.http.ground if neutral.http is not None else None,
        ),
        access=Access(listed=listed, tokens=settings.tokens, open=settings.open),
        measurements=Measurements(
            measure=measure_guarded,
            ttl=settings.ttl,
            deadline=settings.deadline,
            most_running=settings.in_flight,
            clock=network.clock,
        ),
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with guarded.lag.watched(), control.measurements.running():
            yield

    app = Starlette(
        routes=[
            Route(OONI_PATH, control.help, methods=["POST"]),
            Route(MEASURE_PATH, control.measure, methods=["POST"]),
            Route(HEALTH_PATH, control.health),
            Route(METRICS_PATH, control.metrics),
        ],
        middleware=[Middleware(_watched, requests=control.requests)],
        exception_handlers={HTTPException: _http_error, WireError: _wire_error, RefusedError: _refused},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.stop = control.measurements.stop
    app.state.beside = tuple(port.serve for port in neutral.ports)
    return app


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _wire_error(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": printable(str(error), _LONGEST_REASON)}, 400)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return JSONResponse({"error": str(error)}, error.status)


def _watched(app: ASGIApp, requests: Requests) -> ASGIApp:
    """Counts each request by its outcome, and ends one that takes too long."""

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        status = 500

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                await app(scope, receive, send_noting)
        except TimeoutError:
            pass  # what was not sent by now is not sent: the connection is closed on a client that does not read
        finally:
            requests.count(scope["path"] if scope["path"] in PATHS else OTHER, status)

    return watched
