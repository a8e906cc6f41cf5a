"""Everything that waits in an outbox, to its collector.

Law: a parcel is removed when it was acknowledged, and at no other time. What is wrong with one parcel holds up no
other; what is wrong with the collector, or with the way to it, holds up all until the next try is due.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from probe.upload import sending
from probe.upload.outbox import COLLECTOR, Outbox
from probe.upload.sending import Collector, NotAcknowledgedError


@dataclass(slots=True, kw_only=True)
class Delivered:
    """What became of an outbox."""

    parcels: int = 0
    """Acknowledged."""
    bytes: int = 0
    """Of those that were sent, whatever became of them."""
    imported: int = 0
    """Measurements that were new to the collector."""
    known: int = 0
    waiting: int = 0
    """Parcels that are still here."""

    def __iadd__(self, later: Delivered) -> Self:
        """What became of it in two goes."""
        self.parcels += later.parcels
        self.bytes += later.bytes
        self.imported += later.imported
        self.known += later.known
        self.waiting = later.waiting
        return self


async def deliver(
    outbox: Outbox, collector: Collector, now: Callable[[], datetime], tell: Callable[[str], None], *, at_once: bool
) -> Delivered:
    """Sends what waits, and is due or is to be sent `at_once`; `tell` is given each reason for which something was not
    acknowledged. To be called while alone in the outbox. Raises OSError where that cannot be read or written."""
    done, troubles = Delivered(), outbox.troubles()

    def due(parcel: str) -> bool:
        return at_once or parcel not in troubles or troubles[parcel].is_over(now())

    async with sending.client() as http:
        for parcel in outbox.waiting() if due(COLLECTOR) else ():
            if not due(parcel):
                continue
            size = outbox.size_of(parcel)
            done.bytes += size
            try:
                receipt = await sending.send(http, collector, outbox.path(parcel), size)
            except NotAcknowledgedError as reason:
                tell(str(reason))
                outbox.note(parcel if reason.of_parcel else COLLECTOR, str(reason), now())
                if reason.of_parcel:
                    continue
                break
            outbox.remove(parcel)
            outbox.clear(COLLECTOR)
            done.parcels += 1
            done.imported += receipt.imported
            done.known += receipt.known
    done.waiting = len(outbox.waiting())
    return done
