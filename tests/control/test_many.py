"""A thousand probes that ask for one list at one moment: what it costs the services on it."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter

from probe.control.client import ControlClient
from probe.model import Measurement, StepName, Target
from probe.run import affordable
from tests.control.conftest import Start
from tests.control.test_client import page
from tests.control.world import MIRRORS, SITE

PROBES = 1000
TARGETS = tuple(page(f"/?{number}") for number in range(4))


def test_a_thousand_probes_cost_one_measurement_of_each_target_and_one_look_at_each_address(start: Start) -> None:
    control = start()
    affordable()  # raises this process's limit of descriptors: it is all of the probes
    chance = random.Random(7)
    seen_by = [[chance.sample(MIRRORS, 3) for _ in TARGETS] for _ in range(PROBES)]
    roots = ssl.create_default_context()

    async def ask(addresses: list[list[str]]) -> tuple[list[Measurement | None], list[str]]:
        async with ControlClient(control.url, verify=roots, silence=60) as client:  # whatever else runs here
            asking = (client.measure(target, each) for target, each in zip(TARGETS, addresses, strict=True))
            return list(await asyncio.gather(*asking)), client.problems

    async def body() -> list[tuple[list[Measurement | None], list[str]]]:
        return list(await asyncio.gather(*(ask(addresses) for addresses in seen_by)))

    ids: dict[tuple[Target, frozenset[str]], set[str]] = {}
    for addresses, (answers, problems) in zip(seen_by, asyncio.run(body()), strict=True):
        assert problems == []
        for target, own, answer in zip(TARGETS, addresses, answers, strict=True):
            assert answer is not None
            rows = [row for row in answer.observations if row.step is StepName.TCP]
            assert {getattr(row.detail, "address", None) for row in rows} == {SITE, *own}
            ids.setdefault((target, frozenset(own)), set()).add(answer.id)

    assert control.counted("measurements_total") == len(TARGETS)
    assert control.counted("addresses_total") == len(TARGETS) * len(MIRRORS)
    connections = Counter(control.hits)
    assert set(connections.values()) == {1}
    assert len(connections) == len(TARGETS) * (1 + len(MIRRORS))
    assert all(len(same) == 1 for same in ids.values()), "who asks the same is given the same measurement"
