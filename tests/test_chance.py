"""Random bytes are never given twice, not even to two processes."""

from __future__ import annotations

import os

from probe.chance import random_bytes


def test_what_is_given_is_of_the_length_asked_for_and_never_the_same() -> None:
    given = [random_bytes(16) for _ in range(2_000)]  # several times what is fetched at once
    assert {len(each) for each in given} == {16}
    assert len(set(given)) == 2_000


def test_a_forked_process_is_given_others() -> None:
    random_bytes(1)  # there is a stock
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, random_bytes(32))
        os._exit(0)
    mine = random_bytes(32)
    os.waitpid(child, 0)
    assert os.read(reading, 32) != mine
    os.close(reading)
    os.close(writing)
