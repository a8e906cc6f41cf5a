"""Ids of runs and measurements: unique without asking anybody, and sorted by time as text."""

from __future__ import annotations

import uuid
from datetime import datetime


def new_id(moment: datetime) -> str:
    """A version 7 UUID for this moment (RFC 9562 §5.7)."""
    random = uuid.uuid4().int
    milliseconds = int(moment.timestamp() * 1000) & ((1 << 48) - 1)
    high, low = random >> 64 & 0xFFF, random & ((1 << 62) - 1)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))
