"""Random bytes of the system's, asked for many at a time: a question to the kernel costs more than what it gives.

Law: nobody can guess them, and none is given twice, in this process or in one that it forks.
"""

from __future__ import annotations

import os
from io import BytesIO

_AT_ONCE = 4096
_stock = BytesIO()


def random_bytes(count: int) -> bytes:
    """So many, a hundred at most."""
    global _stock
    given = _stock.read(count)
    if len(given) < count:
        _stock = BytesIO(os.urandom(_AT_ONCE))
        given = _stock.read(count)
    return given


def _forget() -> None:
    global _stock
    _stock = BytesIO()


os.register_at_fork(after_in_child=_forget)
