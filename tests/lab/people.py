"""What people do in a world: keep a control vantage point, and run `probe` behind the censor."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.lab.lab import Finished, Running, World
from tests.lab.spec import CONTROL, PROVIDER_RESOLVER

CONTROL_NAME = "free"
CONTROL_PORT = 8080
CONTROL_URL = f"http://{CONTROL[0]}:{CONTROL_PORT}"
FOOLED_PORT = 8082
FOOLED_URL = f"http://{CONTROL[0]}:{FOOLED_PORT}"
"""A control that asks the lying resolver: it is censored as well."""
NEUTRAL_PORT = 8083
NEUTRAL_URL = f"http://{CONTROL[0]}:{NEUTRAL_PORT}"
"""A control with neutral ground, where it answers under any name."""
NOBODY_URL = f"http://{CONTROL[0]}:8081"
"""A control that was named, and does not answer."""


@contextmanager
def control(
    world: World, *options: str, name: str = CONTROL_NAME, port: int = CONTROL_PORT, country: str = "NL"
) -> Iterator[Running]:
    """A control vantage point in the uncensored network, open to all."""
    command = ["probe", "control", "serve", "--listen", f"0.0.0.0:{port}", "--open", "--ttl", "5", *options]
    env = {"PROBE_VANTAGE_NAME": name, "PROBE_VANTAGE_COUNTRY": country}
    running = world.start(command, host="control", env=env)
    try:
        world.wait_for(running, CONTROL[0], port)
        yield running
    finally:
        running.stop()


@contextmanager
def fooled_control(world: World) -> Iterator[Running]:
    with control(world, "--resolver", PROVIDER_RESOLVER, name="fooled", port=FOOLED_PORT) as running:
        yield running


@contextmanager
def neutral_control(world: World) -> Iterator[Running]:
    # At another address than the control's own, which a censor may cut off because of a name that is sent there.
    grounds = ("--neutral-tls", f"[{CONTROL[1]}]:8443", "--neutral-http", f"[{CONTROL[1]}]:8084")
    with control(world, *grounds, name="neutral", port=NEUTRAL_PORT) as running:
        yield running


def probe(world: World, *words: str, timeout: float = 120.0, **env: str) -> Finished:
    """Runs `probe` behind the censor."""
    return world.run(["probe", *words], env={"PROBE_VANTAGE_COUNTRY": "RU", **env}, timeout=timeout)


def lines(finished: Finished) -> list[dict[str, Any]]:
    """The JSON lines that a verb printed."""
    return [json.loads(line) for line in finished.stdout.splitlines()]


def codes(line: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in line["reasons"]]


def outcomes(found: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {line["target"]: line["outcome"] for line in found}
