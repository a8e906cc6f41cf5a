"""What was measured, on its way to a collector: packed, kept until it is acknowledged, sent."""

from probe.upload.delivering import Delivered, deliver
from probe.upload.outbox import Outbox, OutboxBusyError, Trouble, outbox_of
from probe.upload.packing import pack_new
from probe.upload.sending import Collector

__all__ = [
    "Collector",
    "Delivered",
    "Outbox",
    "OutboxBusyError",
    "Trouble",
    "deliver",
    "outbox_of",
    "pack_new",
]
