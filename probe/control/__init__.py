"""A control vantage point: being one (`server`), asking one (`client`), and the form between them (`wire`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from probe.control.client import SILENCE_AMONG_OTHERS_SECONDS, SILENCE_SECONDS, ControlClient
from probe.control.ooni_client import OoniClient
from probe.ooni import HELPER_PREFIX

__all__ = ["Client", "ControlClient", "OoniClient", "clients_of"]

Client = ControlClient | OoniClient


def clients_of(urls: Sequence[str], now: Callable[[], datetime]) -> list[Client]:
    """A client for each of the controls of a run, with this machine's clock. Raises ValueError for what is no URL of
    one."""
    silence = SILENCE_AMONG_OTHERS_SECONDS if len(urls) > 1 else SILENCE_SECONDS
    return [
        OoniClient(url) if url.startswith(HELPER_PREFIX) else ControlClient(url, silence=silence, now=now)
        for url in urls
    ]
