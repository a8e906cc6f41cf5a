"""MQTT: a session is asked for without a name or a password (MQTT 3.1.1 §3.1). To be refused is what is expected.

A CONNACK is an answer whatever its code; one of version 5 is longer (MQTT 5 §3.2).
"""

from __future__ import annotations

from probe.checks.asking import Asking
from probe.model import ProtocolName
from probe.steps.greeting import Opening

_CONNACK = 0x20
_CLEAN, _KEEP_ALIVE = b"\x02", (60).to_bytes(2, "big")
_HEAD = 4
_SHORTEST, _LONGEST_V5 = 2, 0x7F
_SESSION_PRESENT = 0x01
_LAST_CODE = 5


def opening(asking: Asking) -> Opening:
    protocol = b"\x00\x04MQTT\x04"
    rest = protocol + _CLEAN + _KEEP_ALIVE + b"\x00\x00"
    return Opening(protocol=ProtocolName.MQTT, first=bytes([0x10, len(rest)]) + rest, recognise=recognise)


def recognise(answer: bytes) -> bool | None:
    """The head of a CONNACK, with a code that there is."""
    if answer[0] != _CONNACK:
        return False
    if len(answer) < _HEAD:
        return None
    length, flags, code = answer[1:_HEAD]
    if flags & ~_SESSION_PRESENT or not _SHORTEST <= length <= _LONGEST_V5:
        return False
    return length > _SHORTEST or code <= _LAST_CODE
