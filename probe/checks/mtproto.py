"""MTProto: the numbers that a key exchange begins with are asked for, and the exchange goes no further.

`req_pq_multi` is sent in clear, as every new client of Telegram does, in the abridged transport; `resPQ` answers it
with our nonce (core.telegram.org/mtproto: auth_key, mtproto-transports, description).
"""

from __future__ import annotations

from functools import partial

from probe.checks.asking import Asking
from probe.model import ProtocolName
from probe.steps.greeting import Opening

_ABRIDGED = b"\xef"
_LONG = 0x7F
"""A first byte that says: the length is in the three bytes that follow."""
_NO_KEY = bytes(8)
_REQ_PQ_MULTI, _RES_PQ = 0xBE7E8EF1.to_bytes(4, "little"), 0x05162463.to_bytes(4, "little")
_MESSAGE_ID, _LENGTH = 8, 4


def opening(asking: Asking) -> Opening:
    body = _REQ_PQ_MULTI + asking.nonce
    # Seconds in the upper half, and divisible by four, as for every message of a client.
    message_id = int(asking.now.timestamp()) << 32
    message = _NO_KEY + message_id.to_bytes(8, "little") + len(body).to_bytes(4, "little") + body
    return Opening(
        protocol=ProtocolName.MTPROTO,
        first=_ABRIDGED + bytes([len(message) // 4]) + message,
        recognise=partial(recognise, asking.nonce),
    )


def recognise(nonce: bytes, answer: bytes) -> bool | None:
    """A message without a key, that holds a `resPQ` to our nonce."""
    message = answer[4:] if answer[0] == _LONG else answer[1:]
    body = message[len(_NO_KEY) + _MESSAGE_ID + _LENGTH :]
    wanted = _RES_PQ + nonce
    if not _NO_KEY.startswith(message[: len(_NO_KEY)]) or not wanted.startswith(body[: len(wanted)]):
        return False
    return True if len(body) >= len(wanted) else None
