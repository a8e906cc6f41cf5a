"""What is known to be said first in each protocol: one table, one file a protocol beside this one.

Law: pure bytes. A first exchange is here only where it is public knowledge and does no harm: nobody logs in, nothing
is left behind. Where none is known, reaching the port is what counts: so with WhatsApp's chat (Noise) and Threema's,
whose clients speak first and whose opening we have from no source that can be cited, with WeChat's mmtls, and with
KakaoTalk's LOCO, QQ and Viber.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from probe.checks import mqtt, mtproto, newgetdns, stun, xmpp
from probe.checks.asking import NONCE_BYTES, Asking
from probe.model import ProtocolName, Target
from probe.steps.greeting import Opening
from probe.steps.network import Network

OPENINGS: Mapping[ProtocolName, Callable[[Asking], Opening]] = {
    ProtocolName.XMPP: xmpp.opening,
    ProtocolName.STUN: stun.opening,
    ProtocolName.MTPROTO: mtproto.opening,
    ProtocolName.MQTT: mqtt.opening,
}

PAGES: Mapping[ProtocolName, Callable[[bytes], bool]] = {ProtocolName.NEWGETDNS: newgetdns.recognise}
"""Protocols that are pages over HTTP: how the body is known."""


def opening_of(target: Target, network: Network) -> Opening | None:
    """What to say to a target first; None where nothing is known to be said."""
    opening = OPENINGS.get(target.speaks) if target.speaks is not None else None
    if opening is None:
        return None
    return opening(Asking(host=target.host, nonce=secrets.token_bytes(NONCE_BYTES), now=network.now()))


def page_of(target: Target) -> Callable[[bytes], bool] | None:
    """How a target's page is known; None where a page may be anything."""
    return PAGES.get(target.speaks) if target.speaks is not None else None
