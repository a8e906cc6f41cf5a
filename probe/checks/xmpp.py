"""XMPP: a stream is opened, and the server opens its own (RFC 6120 §4.2). Nobody logs in.

An error in the stream (`host-unknown`, `policy-violation`) is an answer as good as any: it is XMPP that says so.
"""

from __future__ import annotations

import re

from probe.checks.asking import Asking
from probe.model import ProtocolName
from probe.steps.greeting import Opening

_NAMESPACE = b"http://etherx.jabber.org/streams"
_DECLARATION = rb"\s*(?:<\?xml[^>]*>\s*)?"
_STREAM = re.compile(_DECLARATION + rb"<(?:[\w.-]+:)?stream\s([^>]*)>")
_ANY_TAG = re.compile(_DECLARATION + rb"<[^?>][^>]*>")
_MARKUP = b"<"


def opening(asking: Asking) -> Opening:
    first = (
        f"<?xml version='1.0'?><stream:stream to='{asking.host}' version='1.0' xml:lang='en'"
        f" xmlns='jabber:client' xmlns:stream='{_NAMESPACE.decode()}'>"
    )
    return Opening(protocol=ProtocolName.XMPP, first=first.encode(), recognise=recognise)


def recognise(answer: bytes) -> bool | None:
    """The head of a stream in the namespace of streams."""
    found = _STREAM.match(answer)
    if found is not None:
        return _NAMESPACE in found[1]
    if _ANY_TAG.match(answer) or not answer.lstrip().startswith(_MARKUP[: len(answer.lstrip())]):
        return False
    return None
