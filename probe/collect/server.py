"""The collector's endpoint (`docs/collecting.md`): parcels are put under their id, and acknowledged when they are safe.

Law: who sends is known before anything is read. What is read is bounded in bytes and seconds and goes to the disk, and
what is acknowledged is on it, merged. Senders' addresses are neither logged nor kept.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from probe import __version__
from probe.collect.access import Senders
from probe.collect.depot import Depot, Receipt, RejectedError
from probe.control.wire import printable
from probe.parcel import ID, LARGEST
from probe.store import StoreError

PATH, HEALTH_PATH = "/v1/parcels/{parcel}", "/healthz"
MOST_AT_ONCE = 16
_BODY_SECONDS = 1800.0
_SILENT_SECONDS = 60.0
_BUSY_SECONDS = 60
_LONGEST_REASON = 500


@dataclass(slots=True, kw_only=True)
class Receiving:
    """The routes, and what they share."""

    depot: Depot
    senders: Senders
    tell: Callable[[str], None]
    """Given one line for each parcel that was taken, or was not for a reason of ours."""
    under_way: int = 0

    async def put(self, request: Request) -> Response:
        """`PUT /v1/parcels/{id}`"""
        try:
            key = self.senders.key_of(request.headers.get("authorization"))
        except PermissionError as error:
            raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from None
        parcel = request.path_params["parcel"]
        if not ID.fullmatch(parcel):
            raise HTTPException(400, "the id of a parcel is the SHA-256 of its SHA256SUMS, 64 hexadecimal digits")
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST:
            raise _too_large()
        if self.under_way >= MOST_AT_ONCE:
            raise HTTPException(503, "too much under way, try again soon", {"Retry-After": str(_BUSY_SECONDS)})
        self.under_way += 1
        try:
            return await self._receive(request, parcel, key)
        except StoreError as error:
            self.tell(f"parcel {parcel} not taken: {error}")
            raise HTTPException(503, "the collector's database cannot be used now; keep the parcel") from None
        except OSError as error:
            self.tell(f"parcel {parcel} not taken: {error}")
            status = 507 if error.errno in (errno.ENOSPC, errno.EDQUOT) else 503
            raise HTTPException(status, "the collector cannot write to its disk now; keep the parcel") from None
        finally:
            self.under_way -= 1

    async def _receive(self, request: Request, parcel: str, key: str | None) -> Response:
        with self.depot.arriving() as path:
            await _body(request, path)
            try:
                receipt = await asyncio.to_thread(self.depot.take, path, parcel, key)
            except RejectedError as error:
                self.tell(f"parcel {parcel} refused: {error}")
                raise HTTPException(422, printable(str(error), _LONGEST_REASON)) from None
        self.tell(_line(receipt))
        return JSONResponse(msgspec.to_builtins(receipt))

    async def health(self, request: Request) -> Response:
        """`GET /healthz`"""
        return JSONResponse({"status": "ok", "version": __version__})


async def _body(request: Request, path: Path) -> None:
    """The request's body into a file. Raises HTTPException 413 for one that is too large, 408 for one that is too slow
    and 400 for one that broke off; OSError where it cannot be written."""
    received = 0
    chunks = aiter(request.stream())
    try:
        with path.open("wb") as file:
            async with asyncio.timeout(_BODY_SECONDS):
                while (chunk := await asyncio.wait_for(anext(chunks, None), _SILENT_SECONDS)) is not None:
                    received += len(chunk)
                    if received > LARGEST:
                        raise _too_large()
                    file.write(chunk)
    except TimeoutError:
        raise HTTPException(408, "the parcel came too slowly", {"Connection": "close"}) from None
    except ClientDisconnect:
        raise HTTPException(400, "the parcel broke off") from None


def _too_large() -> HTTPException:
    return HTTPException(413, f"a parcel is at most {LARGEST >> 20} MiB", {"Connection": "close"})


def _line(receipt: Receipt) -> str:
    return f"parcel {receipt.id}: {receipt.imported} measurements are new, {receipt.known} were known"


def build(depot: Depot, senders: Senders, tell: Callable[[str], None]) -> Starlette:
    """The application, for `control.serving`. The depot must be open."""
    receiving = Receiving(depot=depot, senders=senders, tell=tell)
    app = Starlette(
        routes=[Route(PATH, receiving.put, methods=["PUT"]), Route(HEALTH_PATH, receiving.health)],
        exception_handlers={HTTPException: _http_error},
    )
    app.router.redirect_slashes = False
    app.state.stop = lambda: None
    app.state.beside = ()
    return app


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
