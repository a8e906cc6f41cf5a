"""Ids of runs and measurements: unique without asking anybody, and sorted by time as text."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime

from probe.chance import random_bytes


def new_id(moment: datetime) -> str:
    """A version 7 UUID for this moment (RFC 9562 §5.7)."""
    return _version_7(int(moment.timestamp() * 1000) & ((1 << 48) - 1), int.from_bytes(random_bytes(16)))


def joined_id(ids: Sequence[str]) -> str:
    """The id of what is made from several: the same ones give the same id, which is sorted where the first one is."""
    digest = hashlib.sha256("\n".join(ids).encode()).digest()
    return _version_7(uuid.UUID(ids[0]).int >> 80, int.from_bytes(digest[:16]))


def _version_7(milliseconds: int, random: int) -> str:
    high, low = random >> 64 & 0xFFF, random & ((1 << 62) - 1)
    digits = f"{milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
