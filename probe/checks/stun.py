"""STUN: a binding is asked for, which leaves nothing behind on the server (RFC 8489 §5, §6.3).

Calls need it: where text passes and calls are blocked, it is this that fails.
"""

from __future__ import annotations

from functools import partial

from probe.checks.asking import Asking
from probe.model import ProtocolName
from probe.steps.greeting import Opening

_COOKIE = bytes.fromhex("2112a442")
_REQUEST, _SUCCESS, _ERROR = b"\x00\x01", b"\x01\x01", b"\x01\x11"
_HEADER = 20
_TRANSACTION = 12


def opening(asking: Asking) -> Opening:
    transaction = asking.nonce[:_TRANSACTION]
    return Opening(
        protocol=ProtocolName.STUN,
        first=_REQUEST + b"\x00\x00" + _COOKIE + transaction,
        recognise=partial(recognise, transaction),
    )


def recognise(transaction: bytes, answer: bytes) -> bool | None:
    """A binding response, success or error, to our transaction."""
    for kind in (_SUCCESS, _ERROR):
        head = answer[:2] + answer[4:_HEADER]
        wanted = kind + _COOKIE + transaction
        if wanted.startswith(head):
            return True if len(answer) >= _HEADER else None
    return False
