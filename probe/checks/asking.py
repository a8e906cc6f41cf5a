"""What an opening may be made of, passed in, so that the same asking gives the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

NONCE_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One asking: of whom, when, and the random bytes by which its answer is told from any other."""

    host: str
    nonce: bytes
    now: datetime
