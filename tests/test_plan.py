"""A plan has each target once, in an order of its seed, with the targets of one host far apart."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from probe.model import Scheme, Target
from probe.plan import plan


def targets(*hosts: str) -> list[Target]:
    """One for each mention of a host."""
    return [Target(scheme=Scheme.HTTPS, host=host, port=443, path=f"/{number}") for number, host in enumerate(hosts)]


@given(st.lists(st.sampled_from("abcdefgh"), max_size=40), st.integers(0, 1 << 64))
def test_hosts_come_in_turn_and_nothing_is_lost(hosts: list[str], seed: int) -> None:
    wanted = targets(*hosts)
    ordered = [task.target for task in plan(wanted, seed=seed)]
    assert Counter(ordered) == Counter(wanted)
    rounds, seen = [], Counter[str]()
    for target in ordered:
        rounds.append(seen[target.host])
        seen[target.host] += 1
    assert rounds == sorted(rounds), "every host once before any host twice"
    first = [target.host for target, number in zip(ordered, rounds, strict=True) if number == 0]
    second = [target.host for target, number in zip(ordered, rounds, strict=True) if number == 1]
    assert second == [host for host in first if host in second], "in the same order of hosts"


def test_the_seed_decides_the_order_and_the_delays() -> None:
    wanted = targets(*"abcdefghij" * 3)
    once, again, other = (tuple(plan(wanted, seed=seed, jitter=0.5)) for seed in (1, 1, 2))
    assert once == again
    assert [task.target for task in once] != [task.target for task in other]
    assert [task.target for task in once] != wanted
    assert all(0 <= task.delay <= 0.5 for task in once)
    assert len({task.delay for task in once}) > 20


def test_tasks_are_made_when_they_are_asked_for() -> None:
    made = Counter[int]()

    class Counting(list[Target]):
        def __getitem__(self, index):  # type: ignore[no-untyped-def,override]
            made[index] += 1
            return super().__getitem__(index)

    tasks = plan(Counting(targets(*"abcdef")), seed=1)
    next(tasks)
    assert sorted(made.values()) == [1, 1, 1, 1, 1, 2], "each was looked at for its host, and one was made"
